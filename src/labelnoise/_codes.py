"""Label values as codes in drawing order, and back."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._validate import check_labels, check_mask, check_of


class Coded(NamedTuple):
    """A mask as codes: 0 background, 1 to `drawn` labels in drawing order, then what stays.

    Attributes
    ----------
    codes : array of uint8, uint16 or uint32
        Codes of the mask's shape, contiguous; they may share the memory of the values.
    drawn : int
        Number of labels that are drawn; some may be absent.
    values : (drawn + 1,) array or None
        Value of each code; None where codes are values.
    stays : bool
        Whether some codes are ``drawn + 1``, those of pixels that never change.
    """

    codes: NDArray[Any]
    drawn: int
    values: NDArray[Any] | None
    stays: bool


def encode(
    values: NDArray[Any], labels: list[int] | None, outside: NDArray[np.bool_] | None = None
) -> Coded:
    """Return the codes of contiguous values: labels in ascending order, or as listed.

    What is `outside` stays, and so do labels that are not listed.
    """
    coded = _encode_bytes(values, labels)
    if coded is None or (outside is not None and coded.drawn == 255):
        coded = _encode(values, labels)
    if outside is None:
        return coded
    codes = np.where(outside, coded.codes.dtype.type(coded.drawn + 1), coded.codes)
    table = np.arange(coded.drawn + 1).astype(values.dtype)
    return Coded(codes, coded.drawn, table if coded.values is None else coded.values, stays=True)


def decode(coded: Coded, codes: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Return the values of new codes, in a new array of the dtype of the old values."""
    if coded.values is None:
        return codes.view(values.dtype) if values.itemsize == 1 else codes.astype(values.dtype)
    changed = codes != coded.codes
    result = values.copy()
    result[changed] = coded.values[codes[changed]]
    return result


def without(values: NDArray[Any], labels: list[int]) -> NDArray[Any]:
    """Return values with the background in place of some labels."""
    left = values.copy()
    left[are_in(values, labels)] = 0
    return left


def are_in(values: NDArray[Any], labels: Iterable[int]) -> NDArray[np.bool_]:
    """Return where values are among labels; those that the array cannot hold are nowhere."""
    held = [label for label in labels if label == 0 or holds(values.dtype, label)]
    return np.isin(values, np.array(held, values.dtype))


def refill(
    result: NDArray[Any],
    values: NDArray[Any],
    hidden: NDArray[Any],
    labels: list[int],
    spacing: tuple[float, ...],
) -> None:
    """Give labels back that were hidden; pixels that took their place become the nearest of them.

    Parameters
    ----------
    result : array
        New values, without the labels; they are filled in.
    values, hidden : array
        The old values, with and without the labels.
    labels : list of int
        The labels.
    spacing : tuple of float
        Distance of neighbouring pixels along each of the last axes, those of a patch.
    """
    ground = values != hidden
    lost = (result == 0) & (hidden != 0)
    np.copyto(result, values, where=ground & (result == 0))
    shape = (-1, *values.shape[-len(spacing) :])
    parts = (each.reshape(shape) for each in (result, values, ground, lost))
    for new, old, near, gone in zip(*parts, strict=True):
        if not gone.any():
            continue
        if not near.any():  # no label can take its place
            new[gone] = old[gone]
        elif len(labels) == 1:
            new[gone] = labels[0]
        else:
            from scipy.ndimage import distance_transform_edt

            at = distance_transform_edt(~near, spacing, return_distances=False, return_indices=True)
            new[gone] = old[tuple(at[:, gone])]


def distinct(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the sorted distinct values, and for each value its place among them."""
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if high - low > max(2**16, 4 * values.size):
        found, places = np.unique(values, return_inverse=True)
        return found, places.reshape(values.shape)
    bits = values.view(f"u{values.itemsize}")  # whose differences do not overflow
    above = (bits - np.array(low, values.dtype).view(bits.dtype)).astype(np.intp, copy=False)
    present = np.zeros(high - low + 1, bool)
    present[above.reshape(-1)] = True
    found = np.flatnonzero(present)
    places = (np.cumsum(present) - 1)[above]
    return np.array([low + place for place in found.tolist()], values.dtype), places


def places(
    mask: NDArray[Any], labels: list[int] | None, named: Iterable[int]
) -> tuple[list[int], dict[int, int]]:
    """Return labels to draw, and the code of each, among them those that are named.

    They are the listed ones, or those that the mask has and the named ones, ascending. Labels that
    the mask cannot hold have no code.
    """
    if labels is None:
        values = mask != 0 if mask.dtype.kind == "b" else mask  # also a view of other bytes
        labels = sorted({*distinct(values)[0].tolist(), *named} - {0})
    held = [label for label in labels if holds(mask.dtype, label)]
    return held or labels or [1], {label: code for code, label in enumerate(held, 1)}


def name_objects(
    mask: Any, labels: Iterable[int] | None, of: Iterable[int] | None
) -> tuple[Iterable[int] | None, set[int] | None]:
    """Return labels to draw, and the codes of those `of` which objects err; None for all."""
    if of is None:
        return labels, None
    listed = check_labels(labels)
    named = check_of(of, listed)
    drawn, code = places(check_mask(mask), listed, named)
    return drawn, {code[label] for label in named if label in code}


def holds(dtype: np.dtype[Any], label: int) -> bool:
    """Return whether an array of a type can have a label."""
    if dtype.kind == "b":
        return label == 1
    limits = np.iinfo(dtype)
    return limits.min <= label <= limits.max


def _encode_bytes(values: NDArray[Any], labels: list[int] | None) -> Coded | None:
    """Return the codes of values that are their own codes, without a search for what is there."""
    if values.dtype.kind == "b":
        codes = values.view(np.uint8)
        if codes.max(initial=0) > 1:
            codes = (codes != 0).view(np.uint8)  # was a view of other bytes as bool
        highest = 1
    else:
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        bits = values.view(f"u{values.itemsize}").reshape(-1)
        if values.dtype != np.uint8 and np.bitwise_or.reduce(bits, initial=0) > 255:
            return None  # also where a value is negative, but for int8
        if values.dtype == np.int8 and values.min(initial=0) < 0:
            return None
        codes = values if values.dtype == np.uint8 else values.astype(np.uint8)
        highest = int(codes.max(initial=0))
    if labels is None:
        return Coded(codes, highest, None, False)
    if len(labels) < 255 and highest <= len(labels) and labels == [*range(1, len(labels) + 1)]:
        return Coded(codes, len(labels), None, False)
    return None


def _encode(values: NDArray[Any], labels: list[int] | None) -> Coded:
    if values.dtype.kind == "b":
        values = (values.view(np.uint8) != 0).view(np.uint8)
    found, places = distinct(values)
    drawn = [value for value in found.tolist() if value] if labels is None else labels
    drawn = [label for label in drawn if holds(values.dtype, label)]
    stay = len(drawn) + 1
    dtype = next(kind for kind in (np.uint8, np.uint16, np.uint32) if stay <= np.iinfo(kind).max)
    code_of = {0: 0, **{label: code for code, label in enumerate(drawn, 1)}}
    table = np.array([code_of.get(value, stay) for value in found.tolist()], dtype)
    stays = bool((table == stay).any())
    return Coded(table[places], len(drawn), np.array([0, *drawn], values.dtype), stays)
