"""Regions as contours: closed curves half way between a pixel of a label and its neighbours."""

from collections.abc import Iterator
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._chains import Chains
from ._kernel import BYTE, FLOAT, INDEX, SIZE, array, inline, kernel


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


def contour_parts(chains: Chains) -> Iterator[Contours]:
    """Give the contours of a label, in parts of a limited size."""
    for part in chains:
        points, fixed = np.empty((len(part.steps), 2)), np.empty(len(part.steps), np.uint8)
        _place(*part, points, fixed)
        yield Contours(part.heads[:, 0].copy(), part.stops, points, fixed)


def trace_contours(codes: NDArray[Any], label: int, runs: NDArray[np.int32]) -> Contours:
    """Return all contours of a label in codes (slices, rows, columns) at once."""
    found = list(contour_parts(Chains(codes, label, runs)))
    if len(found) == 1:
        return found[0]
    slices, _, points, fixed = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    lengths = [np.diff(part.stops, prepend=np.uintp(0)) for part in found]
    return Contours(slices, np.concatenate(lengths).cumsum(), points, fixed)


@kernel(
    types.void(
        array(SIZE, 2, readonly=True),
        array(INDEX, readonly=True),
        array(BYTE, readonly=True),
        array(FLOAT, 2),
        array(BYTE),
    )
)
@no_type_check
def _place(heads, stops, steps, points, fixed):
    # Points are the middles of pixel edges, which lead from corner to corner.
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        row, col = FLOAT(heads[m, 1]) + 0.5, FLOAT(heads[m, 2]) - 0.5
        for i in range(first, stops[m]):
            way = SIZE(steps[i] & 3)
            down, right = (0, 2 - way) if way & 1 else (way - 1, 0)
            points[i, 0], points[i, 1] = row + 0.5 * down, col + 0.5 * right
            row, col = row + down, col + right
            fixed[i] = steps[i] >> 2
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
