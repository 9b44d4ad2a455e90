"""Contours filled together, as they are or stretched on the way."""

import copy
import math
from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._chains import Chains
from ._contours import Contours, contour_parts
from ._kernel import BYTE, FLOAT, INDEX, SIZE, array, inline, kernel

Box = tuple[int, ...]
_SKIPPED = 2**16  # draws at once


def fill_contours(
    contours: Contours, box: Box, shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], Box]:
    """Return the pixels whose centres the contours enclose, and the box that the mask covers.

    Enclosed is what has a positive winding number: outer contours that overlap merge, holes are
    left out wherever they lie, and what an outer contour encloses inside a hole is filled again.
    The box is the given one, or larger where contours leave it, within the shape.
    """
    canvas = _Canvas((*box[:2], *_bound(contours.points, *box[2:], *shape[1:])))
    canvas.add(_mark, *contours[:3])
    return canvas.filled()


def simplify_contours(
    chains: Chains,
    box: Box,
    spacing: tuple[float, ...],
    rng: np.random.Generator,
    tolerance: float,
) -> NDArray[np.bool_]:
    """Return the mask, in a box, of the contours of a label with few points.

    The way round each is divided first at a random point, as `Contours.simplified` says.
    """
    canvas = _Canvas(box)
    for contours in contour_parts(chains):
        few = contours.simplified(tolerance, rng.random(len(contours.stops)), spacing)
        canvas.add(_mark, *few[:3])
    return canvas.filled()[0]


def stretch_contours(
    chains: Chains,
    box: Box,
    spacing: tuple[float, ...],
    rng: np.random.Generator,
    sigma: float,
    knots: int,
) -> tuple[NDArray[np.bool_], Box]:
    """Move the contours of a label away from the centres of their bounding boxes, and fill them.

    How far is told by a periodic cubic spline through normal draws at `knots` places, evenly spaced
    along each contour, the first at a random distance behind its first point. A point that should
    move towards the centre by more than its distance to it stops there, so a contour can shrink to
    nothing but not turn over. Points that stay do not move. The result is that of `fill_contours`.
    """
    from scipy.ndimage import spline_filter1d

    parts = iter(chains)
    part = next(parts)
    count = len(part.stops) + sum(len(more.stops) for more in parts)
    first, canvas = rng, None
    if count > len(part.stops):  # all phases are drawn before all displacements
        first = copy.deepcopy(rng)
        for start in range(0, count, _SKIPPED):
            rng.random(min(count - start, _SKIPPED))
        canvas = _Canvas((*box[:2], 0, chains.shape[1], 0, chains.shape[2]))
    for each in [part] if canvas is None else chains:
        phases = first.random(len(each.stops))
        draws = sigma * rng.standard_normal((len(each.stops), knots))
        weights = spline_filter1d(draws, axis=1, mode="grid-wrap")
        canvas = canvas or _Canvas(_grown(box, chains.shape, _reach(weights), spacing))
        canvas.add(_stretch, *each, weights, phases, *spacing[-2:])
    assert canvas
    return canvas.filled()


def _grown(box: Box, shape: tuple[int, ...], reach: float, spacing: tuple[float, ...]) -> Box:
    front, back, top, bottom, left, right = box
    down, across = reach / spacing[1], reach / spacing[2]
    rows = math.floor(max(top - down, 0)), math.ceil(min(bottom + down, shape[1]))
    columns = math.floor(max(left - across, 0)), math.ceil(min(right + across, shape[2]))
    return front, back, *rows, *columns


class _Canvas:
    """The changes of the winding number along the rows of a box, then the mask of what is inside.

    A byte holds the changes at a pixel as long as few contours meet there.
    """

    def __init__(self, box: Box) -> None:
        self._box = front, back, top, bottom, left, right = box
        width = (right - left + 7) & ~7  # rows of whole words
        self._changes: NDArray[Any] = np.zeros((back - front, bottom - top, width), np.int8)

    def add(self, mark: Callable[..., int], *contours: Any) -> None:
        """Mark where contours pass, by a kernel that tells the largest number that it writes."""
        front, _, top, _, left, right = self._box
        place = front, top, left, right
        if mark(self._changes, 1, *place, *contours) > 127 and self._changes.itemsize == 1:
            mark(self._changes, -1, *place, *contours)  # bytes are what they were
            self._changes = self._changes.astype(np.int32)
            mark(self._changes, 1, *place, *contours)

    def filled(self) -> tuple[NDArray[np.bool_], Box]:
        """Return the mask and its box; the canvas is used up."""
        mask = self._changes
        if mask.itemsize == 1:
            _add_up(mask, mask.view(np.uint64))
        else:
            _add_up(mask, np.empty((0, 0, 0), np.uint64))
            mask = (mask > 0).view(np.int8)
        left, right = self._box[4:]
        return mask.view(np.bool_)[..., : right - left], self._box


@kernel(types.UniTuple(SIZE, 4)(array(FLOAT, 2, readonly=True), SIZE, SIZE, SIZE, SIZE, SIZE, SIZE))
@no_type_check
def _bound(points, first_row, last_row, first_col, last_col, rows, cols):
    # Grow limits to hold the points, within a shape.
    top, bottom, left, right = FLOAT(rows), 0.0, FLOAT(cols), 0.0
    for i in range(INDEX(points.shape[0])):
        top, bottom = min(top, points[i, 0]), max(bottom, points[i, 0])
        left, right = min(left, points[i, 1]), max(right, points[i, 1])
    return (
        min(first_row, SIZE(math.floor(max(top, 0.0)))),
        max(last_row, SIZE(math.ceil(min(bottom + 1.0, FLOAT(rows))))),
        min(first_col, SIZE(math.floor(max(left, 0.0)))),
        max(last_col, SIZE(math.ceil(min(right + 1.0, FLOAT(cols))))),
    )


@kernel(FLOAT(array(FLOAT, 2, readonly=True)))
@no_type_check
def _reach(weights):
    # No spline with these weights exceeds the control points of its pieces.
    one, knots = INDEX(1), INDEX(weights.shape[1])
    reach = 0.0
    for m in range(INDEX(weights.shape[0])):
        for k in range(knots):
            a, b = weights[m, (k + knots - one) % knots], weights[m, k]
            c = weights[m, (k + one) % knots]
            at_knot, between = (a + 4.0 * b + c) / 6.0, max(2.0 * b + c, b + 2.0 * c) / 3.0
            reach = max(reach, at_knot, between)
    return reach


@inline
@no_type_check
def _first_row(y, top, rows):
    # The first row whose centre line lies at or below a point.
    return SIZE(math.ceil(min(max(y, FLOAT(top)), FLOAT(top + rows))))


@inline
@no_type_check
def _path(mask, z, top, left, right, sign, points, origin, start, stop):
    # Each time the way from the point `origin` along the other points passes the centre line of a
    # row, the winding number of the pixels to the right changes by one. Returns the largest number
    # that is written.
    rows = SIZE(mask.shape[1])
    most = 0
    y, x = points[origin, 0], points[origin, 1]
    after = _first_row(y, top, rows)
    for i in range(start, stop):
        y_before, x_before, before = y, x, after
        y, x = points[i, 0], points[i, 1]
        after = _first_row(y, top, rows)
        if before == after:
            continue
        slope = (x - x_before) / (y - y_before)
        change = sign if after < before else -sign
        for row in range(min(before, after), max(before, after)):
            cross = x_before + (FLOAT(row) - y_before) * slope
            col = SIZE(math.ceil(min(max(cross, FLOAT(left)), FLOAT(right))))
            if col < right:
                cell = SIZE(mask[z, INDEX(row - top), INDEX(col - left)]) + change
                mask[z, INDEX(row - top), INDEX(col - left)] = cell
                most = max(most, abs(cell))
    return most


@kernel(
    lambda cell: SIZE(
        array(cell, 3),
        SIZE,
        SIZE,
        SIZE,
        SIZE,
        SIZE,
        array(SIZE, readonly=True),
        array(INDEX, readonly=True),
        array(FLOAT, 2, readonly=True),
    )
)
@no_type_check
def _mark(mask, sign, front, top, left, right, slices, stops, points):
    most = 0
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        z = INDEX(slices[m] - front)
        last = stops[m]
        cell = _path(mask, z, top, left, right, sign, points, last - INDEX(1), first, last)
        most = max(most, cell)
        first = last
    return most


@inline
@no_type_check
def _length(way, other, height, width, diagonal):
    # From the middle of one edge to that of the next.
    if way != other:
        return diagonal
    return width if way & 1 else height


@kernel(
    lambda cell: SIZE(
        array(cell, 3),
        SIZE,
        SIZE,
        SIZE,
        SIZE,
        SIZE,
        array(SIZE, 2, readonly=True),
        array(INDEX, readonly=True),
        array(BYTE, readonly=True),
        array(FLOAT, 2, readonly=True),
        array(FLOAT, readonly=True),
        FLOAT,
        FLOAT,
    )
)
@no_type_check
def _stretch(
    mask, sign, front, top, left, right, heads, stops, steps, weights, phases, height, width
):
    zero, one, knots = INDEX(0), INDEX(1), INDEX(weights.shape[1])
    diagonal = 0.5 * math.sqrt(height * height + width * width)
    cubics = np.empty((knots, 4))
    block = INDEX(min(steps.size, 1024))
    points = np.empty((block + one, 2))
    y_first, x_first = 0.0, 0.0
    most = 0
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        z = INDEX(heads[m, 0] - front)
        for k in range(knots):
            a, b = weights[m, (k + knots - one) % knots], weights[m, k]
            c, d = weights[m, (k + one) % knots], weights[m, (k + one + one) % knots]
            cubics[k, 0] = (a + 4.0 * b + c) / 6.0
            cubics[k, 1] = (c - a) / 2.0
            cubics[k, 2] = (a - 2.0 * b + c) / 2.0
            cubics[k, 3] = (d - a + 3.0 * (b - c)) / 6.0
        # Walk from corner to corner of the pixels; a point is the middle of each edge.
        corner_row, corner_col = FLOAT(heads[m, 1]) + 0.5, FLOAT(heads[m, 2]) - 0.5
        low, high, near, far = corner_row, corner_row, corner_col, corner_col
        length = 0.0
        way = SIZE(steps[stops[m] - one] & 3)
        for i in range(first, stops[m]):
            way_before, way = way, SIZE(steps[i] & 3)
            length += _length(way, way_before, height, width, diagonal)
            if way & 1:
                corner_col += FLOAT(2 - way)
                near, far = min(near, corner_col), max(far, corner_col)
            else:
                corner_row += FLOAT(way - 1)
                low, high = min(low, corner_row), max(high, corner_row)
        centre_row, centre_col = 0.5 * (low + high), 0.5 * (near + far)
        scale, travelled, phase = FLOAT(knots) / length, 0.0, phases[m]
        begin = first
        while begin < stops[m]:
            count = min(stops[m] - begin, block)
            for i in range(count):
                step = steps[begin + i]
                way_before, way = way, SIZE(step & 3)
                y, x = corner_row, corner_col
                if way & 1:
                    x += 0.5 * FLOAT(2 - way)
                    corner_col += FLOAT(2 - way)
                else:
                    y += 0.5 * FLOAT(way - 1)
                    corner_row += FLOAT(way - 1)
                if begin + i > first:
                    travelled += _length(way, way_before, height, width, diagonal)
                if step < 4:
                    t = travelled * scale + phase
                    k = INDEX(t)
                    t -= FLOAT(k)
                    if k >= knots:
                        k -= knots
                    offset = cubics[k, 2] + t * cubics[k, 3]
                    offset = cubics[k, 0] + t * (cubics[k, 1] + t * offset)
                    down, across = y - centre_row, x - centre_col
                    tall, wide = down * height, across * width
                    distance = math.sqrt(tall * tall + wide * wide)
                    if distance > 0.0:
                        change = max(offset / distance, -1.0)
                        y += change * down
                        x += change * across
                points[i + one, 0], points[i + one, 1] = y, x
            if begin == first:
                y_first, x_first = points[one, 0], points[one, 1]
                points[0, 0], points[0, 1] = y_first, x_first
            most = max(most, _path(mask, z, top, left, right, sign, points, zero, one, count + one))
            points[0, 0], points[0, 1] = points[count, 0], points[count, 1]
            begin += count
        points[one, 0], points[one, 1] = y_first, x_first
        most = max(most, _path(mask, z, top, left, right, sign, points, zero, one, one + one))
        first = stops[m]
    return most


@kernel(lambda cell: types.void(array(cell, 3), array(types.uint64, 3)))
@no_type_check
def _add_up(mask, words):
    # Changes along the rows become whether the winding number is positive. Words without a change
    # are passed at once; without words, cells are looked at one by one.
    for z in range(INDEX(mask.shape[0])):
        for row in range(INDEX(mask.shape[1])):
            winding = 0
            if words.size == 0:
                for col in range(INDEX(mask.shape[2])):
                    winding += mask[z, row, col]
                    mask[z, row, col] = winding > 0
                continue
            for w in range(INDEX(words.shape[2])):
                if words[z, row, w] == 0:
                    if winding > 0:
                        words[z, row, w] = types.uint64(0x0101010101010101)
                    continue
                for col in range(w << INDEX(3), (w + INDEX(1)) << INDEX(3)):
                    winding += mask[z, row, col]
                    mask[z, row, col] = winding > 0
