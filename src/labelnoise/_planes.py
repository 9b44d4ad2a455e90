"""The only loop over the planes of a mask; each plane has a random stream of its own."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._streams import PlaneStreams, draw_key
from ._validate import (
    check_count,
    check_labels,
    check_mask,
    check_plane,
)

Planes = NDArray[np.uint8]
Perturb = Callable[[Planes, int, PlaneStreams, Planes], None]
_BYTES = "?B"  # numpy's characters for bool and uint8
_BLOCK = 2**21  # pixels that are handled at once: few calls, and what they need stays in a cache


def perturb_planes(
    mask: Any,
    perturb: Perturb,
    *,
    labels: Iterable[int] | None,
    plane: tuple[int, int],
    rng: Any,
    workers: int,
) -> NDArray[Any]:
    """Give the planes of a mask to `perturb`, block by block, and return the mask that results.

    `perturb(planes, label, streams, out)` gets a contiguous array (planes, rows, columns) that
    holds `label`, a byte, and 0 alone, and writes to `out`, which is blank. The stream of a plane
    depends on the caller's `rng` and on the index of the plane alone.
    """
    mask = check_mask(mask)
    order, back = check_plane(plane, mask.ndim)
    workers = check_count("workers", workers)
    key = draw_key(rng)
    moved = mask.transpose(order)
    values = np.ascontiguousarray(moved)
    binary, byte, found = _to_bytes(values)
    label = check_labels(labels, found, mask.dtype)
    byte = byte or (label if mask.dtype == np.uint8 else 1)
    planes = binary.reshape(-1, *moved.shape[-2:]) if mask.size else np.empty((0, 1, 1), np.uint8)
    out = np.zeros(planes.shape, np.uint8)
    count = max(1, _BLOCK // max(1, moved.shape[-2] * moved.shape[-1]))

    def run(start: int, stop: int) -> None:
        for first in range(start, stop, count):
            here = slice(first, min(first + count, stop))
            perturb(planes[here], byte, PlaneStreams(key, first), out[here])

    if workers == 1:
        run(0, len(planes))
    else:
        bounds = [len(planes) * worker // workers for worker in range(workers + 1)]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))

    if mask.dtype.char in _BYTES:
        result: NDArray[Any] = out.view(mask.dtype)
    else:
        result = out.astype(mask.dtype)
        if label != 1:
            result *= label
    return result.reshape(moved.shape).transpose(back)


def _to_bytes(values: NDArray[Any]) -> tuple[Planes, int, int]:
    """Return a contiguous mask with one byte a pixel, the byte of its label, and its label.

    Both are 0 for an empty mask. The first positive pixel of bytes is an example of their label.
    """
    if values.size == 0:
        return np.empty(values.shape, np.uint8), 0, 0
    flat = values.reshape(-1)
    if values.dtype.char in _BYTES:
        planes = values.view(np.uint8)
        byte = int(planes.reshape(-1)[flat.view(np.bool_).argmax()])
        if byte > 1 and values.dtype == np.bool_:  # a view of other bytes as bool
            return (planes != 0).view(np.uint8), 1, 1
        return planes, byte, byte
    from ._narrow import narrow

    binary, label = narrow(flat.astype(values.dtype.newbyteorder("="), copy=False))
    return binary, 1, label
