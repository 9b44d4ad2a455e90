"""Find the strength of a perturbation that gives a wanted score."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ._streams import draw_key
from ._validate import (
    check_choice,
    check_count,
    check_labels,
    check_mask,
    check_masks,
    check_rng,
    check_target,
    check_tol,
    check_upper,
)
from .metrics import add_up, dice, dice_of, iou, iou_of, mean_of, overlap

Metric = Callable[..., float]
Progress = Callable[[float, float], object]
_POOLED: dict[Metric, Callable[..., float]] = {dice: dice_of, iou: iou_of}
_GROWTH = 2.0, 32.0  # least and largest factor from one upper bound to the next
_LARGEST = 1e5
_FINEST = 1e-9  # least width of a bracket, as a share of its upper bound


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
        Their scores: the first is at least the target, the second at most.
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
    strength : float
        Strength that gave it.
    score : float
        Its score against the mask that went in.
    history : tuple of (float, float)
        Strength and score of each evaluation, in order.
    """

    mask: NDArray[Any]
    strength: float
    score: float
    history: tuple[tuple[float, float], ...]

    @property
    def nfev(self) -> int:
        """Number of evaluations."""
        return len(self.history)


def calibrate(
    perturb: Perturbation,
    masks: Sequence[NDArray[Any]] | NDArray[Any],
    target: float,
    *,
    metric: Metric = dice,
    tol: float = 0.005,
    sample: int = 1000,
    reduction: Literal["mean", "pooled"] = "mean",
    labels: Iterable[int] | None = None,
    upper: float = math.inf,
    rng: Any = None,
    workers: int = 1,
    progress: bool | Progress = False,
) -> Calibration:
    """Find the strength at which perturbed masks score `target` on average.

    Parameters
    ----------
    perturb : callable
        ``perturb(mask, strength, *, rng)`` returns a mask; e.g. `natural`, or
        ``functools.partial(natural, knots=9)``.
    masks : array or sequence of arrays
        Masks, of whatever shapes; an array is a sequence along its first axis. A sequence may load
        a mask when it is indexed: it is asked once for each mask that is looked at.
    target : float
        Wanted score, above 0, up to 1.
    metric : callable, optional
        ``metric(reference, other)``, a score that is 1 for equal masks and falls with errors. Of
        label maps, `dice` and `iou` give the mean over labels.
    tol : float, optional
        The search ends when the scores of the lower and of the upper bound are both within `tol` of
        the target.
    sample : int, optional
        Number of masks to use, chosen at random among those that are not empty; all of them if
        there are fewer. They are held in memory.
    reduction : {"mean", "pooled"}, optional
        The mean of the masks' scores, or the score of all their pixels together (`dice` and `iou`
        only).
    labels : sequence of int, optional
        The labels that are scored, by ``metric(reference, other, labels=labels)``; masks without
        any of them count as empty. It does not say which are drawn: `perturb` does.
    upper : float, optional
        Largest strength that may be tried.
    rng : None, int, SeedSequence or Generator, optional
        Chooses the sample and its noise (SPEC 7).
    workers : int, optional
        Number of threads over masks. The result does not depend on it.
    progress : bool or callable, optional
        True shows a bar (needs tqdm); a callable gets each evaluation's strength and score.

    Returns
    -------
    Calibration
        Strength, score, bracket and history.

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
    it scores less than the target; then linear interpolation, and bisection at every third step,
    choose the next strength.

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
    >>> found = labelnoise.calibrate(labelnoise.random, masks, 0.9, rng=0)
    >>> round(found.strength, 2)
    0.1
    """
    target, tol, upper = check_target(target), check_tol(tol), check_upper(upper)
    workers = check_count("workers", workers)
    check_choice("reduction", reduction, ("mean", "pooled"))
    if reduction == "pooled":
        check_choice("metric", metric, tuple(_POOLED))
    listed = check_labels(labels)
    score_of = metric if listed is None else partial(metric, labels=listed)
    generator = check_rng(rng)
    chosen = _choose(check_masks(masks), check_count("sample", sample), listed, generator)
    key = draw_key(generator)

    def evaluate(index: int, strength: float) -> Any:
        draws = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, index]))
        noisy = perturb(chosen[index], strength, rng=draws)
        if reduction == "pooled":
            return overlap(chosen[index], noisy, listed)
        return score_of(chosen[index], noisy)

    with _map(workers) as each, _report(progress) as report:

        def score_at(strength: float) -> float:
            values = list(each(lambda index: evaluate(index, strength), chosen))
            if reduction == "pooled":
                score = mean_of(_POOLED[metric], add_up(values))
            else:
                score = float(np.mean(values))
            report(strength, score)
            return score

        return search(score_at, chosen, target, tol, upper)


def search(
    score_at: Callable[[float], float],
    masks: Sized,
    target: float,
    tol: float,
    upper: float = math.inf,
) -> Calibration:
    """Find the strength at which `masks` score `target`; see `calibrate`."""

    def tol_needed(low: _Point, high: _Point) -> float:
        if high.score > target:
            return math.inf
        return max(low.score - target, target - high.score)

    low, high, history = _search(score_at, target, tol, upper, tol_needed)
    nearer = _nearer(low, high, target)
    return Calibration(
        *nearer, (low.strength, high.strength), (low.score, high.score), len(masks), history
    )


def match(
    mask: NDArray[Any],
    perturb: Perturbation,
    target: float,
    *,
    metric: Metric = dice,
    tol: float = 0.005,
    labels: Iterable[int] | None = None,
    upper: float = math.inf,
    rng: Any = None,
    progress: bool | Progress = False,
) -> Match:
    """Perturb one mask, or one volume, to its own exact score.

    Parameters
    ----------
    mask : array of bool or int, at least two axes
        Mask with foreground, or with one of `labels`.
    perturb : callable
        ``perturb(mask, strength, *, rng)`` returns a mask; e.g. `natural`, or
        ``functools.partial(natural, plane=(1, 0))``.
    target : float
        Wanted score, above 0, up to 1.
    metric : callable, optional
        ``metric(reference, other)``, a score that is 1 for equal masks and falls with errors. Of
        label maps, `dice` and `iou` give the mean over labels.
    tol : float, optional
        The search ends at a score within `tol` of the target.
    labels : sequence of int, optional
        The labels that are scored, by ``metric(reference, other, labels=labels)``. It does not say
        which are drawn: `perturb` does.
    upper : float, optional
        Largest strength that may be tried.
    rng : None, int, SeedSequence or Generator, optional
        Source of randomness (SPEC 7). ``perturb(mask, strength, rng=rng)`` with the strength that
        is found gives the same mask again.
    progress : bool or callable, optional
        True shows a bar (needs tqdm); a callable gets each evaluation's strength and score.

    Returns
    -------
    Match
        Perturbed mask, strength, score and history.

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
    target, tol, upper = check_target(target), check_tol(tol), check_upper(upper)
    mask = check_mask(mask)
    listed = check_labels(labels)
    score_of = metric if listed is None else partial(metric, labels=listed)
    if not _has(mask, listed):
        what = "is empty" if listed is None else f"has none of labels={listed}"
        raise ValueError(f"mask: {what}, and so scores 1 whatever is done to it; leave it out")
    mask = mask[...]
    mask.flags.writeable = False
    bits = check_rng(rng).bit_generator
    start = bits.state
    best: list[Any] = [mask, math.inf]

    with _report(progress) as report:

        def score_at(strength: float) -> float:
            bits.state = start
            noisy = perturb(mask, strength, rng=np.random.Generator(bits))
            score = float(score_of(mask, noisy))
            if abs(score - target) < best[1]:
                best[:] = noisy, abs(score - target)
            report(strength, score)
            return score

        def tol_needed(low: _Point, high: _Point) -> float:
            return min(abs(low.score - target), abs(high.score - target))

        low, high, history = _search(score_at, target, tol, upper, tol_needed)

    return Match(best[0], *_nearer(low, high, target), history)


class _Point(NamedTuple):
    strength: float
    score: float


def _search(
    score_at: Callable[[float], float],
    target: float,
    tol: float,
    upper: float,
    tol_needed: Callable[[_Point, _Point], float],
) -> tuple[_Point, _Point, tuple[tuple[float, float], ...]]:
    """Bracket the target by two strengths, and narrow the bracket until `tol` is enough."""
    history: list[tuple[float, float]] = []

    def probe(strength: float) -> _Point:
        point = _Point(strength, score_at(strength))
        if math.isnan(point.score):
            raise ValueError(
                f"metric: scores nan at strength {strength:.4g}; pass one that does not"
            )
        history.append((strength, point.score))
        return point

    low = clean = probe(0.0)
    if clean.score < target:
        raise ValueError(f"target={target}: strength 0 scores {clean.score:.4g} alone; lower it")
    high = probe(min(max(1 - target, 0.005), upper))
    while high.score > target and tol_needed(low, high) > tol:
        if high.strength >= min(upper, _LARGEST):
            raise ValueError(
                f"target={target}: not reached, strength {high.strength:.4g} still scores "
                f"{high.score:.4f}; pass a target above that"
                + (", or a larger upper" if upper < _LARGEST else "")
            )
        following = min(_beyond(clean, high, target), upper)
        try:
            low, high = high, probe(following)
        except ValueError as error:
            raise ValueError(
                f"target={target}: not reached, strength {high.strength:.4g} still scores "
                f"{high.score:.4f} and {following:.4g} fails ({error}); pass a target above that"
            ) from error
    for step in itertools.count():
        needed = tol_needed(low, high)
        if needed <= tol:
            break
        # Where the score should lie just beyond the target, seen from the bound nearer to it; every
        # third time the middle, so that the bracket always closes.
        aim = target + tol / 2 if low.score - target > tol else target - tol / 2
        share = (low.score - aim) / (low.score - high.score)
        share = 0.5 if step % 3 == 2 else min(max(share, 0.05), 0.95)
        middle = low.strength + share * (high.strength - low.strength)
        if high.strength - low.strength <= _FINEST * high.strength:
            raise ValueError(
                f"target={target}: not reached, the score jumps from {low.score:.4f} to "
                f"{high.score:.4f} at strength {middle:.4g}; "
                f"pass a tol of {math.ceil(1e4 * needed) / 1e4}, more pixels or another rng"
            )
        point = probe(middle)
        low, high = (point, high) if point.score >= target else (low, point)
    return low, high, tuple(history)


def _beyond(clean: _Point, high: _Point, target: float) -> float:
    """Guess a strength that scores less than the target, as if errors were proportional to it."""
    lost = clean.score - high.score
    factor = 1.25 * (clean.score - target) / lost if lost > 0 else math.inf
    strength = high.strength * min(max(factor, _GROWTH[0]), _GROWTH[1])
    return 1.0 if high.strength < 1 < strength else strength  # no rate is larger than 1


def _nearer(low: _Point, high: _Point, target: float) -> _Point:
    return min(low, high, key=lambda point: abs(point.score - target))


def _choose(
    masks: Sequence[Any], sample: int, labels: list[int] | None, rng: np.random.Generator
) -> dict[int, NDArray[Any]]:
    """Pick masks that are not empty, at random; return them by their place in the sequence."""
    chosen: dict[int, NDArray[Any]] = {}
    for index in rng.permutation(len(masks)).tolist():
        mask = check_mask(masks[index], f"masks[{index}]")
        if _has(mask, labels):
            # A sequence may load into one buffer; no perturbation may write on its input.
            chosen[index] = mask[...] if isinstance(masks, np.ndarray) else mask.copy()
            chosen[index].flags.writeable = False
        if len(chosen) == sample:
            break
    if not chosen:
        what = "are empty" if labels is None else f"have none of labels={labels}"
        raise ValueError(f"masks: all {len(masks)} {what}; pass at least one with foreground")
    return chosen


def _has(mask: NDArray[Any], labels: list[int] | None) -> bool:
    if labels is None:
        return bool(mask.any())
    return any((mask == label).any() for label in labels)


@contextmanager
def _map(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    if workers == 1:
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
