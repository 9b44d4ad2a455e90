"""How much of a mask another mask keeps."""

from collections.abc import Callable, Iterable
from math import inf, nan
from statistics import fmean
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ._codes import distinct, holds
from ._validate import check_labels, check_mask, check_same_shape, refuse_other_label

Counts = tuple[int, int, int]
_FEW = 16  # labels that are counted one by one


@overload
def dice(
    reference: Any,
    other: Any,
    *,
    labels: Iterable[int] | None = None,
    per_label: Literal[False] = False,
) -> float: ...
@overload
def dice(
    reference: Any, other: Any, *, labels: Iterable[int] | None = None, per_label: Literal[True]
) -> dict[int, float]: ...
def dice(
    reference: Any, other: Any, *, labels: Iterable[int] | None = None, per_label: bool = False
) -> float | dict[int, float]:
    """Return the Dice score (DSC) of two masks or label maps.

    Parameters
    ----------
    reference, other : array of bool or int
        Masks of one shape, of any number of axes from two.
    labels : sequence of int, optional
        The labels to score; by default all that either mask has. Without them, a boolean mask has
        the label of the other mask, or 1 if that has several.
    per_label : bool, optional
        Return the score of each label instead of their mean.

    Returns
    -------
    float or dict of int to float
        ``2 |A and B| / (|A| + |B|)``, from 0 to 1, without unit: the mean over labels that at
        least one of the masks has, 1.0 if there is none. With `per_label`, the score of each label;
        nan for those that neither mask has.

    Raises
    ------
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If the shapes differ, `labels` are not different integers other than 0, or each mask has
        one label and not the same.

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
    return _score(dice_of, reference, other, labels, per_label)


@overload
def iou(
    reference: Any,
    other: Any,
    *,
    labels: Iterable[int] | None = None,
    per_label: Literal[False] = False,
) -> float: ...
@overload
def iou(
    reference: Any, other: Any, *, labels: Iterable[int] | None = None, per_label: Literal[True]
) -> dict[int, float]: ...
def iou(
    reference: Any, other: Any, *, labels: Iterable[int] | None = None, per_label: bool = False
) -> float | dict[int, float]:
    """Return the intersection over union (IoU, Jaccard index) of two masks or label maps.

    Parameters
    ----------
    reference, other : array of bool or int
        Masks of one shape, of any number of axes from two.
    labels : sequence of int, optional
        The labels to score; by default all that either mask has. Without them, a boolean mask has
        the label of the other mask, or 1 if that has several.
    per_label : bool, optional
        Return the score of each label instead of their mean.

    Returns
    -------
    float or dict of int to float
        ``|A and B| / |A or B|``, from 0 to 1, without unit: the mean over labels that at least one
        of the masks has, 1.0 if there is none. With `per_label`, the score of each label; nan for
        those that neither mask has.

    Raises
    ------
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If the shapes differ, `labels` are not different integers other than 0, or each mask has
        one label and not the same.

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
    return _score(iou_of, reference, other, labels, per_label)


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
    reference, other, listed = _alike(reference, other, labels)
    wrong = reference != other
    if listed is None:
        mine, yours = _only_label(reference), _only_label(other)
        if mine and yours and mine != yours:
            refuse_other_label(mine, yours)
        foreground = int(np.count_nonzero(reference))
    else:
        scored = _among(reference, listed)
        foreground = int(np.count_nonzero(scored))
        wrong &= scored | _among(other, listed)
    errors = int(np.count_nonzero(wrong))
    return errors / foreground if foreground else inf if errors else 0.0


def overlap(
    reference: Any, other: Any, labels: Iterable[int] | None = None, *, perturbed: bool = False
) -> dict[int, Counts]:
    """Count the pixels of each label in both masks together, in the first and in the second.

    Without `labels`, those of a reference count if the other is the reference `perturbed`. Else all
    do, and two masks with one label each that is not the same are refused.
    """
    reference, other, listed = _alike(reference, other, labels)
    if _is_binary(reference) and _is_binary(other):
        counts = {1: _count(reference.view(np.bool_), other.view(np.bool_))}
        counts = counts if any(counts[1]) else {}
    else:
        counts = _count_labels(reference, other)
        if listed is None and perturbed:
            counts = {label: pixels for label, pixels in counts.items() if pixels[1]}
        elif listed is None:
            mine, yours = ([k for k, pixels in counts.items() if pixels[i]] for i in (1, 2))
            if len(mine) == len(yours) == 1 and mine != yours:
                refuse_other_label(mine[0], yours[0])
    if listed is not None:
        counts = {label: counts.get(label, (0, 0, 0)) for label in listed}
    return counts


def add_up(counts: Iterable[dict[int, Counts]]) -> dict[int, Counts]:
    """Add the counts of several pairs of masks, label by label."""
    total: dict[int, Counts] = {}
    for one in counts:
        for label, pixels in one.items():
            both, first, second = total.get(label, (0, 0, 0))
            total[label] = both + pixels[0], first + pixels[1], second + pixels[2]
    return total


def mean_of(score_of: Callable[..., float], counts: dict[int, Counts]) -> float:
    """Return the mean score of the labels that one of two masks has, 1.0 if there is none."""
    scores = [score_of(*pixels) for pixels in counts.values() if pixels[1] or pixels[2]]
    return fmean(scores) if scores else 1.0


def dice_of(both: int, first: int, second: int) -> float:
    """Return the Dice score of pixel counts."""
    return 2 * both / (first + second) if first or second else nan


def iou_of(both: int, first: int, second: int) -> float:
    """Return the IoU of pixel counts."""
    return both / (first + second - both) if first or second else nan


def _score(
    score_of: Callable[..., float],
    reference: Any,
    other: Any,
    labels: Iterable[int] | None,
    per_label: bool,
) -> float | dict[int, float]:
    counts = overlap(reference, other, labels)
    if per_label:
        return {label: score_of(*pixels) for label, pixels in counts.items()}
    return mean_of(score_of, counts)


def _alike(
    reference: Any, other: Any, labels: Iterable[int] | None
) -> tuple[NDArray[Any], NDArray[Any], list[int] | None]:
    """Return masks whose values mean the same, and the labels that are listed, if any."""
    reference, other = check_mask(reference, "reference"), check_mask(other, "other")
    check_same_shape(reference, other)
    listed = check_labels(labels)
    if listed is None and (reference.dtype.kind == "b") != (other.dtype.kind == "b"):
        reference, other = (
            mask if _only_label(mask) is None else mask != 0 for mask in (reference, other)
        )
    return reference, other, listed


def _is_binary(mask: NDArray[Any]) -> bool:
    return mask.dtype.kind == "b" or (mask.dtype == np.uint8 and mask.max(initial=0) < 2)


def _only_label(mask: NDArray[Any]) -> int | None:
    """Return the label of a mask with one label, 0 for an empty one, None for several."""
    label = int(mask.max(initial=0)) or int(mask.min(initial=0))
    return None if ((mask != 0) & (mask != label)).any() else label


def _among(mask: NDArray[Any], labels: list[int]) -> NDArray[np.bool_]:
    """Return where a mask has one of some labels, which its dtype may be too small for."""
    if mask.dtype.kind == "b":
        return mask & (1 in labels)
    held = [label for label in labels if holds(mask.dtype, label)]
    return np.isin(mask, np.array(held, mask.dtype))


def _count(here: NDArray[np.bool_], there: NDArray[np.bool_]) -> Counts:
    both, first, second = map(int, map(np.count_nonzero, (here & there, here, there)))
    return both, first, second


def _count_labels(reference: NDArray[Any], other: NDArray[Any]) -> dict[int, Counts]:
    low = min(int(mask.min(initial=0)) for mask in (reference, other))
    high = max(int(mask.max(initial=0)) for mask in (reference, other))
    if high - low <= _FEW:
        order: Any = "A" if reference.strides == other.strides else "C"  # as they lie, if alike
        reference, other = (mask.reshape(-1, order=order) for mask in (reference, other))
        wrong = np.flatnonzero(reference != other)
        before, after = reference[wrong], other[wrong]
        counts = {}
        for label in range(low, high + 1):
            held, lost, gained = (
                int(np.count_nonzero(mask == label)) for mask in (reference, before, after)
            )
            if label and (held or gained):
                counts[label] = held - lost, held, held - lost + gained
    else:
        (mine, here), (yours, there) = distinct(reference), distinct(other)
        labels = sorted({*mine.tolist(), *yours.tolist()} - {0})
        place = {label: index for index, label in enumerate([0, *labels])}
        first, second = (
            np.array([place[label] for label in found.tolist()], np.intp)[places].reshape(-1)
            for found, places in ((mine, here), (yours, there))
        )
        columns = (
            np.bincount(codes, minlength=len(place)).tolist()
            for codes in (first[first == second], first, second)
        )
        counts = dict(zip(place, zip(*columns, strict=True), strict=True))
        del counts[0]
    return counts
