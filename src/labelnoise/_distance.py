"""Boundaries placed to fractions of a pixel, and moved along their normals."""

import math
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, FLOAT, INDEX, SIZE, array, inline, kernel

_INT = types.int32
_RUNS = 2**16  # whose boundary is placed at once: between two calls a program can be interrupted
_SMOOTH = 3.0  # standard deviation of the smoothing that places a boundary, in pixels
_REACH = 7  # pixels that it looks at in each direction
_WEIGHTS: NDArray[np.int32] = np.rint(  # integers, whose sums no machine rounds
    4096 * np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SMOOTH) ** 2)
).astype(np.int32)


class Boundary(NamedTuple):
    """The boundary of a region with what is drawn earlier, one point for each pixel beside it.

    Attributes
    ----------
    pixels : (n, 3) intp array
        Pixels of the region that touch an earlier label or the background by an edge or a face.
    points : (n, 3) float64 array
        The nearest point of the smoothed boundary, in pixels; where the region is too thin to tell,
        the centre of the pixel.
    normals : (n, 3) float64 array
        The outward unit normal there, in the unit of spacing; 0 where the region is too thin.
    pitches : (n,) float64 array
        Distance of the pixel and the nearest one outside the region; 0 where there is a normal.
    depths : (n,) float64 array
        Where in that distance the boundary lies, from 0 to 1.
    """

    pixels: NDArray[np.intp]
    points: NDArray[np.float64]
    normals: NDArray[np.float64]
    pitches: NDArray[np.float64]
    depths: NDArray[np.float64]


def place_boundary(
    codes: NDArray[Any],
    label: int,
    runs: NDArray[np.int32],
    spacing: tuple[float, ...],
) -> Boundary:
    """Find the boundary of a label in codes (slices, rows, columns), with depths of one half."""
    size, n = 4 * len(runs) + 64, 0
    pixels, points, normals = np.empty((size, 3), np.intp), np.empty((size, 3)), np.empty((size, 3))
    pitches = np.empty(size)
    found = pixels, points, normals, pitches
    steps = np.array(spacing)
    for first in range(0, len(runs), _RUNS):
        some = runs[first : first + _RUNS]
        while True:
            count = _place(codes, label, some, steps, _WEIGHTS, *(each[n:] for each in found))
            if n + count <= len(pitches):
                break
            for each in found:
                each.resize((2 * (n + count), *each.shape[1:]), refcheck=False)
        n += count
    return Boundary(pixels[:n], points[:n], normals[:n], pitches[:n], np.full(n, 0.5))


def move_boundary(
    codes: NDArray[Any],
    label: int,
    boundary: Boundary,
    distance: float | NDArray[np.float64],
    box: tuple[int, ...],
    spacing: tuple[float, ...],
) -> tuple[NDArray[np.bool_], tuple[int, ...]]:
    """Return the mask of a label whose boundary has moved outwards, and the box that it covers."""
    moves = np.full(len(boundary.points), distance, np.float64)
    steps = np.array(spacing)
    farthest = float(np.abs(moves).max(initial=0.0)) + 2 * max(spacing)
    margins = np.ceil(np.minimum(max(moves.max(initial=0.0), 0.0) / steps, max(codes.shape))) + 1
    low = np.maximum(np.array(box[::2]) - margins, 0).astype(np.intp)
    high = np.minimum(np.array(box[1::2]) + margins, codes.shape).astype(np.intp)
    sites = np.full(high - low, -1, np.int32)
    sites[tuple((boundary.pixels - low).T)] = np.arange(len(moves))
    spread(sites, spacing, farthest)
    mask = np.empty(sites.shape, np.uint8)
    _move(codes, label, sites, low, *boundary, moves, steps, mask)
    return mask.view(np.bool_), tuple(np.stack([low, high], axis=1).ravel().tolist())


def spread(sites: NDArray[np.int32], spacing: tuple[float, ...], reach: float = math.inf) -> None:
    """Give each pixel of an array (slices, rows, columns) the value of the nearest site, in place.

    Sites are what is not negative. Pixels farther than `reach` from all of them stay negative.
    """
    costs = np.empty(sites.shape, np.float32)
    slices, rows, cols = sites.shape
    shapes = (slices, rows, cols), (1, slices, rows * cols), (slices * rows, cols, 1)
    for shape, step in zip(shapes, (spacing[1], spacing[0], spacing[2]), strict=True):
        if shape[1] > 1 or shape is shapes[0]:
            first = shape is shapes[0]
            _spread(costs.reshape(shape), sites.reshape(shape), first, step, reach * reach)


@kernel(types.void(array(types.float32, 3), array(_INT, 3), types.boolean, FLOAT, FLOAT))
@no_type_check
def _spread(costs, sites, first, step, limit):
    # Along each line of the middle axis, the lower envelope of the parabolas that stand on its
    # pixels (Felzenszwalb and Huttenlocher, 2012). Before the first pass, costs are not read.
    length = INDEX(costs.shape[1])
    one, square = INDEX(1), step * step
    feet = np.empty(length, np.intp)
    starts = np.empty(length + one, np.float64)
    heights = np.empty(length, np.float64)
    values = np.empty(length, np.int32)
    for a in range(INDEX(costs.shape[0])):
        for b in range(INDEX(costs.shape[2])):
            n = INDEX(0)
            for i in range(length):
                if sites[a, i, b] < 0:
                    continue
                height = 0.0 if first else FLOAT(costs[a, i, b])
                start = -math.inf
                while n > INDEX(0):
                    foot = feet[n - one]
                    gap = FLOAT(SIZE(i) - foot)
                    start = FLOAT(foot) + 0.5 * (gap + (height - heights[n - one]) / (square * gap))
                    if start > starts[n - one]:
                        break
                    n -= one
                    start = -math.inf
                feet[n], starts[n], heights[n] = i, start, height
                values[n] = sites[a, i, b]
                n += one
            starts[n] = math.inf
            last = FLOAT(length) - 1.0
            for k in range(n):
                foot = FLOAT(feet[k])
                width = math.sqrt(max(limit - heights[k], 0.0)) / step  # heights are rounded
                low = math.ceil(max(starts[k], foot - width, 0.0))
                high = math.floor(min(starts[k + one], foot + width, last))
                for i in range(INDEX(low), INDEX(max(high + 1.0, low))):
                    gap = (FLOAT(i) - foot) * step
                    costs[a, i, b], sites[a, i, b] = heights[k] + gap * gap, values[k]


@inline
@no_type_check
def _clip(i, n):
    return INDEX(min(max(i, 0), n - 1))


@kernel(
    lambda code: SIZE(
        array(code, 3, readonly=True),
        SIZE,
        array(_INT, 2, readonly=True),
        array(FLOAT, readonly=True),
        array(_INT, readonly=True),
        array(SIZE, 2),
        array(FLOAT, 2),
        array(FLOAT, 2),
        array(FLOAT),
    )
)
@no_type_check
def _place(codes, label, table, steps, weights, pixels, points, normals, pitches):
    # A pixel's smoothed share of the region, the direction in which that falls and its curvature
    # tell how far the boundary is; it passes between the pixel and the next. Where the share falls
    # much more slowly than across a straight edge, the region is too thin to tell, and the pixel
    # itself stands for its boundary. Beyond the border lies more of the same. Returns the number of
    # points.
    slices, rows, cols = SIZE(codes.shape[0]), SIZE(codes.shape[1]), SIZE(codes.shape[2])
    reach = SIZE(weights.size // 2)
    deep, dimensions = (reach, 3.0) if slices > 1 else (0, 2.0)
    whole, square = 0.0, 0.0
    firsts, seconds = np.empty_like(weights), np.empty_like(weights)
    for i in range(weights.size):
        firsts[i], seconds[i] = weights[i] * (i - reach), weights[i] * (i - reach) ** 2
        whole += weights[i]
        square += seconds[i]
    variance = square / whole
    total = whole**dimensions
    capacity = SIZE(points.shape[0])
    n = SIZE(0)
    for k in range(INDEX(table.shape[0])):
        z, r = SIZE(table[k, 0]) // rows, SIZE(table[k, 0]) % rows
        start, stop = SIZE(table[k, 1]), SIZE(table[k, 2])
        line = codes[INDEX(z), INDEX(r)]
        above, below = codes[INDEX(z), _clip(r - 1, rows)], codes[INDEX(z), _clip(r + 1, rows)]
        before = codes[_clip(z - 1, slices), INDEX(r)]
        behind = codes[_clip(z + 1, slices), INDEX(r)]
        mine = line[INDEX(start)]  # the label, in the type of the codes
        for c in range(start, stop):
            col = INDEX(c)
            if not (
                above[col] < mine
                or below[col] < mine
                or before[col] < mine
                or behind[col] < mine
                or (c == start and line[_clip(c - 1, cols)] < mine)
                or (c == stop - 1 and line[_clip(c + 1, cols)] < mine)
            ):
                continue
            if n < capacity:
                share, along_z, along_r, along_c, spread = 0.0, 0.0, 0.0, 0.0, 0.0
                near = c < reach or c + reach >= cols
                for dz in range(-deep, deep + 1):
                    weight_z = FLOAT(weights[INDEX(dz + reach)]) if deep > 0 else 1.0
                    zz = _clip(z + dz, slices)
                    for dr in range(-reach, reach + 1):
                        rr = _clip(r + dr, rows)
                        zeroth, first, second = _INT(0), _INT(0), _INT(0)
                        for i in range(INDEX(weights.size)):
                            at = _clip(c + SIZE(i) - reach, cols) if near else INDEX(c - reach) + i
                            inside = _INT(codes[zz, rr, at] >= mine)
                            zeroth = _INT(zeroth + inside * weights[i])
                            first = _INT(first + inside * firsts[i])
                            second = _INT(second + inside * seconds[i])
                        weight = weight_z * FLOAT(weights[INDEX(dr + reach)])
                        share += weight * FLOAT(zeroth)
                        along_c -= weight * FLOAT(first)
                        along_r -= weight * FLOAT(zeroth) * FLOAT(dr)
                        along_z -= weight * FLOAT(zeroth) * FLOAT(dz)
                        spread += weight * (
                            FLOAT(zeroth) * FLOAT(dr * dr + dz * dz) + FLOAT(second)
                        )
                pixels[n, 0], pixels[n, 1], pixels[n, 2] = z, r, c
                points[n, 0], points[n, 1], points[n, 2] = z, r, c
                normals[n, 0], normals[n, 1], normals[n, 2] = 0.0, 0.0, 0.0
                pitches[n] = 0.0
                slope = math.sqrt(along_z**2 + along_r**2 + along_c**2)
                if slope < 0.85 * 0.4 * total * math.sqrt(variance):
                    pitches[n] = math.inf
                    if before[col] < mine or behind[col] < mine:
                        pitches[n] = steps[0]
                    if above[col] < mine or below[col] < mine:
                        pitches[n] = min(pitches[n], steps[1])
                    if line[_clip(c - 1, cols)] < mine or line[_clip(c + 1, cols)] < mine:
                        pitches[n] = min(pitches[n], steps[2])
                else:
                    bend = (dimensions * share - spread / variance) / slope
                    ratio = (share - 0.5 * total) * math.sqrt(variance) / slope
                    out = ratio / (1.0 + ratio * ratio / 3.0) * math.sqrt(variance)
                    out = min(max(0.5 * (out + bend * variance), 0.02), 0.98) / slope
                    points[n, 0] += out * along_z
                    points[n, 1] += out * along_r
                    points[n, 2] += out * along_c
                    along_z, along_r, along_c = (
                        along_z / steps[0],
                        along_r / steps[1],
                        along_c / steps[2],
                    )
                    slope = math.sqrt(along_z**2 + along_r**2 + along_c**2)
                    normals[n, 0], normals[n, 1], normals[n, 2] = (
                        along_z / slope,
                        along_r / slope,
                        along_c / slope,
                    )
            n += 1
    return n


@kernel(
    lambda code: types.void(
        array(code, 3, readonly=True),
        SIZE,
        array(_INT, 3, readonly=True),
        array(SIZE, readonly=True),
        array(SIZE, 2, readonly=True),
        array(FLOAT, 2, readonly=True),
        array(FLOAT, 2, readonly=True),
        array(FLOAT, readonly=True),
        array(FLOAT, readonly=True),
        array(FLOAT, readonly=True),
        array(FLOAT, readonly=True),
        array(BYTE, 3),
    )
)
@no_type_check
def _move(codes, label, sites, low, pixels, points, normals, pitches, depths, moves, steps, mask):
    # A pixel's distance is taken along the normal; what it lies farther to the side than its
    # neighbours in the boundary do counts besides, so that corners are round.
    pitch = min(steps[1], steps[2])
    side = 0.75 * max(steps[1], steps[2])
    for z in range(INDEX(mask.shape[0])):
        for r in range(INDEX(mask.shape[1])):
            line = codes[INDEX(low[0]) + z, INDEX(low[1]) + r, low[2] :]
            near, new = sites[z, r], mask[z, r]
            for c in range(INDEX(new.size)):
                new[c] = line[c] == label
            for c in range(INDEX(new.size)):
                site = near[c]
                if site < 0 or line[c] > label:
                    continue
                inside = line[c] == label
                k = INDEX(site)
                move = moves[k]
                if move == 0.0 or (move < 0.0) != inside:
                    continue
                y = (SIZE(z) + low[0] - points[k, 0]) * steps[0]
                x = (SIZE(r) + low[1] - points[k, 1]) * steps[1]
                w = (SIZE(c) + low[2] - points[k, 2]) * steps[2]
                away = y * y + x * x + w * w
                along = y * normals[k, 0] + x * normals[k, 1] + w * normals[k, 2]
                if pitches[k] > 0.0:
                    distance = math.sqrt(away)
                    if inside:
                        distance += depths[k] * pitches[k]
                    else:  # of the steps from the pixel, the first crosses the boundary
                        far = max(
                            abs(SIZE(z) + low[0] - pixels[k, 0]),
                            abs(SIZE(r) + low[1] - pixels[k, 1]),
                            abs(SIZE(c) + low[2] - pixels[k, 2]),
                        )
                        distance *= 1.0 - depths[k] / FLOAT(far)
                else:
                    lateral = away - along * along
                    distance = max(-along if inside else along, 0.02 * pitch)
                    if lateral > side * side:
                        distance = math.sqrt(distance**2 + (math.sqrt(lateral) - side) ** 2)
                if not inside and distance < 0.42 * pitch:  # places are too near the middle of gaps
                    distance *= distance / (0.42 * pitch)
                if distance <= abs(move):
                    new[c] = not inside
