"""The one way in which this library compiles: serial numba kernels on plain arrays.

Importing this module imports numba, so only the modules that hold kernels import it, and they are
themselves imported inside the functions that need them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

SIZE = types.intp
INDEX = types.uintp  # never negative, so numba drops the test for indices that count from the end
BYTE = types.uint8
WORD = types.uint64


def array(dtype: Any, ndim: int = 1, *, readonly: bool = False) -> types.Array:
    """Type of a C-contiguous array; a read-only one takes writeable arrays as well."""
    return types.Array(dtype, ndim, "C", readonly=readonly)


def kernel(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function for one signature, when it is first called.

    The compiled code is kept on disk, or in memory only where no folder can be written. Kernels are
    serial and release the GIL: threads that run several at once, and processes forked from such a
    program, are safe.
    """
    options: Any = {"nogil": True, "error_model": "numpy"}

    def make_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
        @cache
        def compiled() -> Callable[..., Any]:
            made: Callable[..., Any]
            try:
                made = numba.njit(signature, cache=True, **options)(function)
            except (RuntimeError, OSError):
                made = numba.njit(signature, **options)(function)
            return made

        return lambda *args: compiled()(*args)

    return make_kernel


inline = numba.njit(inline="always")


def as_words(planes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """View contiguous planes as a flat array of bytes and of the 8-byte words in it."""
    flat = planes.reshape(-1)
    words = flat[: flat.size & ~7].view(np.uint64)
    if not words.flags.aligned:
        return as_words(planes.copy())
    return flat, words
