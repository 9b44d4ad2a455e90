"""Masks of wide integers as bytes, in one pass."""

from collections.abc import Callable
from functools import cache
from typing import Any, no_type_check

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, array, kernel
from ._validate import refuse_labels


def narrow(values: NDArray[Any]) -> tuple[NDArray[np.uint8], int]:
    """Return 1 where a flat array of integers is not 0, and the label there; 0 if there is none."""
    binary = np.empty(values.size, np.uint8)
    bits = np.dtype(f"u{values.itemsize}")
    some, every = _kernel(bits)(values.view(bits), binary)
    if some != every and some:
        refuse_labels(values)
    return binary, int(np.array(some, bits).view(values.dtype))


@cache
def _kernel(dtype: np.dtype[Any]) -> Callable[..., Any]:
    integer = numba.from_dtype(dtype)
    pair = types.UniTuple(integer, 2)  # type: ignore[no-untyped-call]
    signature = pair(array(integer, readonly=True), array(BYTE))
    return kernel(signature)(_narrow)


@no_type_check
def _narrow(values, binary):
    # Returns the bits that are set in some label, and those that are set in every label.
    zero = values[0] ^ values[0]
    some, every = zero, ~zero
    for i in range(values.size):
        value = values[i]
        binary[i] = value != zero
        some |= value
        every &= value if value != zero else ~zero
    return some, every
