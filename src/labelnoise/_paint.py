"""A label's new mask put into a patch: gains over earlier labels, losses to the nearest of them."""

from typing import Any, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, array, inline, kernel

_CODE = types.int64


def paint(
    codes: NDArray[Any],
    label: int,
    mask: NDArray[np.bool_],
    box: tuple[int, ...],
    spacing: tuple[float, ...],
    out: NDArray[Any],
) -> None:
    """Replace a label by its new mask in `out`, an altered copy of codes with three axes."""
    new = np.ascontiguousarray(mask).view(np.uint8)
    corner = np.array(box[::2], np.intp)
    lost, neighbour = _gain(codes, label, new, corner, out)
    if not lost:
        return
    if neighbour < 0:
        from ._distance import spread

        low = np.maximum(corner - 1, 0)
        high = np.minimum(corner + new.shape + 1, codes.shape)
        near = np.empty(high - low, np.int32)
        _list(codes, label, low, near)
        spread(near, spacing)
        _lose(codes, label, new, corner, near, low, out)
    else:
        _lose(codes, label, new, corner, np.full((1, 1, 1), neighbour, np.int32), corner, out)


@inline
@no_type_check
def _beside(codes, z, r, c, label):
    # Whether a pixel touches the label by an edge or a face.
    return (
        (r > 0 and codes[z, r - INDEX(1), c] == label)
        or (r + INDEX(1) < codes.shape[1] and codes[z, r + INDEX(1), c] == label)
        or (c > 0 and codes[z, r, c - INDEX(1)] == label)
        or (c + INDEX(1) < codes.shape[2] and codes[z, r, c + INDEX(1)] == label)
        or (z > 0 and codes[z - INDEX(1), r, c] == label)
        or (z + INDEX(1) < codes.shape[0] and codes[z + INDEX(1), r, c] == label)
    )


@kernel(
    lambda code: types.UniTuple(_CODE, 2)(
        array(code, 3, readonly=True),
        _CODE,
        array(BYTE, 3, readonly=True),
        array(SIZE, readonly=True),
        array(code, 3),
    )
)
@no_type_check
def _gain(codes, label, new, corner, out):
    # Returns how many pixels are lost, and the only earlier code beside the label, -1 if there are
    # several. The box of the label may lack a margin, so its neighbours are looked at from inside.
    lost, neighbour = 0, types.int64(-2)
    for z in range(INDEX(new.shape[0])):
        for r in range(INDEX(new.shape[1])):
            slice_, row = INDEX(corner[0]) + z, INDEX(corner[1]) + r
            for c in range(INDEX(new.shape[2])):
                col = INDEX(corner[2]) + c
                code = codes[slice_, row, col]
                if code == label:
                    lost += new[z, r, c] == 0
                elif code < label and new[z, r, c] != 0:
                    out[slice_, row, col] = label
    if lost == 0:
        return lost, neighbour
    top, bottom = (
        INDEX(max(corner[1] - 1, 0)),
        INDEX(min(corner[1] + new.shape[1] + 1, codes.shape[1])),
    )
    left, right = (
        INDEX(max(corner[2] - 1, 0)),
        INDEX(min(corner[2] + new.shape[2] + 1, codes.shape[2])),
    )
    front, back = (
        INDEX(max(corner[0] - 1, 0)),
        INDEX(min(corner[0] + new.shape[0] + 1, codes.shape[0])),
    )
    for z in range(front, back):
        for r in range(top, bottom):
            for c in range(left, right):
                code = types.int64(codes[z, r, c])
                if code < label and code != neighbour and _beside(codes, z, r, c, label):
                    if neighbour >= 0:
                        return lost, types.int64(-1)
                    neighbour = code
    return lost, neighbour


@kernel(
    lambda code: types.void(
        array(code, 3, readonly=True),
        _CODE,
        array(BYTE, 3, readonly=True),
        array(SIZE, readonly=True),
        array(types.int32, 3, readonly=True),
        array(SIZE, readonly=True),
        array(code, 3),
    )
)
@no_type_check
def _lose(codes, label, new, corner, near, low, out):
    # The earlier code nearest to each pixel, or one for all.
    single = near.size == 1
    neighbour = near[0, 0, 0]
    aside = INDEX(corner[2] - low[2])
    for z in range(INDEX(new.shape[0])):
        for r in range(INDEX(new.shape[1])):
            slice_, row = INDEX(corner[0]) + z, INDEX(corner[1]) + r
            for c in range(INDEX(new.shape[2])):
                if codes[slice_, row, INDEX(corner[2]) + c] == label and new[z, r, c] == 0:
                    if not single:
                        neighbour = near[slice_ - INDEX(low[0]), row - INDEX(low[1]), aside + c]
                    out[slice_, row, INDEX(corner[2]) + c] = neighbour


@kernel(
    lambda code: types.void(
        array(code, 3, readonly=True), _CODE, array(SIZE, readonly=True), array(types.int32, 3)
    )
)
@no_type_check
def _list(codes, label, low, near):
    # Earlier codes beside the label, -1 elsewhere.
    for z in range(INDEX(near.shape[0])):
        for r in range(INDEX(near.shape[1])):
            slice_, row = INDEX(low[0]) + z, INDEX(low[1]) + r
            for c in range(INDEX(near.shape[2])):
                code = types.int64(codes[slice_, row, INDEX(low[2]) + c])
                beside = code < label and _beside(codes, slice_, row, INDEX(low[2]) + c, label)
                near[z, r, c] = code if beside else types.int64(-1)
