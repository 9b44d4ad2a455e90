"""Pixels that two masks have in common, label by label."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._codes import distinct, holds
from ._validate import check_labels, check_mask, check_same_shape, refuse_other_label

Counts = tuple[int, int, int]
_FEW = 16  # labels that are counted one by one


def overlap(
    reference: Any, other: Any, labels: Iterable[int] | None = None, *, perturbed: bool = False
) -> dict[int, Counts]:
    """Count the pixels of each label in both masks together, in the first and in the second.

    Without `labels`, those of a reference count if the other is the reference `perturbed`. Else all
    do, and two masks with one label each that is not the same are refused.
    """
    reference, other, listed = alike(reference, other, labels)
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


def alike(
    reference: Any, other: Any, labels: Iterable[int] | None
) -> tuple[NDArray[Any], NDArray[Any], list[int] | None]:
    """Return masks whose values mean the same, and the labels that are listed, if any."""
    reference, other = check_mask(reference, "reference"), check_mask(other, "other")
    check_same_shape(reference, other)
    listed = check_labels(labels)
    if listed is None and (reference.dtype.kind == "b") != (other.dtype.kind == "b"):
        reference, other = (
            mask if only_label(mask) is None else mask != 0 for mask in (reference, other)
        )
    return reference, other, listed


def _is_binary(mask: NDArray[Any]) -> bool:
    return mask.dtype.kind == "b" or (mask.dtype == np.uint8 and mask.max(initial=0) < 2)


def only_label(mask: NDArray[Any]) -> int | None:
    """Return the label of a mask with one label, 0 for an empty one, None for several."""
    label = int(mask.max(initial=0)) or int(mask.min(initial=0))
    return None if ((mask != 0) & (mask != label)).any() else label


def among(mask: NDArray[Any], labels: list[int]) -> NDArray[np.bool_]:
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
