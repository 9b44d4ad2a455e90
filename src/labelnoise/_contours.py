"""Planes as contours: closed curves half way between a positive pixel and its neighbours."""

import math
from functools import lru_cache
from typing import NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, array, inline, kernel
from ._labels import Order
from ._runs import Runs, gain


class Contours(NamedTuple):
    """Contours of a stack of planes, region by region, in the order of their first pixels.

    Attributes
    ----------
    regions : (g, 4) int32 array
        Plane and label of each region, where its contours end in `stops`, and its heir: what lies
        across the points that can move, if it is the same everywhere, else -1. `Runs` has the same
        regions.
    stops : (n,) uintp array
        Where the points of each contour end in `points`; they begin where those before them end.
    points : (m, 2) float64 array
        Row and column of each point, pixel centres at whole numbers. Successive points lie on
        successive pixel edges of the boundary; the label lies to the right of the way, so outer
        contours run clockwise on the screen and the contours of holes anticlockwise.
    fixed : (m,) uint8 array
        1 where the label across is drawn later or not at all, so that the point stays.
    """

    regions: NDArray[np.int32]
    stops: NDArray[np.uintp]
    points: NDArray[np.float64]
    fixed: NDArray[np.uint8]


def trace_contours(planes: NDArray[np.uint8], runs: Runs, order: Order) -> Contours:
    """Follow every contour of the regions of contiguous planes, those of holes too.

    The pixels of a label are connected by edges and corners, all others by edges only. What lies
    outside a plane is background.
    """
    regions = np.empty((len(runs.regions), 4), np.int32)
    stops = np.empty(len(runs.table), np.uintp)
    size = 2048 * len(planes)
    while True:
        points, fixed = np.empty((size, 2)), np.empty(size, np.uint8)
        notes = np.zeros(planes.shape[1] + len(runs.table), np.uintp)
        n = _trace(
            planes, runs.regions, runs.table, order.ranks, notes, regions, stops, points, fixed
        )
        if n <= size:
            count = regions[-1, 2] if len(regions) else 0
            return Contours(regions, stops[:count], points[:n], fixed[:n])
        size = n


def displace_contours(
    contours: Contours, knots: NDArray[np.float64], spacing: tuple[float, float]
) -> None:
    """Move points, in place, away from the centre of the bounding box of their contour.

    How far is told by a periodic cubic spline through `knots`, an array (contours, knots), its
    knots evenly spaced along each contour. A point that should move towards the centre by more
    than its distance to it stops there, so a contour can shrink to nothing but not turn over.
    """
    spline = (knots @ _periodic_spline(knots.shape[1])).reshape(*knots.shape, 4)
    _displace(contours.stops, contours.points, contours.fixed, spline, *spacing)


def fill_contours(
    planes: NDArray[np.uint8],
    runs: Runs,
    contours: Contours,
    spacing: tuple[float, float],
    order: Order,
    out: NDArray[np.uint8],
) -> None:
    """Paint the pixels whose centres the contours enclose in the place of runs.

    `out` holds what `copy_mixed` copies of contiguous planes. Enclosed is what has a positive
    winding number: outer contours that overlap merge, holes are left out wherever they lie, and
    what an outer contour encloses inside a hole is filled again. What a region gains is painted
    over the background and labels that are drawn earlier; what it loses becomes what lies across
    the nearest edge that separates it from such a class.
    """
    rows, cols = planes.shape[1:]
    regions = contours.regions.copy()
    size, n = 256 * (1 + len(regions)), -1
    while n < 0:
        size *= 4
        heads = np.full((rows, cols // 64 + 1), -1, np.int32)
        nodes, table = np.empty((size, 3), np.int32), np.empty((size, 4), np.int32)
        n = _cut(
            contours.regions, contours.stops, contours.points, cols, heads, nodes, regions, table
        )
    old, new = (runs.regions, runs.table), (regions, table[:n])
    if runs.mixed.nonzero()[0].size:
        heirs = np.ascontiguousarray(regions[:, 3])
        _lose(planes, *old, *new, heirs, *spacing, order.ranks, out)
    _gain(planes, *new, *old, runs.mixed, order.ranks, out)


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
def _at(planes, p, row, col):
    _, rows, cols = planes.shape
    inside = 0 <= row < rows and 0 <= col < cols
    return planes[p, INDEX(row), INDEX(col)] if inside else BYTE(0)


@inline
@no_type_check
def _is_beside(planes, p, row, col, label):
    return (
        _at(planes, p, row - 1, col) == label
        or _at(planes, p, row + 1, col) == label
        or _at(planes, p, row, col - 1) == label
        or _at(planes, p, row, col + 1) == label
    )


@inline
@no_type_check
def _next_gap(table, n, end, row, start, stop):
    # From a column on, up to which one no run of the table covers a row, and where that run ends.
    while n < end and (table[n, 0] < row or (table[n, 0] == row and table[n, 2] <= start)):
        n += INDEX(1)
    if n < end and table[n, 0] == row and table[n, 1] < stop:
        return n, table[n, 1], table[n, 2]
    return n, stop, stop


@kernel(
    SIZE(
        array(BYTE, 3, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int16, readonly=True),
        array(INDEX),
        array(types.int32, 2),
        array(INDEX),
        array(types.float64, 2),
        array(BYTE),
    )
)
@no_type_check
def _trace(planes, run_regions, table, ranks, notes, regions, stops, points, fixed):
    # Returns the number of points, also when `points` is too short to hold them. Each contour goes
    # up the left side of at least one run: contours start there, and the runs that they pass on
    # the way up are marked in `notes`, behind the first run that the region has in each row.
    capacity = points.shape[0]
    rows = INDEX(planes.shape[1])
    count, n = 0, INDEX(0)
    first = INDEX(0)
    for g in range(INDEX(run_regions.shape[0])):
        p, label = INDEX(run_regions[g, 0]), BYTE(run_regions[g, 1])
        last = INDEX(run_regions[g, 2])
        row = table[first, 0]
        for k in range(first, last):
            while row <= table[k, 0]:
                notes[INDEX(row)] = k
                row += 1
        heir = -2
        for k in range(first, last):
            if notes[rows + k] != 0:
                continue
            # (r, c) is the pixel to the right of the way, `across` the one to the left, and
            # (down, right) the direction.
            row, start = SIZE(table[k, 0]), SIZE(table[k, 1])
            r, c, down, right = row, start, -1, 0
            across = _at(planes, p, r, c - 1)
            known, stays = label, False
            while True:
                if across != known:
                    known, stays = across, ranks[across] > ranks[label]
                    if not stays and heir != across:
                        heir = SIZE(across) if heir == -2 else -1
                if n < capacity:
                    points[n, 0] = r - 0.5 * right
                    points[n, 1] = c + 0.5 * down
                    fixed[n] = stays
                n += INDEX(1)
                if down == -1:
                    m = notes[INDEX(r)]
                    while table[m, 1] != c:
                        m += INDEX(1)
                    notes[rows + m] = 1
                r_ahead, c_ahead = r + down, c + right
                r_left, c_left = r_ahead - right, c_ahead + down
                left = _at(planes, p, r_left, c_left)
                if left == label:
                    r, c = r_left, c_left
                    down, right = -right, down
                else:
                    ahead = _at(planes, p, r_ahead, c_ahead)
                    if ahead == label:
                        r, c, across = r_ahead, c_ahead, left
                    else:
                        down, right, across = right, -down, ahead
                if r == row and c == start and down == -1:
                    break
            stops[INDEX(count)] = n
            count += 1
        regions[g, 0], regions[g, 1] = run_regions[g, 0], label
        regions[g, 2], regions[g, 3] = count, heir
        first = last
    return n


@kernel(
    types.void(
        array(INDEX, readonly=True),
        array(types.float64, 2),
        array(BYTE, readonly=True),
        array(types.float64, 3, readonly=True),
        types.float64,
        types.float64,
    )
)
@no_type_check
def _displace(stops, points, fixed, spline, height, width):
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
            if fixed[i] != 0:
                continue
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
        array(types.int32, 2, readonly=True),
        array(INDEX, readonly=True),
        array(types.float64, 2, readonly=True),
        SIZE,
        array(types.int32, 2),
        array(types.int32, 2),
        array(types.int32, 2),
        array(types.int32, 2),
    )
)
@no_type_check
def _cut(contour_regions, stops, points, cols, heads, nodes, regions, table):
    # Every time a contour passes the centre line of a row, the winding number of the pixels to the
    # right changes by one. The changes of each 64 columns of a row are a list linked in order of
    # column: `nodes` holds column, change and next node, `heads` the first node. Returns the
    # number of runs where the winding number is positive; -1 when `nodes` or `table` is too short.
    rows, right = SIZE(heads.shape[0]), types.float64(cols)
    bottom = types.float64(rows)
    found = 0
    contour = INDEX(0)
    first = INDEX(0)
    for g in range(INDEX(contour_regions.shape[0])):
        n = 0
        lowest, highest = rows, SIZE(0)
        while contour < contour_regions[g, 2]:
            last = stops[contour] - INDEX(1)
            y, x = points[last, 0], points[last, 1]
            after = SIZE(math.ceil(min(max(y, 0.0), bottom)))
            for i in range(first, stops[contour]):
                y_before, x_before, before = y, x, after
                y, x = points[i, 0], points[i, 1]
                after = SIZE(math.ceil(min(max(y, 0.0), bottom)))
                if before == after:
                    continue
                lowest, highest = min(lowest, before, after), max(highest, before, after)
                slope = (x - x_before) / (y - y_before)
                for row in range(INDEX(min(before, after)), INDEX(max(before, after))):
                    cross = x_before + (types.float64(row) - y_before) * slope
                    col = SIZE(math.ceil(min(max(cross, 0.0), right)))
                    block = INDEX(col >> 6)
                    previous, node = SIZE(-1), SIZE(heads[row, block])
                    while node >= 0 and nodes[INDEX(node), 0] < col:
                        previous, node = node, SIZE(nodes[INDEX(node), 2])
                    if node < 0 or nodes[INDEX(node), 0] > col:
                        if n == nodes.shape[0]:
                            return -1
                        nodes[INDEX(n), 0], nodes[INDEX(n), 1] = col, 0
                        nodes[INDEX(n), 2] = node
                        if previous < 0:
                            heads[row, block] = n
                        else:
                            nodes[INDEX(previous), 2] = n
                        node = n
                        n += 1
                    nodes[INDEX(node), 1] += 1 if after < before else -1
            first = stops[contour]
            contour += INDEX(1)
        if found + n > table.shape[0]:
            return -1
        for row in range(INDEX(lowest), INDEX(highest)):
            winding = 0
            for block in range(INDEX(heads.shape[1])):
                node = SIZE(heads[row, block])
                heads[row, block] = -1
                while node >= 0:
                    was_inside = winding > 0
                    winding += nodes[INDEX(node), 1]
                    if (winding > 0) != was_inside:
                        table[INDEX(found), INDEX(1 + was_inside)] = nodes[INDEX(node), 0]
                        table[INDEX(found), 0] = row
                        found += was_inside
                    node = SIZE(nodes[INDEX(node), 2])
            if winding > 0:
                table[INDEX(found), 2] = cols
                found += 1
        regions[g, 2] = found
    return found


@kernel(
    types.void(
        array(BYTE, 3, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.boolean, readonly=True),
        array(types.int16, readonly=True),
        array(BYTE, 3),
    )
)
@no_type_check
def _gain(planes, regions, table, old_regions, old_table, mixed, ranks, out):
    # New runs less the old ones in their row, region by region, so that later labels come later.
    first, n = INDEX(0), INDEX(0)
    for g in range(INDEX(regions.shape[0])):
        p, label = INDEX(regions[g, 0]), BYTE(regions[g, 1])
        last, end = INDEX(regions[g, 2]), INDEX(old_regions[g, 2])
        for k in range(first, last):
            row, start, stop = INDEX(table[k, 0]), table[k, 1], table[k, 2]
            if not mixed[p]:
                for col in range(INDEX(start), INDEX(stop)):
                    out[p, row, col] = label
                continue
            while start < stop:
                n, gap, after = _next_gap(old_table, n, end, row, start, stop)
                gain(planes, p, row, start, gap, label, ranks, out)
                start = after
        first, n = last, end


@kernel(
    types.void(
        array(BYTE, 3, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, readonly=True),
        types.float64,
        types.float64,
        array(types.int16, readonly=True),
        array(BYTE, 3),
    )
)
@no_type_check
def _lose(planes, regions, table, new_regions, new_table, heirs, height, width, ranks, out):
    # Old runs less the new ones in their row. Without one heir for all, the nearest pixel across
    # is looked for, in rows and columns that are ever farther, up to just outside the plane; of two
    # that are equally near, the one that is drawn later counts.
    _, rows, cols = planes.shape
    first, n = INDEX(0), INDEX(0)
    for g in range(INDEX(regions.shape[0])):
        p, label = INDEX(regions[g, 0]), BYTE(regions[g, 1])
        last, end = INDEX(regions[g, 2]), INDEX(new_regions[g, 2])
        for k in range(first, last):
            row, start, stop = table[k, 0], table[k, 1], table[k, 2]
            while start < stop:
                n, gap, after = _next_gap(new_table, n, end, row, start, stop)
                for col in range(start, gap):
                    heir = BYTE(heirs[g])
                    if heirs[g] < 0:
                        nearest, heir = math.inf, BYTE(0)
                        for i in range(2 * rows + 3):
                            down = (i + 1) >> 1
                            if (down * height) ** 2 > nearest:
                                break
                            r = row + down if i & 1 else row - down
                            for j in range(2 * cols + 3):
                                right = (j + 1) >> 1
                                distance = (down * height) ** 2 + (right * width) ** 2
                                if distance > nearest:
                                    break
                                c = col + right if j & 1 else col - right
                                other = _at(planes, p, r, c)
                                if (
                                    ranks[other] < ranks[label]
                                    and (distance < nearest or ranks[other] > ranks[heir])
                                    and _is_beside(planes, p, r, c, label)
                                ):
                                    nearest, heir = distance, other
                    out[p, INDEX(row), INDEX(col)] = heir
                start = after
        first, n = last, end
