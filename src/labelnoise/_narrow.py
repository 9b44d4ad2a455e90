"""Masks of wide integers as bytes, in one pass where the labels are small numbers."""

from collections.abc import Callable
from functools import cache
from typing import Any, no_type_check

import numba
import numpy as np
from numpy.typing import NDArray

from ._kernel import BYTE, SIZE, array, kernel
from ._validate import refuse_many

_OTHERS = 255  # the byte of all labels that are not listed


def narrow(
    values: NDArray[Any], labels: list[int] | None, name: str
) -> tuple[NDArray[np.uint8], NDArray[Any] | None]:
    """Return a byte for each of a flat array of integers, and the table of what bytes stand for.

    There is no table if they stand for themselves.
    """
    out = np.empty(values.size, np.uint8)
    bits = values.view(f"u{values.itemsize}")
    cast, encode = _kernels(bits.dtype)
    small = labels is None or (min(labels) > 0 and max(labels) < 256)
    if small and cast(bits, out) < 256:
        return out, None
    table = np.zeros(256, values.dtype)
    known, capacity = 1, 256
    if labels is not None and len(labels) < _OTHERS:
        limits = np.iinfo(values.dtype)
        fitting = [label for label in labels if limits.min <= label <= limits.max]
        known = capacity = 1 + len(fitting)
        table[1:known] = fitting
    found = encode(bits, table.view(bits.dtype), known, capacity, out)
    if found > 256:
        refuse_many(name)
    return out, table[:found]


@cache
def _kernels(bits: np.dtype[Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    integer = numba.from_dtype(bits)
    values = array(integer, readonly=True)
    return (
        kernel(integer(values, array(BYTE)))(_cast),
        kernel(SIZE(values, array(integer), SIZE, SIZE, array(BYTE)))(_encode),
    )


@no_type_check
def _cast(values, out):
    # Returns a number above 255 if some value does not fit in a byte.
    some = values[0] ^ values[0]
    for i in range(values.size):
        out[i] = values[i]
        some |= values[i]
    return some


@no_type_check
def _encode(values, table, known, capacity, out):
    # Values that are not among the known ones of the table are added to it, up to its capacity; a
    # table that is full from the start has a byte for all others. Returns how many there are.
    learning = known < capacity
    last, byte = table[0], 0
    for i in range(values.size):
        if values[i] != last:
            last, byte = values[i], 0
            while byte < known and table[byte] != last:
                byte += 1
            if byte == known and learning:
                if known == capacity:
                    return known + 1
                table[known] = last
                known += 1
            elif byte == known:
                byte = 255
        out[i] = byte
    return known
