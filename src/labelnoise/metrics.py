"""Scores: how much a mask differs from another one."""

import inspect
from collections.abc import Callable, Iterable
from functools import update_wrapper
from math import inf, isnan, nan
from statistics import fmean
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from ._overlap import alike, among, only_label, overlap
from ._surfaces import Distances, distances
from ._validate import LARGEST, check_number, check_spacing, refuse_other_label

Each = Callable[..., dict[int, float]]
_ROUNDING = 1e-9  # share of a tolerance by which a distance may exceed it


class Score(Protocol):
    """A score of two masks: the mean over their labels, or that of each label.

    Attributes
    ----------
    of : callable
        The formula: of numbers of pixels, or of distances, of one label.
    each : callable
        ``each(reference, other, labels, perturbed=...)`` returns the score of each label; those of
        the reference, if the other mask is the reference perturbed and no labels are listed.
    equal : float
        The score of equal masks.
    """

    __name__: str
    of: Callable[..., float]
    each: Each
    equal: float

    @overload
    def __call__(
        self,
        reference: Any,
        other: Any,
        *,
        labels: Iterable[int] | None = None,
        per_label: Literal[False] = False,
        **options: Any,
    ) -> float: ...
    @overload
    def __call__(
        self,
        reference: Any,
        other: Any,
        *,
        labels: Iterable[int] | None = None,
        per_label: Literal[True],
        **options: Any,
    ) -> dict[int, float]: ...


def _of_pixels(equal: float) -> Callable[[Callable[[int, int, int], float]], Score]:
    """Make a score from a formula of pixels: those of both masks, of the first, of the second."""

    def decorate(formula: Callable[[int, int, int], float]) -> Score:
        def each(
            reference: Any,
            other: Any,
            labels: Iterable[int] | None = None,
            *,
            perturbed: bool = False,
        ) -> dict[int, float]:
            counts = overlap(reference, other, labels, perturbed=perturbed)
            return {label: formula(*pixels) for label, pixels in counts.items()}

        return _made(formula, each, equal, [])

    return decorate


def _of_distances(equal: float) -> Callable[[Callable[..., float]], Score]:
    """Make a score from a formula of the boundaries' distances, from each of two masks."""

    def decorate(formula: Callable[..., float]) -> Score:
        def each(
            reference: Any,
            other: Any,
            labels: Iterable[int] | None = None,
            *,
            perturbed: bool = False,
            spacing: tuple[float, ...] | None = None,
            **own: Any,
        ) -> dict[int, float]:
            found = _distances(reference, other, labels, spacing, perturbed)
            return {label: formula(*pair, **own) for label, pair in found.items()}

        own = list(inspect.signature(formula).parameters.values())[2:]
        return _made(formula, each, equal, [*own, _SPACING])

    return decorate


def _made(
    formula: Callable[..., float], each: Each, equal: float, own: list[inspect.Parameter]
) -> Score:
    """Make a score of its parts, with the signature and the docstring that all scores share."""
    masks, others = _SHARED[:2], _SHARED[2:]
    signature = inspect.Signature([*masks, *own, *others])

    def score(*masks: Any, **options: Any) -> float | dict[int, float]:
        given = signature.bind(*masks, **options).arguments
        per_label = given.pop("per_label", False)
        found = each(**given)
        return found if per_label else mean(found.values(), equal)

    made: Any = update_wrapper(score, formula)
    made.__signature__ = signature
    made.of, made.each, made.equal = formula, each, equal
    summary, _, rest = inspect.cleandoc(formula.__doc__ or "").partition("References\n")
    parameters = "".join(_DOCUMENTED.get(each.name, "") for each in own)
    made.__doc__ = f"{summary}{_MASKS}{parameters}{_LABELS.format(equal=equal)}References\n{rest}"
    return made  # type: ignore[no-any-return]


def _shared(
    reference: Any,
    other: Any,
    *,
    spacing: tuple[float, ...] | None = None,
    labels: Iterable[int] | None = None,
    per_label: bool = False,
) -> None:
    """Have the parameters of scores."""


_SHARED = list(inspect.signature(_shared).parameters.values())
_SPACING = _SHARED.pop(2)
_MASKS = """\
Parameters
----------
reference, other : array of bool or int
    Masks or label maps of one shape, of any number of axes from two.
"""
_DOCUMENTED = {
    "tolerance": """\
tolerance : float, optional
    Largest distance of boundaries that agree, in the unit of `spacing`. A good one is the distance
    at which annotators of the same structure differ.
""",
    "spacing": """\
spacing : tuple of float, optional
    Distance of neighbouring pixels along each axis, e.g. in mm; by default 1 pixel.
""",
}
_LABELS = """\
labels : sequence of int, optional
    The labels to score; by default all that either mask has. Without them, a boolean mask has the
    label of the other mask, or 1 if that has several.
per_label : bool, optional
    Return the score of each label instead of their mean.

Returns
-------
float or dict of int to float
    The mean over labels that at least one of the masks has, {equal} if there is none. With
    `per_label`, the score of each label; nan for those that neither mask has.

Raises
------
TypeError
    If a mask is neither bool nor integer.
ValueError
    If the shapes differ, `labels` are not different integers other than 0, each mask has one label
    and not the same, or another argument is out of its range.

See Also
--------
scores : All scores at once.

"""


@_of_pixels(1.0)
def dice(both: int, first: int, second: int) -> float:
    """Return the Dice score (DSC) of two masks or label maps.

    It is ``2 |A and B| / (|A| + |B|)``, from 0 to 1, without unit.

    References
    ----------
    Dice, L. R. (1945). Measures of the amount of ecologic association between species.
    Ecology 26(3), 297-302.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> dice(square, np.roll(square, 1, axis=1))
    0.75
    >>> square[1:5, 3:5] = 2
    >>> dice(square, np.roll(square, 1, axis=1), per_label=True)
    {1: 0.5, 2: 0.5}
    """
    return 2 * both / (first + second) if first or second else nan


@_of_pixels(1.0)
def iou(both: int, first: int, second: int) -> float:
    """Return the intersection over union (IoU, Jaccard index) of two masks or label maps.

    It is ``|A and B| / |A or B|``, from 0 to 1, without unit.

    References
    ----------
    Jaccard, P. (1912). The distribution of the flora in the alpine zone. New Phytologist 11(2),
    37-50.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> iou(square, np.roll(square, 1, axis=1))
    0.6
    """
    return both / (first + second - both) if first or second else nan


@_of_distances(1.0)
def nsd(here: NDArray[Any], there: NDArray[Any], *, tolerance: float = 2.0) -> float:
    """Return the normalised surface distance (NSD, surface Dice) of two masks or label maps.

    It is the share of the boundary pixels of both masks that lie within `tolerance` of the other
    mask's boundary, from 0 to 1, without unit. A mask without a label that the other has scores 0.
    Boundary pixels of a label have a neighbour of another label along an axis, or lie at the border
    of the array; distances are those of pixels' centres.

    References
    ----------
    Nikolov, S. et al. (2021). Clinically applicable segmentation of head and neck anatomy for
    radiotherapy. J. Med. Internet Res. 23(7), e26151. Of pixels instead of surface elements, as in
    Maier-Hein, L., Reinke, A. et al. (2024). Metrics Reloaded. Nature Methods 21, 195-212.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> nsd(square, np.roll(square, 1, axis=1), tolerance=0.5)
    0.5
    """
    most = check_number("tolerance", tolerance, 0.0, LARGEST) * (1 + _ROUNDING)
    total = len(here) + len(there)
    close = np.count_nonzero(here <= most) + np.count_nonzero(there <= most)
    return int(close) / total if total else nan


@_of_distances(0.0)
def hd95(here: NDArray[Any], there: NDArray[Any]) -> float:
    """Return the 95th percentile of the Hausdorff distance (HD95) of two masks or label maps.

    It is the larger one of two percentiles: of the distances of one mask's boundary pixels to the
    other's, and of the reverse, in the unit of `spacing`. It is infinite for a label that one mask
    lacks. Boundary pixels are those of `nsd`.

    References
    ----------
    Maier-Hein, L., Reinke, A. et al. (2024). Metrics Reloaded: recommendations for image analysis
    validation. Nature Methods 21, 195-212.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> hd95(square, np.roll(square, 1, axis=1), spacing=(0.8, 0.8))
    0.8
    """
    if not len(here) or not len(there):
        return inf if len(here) or len(there) else nan
    return float(max(np.percentile(here, 95), np.percentile(there, 95)))


@_of_distances(0.0)
def assd(here: NDArray[Any], there: NDArray[Any]) -> float:
    """Return the average symmetric surface distance (ASSD) of two masks or label maps.

    It is the mean distance of the boundary pixels of both masks to the other mask's boundary, in
    the unit of `spacing`. It is infinite for a label that one mask lacks. Boundary pixels are those
    of `nsd`.

    References
    ----------
    Maier-Hein, L., Reinke, A. et al. (2024). Metrics Reloaded: recommendations for image analysis
    validation. Nature Methods 21, 195-212.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> round(assd(square, np.roll(square, 1, axis=1)), 2)
    0.5
    """
    total = len(here) + len(there)
    return float(here.sum() + there.sum()) / total if total else nan


@_of_pixels(0.0)
def volume_difference(both: int, first: int, second: int) -> float:
    """Return by which share another mask is larger than the reference, label by label.

    It is ``(|B| - |A|) / |A|``, without unit: 0.1 for a mask that is 10 % too large, -0.1 for one
    that is 10 % too small, infinite for a label that the reference lacks. The mean over labels has
    signs, too.

    References
    ----------
    Heimann, T. et al. (2009). Comparison and evaluation of methods for liver segmentation from CT
    datasets. IEEE Trans. Med. Imaging 28(8), 1251-1265, with the sign of an error.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> larger = square.copy()
    >>> larger[1:5, 5] = 1
    >>> volume_difference(square, larger)
    0.25
    """
    return (second - first) / first if first else inf if second else nan


ALL = dice, iou, nsd, hd95, assd, volume_difference


class Scores(dict[int, dict[str, float]]):
    """A table of scores: a dictionary of labels to dictionaries of names to scores.

    ``print`` shows it, ``pandas.DataFrame(scores).T`` is the same for pandas.
    """

    def mean(self) -> dict[str, float]:
        """Return the mean of each score over the labels that at least one of the masks has."""
        return {
            score.__name__: mean((row[score.__name__] for row in self.values()), score.equal)
            for score in ALL
        }

    def __str__(self) -> str:
        """Return a line for each label."""
        wide = [(score.__name__, max(6, len(score.__name__))) for score in ALL]
        lines = ["label " + " ".join(f"{name:>{width}}" for name, width in wide)]
        for label, row in self.items():
            lines.append(
                f"{label:5} " + " ".join(f"{row[name]:{width}.4g}" for name, width in wide)
            )
        return "\n".join(lines)


def scores(
    reference: Any,
    other: Any,
    *,
    tolerance: float = 2.0,
    spacing: tuple[float, ...] | None = None,
    labels: Iterable[int] | None = None,
) -> Scores:
    """Return all scores of two masks or label maps.

    Distances are measured once for all of them.

    Parameters
    ----------
    reference, other : array of bool or int
        Masks or label maps of one shape, of any number of axes from two.
    tolerance : float, optional
        Largest distance of boundaries that agree, in the unit of `spacing`; see `nsd`.
    spacing : tuple of float, optional
        Distance of neighbouring pixels along each axis, e.g. in mm; by default 1 pixel.
    labels : sequence of int, optional
        The labels to score, as in `dice`.

    Returns
    -------
    Scores
        `dice`, `iou`, `nsd`, `hd95`, `assd` and `volume_difference` of each label, by their names.
        Its ``mean()`` has the means over labels.

    Raises
    ------
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If the shapes differ or another argument is out of its range, as in `nsd`.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> labels = np.zeros((12, 12), np.uint8)
    >>> labels[2:10, 2:10], labels[4:7, 4:7] = 1, 2
    >>> found = labelnoise.scores(labels, np.roll(labels, 1, axis=0), spacing=(0.8, 0.8))
    >>> print(found)
    label   dice    iou    nsd   hd95   assd volume_difference
        1  ...
    >>> round(found[2]["dice"], 2)
    0.67
    """
    counts = overlap(reference, other, labels)
    pairs = _distances(reference, other, labels, spacing)
    found = Scores()
    for label, pixels in counts.items():
        found[label] = {
            score.__name__: score.of(*pixels)
            if score in (dice, iou, volume_difference)
            else score.of(*pairs[label], **({"tolerance": tolerance} if score is nsd else {}))
            for score in ALL
        }
    return found


def error_rate(reference: Any, other: Any, *, labels: Iterable[int] | None = None) -> float:
    """Return the number of wrong pixels as a share of the foreground.

    In the literature of noisy labels it is beta, the amount of noise in a sample; alpha is the
    share of noisy samples (`in_share`).

    Parameters
    ----------
    reference, other : array of bool or int
        Masks of one shape, of any number of axes from two.
    labels : sequence of int, optional
        The labels to score; by default all. Without them, a boolean mask has the label of the other
        mask, or 1 if that has several.

    Returns
    -------
    float
        Number of pixels whose labels differ, at least one of them a scored one, divided by the
        number of pixels of `reference` with a scored label. It is 0.0 for equal masks, may exceed
        1, and is infinite where `reference` has no such label and `other` has.

    Raises
    ------
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If the shapes differ, `labels` are not different integers other than 0, or each mask has
        one label and not the same.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> error_rate(square, np.roll(square, 1, axis=1))
    0.5
    """
    reference, other, listed = alike(reference, other, labels)
    wrong = reference != other
    if listed is None:
        mine, yours = only_label(reference), only_label(other)
        if mine and yours and mine != yours:
            refuse_other_label(mine, yours)
        foreground = int(np.count_nonzero(reference))
    else:
        scored = among(reference, listed)
        foreground = int(np.count_nonzero(scored))
        wrong &= scored | among(other, listed)
    errors = int(np.count_nonzero(wrong))
    return errors / foreground if foreground else inf if errors else 0.0


def mean(values: Iterable[float], equal: float) -> float:
    """Return the mean of scores that are not nan; without any, the score of equal masks."""
    known = [value for value in values if not isnan(value)]
    return fmean(known) if known else equal


def _distances(
    reference: Any,
    other: Any,
    labels: Iterable[int] | None,
    spacing: tuple[float, ...] | None,
    perturbed: bool = False,
) -> dict[int, Distances]:
    """Measure the distances of the boundaries of the labels that `overlap` counts."""
    reference, other, listed = alike(reference, other, labels)
    steps = check_spacing(spacing, range(reference.ndim))
    wanted = overlap(reference, other, listed, perturbed=perturbed)
    found = distances(reference, other, steps, wanted)
    nothing = np.empty(0)
    return {label: found.get(label, (nothing, nothing)) for label in wanted}
