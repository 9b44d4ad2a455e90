"""Planes as contours: closed curves half way between a positive pixel and its neighbours."""

import math
from functools import lru_cache
from typing import NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, array, inline, kernel
from ._runs import Runs, fill_runs


class Contours(NamedTuple):
    """Contours of a stack of planes, in the order in which their first pixels stand in it.

    Attributes
    ----------
    plane_stops : (planes,) uintp array
        Where the contours of each plane end in `stops`.
    stops : (n,) uintp array
        Where the points of each contour end in `points`; they begin where those before them end.
    points : (m, 2) float64 array
        Row and column of each point, pixel centres at whole numbers. Successive points lie on
        successive pixel edges of the boundary; positive pixels lie to the right of the way, so
        outer contours run clockwise on the screen and the contours of holes anticlockwise.
    """

    plane_stops: NDArray[np.uintp]
    stops: NDArray[np.uintp]
    points: NDArray[np.float64]


def trace_contours(planes: NDArray[np.uint8], runs: Runs, blank: NDArray[np.uint8]) -> Contours:
    """Follow every contour of contiguous planes, those of holes too.

    Positive pixels are connected by edges and corners, the others by edges only. `blank` is a
    stack of zeros to write notes on; it is blank again afterwards.
    """
    plane_stops = np.empty(len(planes), np.uintp)
    stops = np.empty(len(runs.ends), np.uintp)
    points = np.empty((2048 * len(planes), 2))
    size = _trace(planes, runs.row_ends, runs.ends, blank, plane_stops, stops, points)
    if size > len(points):
        points = np.empty((size, 2))
        _trace(planes, runs.row_ends, runs.ends, blank, plane_stops, stops, points)
    return Contours(plane_stops, stops[: int(plane_stops[-1])], points[:size])


def displace_contours(
    contours: Contours, knots: NDArray[np.float64], spacing: tuple[float, float]
) -> None:
    """Move points, in place, away from the centre of the bounding box of their contour.

    How far is told by a periodic cubic spline through `knots`, an array (contours, knots), its
    knots evenly spaced along each contour. A point that should move towards the centre by more
    than its distance to it stops there, so a contour can shrink to nothing but not turn over.
    """
    spline = knots @ _periodic_spline(knots.shape[1])
    _displace(contours.stops, contours.points, spline.reshape(*knots.shape, 4), *spacing)


def fill_contours(contours: Contours, label: int, out: NDArray[np.uint8]) -> None:
    """Set the pixels in `out`, contiguous planes, whose centres the contours enclose.

    Enclosed is what has a positive winding number: outer contours that overlap merge, holes are
    left out wherever they lie, and what an outer contour encloses inside a hole is filled again.
    """
    planes, rows, cols = out.shape
    row_ends = np.empty((planes, rows), np.int32)
    size, found = 512 * planes, -1
    while found < 0:
        size *= 4
        heads = np.full((planes, rows, cols // 64 + 1), -1, np.int32)
        nodes = np.empty((size, 3), np.int32)
        ends = np.empty((size, 2))
        found = _cut(*contours, cols, heads, nodes, row_ends, ends)
    fill_runs(Runs(row_ends, ends[:found]), label, out)


@lru_cache
def _periodic_spline(knots: int) -> NDArray[np.float64]:
    """Matrix (knots, 4 knots) from the values at the knots to the cubics from each to the next."""
    here = np.eye(knots)
    after, before = np.roll(here, 1, axis=1), np.roll(here, -1, axis=1)
    # Rows are knots: `after` takes from a vector of values the one at the next knot.
    curve = np.linalg.solve(4 * here + after + before, 3 * (after - 2 * here + before))
    cubics = (
        here,
        after - here - (2 * curve + after @ curve) / 3,
        curve,
        (after @ curve - curve) / 3,
    )
    return np.stack(cubics, axis=1).reshape(4 * knots, knots).T.copy()


@inline
@no_type_check
def _is_positive(planes, p, row, col):
    _, rows, cols = planes.shape
    return 0 <= row < rows and 0 <= col < cols and planes[p, INDEX(row), INDEX(col)] != 0


@kernel(
    SIZE(
        array(BYTE, 3, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.float64, 2, readonly=True),
        array(BYTE, 3),
        array(INDEX),
        array(INDEX),
        array(types.float64, 2),
    )
)
@no_type_check
def _trace(planes, row_ends, ends, seen, plane_stops, stops, points):
    # Returns the number of points, also when `points` is too short to hold them. Each contour goes
    # up the left side of at least one run: contours start there, and the runs that they pass on
    # the way up are marked in `seen`.
    capacity = points.shape[0]
    count, n = 0, 0
    k = INDEX(0)
    for p in range(INDEX(planes.shape[0])):
        for row in range(INDEX(planes.shape[1])):
            while k < row_ends[p, row]:
                start = INDEX(ends[k, 0])
                k += INDEX(1)
                if seen[p, row, start] != 0:
                    continue
                # (r, c) is the pixel to the right of the way, (down, right) the direction.
                r, c, down, right = SIZE(row), SIZE(start), -1, 0
                while True:
                    if n < capacity:
                        points[INDEX(n), 0] = r - 0.5 * right
                        points[INDEX(n), 1] = c + 0.5 * down
                    n += 1
                    if down == -1:
                        seen[p, INDEX(r), INDEX(c)] = 1
                    r_ahead, c_ahead = r + down, c + right
                    r_left, c_left = r_ahead - right, c_ahead + down
                    if _is_positive(planes, p, r_left, c_left):
                        r, c = r_left, c_left
                        down, right = -right, down
                    elif _is_positive(planes, p, r_ahead, c_ahead):
                        r, c = r_ahead, c_ahead
                    else:
                        down, right = right, -down
                    if r == row and c == start and down == -1:
                        break
                stops[INDEX(count)] = n
                count += 1
        plane_stops[p] = count
    k = INDEX(0)
    for p in range(INDEX(planes.shape[0])):
        for row in range(INDEX(planes.shape[1])):
            while k < row_ends[p, row]:
                seen[p, row, INDEX(ends[k, 0])] = 0
                k += INDEX(1)
    return n


@kernel(
    types.void(
        array(INDEX, readonly=True),
        array(types.float64, 2),
        array(types.float64, 3, readonly=True),
        types.float64,
        types.float64,
    )
)
@no_type_check
def _displace(stops, points, spline, height, width):
    knots = types.float64(spline.shape[1])
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        top = bottom = points[first, 0]
        left = right = points[first, 1]
        for i in range(first, stops[m]):
            top, bottom = min(top, points[i, 0]), max(bottom, points[i, 0])
            left, right = min(left, points[i, 1]), max(right, points[i, 1])
        centre_row, centre_col = 0.5 * (top + bottom), 0.5 * (left + right)
        step = knots / types.float64(stops[m] - first)
        for i in range(first, stops[m]):
            t = types.float64(i - first) * step
            k = INDEX(min(t, knots - 1.0))
            t -= types.float64(k)
            offset = spline[m, k, 2] + t * spline[m, k, 3]
            offset = spline[m, k, 0] + t * (spline[m, k, 1] + t * offset)
            row, col = points[i, 0] - centre_row, points[i, 1] - centre_col
            y, x = row * height, col * width
            distance = math.sqrt(y * y + x * x)
            if distance > 0.0:
                stretch = max(offset / distance, -1.0)
                points[i, 0] += stretch * row
                points[i, 1] += stretch * col
        first = stops[m]


@kernel(
    SIZE(
        array(INDEX, readonly=True),
        array(INDEX, readonly=True),
        array(types.float64, 2, readonly=True),
        SIZE,
        array(types.int32, 3),
        array(types.int32, 2),
        array(types.int32, 2),
        array(types.float64, 2),
    )
)
@no_type_check
def _cut(plane_stops, stops, points, cols, heads, nodes, row_ends, ends):
    # Every time a contour passes the centre line of a row, the winding number of the pixels to the
    # right changes by one. The changes of each 64 columns of a row are a list linked in order of
    # column: `nodes` holds column, change and next node, `heads` the first node. Returns the
    # number of runs where the winding number is positive; -1 when `nodes` is too short.
    bottom, right = types.float64(heads.shape[1]), types.float64(cols)
    n = 0
    contour = INDEX(0)
    first = INDEX(0)
    for p in range(INDEX(plane_stops.size)):
        while contour < plane_stops[p]:
            last = stops[contour] - INDEX(1)
            y, x = points[last, 0], points[last, 1]
            after = SIZE(math.ceil(min(max(y, 0.0), bottom)))
            for i in range(first, stops[contour]):
                y_before, x_before, before = y, x, after
                y, x = points[i, 0], points[i, 1]
                after = SIZE(math.ceil(min(max(y, 0.0), bottom)))
                if before == after:
                    continue
                slope = (x - x_before) / (y - y_before)
                for row in range(INDEX(min(before, after)), INDEX(max(before, after))):
                    cross = x_before + (types.float64(row) - y_before) * slope
                    col = SIZE(math.ceil(min(max(cross, 0.0), right)))
                    block = INDEX(col >> 6)
                    previous, node = SIZE(-1), SIZE(heads[p, row, block])
                    while node >= 0 and nodes[INDEX(node), 0] < col:
                        previous, node = node, SIZE(nodes[INDEX(node), 2])
                    if node < 0 or nodes[INDEX(node), 0] > col:
                        if n == nodes.shape[0]:
                            return -1
                        nodes[INDEX(n), 0], nodes[INDEX(n), 1] = col, 0
                        nodes[INDEX(n), 2] = node
                        if previous < 0:
                            heads[p, row, block] = n
                        else:
                            nodes[INDEX(previous), 2] = n
                        node = n
                        n += 1
                    nodes[INDEX(node), 1] += 1 if after < before else -1
            first = stops[contour]
            contour += INDEX(1)
    found = 0
    for p in range(INDEX(plane_stops.size)):
        for row in range(INDEX(heads.shape[1])):
            winding = 0
            for block in range(INDEX(heads.shape[2])):
                node = SIZE(heads[p, row, block])
                while node >= 0:
                    was_inside = winding > 0
                    winding += nodes[INDEX(node), 1]
                    if (winding > 0) != was_inside:
                        ends[INDEX(found), INDEX(was_inside)] = nodes[INDEX(node), 0]
                        found += was_inside
                    node = SIZE(nodes[INDEX(node), 2])
            if winding > 0:
                ends[INDEX(found), 1] = right
                found += 1
            row_ends[p, row] = found
    return found
