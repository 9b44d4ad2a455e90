"""The one way in which this library compiles: serial numba kernels on plain arrays.

Importing this module imports numba, so only the modules that hold kernels import it, and they are
themselves imported inside the functions that need them.

A function that a kernel inlines stands in the file of the kernel: numba keeps compiled code for as
long as that file stays the same.
"""

from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

SIZE = types.intp
INDEX = types.uintp  # never negative, so numba drops the test for indices that count from the end
BYTE = types.uint8
WORD = types.uint64
FLOAT = types.float64
_LOCK = RLock()


def array(dtype: Any, ndim: int = 1, *, readonly: bool = False) -> types.Array:
    """Type of a C-contiguous array; a read-only one takes writeable arrays as well."""
    return types.Array(dtype, ndim, "C", readonly=readonly)


def kernel(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function once, when it is first called.

    `signature` is that of the function, or a function that makes it from the type of the codes,
    which are then the first argument. The compiled code is kept on disk, or in memory only where
    no folder can be written. Kernels are serial and release the GIL: threads that run several at
    once, and processes forked from such a program, are safe.
    """

    def make_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
        known: dict[str, Callable[..., Any]] = {}

        def compiled(first: Any) -> Callable[..., Any]:
            kind = first.dtype.char if callable(signature) else ""
            with _LOCK:  # threads that come first at the same time compile once
                if kind not in known:
                    wanted = signature(numba.from_dtype(first.dtype)) if kind else signature
                    known[kind] = _compile(function, wanted)
            return known[kind]

        def call_for_codes(*args: Any) -> Any:
            made = known.get(args[0].dtype.char) or compiled(args[0])
            return made(*args)

        def call(*args: Any) -> Any:
            made = known.get("") or compiled(None)
            return made(*args)

        return call_for_codes if callable(signature) else call

    return make_kernel


def _compile(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    """Compile, or load what is kept; a damaged file on disk is thrown away."""
    options: Any = {"nogil": True, "error_model": "numpy"}
    with suppress(RuntimeError, OSError):  # no folder can be written
        made: Any = numba.njit(cache=True, **options)(function)
        try:
            made.compile(signature)
        except Exception:  # whatever pickle raises
            made._cache.flush()
            made = numba.njit(cache=True, **options)(function)
            made.compile(signature)
        made.disable_compile()
        return made  # type: ignore[no-any-return]
    return numba.njit(signature, **options)(function)  # type: ignore[no-any-return]


inline = numba.njit(inline="always")


def as_words(flat: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """View the 8-byte words in a flat array of bytes, which starts at one."""
    return flat[: flat.size & ~7].view(np.uint64)
