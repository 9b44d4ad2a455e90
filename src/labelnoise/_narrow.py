"""Masks of wide integers as bytes, in one pass."""

from collections.abc import Callable
from functools import cache
from typing import Any, no_type_check

import numba
import numpy as np
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, array, kernel
from ._validate import refuse_labels


def narrow(values: NDArray[Any]) -> tuple[NDArray[np.uint8], int]:
    """Return 1 where a flat array of integers is not 0, and the index of the first such place.

    The index is -1 for an array of zeros.
    """
    binary = np.empty(values.size, np.uint8)
    bits = np.dtype(f"u{values.itemsize}")
    first: int = _kernel(bits)(values.view(bits), binary)
    if first == -2:
        refuse_labels(values)
    return binary, first


@cache
def _kernel(dtype: np.dtype[Any]) -> Callable[..., Any]:
    return kernel(SIZE(array(numba.from_dtype(dtype), readonly=True), array(BYTE)))(_narrow)


@no_type_check
def _narrow(values, binary):
    # Returns -2 when there are two labels.
    first = INDEX(0)
    size = INDEX(values.size)
    while first < size and values[first] == 0:
        binary[first] = 0
        first += INDEX(1)
    if first == size:
        return -1
    label = values[first]
    others = BYTE(0)
    for i in range(first, size):
        binary[i] = values[i] == label
        others = BYTE(others | BYTE(values[i] != label) & BYTE(values[i] != 0))
    return -2 if others else SIZE(first)
