"""Copies of objects put down where there is room."""

import math
from typing import Any, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, FLOAT, INDEX, SIZE, array, kernel
from ._objects import Group, Objects, find_objects

_SIZES = (*(0.75**step for step in range(9)), 0.0)  # of copies; the last is a pixel
_TRIES = 16  # places that are tried for each size


def stamp(
    objects: Objects,
    group: Group,
    model: int,
    ground: int,
    spacing: tuple[float, ...],
    rng: np.random.Generator,
    out: NDArray[Any],
) -> None:
    """Put a turned, perhaps mirrored copy of a group's object down in codes, if there is room.

    It lies wholly on pixels of the code `ground`, and touches none of its label. Where there is no
    room, a smaller copy is tried, at last a single pixel.
    """
    angle, mirror = rng.random(2).tolist()
    turn = math.cos(2 * math.pi * angle), math.sin(2 * math.pi * angle)
    picks = rng.random((len(_SIZES), _TRIES, 3))
    runs = objects.runs[group.runs][objects.owners[group.runs] == model]
    for size, places in zip(_SIZES, picks, strict=True):
        copy = _copy(runs, out.shape, size, turn, 1.0 if mirror < 0.5 else -1.0, spacing)
        centres = _spots(objects, ground, places, out.shape)
        if _place(out, group.label, ground, copy, centres):
            return


def _copy(
    runs: NDArray[np.int32],
    shape: tuple[int, ...],
    size: float,
    turn: tuple[float, float],
    mirror: float,
    spacing: tuple[float, ...],
) -> NDArray[np.intp]:
    """Return the runs of a copy around (0, 0, 0): slice, row, first column, column behind."""
    slices, rows = divmod(runs[:, 0].astype(np.intp), shape[1])
    table = np.column_stack([slices, rows, runs[:, 1:]])
    low = table[:, :3].min(axis=0)
    wide = np.array([*table[:, :2].max(axis=0) + 1, table[:, 3].max()]) - low
    if size * wide.max() < 1:
        return np.array([[0, 0, 0, 1]], np.intp)
    half = size * math.hypot(wide[1] * spacing[1], wide[2] * spacing[2]) / 2
    reach = [size * wide[0] / 2, half / spacing[1], half / spacing[2]]
    margins = [min(math.ceil(far), side) for far, side in zip(reach, shape, strict=True)]
    turned = np.zeros([2 * margin + 1 for margin in margins], np.uint8)
    model = np.zeros(wide, np.uint8)
    _turn(table, low, model, np.array(spacing), size, *turn, mirror, turned)
    pieces = find_objects(turned, 1)
    if not pieces.labels:
        return np.array([[0, 0, 0, 1]], np.intp)
    found = pieces.runs[pieces.owners == pieces.sizes.argmax()].astype(np.intp)
    slices, rows = divmod(found[:, 0], turned.shape[1])
    corner = np.array([*margins, margins[2]], np.intp)
    return np.column_stack([slices, rows, found[:, 1:]]) - corner


def _spots(
    objects: Objects, ground: int, places: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """Return the pixels (n, 3) that places (n, 3) of 0 to 1 stand for: of a label, or of all."""
    group = objects.group_of(ground)
    if group is None:
        return np.floor(places * shape).astype(np.intp)
    runs = objects.runs[group.runs].astype(np.intp)
    ends = np.cumsum(runs[:, 2] - runs[:, 1])
    pixels = np.floor(places[:, 0] * ends[-1]).astype(np.intp)
    which = np.searchsorted(ends, pixels, "right")
    slices, rows = divmod(runs[which, 0], shape[1])
    return np.column_stack([slices, rows, runs[which, 2] - (ends[which] - pixels)])


@kernel(
    types.void(
        array(SIZE, 2, readonly=True),
        array(SIZE, readonly=True),
        array(BYTE, 3),
        array(FLOAT, readonly=True),
        FLOAT,
        FLOAT,
        FLOAT,
        FLOAT,
        array(BYTE, 3),
    )
)
@no_type_check
def _turn(table, low, model, steps, size, along, across, mirror, turned):
    # Each pixel of the copy takes what lies at its place in the model.
    for k in range(INDEX(table.shape[0])):
        z, r = INDEX(table[k, 0] - low[0]), INDEX(table[k, 1] - low[1])
        for c in range(INDEX(table[k, 2] - low[2]), INDEX(table[k, 3] - low[2])):
            model[z, r, c] = 1
    slices, rows, cols = SIZE(model.shape[0]), SIZE(model.shape[1]), SIZE(model.shape[2])
    for z in range(INDEX(turned.shape[0])):
        from_z = (SIZE(z) - SIZE(turned.shape[0] // 2)) / size + 0.5 * slices
        if not 0.0 <= from_z < slices:
            continue
        for r in range(INDEX(turned.shape[1])):
            y = (SIZE(r) - SIZE(turned.shape[1] // 2)) * steps[1] / size
            for c in range(INDEX(turned.shape[2])):
                x = (SIZE(c) - SIZE(turned.shape[2] // 2)) * steps[2] / size
                from_r = (along * y + across * x) / steps[1] + 0.5 * rows
                from_c = mirror * (along * x - across * y) / steps[2] + 0.5 * cols
                if 0.0 <= from_r < rows and 0.0 <= from_c < cols:
                    turned[z, r, c] = model[INDEX(from_z), INDEX(from_r), INDEX(from_c)]


@kernel(
    lambda code: types.boolean(
        array(code, 3), SIZE, SIZE, array(SIZE, 2, readonly=True), array(SIZE, 2, readonly=True)
    )
)
@no_type_check
def _place(out, label, ground, copy, centres):
    slices, rows, cols = SIZE(out.shape[0]), SIZE(out.shape[1]), SIZE(out.shape[2])
    for i in range(INDEX(centres.shape[0])):
        z, r, c = centres[i, 0], centres[i, 1], centres[i, 2]
        fits = out[INDEX(z), INDEX(r), INDEX(c)] == ground
        for k in range(INDEX(copy.shape[0])):
            if not fits:
                break
            zz, rr = z + copy[k, 0], r + copy[k, 1]
            start, stop = c + copy[k, 2], c + copy[k, 3]
            fits = 0 <= zz < slices and 0 <= rr < rows and start >= 0 and stop <= cols
            if not fits:
                break
            for col in range(start, stop):
                fits &= out[INDEX(zz), INDEX(rr), INDEX(col)] == ground
            for around_z in range(max(zz - 1, 0), min(zz + 2, slices)):
                for around_r in range(max(rr - 1, 0), min(rr + 2, rows)):
                    for col in range(max(start - 1, 0), min(stop + 1, cols)):
                        fits &= out[INDEX(around_z), INDEX(around_r), INDEX(col)] != label
        if fits:
            for k in range(INDEX(copy.shape[0])):
                for col in range(c + copy[k, 2], c + copy[k, 3]):
                    out[INDEX(z + copy[k, 0]), INDEX(r + copy[k, 1]), INDEX(col)] = label
            return True
    return False
