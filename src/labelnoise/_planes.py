"""The only loop over the planes of a mask; each plane has random streams of its own."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._labels import BYTES, Order, fix, order_of, to_bytes
from ._streams import PlaneStreams, draw_key
from ._validate import check_count, check_labels, check_mask, check_plane, check_within

Planes = NDArray[np.uint8]
Perturb = Callable[[Planes, Order, PlaneStreams, Planes], None]
_BLOCK = 2**21  # pixels that are handled at once: few calls, and what they need stays in a cache


def perturb_planes(
    mask: Any,
    perturb: Perturb,
    *,
    labels: Iterable[int] | None,
    within: Any,
    plane: tuple[int, int],
    rng: Any,
    workers: int,
) -> NDArray[Any]:
    """Give the planes of a mask to `perturb`, block by block, and return the mask that results.

    `perturb(planes, order, streams, out)` gets a contiguous array (planes, rows, columns) of bytes
    and which of them are drawn in which order, and writes to `out`, which is blank. The streams of
    a plane depend on the caller's `rng` and on the index of the plane alone.
    """
    mask = check_mask(mask)
    axes, back = check_plane(plane, mask.ndim)
    workers = check_count("workers", workers)
    listed = check_labels(labels, mask.dtype)
    key = draw_key(rng)
    moved = mask.transpose(axes)
    values = np.ascontiguousarray(moved)
    narrowed, table = to_bytes(values, listed)
    order = order_of(table, listed)
    if within is not None:
        outside = ~check_within(within, mask.shape).transpose(axes)
        narrowed, order = fix(narrowed, outside, order)
    planes = narrowed.reshape(-1, *moved.shape[-2:]) if mask.size else np.empty((0, 1, 1), np.uint8)
    out = np.zeros(planes.shape, np.uint8)
    count = max(1, _BLOCK // max(1, moved.shape[-2] * moved.shape[-1]))

    def run(start: int, stop: int) -> None:
        for first in range(start, stop, count):
            here = slice(first, min(first + count, stop))
            perturb(planes[here], order, PlaneStreams(key, first), out[here])

    if workers == 1:
        run(0, len(planes))
    else:
        bounds = [len(planes) * worker // workers for worker in range(workers + 1)]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))

    result: NDArray[Any]
    if mask.itemsize == 1:
        result = out.view(mask.dtype)
    elif table is BYTES:
        result = out.astype(mask.dtype)
    else:
        result = values.reshape(out.shape).copy()
        changed = out != planes
        result[changed] = table[out[changed]]
    result = result.reshape(moved.shape)
    if within is not None:
        np.copyto(result, moved, where=outside)
    return result.transpose(back)
