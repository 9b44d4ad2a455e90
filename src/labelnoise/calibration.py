"""Find the strength of a perturbation that gives a wanted score."""

import copy
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from ._overlap import add_up, overlap
from ._patch import ERRORS
from ._streams import sample_rng
from ._validate import (
    MetricError,
    check_choice,
    check_count,
    check_keys,
    check_labels,
    check_mask,
    check_masks,
    check_metric,
    check_rng,
    check_target,
    check_tol,
    check_upper,
    check_workers,
)
from .annotators import PerLabel
from .metrics import dice, iou, mean, volume_difference
from .noise import Noise, limit_of

Metric = Callable[..., float]
Progress = Callable[[float, float], object]
_POOLED = dice, iou, volume_difference
_GROWTH = 2.0, 32.0  # least and largest factor from one upper bound to the next
_LARGEST = 1e5
_FINEST = 1e-9  # least width of a bracket, as a share of its upper bound
_NEAR = 0.999  # how near a strength that fails is to one that does not when the search gives up


class Perturbation(Protocol):
    """What can be calibrated: strength 0 changes nothing, more strength changes more."""

    def __call__(
        self, mask: NDArray[Any], strength: float, /, *, rng: np.random.Generator
    ) -> NDArray[Any]:
        """Return a perturbed copy of the mask."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `calibrate` found.

    Attributes
    ----------
    strength : float
        The bound, lower or upper, whose score is nearer to the target.
    score : float
        Score of the sample at `strength`.
    bracket : tuple of float
        Strengths of the lower and the upper bound.
    bracket_scores : tuple of float
        Their scores: the target lies between them.
    masks : int
        Number of masks in the sample.
    history : tuple of (float, float)
        Strength and score of each evaluation, in order.
    """

    strength: float
    score: float
    bracket: tuple[float, float]
    bracket_scores: tuple[float, float]
    masks: int
    history: tuple[tuple[float, float], ...]

    @property
    def nfev(self) -> int:
        """Number of evaluations of the sample."""
        return len(self.history)


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What `match` found.

    Attributes
    ----------
    mask : array
        The perturbed mask.
    strength : float, or dict of int to float
        Strength that gave it.
    score : float, or dict of int to float
        Its score against the mask that went in.
    history : tuple of (float, float)
        Strength and score of each evaluation, in order.
    """

    mask: NDArray[Any]
    strength: Any
    score: Any
    history: tuple[tuple[float, float], ...]

    @property
    def nfev(self) -> int:
        """Number of evaluations."""
        return len(self.history)


class _Search(TypedDict, total=False):
    metric: Metric
    tol: float | None
    sample: int
    reduction: Literal["mean", "pooled"]
    labels: Iterable[int] | None
    keys: Sequence[Any] | None
    upper: float
    rng: Any
    workers: int | Callable[..., Iterable[Any]]
    progress: bool | Progress


@overload
def calibrate(
    masks: Sequence[Any] | NDArray[Any],
    perturb: Perturbation,
    target: float,
    **options: Unpack[_Search],
) -> Calibration: ...
@overload
def calibrate(
    masks: Sequence[Any] | NDArray[Any],
    perturb: Perturbation,
    target: Mapping[int, float],
    **options: Unpack[_Search],
) -> dict[int, Calibration]: ...
def calibrate(
    masks: Sequence[Any] | NDArray[Any],
    perturb: Perturbation,
    target: float | Mapping[int, float],
    *,
    metric: Metric = dice,
    tol: float | None = None,
    sample: int = 1000,
    reduction: Literal["mean", "pooled"] = "mean",
    labels: Iterable[int] | None = None,
    keys: Sequence[Any] | None = None,
    upper: float = math.inf,
    rng: Any = None,
    workers: int | Callable[..., Iterable[Any]] = 1,
    progress: bool | Progress = False,
) -> Calibration | dict[int, Calibration]:
    """Find the strength at which perturbed masks score `target` on average.

    Parameters
    ----------
    masks : array or sequence of arrays
        Masks, of whatever shapes; an array is a sequence along its first axis. A mask may come as a
        pair with options of its own, e.g. ``(mask, {"spacing": (0.8, 0.8)})``, which are passed to
        `perturb`, or as a triple with options for `metric`, too. A sequence may load a mask when it
        is indexed.
    perturb : callable
        ``perturb(mask, strength, *, rng)`` returns a mask; e.g. `natural`,
        ``functools.partial(natural, knots=9)``, a `Noise` or a `Chain`.
    target : float, or mapping of int to float
        Wanted score, e.g. 0.9 for Dice, 2.0 for a distance in mm, -0.1 for masks that are 10 % too
        small. A target may lie on either side of the score of equal masks. A mapping of labels to
        targets gives each label a strength of its own.
    metric : callable, optional
        ``metric(reference, other)`` returns a score that falls, or that rises, with errors: one of
        `dice`, `iou`, `nsd`, `hd95`, `assd` and `volume_difference`, whose means over labels are
        taken, ``functools.partial(labelnoise.assd, spacing=(2.5, 0.8, 0.8))``, or a function of
        yours.
    tol : float, optional
        The search ends when the scores of the lower and of the upper bound are both within `tol` of
        the target, or one of them where the score jumps. By default it is 0.005, or 1 % of a target
        beyond 1.
    sample : int, optional
        Number of masks to use, chosen at random among those that are not empty; all of them if
        there are fewer.
    reduction : {"mean", "pooled"}, optional
        The mean of the masks' scores, or the score of all their pixels together (`dice`, `iou` and
        `volume_difference` only).
    labels : sequence of int, optional
        The labels that are scored, by ``metric(reference, other, labels=labels)``; masks without
        any of them count as empty. It does not say which are drawn: `perturb` does.
    keys : sequence, optional
        What names each mask, as for `sample_rng`; by default its index.
    upper : float, optional
        Largest strength that may be tried.
    rng : None, int, SeedSequence or Generator, optional
        Chooses the sample and its noise (SPEC 7). With an integer, a mask has the noise of
        ``sample_rng(rng, key)``, the same as in every transform of that seed.
    workers : int or callable, optional
        Number of threads over masks; or a function like `map`, e.g. that of a
        `concurrent.futures.ProcessPoolExecutor`, that gets `masks` together with the work, so a
        sequence that loads its masks is best. The result does not depend on it.
    progress : bool or callable, optional
        True shows a bar (needs tqdm); a callable gets each evaluation's strength and score.

    Returns
    -------
    Calibration, or dict of int to Calibration
        Strength, score, bracket and history; with a mapping of targets, those of each label.
        ``PerLabel({label: noise.scaled(each.strength) for label, each in found.items()})`` then is
        the noise that gives all of them.

    Raises
    ------
    TypeError
        If `masks` is no sequence, or a mask is neither bool nor integer.
    ValueError
        If an argument is out of its range, no mask has foreground, or the target cannot be reached.

    Notes
    -----
    As in [1]_, a bracket is narrowed by the mean score of 1,000 slices until both its
    bounds are near the target. Each mask keeps one stream of random numbers for all strengths, so
    the score is a smooth and nearly monotone function of the strength. The upper bound grows until
    it scores less than the target, but not to strengths at which `perturb` raises ValueError; then
    linear interpolation, and bisection at every third step, choose the next strength.

    Targets by label are reached one after the other, from the label that is drawn last, because no
    later label depends on the strength of an earlier one. `perturb` must take ``labels=`` for that.

    With few masks other draws score differently, by the spread of one mask's score over the square
    root of their number. To average over more draws, pass the masks repeatedly.

    References
    ----------
    .. [1] Heller, N., Dean, J., Papanikolopoulos, N. (2018). Imperfect Segmentation Labels: How
       Much Do They Matter? LABELS 2018, LNCS 11043, 112-120.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> rows, columns = np.indices((64, 64))
    >>> masks = np.stack([np.hypot(rows - 32, columns - 32) < r for r in range(12, 28)])
    >>> found = labelnoise.calibrate(masks, labelnoise.random, 0.9, rng=0)
    >>> round(found.strength, 2)
    0.1
    """
    if isinstance(target, Mapping):
        options: Any = {"metric": metric, "tol": tol, "sample": sample, "reduction": reduction}
        options |= {"keys": keys, "upper": upper, "workers": workers, "progress": progress}
        seed = _seed_of(rng, check_rng(rng))

        def search(noise: Perturbation, goal: float, label: int) -> Calibration:
            return calibrate(masks, noise, goal, labels=[label], rng=seed, **options)

        return _by_label(search, perturb, target, labels)
    target = check_target(target, _function(metric))
    tol, upper = check_tol(tol, target), check_upper(upper)
    check_choice("reduction", reduction, ("mean", "pooled"))
    pooled: Any = metric if reduction == "pooled" else None
    if pooled:
        check_choice("metric", metric, _POOLED)
    masks = check_masks(masks)
    if keys is not None:
        check_keys(keys, len(masks))
    listed = check_labels(labels)
    generator = check_rng(rng)
    seed = _seed_of(rng, generator)
    order = generator.permutation(len(masks)).tolist()
    count = check_count("sample", sample)
    with _map(check_workers(workers)) as each, _report(progress) as report:
        held = each if callable(workers) else None
        evaluate = _Evaluation(masks, perturb, metric, bool(pooled), listed, seed, keys)
        evaluate, chosen = evaluate.choose(order, count, held)

        def score_at(strength: float) -> float:
            values = list(each(partial(evaluate, strength), chosen))
            if pooled:
                counts = add_up(values).values()
                score = mean((pooled.of(*pixels) for pixels in counts), pooled.equal)
            else:
                score = float(np.mean(values))
            report(strength, score)
            return score

        low, high, history = _search(score_at, perturb, metric, target, tol, upper, both=True)
    nearer = min(low, high, key=lambda point: abs(point.score - target))
    return Calibration(
        *nearer, (low.strength, high.strength), (low.score, high.score), len(chosen), history
    )


def match(
    mask: NDArray[Any],
    perturb: Perturbation,
    target: float | Mapping[int, float],
    *,
    metric: Metric = dice,
    tol: float | None = None,
    labels: Iterable[int] | None = None,
    upper: float = math.inf,
    strict: bool = True,
    rng: Any = None,
    progress: bool | Progress = False,
) -> Match:
    """Perturb one mask, or one volume, until it has a wanted score, within `tol`.

    Parameters
    ----------
    mask : array of bool or int, at least two axes
        Mask with foreground, or with one of `labels`.
    perturb : callable
        ``perturb(mask, strength, *, rng)`` returns a mask; e.g. `natural`, or
        ``functools.partial(natural, axes=(1, 0))``.
    target : float, or mapping of int to float
        Wanted score, as in `calibrate`, or that of each label.
    metric : callable, optional
        ``metric(reference, other)``, as in `calibrate`.
    tol : float, optional
        The search ends at a score within `tol` of the target; by default as in `calibrate`.
    labels : sequence of int, optional
        The labels that are scored, by ``metric(reference, other, labels=labels)``. It does not say
        which are drawn: `perturb` does.
    upper : float, optional
        Largest strength that may be tried.
    strict : bool, optional
        Whether a target that cannot be reached is an error. Otherwise the mask with the nearest
        score is returned.
    rng : None, int, SeedSequence or Generator, optional
        Source of randomness (SPEC 7). ``perturb(mask, strength, rng=rng)`` with the strength that
        is found gives the same mask again.
    progress : bool or callable, optional
        True shows a bar (needs tqdm); a callable gets each evaluation's strength and score.

    Returns
    -------
    Match
        Perturbed mask, strength, score and history; with a mapping of targets, strength and score
        are mappings of labels, too.

    Raises
    ------
    TypeError
        If the mask is neither bool nor integer.
    ValueError
        If an argument is out of its range, the mask is empty, or the target cannot be reached: a
        mask of few pixels has few scores.

    Notes
    -----
    The search of `calibrate`, with one set of draws for all strengths.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> rows, columns = np.indices((64, 64))
    >>> disc = np.hypot(rows - 32, columns - 32) < 20
    >>> found = labelnoise.match(disc, labelnoise.natural, 0.9, rng=0)
    >>> round(labelnoise.dice(disc, found.mask), 2)
    0.9
    """
    start = check_rng(rng)
    if isinstance(target, Mapping):
        options: Any = {"metric": metric, "tol": tol, "upper": upper, "strict": strict}
        options["progress"] = progress

        def search(noise: Perturbation, goal: float, label: int) -> Match:
            draws = copy.deepcopy(start)
            return match(mask, noise, goal, labels=[label], rng=draws, **options)

        each = _by_label(search, perturb, target, labels)
        strengths = {label: found.strength for label, found in each.items()}
        noisy = per_label(perturb, strengths)(mask, rng=start)
        scores = {label: found.score for label, found in each.items()}
        return Match(noisy, strengths, scores, sum((found.history for found in each.values()), ()))
    target = check_target(target, _function(metric))
    tol, upper = check_tol(tol, target), check_upper(upper)
    mask = check_mask(mask)
    listed = check_labels(labels)
    if not _has(mask, listed):
        what = "is empty" if listed is None else f"has none of labels={listed}"
        raise ValueError(f"mask: {what}, and so scores 1 whatever is done to it; leave it out")
    mask = _read_only(mask[...])
    draws = start
    tried: list[tuple[float, float]] = []
    best, nearest = Match(mask, 0.0, math.nan, ()), math.inf

    with _report(progress) as report:

        def score_at(strength: float) -> float:
            nonlocal best, draws, nearest
            draws = copy.deepcopy(start)
            noisy = perturb(mask, strength, rng=draws)
            score = _score(metric, mask, noisy, listed, strength)
            tried.append((strength, score))
            if abs(score - target) < nearest:
                best, nearest = Match(noisy, strength, score, ()), abs(score - target)
            report(strength, score)
            return score

        try:
            _search(score_at, perturb, metric, target, tol, upper, both=False)
        except MetricError:
            raise
        except ValueError:
            if strict or not tried:
                raise

    start.bit_generator.state = draws.bit_generator.state
    return replace(best, history=tuple(tried))


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """The score of one mask at some strength; it can be sent to another process."""

    masks: Sequence[Any] | dict[int, Any]
    perturb: Perturbation
    metric: Metric
    pooled: bool
    labels: list[int] | None
    seed: int
    keys: Sequence[Any] | None

    def __call__(self, strength: float, index: int) -> Any:
        mask, options, scoring = _parts(self.masks[index], index)
        key = index if self.keys is None else self.keys[index]
        noisy = self.perturb(mask, strength, rng=sample_rng(self.seed, key), **options)
        if self.pooled:
            return overlap(mask, noisy, self.labels, perturbed=True)
        return _score(self.metric, mask, noisy, self.labels, strength, scoring)

    def choose(
        self, order: list[int], count: int, each: Callable[..., Iterable[Any]] | None
    ) -> tuple["_Evaluation", list[int]]:
        """Pick masks that are not empty, and hold them in memory if all is done here."""
        held: dict[int, Any] = {}
        chosen: list[int] = []
        copied = not isinstance(self.masks, np.ndarray)
        for first in itertools.count(step=count):
            part = order[first : first + count]
            if each is not None:
                chosen += itertools.compress(part, each(self.has, part))
            for index in part if each is None else ():
                mask, *options = _parts(self.masks[index], index)
                if _has(mask, self.labels):
                    # A sequence may load into one buffer; no perturbation may write on its input.
                    mask = _read_only(mask.copy(order="K") if copied else mask[...])
                    held[index] = (mask, *options)
                    chosen.append(index)
                if len(chosen) == count:
                    break
            if len(chosen) >= count or not part:
                break
        if not chosen:
            what = "are empty" if self.labels is None else f"have none of labels={self.labels}"
            raise ValueError(f"masks: all {len(order)} {what}; pass at least one with foreground")
        evaluation = self if each is not None else replace(self, masks=held)
        return evaluation, chosen[:count]

    def has(self, index: int) -> bool:
        """Tell whether a mask has what is scored."""
        return _has(_parts(self.masks[index], index)[0], self.labels)


def _score(
    metric: Metric,
    mask: NDArray[Any],
    noisy: NDArray[Any],
    labels: list[int] | None,
    strength: float,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> float:
    """Score a perturbed mask; of labels that are not listed, those that the mask has."""
    function = _function(metric)
    equal = getattr(function, "equal", None)
    if equal is not None:
        if isinstance(metric, partial):
            options = {**metric.keywords, **options}
        each = function.each(mask, noisy, labels, perturbed=True, **options)
        return check_metric(mean(each.values(), equal), strength, equal)
    listed = {} if labels is None else {"labels": labels}
    return check_metric(metric(mask, noisy, **listed, **options), strength)


def _function(metric: Any) -> Any:
    """Return the score that a `functools.partial` has options for, or the metric itself."""
    is_plain = isinstance(metric, partial) and not metric.args and "labels" not in metric.keywords
    return metric.func if is_plain else metric


Found = TypeVar("Found", Calibration, Match)


@dataclass(frozen=True)
class _Layer:
    """A noise whose strength is searched for one label; those of the labels are in `strengths`."""

    perturb: Any
    strengths: Mapping[int, float]
    label: int

    def __call__(
        self, mask: NDArray[Any], strength: float, *, rng: Any, **options: Any
    ) -> NDArray[Any]:
        strengths = {**self.strengths, self.label: strength}
        return per_label(self.perturb, strengths)(mask, rng=rng, **options)

    @property
    def limit(self) -> float:
        return limit_of(self.perturb)


def per_label(perturb: Any, strengths: Mapping[int, float]) -> PerLabel:
    """Return the noise that gives each label a strength of its own."""
    if not hasattr(perturb, "scaled"):
        perturb = Noise(perturb, 1.0)
    return PerLabel({label: perturb.scaled(strength) for label, strength in strengths.items()})


def _by_label(
    search: Callable[[Perturbation, float, int], Found],
    perturb: Perturbation,
    targets: Mapping[int, float],
    labels: Iterable[int] | None,
) -> dict[int, Found]:
    """Search for the strength of each label, from the one that is drawn last."""
    drawn = check_labels(targets) or []
    if labels is not None:
        raise ValueError(f"labels={labels!r}: target has a score for each of {drawn}; leave it out")
    drawn.sort()
    strengths = dict.fromkeys(drawn, 0.0)
    found: dict[int, Found] = {}
    for label in reversed(drawn):
        try:
            found[label] = search(_Layer(perturb, strengths, label), targets[label], label)
        except ValueError as error:
            begin, _, reason = str(error).partition(": ")
            if not begin.startswith("target="):
                raise
            raise ValueError(f"target={dict(targets)}: label {label}: {reason}") from error
        strengths = {**strengths, label: found[label].strength}
    return {label: found[label] for label in drawn}


class _Point(NamedTuple):
    strength: float
    score: float


def _search(
    score_at: Callable[[float], float],
    perturb: Perturbation,
    metric: Metric,
    target: float,
    tol: float,
    upper: float,
    both: bool,
) -> tuple[_Point, _Point, tuple[tuple[float, float], ...]]:
    """Bracket the target by two strengths, and narrow the bracket until `tol` is enough.

    It is enough for `both` bounds, or for the nearest score of all. Scores that rise with errors
    are searched for with the opposite sign, so that all fall.
    """
    history: list[tuple[float, float]] = []
    clean = score_at(0.0)
    history.append((0.0, clean))
    side = 1 if target <= getattr(_function(metric), "equal", clean) else -1
    low = high = _Point(0.0, side * clean)
    goal = side * target
    if low.score < goal:
        remedy = "lower" if side > 0 else "raise"
        cause = ", as later labels move over it" if isinstance(perturb, _Layer) else ""
        raise ValueError(
            f"target={target}: strength 0 scores {clean:.4g} already{cause}; {remedy} it"
        )

    def probe(strength: float) -> _Point:
        score = score_at(strength)
        history.append((strength, score))
        return _Point(strength, side * score)

    def tol_needed() -> float:
        if not both:
            return min(abs(score - target) for _, score in history)
        return math.inf if high.score > goal else max(low.score - goal, goal - high.score)

    limit = min(upper, limit_of(perturb), _LARGEST)
    fails, failure = math.inf, ""
    following = min(_first(perturb, target), limit)
    while high.score > goal and tol_needed() > tol:
        if high.strength >= min(limit, _NEAR * fails) or fails < _FINEST:
            remedy = f"pass a target {'above' if side > 0 else 'below'} that"
            if high.strength == upper:
                remedy += ", or a larger upper"
            if high.score > side * clean:
                remedy = f"pass a target on that side of {clean:.4g}"
            if high.score == side * clean and not failure:
                remedy = "it changes nothing there, so look at its labels and options"
            raise ValueError(
                f"target={target}: not reached, strength {high.strength:.4g} still scores "
                f"{side * high.score:.4f}{failure}; {remedy}"
            )
        try:
            low, high = high, probe(following)
        except MetricError:
            raise
        except ValueError as error:
            fails, failure = following, f" and {following:.4g} fails ({error})"
        is_clean = high.strength == 0
        following = fails if is_clean else min(_beyond(side * clean, high, goal), limit)
        if following >= fails:
            following = (high.strength + fails) / 2
    for step in itertools.count():
        if tol_needed() <= tol:
            break
        # Where the score should lie just beyond the target, seen from the bound nearer to it; every
        # third time the middle, so that the bracket always closes.
        aim = goal + tol / 2 if low.score - goal > tol else goal - tol / 2
        share = (low.score - aim) / (low.score - high.score)
        share = 0.5 if step % 3 == 2 else min(max(share, 0.05), 0.95)
        middle = low.strength + share * (high.strength - low.strength)
        if high.strength - low.strength <= _FINEST * high.strength:
            needed = min(abs(low.score - goal), abs(high.score - goal))
            if needed <= tol:
                break
            remedy = f"pass a tol of {math.ceil(1e4 * needed) / 1e4}, more masks or another rng"
            if math.isinf(high.score):
                remedy = "a structure is lost there; score labels that are not, or by nsd"
            raise ValueError(
                f"target={target}: not reached, the score jumps from {side * low.score:.4f} to "
                f"{side * high.score:.4f} at strength {middle:.4g}; {remedy}"
            )
        point = probe(middle)
        low, high = (point, high) if point.score >= goal else (low, point)
    lower, upper_bound = (_Point(point.strength, side * point.score) for point in (low, high))
    return lower, upper_bound, tuple(history)


def _first(perturb: Any, target: float) -> float:
    """Return the strength to begin with: one pixel or millimetre for lengths."""
    perturb = perturb.perturb if isinstance(perturb, _Layer) else perturb
    function = perturb.func if isinstance(perturb, partial) else perturb
    unit = 1.0
    if isinstance(function, Noise):
        unit, function = function.strength or 1.0, function.error
    is_length = function in ERRORS.values() and limit_of(function) == math.inf
    share = 1 - target if 0 < target < 1 else 0.05
    return (1.0 if is_length else max(share, 0.005)) / unit


def _beyond(clean: float, high: _Point, target: float) -> float:
    """Guess a strength that scores less than the target, as if errors were proportional to it."""
    lost = clean - high.score
    factor = 1.25 * (clean - target) / lost if lost > 0 else math.inf
    return high.strength * min(max(factor, _GROWTH[0]), _GROWTH[1])


def _seed_of(rng: Any, generator: np.random.Generator) -> int:
    """Return an integer as it is, else one that the generator draws."""
    try:
        return operator.index(rng)
    except TypeError:
        return int.from_bytes(generator.bytes(16), "little")


def _parts(item: Any, index: int) -> tuple[NDArray[Any], Mapping[str, Any], Mapping[str, Any]]:
    """Return a mask, and the options of its own for the perturbation and for the metric."""
    mask, options, scoring = item, {}, {}
    if isinstance(item, tuple) and len(item) in (2, 3) and isinstance(item[1], Mapping):
        mask, options, scoring = (*item, {})[:3]
    return check_mask(mask, f"masks[{index}]"), options, scoring


def _read_only(mask: NDArray[Any]) -> NDArray[Any]:
    mask.flags.writeable = False
    return mask


def _has(mask: NDArray[Any], labels: list[int] | None) -> bool:
    if labels is None:
        return bool(mask.any())
    return any((mask == label).any() for label in labels)


@contextmanager
def _map(workers: Any) -> Iterator[Callable[..., Iterable[Any]]]:
    if callable(workers):
        yield workers
    elif workers == 1:
        yield map
    else:
        with ThreadPoolExecutor(workers) as pool:
            yield pool.map


@contextmanager
def _report(progress: bool | Progress) -> Iterator[Progress]:
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda strength, score: None
    else:
        from tqdm.auto import tqdm

        with tqdm(unit=" evaluations") as bar:

            def show(strength: float, score: float) -> None:
                bar.set_postfix(strength=f"{strength:.4g}", score=f"{score:.4f}", refresh=False)
                bar.update()

            yield show
