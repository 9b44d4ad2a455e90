"""Regions as contours: closed curves half way between a pixel of a label and its neighbours."""

import math
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, FLOAT, INDEX, SIZE, array, inline, kernel

_INT = types.int32


class Contours(NamedTuple):
    """Contours of one label, in the order of their first pixels.

    Attributes
    ----------
    slices : (n,) intp array
        Slice that each contour lies in.
    stops : (n,) uintp array
        Where the points of each contour end in `points`; they begin where those before them end.
    points : (m, 2) float64 array
        Row and column of each point, pixel centres at integers. Successive points lie on
        successive pixel edges of the boundary; the label lies to the right of the way, so outer
        contours run clockwise on the screen and the contours of holes anticlockwise.
    fixed : (m,) uint8 array
        1 where the point stays: at the border of the array, and where the label across is drawn
        later or not at all.
    """

    slices: NDArray[np.intp]
    stops: NDArray[np.uintp]
    points: NDArray[np.float64]
    fixed: NDArray[np.uint8]

    def stretched(
        self,
        offsets: NDArray[np.float64],
        phases: NDArray[np.float64],
        spacing: tuple[float, ...],
    ) -> "Contours":
        """Move the points, in place, away from the centre of the bounding box of their contour.

        How far is told by a periodic cubic spline through `offsets`, an array (contours, knots),
        its knots evenly spaced along each contour; the first point lies `phases` behind the first
        knot, in distances of knots. A point that should move towards the centre by more than its
        distance to it stops there, so a contour can shrink to nothing but not turn over.
        """
        from scipy.ndimage import spline_filter1d

        weights = spline_filter1d(offsets, axis=1, mode="grid-wrap")
        _stretch(self.stops, self.points, self.fixed, weights, phases, *spacing[-2:])
        return self

    def simplified(
        self, tolerance: float, phases: NDArray[np.float64], spacing: tuple[float, ...]
    ) -> "Contours":
        """Leave out points, so that all lie within a distance of the polygon through the others.

        Points that stay are kept. Without them, the way round a contour is divided first at the
        point `phases` of the way behind the first one. At least three points are kept, and outer
        contours stay outer ones.
        """
        kept = np.empty(len(self.points), np.bool_)
        _simplify(
            self.stops,
            self.points,
            self.fixed,
            phases,
            tolerance,
            *spacing[-2:],
            kept.view(np.uint8),
        )
        stops = np.cumsum(kept)[self.stops.astype(np.intp) - 1].astype(np.uintp)
        few = Contours(self.slices, stops, self.points[kept], self.fixed[kept])
        starts = np.append(0, stops[:-1]).astype(np.intp)
        for turned in np.flatnonzero(self._areas() * few._areas() < 0).tolist():
            way = slice(starts[turned], int(stops[turned]))
            few.points[way], few.fixed[way] = few.points[way][::-1], few.fixed[way][::-1]
        return few

    def _areas(self) -> NDArray[np.float64]:
        """Return twice the area of each contour, positive for outer ones."""
        stops = self.stops.astype(np.intp)
        starts = np.append(0, stops[:-1])
        after = np.arange(1, len(self.points) + 1)
        after[stops - 1] = starts
        (y, x), (down, right) = self.points.T, self.points[after].T
        return np.add.reduceat(x * down - right * y, starts)


def trace_contours(codes: NDArray[Any], label: int, runs: NDArray[np.int32]) -> Contours:
    """Follow every contour of a label in codes (slices, rows, columns), those of holes too.

    The pixels of a label are connected by edges and corners, all others by edges only.
    """
    first = int(runs[0, 0])
    slices, stops = np.empty(len(runs), np.intp), np.empty(len(runs), np.uintp)
    size = 8 * len(runs) + 256
    while True:
        points, fixed = np.empty((size, 2)), np.empty(size, np.uint8)
        notes = np.zeros(int(runs[-1, 0]) - first + 1 + len(runs), np.uintp)
        count, n = _trace(codes, label, runs, notes, slices, stops, points, fixed)
        if n <= size:
            return Contours(slices[:count], stops[:count], points[:n], fixed[:n])
        size = n


def fill_contours(
    contours: Contours, box: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], tuple[int, ...]]:
    """Return the pixels whose centres the contours enclose, and the box that the mask covers.

    Enclosed is what has a positive winding number: outer contours that overlap merge, holes are
    left out wherever they lie, and what an outer contour encloses inside a hole is filled again.
    The box is the given one, or larger where contours leave it, within the shape.
    """
    front, back, *limits = box
    top, bottom, left, right = _bound(contours.points, *limits, *shape[1:])
    width = (right - left + 7) & ~7  # rows of whole words
    mask = np.zeros((back - front, bottom - top, width), np.int8)
    if _fill(mask, mask.view(np.uint64), front, top, left, right, *contours[:3]):
        wide = np.zeros(mask.shape, np.int32)  # many contours cross one pixel
        _fill(wide, np.empty((0, 0, 0), np.uint64), front, top, left, right, *contours[:3])
        mask = (wide > 0).view(np.int8)
    return mask.view(np.bool_)[..., : right - left], (front, back, top, bottom, left, right)


@inline
@no_type_check
def _across(codes, z, r, c, label):
    # The code of a pixel; beyond the border lies what stays.
    if r < 0 or c < 0 or r >= codes.shape[1] or c >= codes.shape[2]:
        return SIZE(label + 1)
    return SIZE(codes[z, INDEX(r), INDEX(c)])


@kernel(
    lambda code: types.UniTuple(SIZE, 2)(
        array(code, 3, readonly=True),
        SIZE,
        array(_INT, 2, readonly=True),
        array(INDEX),
        array(SIZE),
        array(INDEX),
        array(FLOAT, 2),
        array(BYTE),
    )
)
@no_type_check
def _trace(codes, label, table, notes, slices, stops, points, fixed):
    # Returns the numbers of contours and of points, also when `points` is too short to hold them.
    # Each contour goes up the left side of at least one run: contours start there, and the runs
    # that they pass on the way up are marked in `notes`, behind the first run of each row.
    capacity = points.shape[0]
    height = SIZE(codes.shape[1])
    top = SIZE(table[0, 0])
    rows = INDEX(notes.size - table.shape[0])
    row = top
    for k in range(INDEX(table.shape[0])):
        while row <= table[k, 0]:
            notes[INDEX(row - top)] = k
            row += 1
    count, n = 0, INDEX(0)
    for k in range(INDEX(table.shape[0])):
        if notes[rows + k] != 0:
            continue
        # (r, c) is the pixel to the right of the way, `across` the one to the left, and
        # (down, right) the direction.
        z = INDEX(SIZE(table[k, 0]) // height)
        base = SIZE(z) * height
        row, start = SIZE(table[k, 0]) - base, SIZE(table[k, 1])
        r, c, down, right = row, start, -1, 0
        across = _across(codes, z, r, c - 1, label)
        while True:
            if n < capacity:
                points[n, 0] = r - 0.5 * right
                points[n, 1] = c + 0.5 * down
                fixed[n] = across > label
            n += INDEX(1)
            if down == -1:
                m = notes[INDEX(base + r - top)]
                while table[m, 1] != c:
                    m += INDEX(1)
                notes[rows + m] = 1
            r_ahead, c_ahead = r + down, c + right
            r_left, c_left = r_ahead - right, c_ahead + down
            left = _across(codes, z, r_left, c_left, label)
            if left == label:
                r, c = r_left, c_left
                down, right = -right, down
            else:
                ahead = _across(codes, z, r_ahead, c_ahead, label)
                if ahead == label:
                    r, c, across = r_ahead, c_ahead, left
                else:
                    down, right, across = right, -down, ahead
            if r == row and c == start and down == -1:
                break
        slices[INDEX(count)], stops[INDEX(count)] = z, n
        count += 1
    return count, SIZE(n)


@inline
@no_type_check
def _step(y, x, row, col, height, width, diagonal):
    # Length of the way from one edge of a pixel to the next.
    if y == row:
        return width
    return height if x == col else diagonal


@kernel(
    types.void(
        array(INDEX, readonly=True),
        array(FLOAT, 2),
        array(BYTE, readonly=True),
        array(FLOAT, 2, readonly=True),
        array(FLOAT, readonly=True),
        FLOAT,
        FLOAT,
    )
)
@no_type_check
def _stretch(stops, points, fixed, coefficients, phases, height, width):
    one, knots = INDEX(1), INDEX(coefficients.shape[1])
    diagonal = 0.5 * math.sqrt(height * height + width * width)
    cubics = np.empty((knots, 4))
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        for k in range(knots):
            a, b = coefficients[m, (k + knots - one) % knots], coefficients[m, k]
            c, d = coefficients[m, (k + one) % knots], coefficients[m, (k + one + one) % knots]
            cubics[k, 0] = (a + 4.0 * b + c) / 6.0
            cubics[k, 1] = (c - a) / 2.0
            cubics[k, 2] = (a - 2.0 * b + c) / 2.0
            cubics[k, 3] = (d - a + 3.0 * (b - c)) / 6.0
        last = stops[m] - one
        y, x = points[last, 0], points[last, 1]
        top, bottom, left, right = y, y, x, x
        length = 0.0
        for i in range(first, stops[m]):
            length += _step(y, x, points[i, 0], points[i, 1], height, width, diagonal)
            y, x = points[i, 0], points[i, 1]
            top, bottom = min(top, y), max(bottom, y)
            left, right = min(left, x), max(right, x)
        centre_row, centre_col = 0.5 * (top + bottom), 0.5 * (left + right)
        y, x = points[first, 0], points[first, 1]
        scale, travelled = FLOAT(knots) / length, 0.0
        for i in range(first, stops[m]):
            row, col = points[i, 0], points[i, 1]
            if i > first:
                travelled += _step(y, x, row, col, height, width, diagonal)
            y, x = row, col
            if fixed[i] != 0:
                continue
            t = travelled * scale + phases[m]
            k = INDEX(t)
            t -= FLOAT(k)
            if k >= knots:
                k -= knots
            offset = cubics[k, 2] + t * cubics[k, 3]
            offset = cubics[k, 0] + t * (cubics[k, 1] + t * offset)
            row, col = y - centre_row, x - centre_col
            down, across = row * height, col * width
            distance = math.sqrt(down * down + across * across)
            if distance > 0.0:
                change = max(offset / distance, -1.0)
                points[i, 0] += change * row
                points[i, 1] += change * col
        first = stops[m]


@inline
@no_type_check
def _around(i, last, n):
    # A point of a contour, counted on from any other.
    return i - n if i >= last else i


@inline
@no_type_check
def _apart(points, i, a, b, height, width):
    # Square of the distance of a point from the line that ends at two others.
    y, x = (points[i, 0] - points[a, 0]) * height, (points[i, 1] - points[a, 1]) * width
    down, right = (points[b, 0] - points[a, 0]) * height, (points[b, 1] - points[a, 1]) * width
    square = down * down + right * right
    if square > 0.0:
        t = min(max((y * down + x * right) / square, 0.0), 1.0)
        y, x = y - t * down, x - t * right
    return y * y + x * x


@kernel(
    types.void(
        array(INDEX, readonly=True),
        array(FLOAT, 2, readonly=True),
        array(BYTE, readonly=True),
        array(FLOAT, readonly=True),
        FLOAT,
        FLOAT,
        FLOAT,
        array(BYTE),
    )
)
@no_type_check
def _simplify(stops, points, fixed, phases, tolerance, height, width, kept):
    one, two = INDEX(1), INDEX(2)
    stack = np.empty(64, np.uintp)
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        last = stops[m]
        n = last - first
        # The way round consists of pieces between points that stay; without them, of one.
        begin = first
        while begin < last and fixed[begin] == 0:
            begin += one
        if begin == last:
            begin = first + INDEX(phases[m] * FLOAT(n)) % n
        for i in range(first, last):
            kept[i] = fixed[i]
        kept[begin] = 1
        start = INDEX(0)
        while start < n:
            end = start + one
            while end < n and fixed[_around(begin + end, last, n)] == 0:
                end += one
            depth = two
            stack[0], stack[1] = start, end
            while depth > INDEX(0):
                depth -= two
                a, b = stack[depth], stack[depth + one]
                left, right = _around(begin + a, last, n), _around(begin + b, last, n)
                farthest, most = a, tolerance * tolerance
                for k in range(a + one, b):
                    point = _around(begin + k, last, n)
                    away = _apart(points, point, left, right, height, width)
                    if away > most:
                        farthest, most = k, away
                if farthest == a:
                    continue
                kept[_around(begin + farthest, last, n)] = 1
                if depth + two + two > INDEX(stack.size):
                    larger = np.empty(2 * stack.size, np.uintp)
                    larger[: stack.size] = stack
                    stack = larger
                stack[depth], stack[depth + one] = farthest, b
                stack[depth + two], stack[depth + two + one] = a, farthest
                depth += two + two
            start = end
        other, count = begin, 0
        for i in range(first, last):
            count += kept[i]
            if kept[i] != 0 and i != begin:
                other = i
        while count < 3:
            farthest, most = begin, 0.0
            for k in range(n):
                point = _around(begin + k, last, n)
                away = _apart(points, point, begin, other, height, width)
                if away > most:
                    farthest, most = point, away
            kept[farthest] = 1
            other = farthest
            count += 1
        first = last


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


@kernel(
    lambda cell: types.boolean(
        array(cell, 3),
        array(types.uint64, 3),
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
def _fill(mask, words, front, top, left, right, slices, stops, points):
    # Every time a contour passes the centre line of a row, the winding number of the pixels to the
    # right changes by one. Those changes are written first, then added up along the rows. Returns
    # whether more changes meet in a pixel than a byte can count.
    rows = SIZE(mask.shape[1])
    low, high = FLOAT(top), FLOAT(top + rows)
    most = 0
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        z = INDEX(slices[m] - front)
        last = stops[m] - INDEX(1)
        y, x = points[last, 0], points[last, 1]
        after = SIZE(math.ceil(min(max(y, low), high)))
        for i in range(first, stops[m]):
            y_before, x_before, before = y, x, after
            y, x = points[i, 0], points[i, 1]
            after = SIZE(math.ceil(min(max(y, low), high)))
            if before == after:
                continue
            slope = (x - x_before) / (y - y_before)
            change = 1 if after < before else -1
            for row in range(min(before, after), max(before, after)):
                cross = x_before + (FLOAT(row) - y_before) * slope
                col = SIZE(math.ceil(min(max(cross, FLOAT(left)), FLOAT(right))))
                if col < right:
                    cell = SIZE(mask[z, INDEX(row - top), INDEX(col - left)]) + change
                    mask[z, INDEX(row - top), INDEX(col - left)] = cell
                    most = max(most, abs(cell))
        first = stops[m]
    if most > 127 and words.size > 0:
        return True
    for z in range(INDEX(mask.shape[0])):
        for row in range(INDEX(rows)):
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
    return False
