"""Contours as chains: where each begins, and a byte for every pixel edge that it follows."""

from collections.abc import Iterator
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, array, inline, kernel

_CONTOURS, _EDGES = 2**16, 2**20  # of a part, unless one contour is longer
_INT = types.int32


class Part(NamedTuple):
    """Some contours of one label, in the order of their first pixels.

    Attributes
    ----------
    heads : (n, 3) intp array
        Slice, row and column of the pixel whose left side each contour goes up first.
    stops : (n,) uintp array
        Where the edges of each contour end in `steps`; they begin where those before them end.
    steps : (m,) uint8 array
        Direction along each edge, 0 up, 1 right, 2 down, 3 left; and 4 more where the edge stays:
        at the border of the array, and where the label across is drawn later or not at all.
    """

    heads: NDArray[np.intp]
    stops: NDArray[np.uintp]
    steps: NDArray[np.uint8]


class Chains:
    """All contours of a label in codes (slices, rows, columns), those of holes too, in parts.

    The pixels of a label are connected by edges and corners, all others by edges only. The label
    lies to the right of the way.
    """

    def __init__(self, codes: NDArray[Any], label: int, runs: NDArray[np.int32]) -> None:
        self._codes, self._label, self._runs = codes, label, runs
        self.shape = codes.shape

    def __iter__(self) -> Iterator[Part]:
        runs = self._runs
        rows = np.empty(int(runs[-1, 0]) - int(runs[0, 0]) + 1, np.uintp)
        marks = np.zeros(len(runs), np.uint8)
        most = min(len(runs), _CONTOURS)
        size, begin = min(8 * len(runs) + 256, _EDGES), 0
        while begin < len(runs):
            heads, stops = np.empty((most, 3), np.intp), np.empty(most, np.uintp)
            steps = np.empty(size, np.uint8)
            count, n, begin, needed = _trace(
                self._codes, self._label, runs, rows, marks, begin, heads, stops, steps
            )
            size = max(size, needed)
            if count:
                yield Part(heads[:count], stops[:count], steps[:n])


@inline
@no_type_check
def _across(codes, z, r, c, label):
    # The code of a pixel; beyond the border lies what stays.
    if r < 0 or c < 0 or r >= codes.shape[1] or c >= codes.shape[2]:
        return SIZE(label + 1)
    return SIZE(codes[z, INDEX(r), INDEX(c)])


@kernel(
    lambda code: types.UniTuple(SIZE, 4)(
        array(code, 3, readonly=True),
        SIZE,
        array(_INT, 2, readonly=True),
        array(INDEX),
        array(BYTE),
        INDEX,
        array(SIZE, 2),
        array(INDEX),
        array(BYTE),
    )
)
@no_type_check
def _trace(codes, label, table, rows, marks, begin, heads, stops, steps):
    # Each contour goes up the left side of at least one run: contours start there, and the runs
    # that they pass on the way up are marked. `rows` becomes the first run of each row. Returns the
    # numbers of contours and of edges, the run where the next part begins, and how many edges its
    # first contour has if that is known.
    capacity = steps.shape[0]
    height = SIZE(codes.shape[1])
    top = SIZE(table[0, 0])
    row = top
    for k in range(INDEX(table.shape[0])):
        while row <= table[k, 0]:
            rows[INDEX(row - top)] = k
            row += 1
    count, n = 0, 0
    for k in range(begin, INDEX(table.shape[0])):
        if marks[k] != 0 and k != begin:
            continue
        if count == stops.size:
            return count, n, SIZE(k), 0
        # (r, c) is the pixel to the right of the way, `across` the one to the left, and
        # (down, right) the direction.
        z = INDEX(SIZE(table[k, 0]) // height)
        base = SIZE(z) * height
        row, start = SIZE(table[k, 0]) - base, SIZE(table[k, 1])
        r, c, down, right = row, start, -1, 0
        across = _across(codes, z, r, c - 1, label)
        size = n
        while True:
            if size < capacity:
                way = 1 + down if right == 0 else 2 - right
                steps[INDEX(size)] = way + 4 if across > label else way
            size += 1
            if down == -1:
                m = rows[INDEX(base + r - top)]
                while table[m, 1] != c:
                    m += INDEX(1)
                marks[m] = 1
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
        if size > capacity:
            return count, n, SIZE(k), size - n
        heads[INDEX(count), 0] = z
        heads[INDEX(count), 1], heads[INDEX(count), 2] = row, start
        stops[INDEX(count)] = size
        n = size
        count += 1
    return count, n, SIZE(table.shape[0]), 0
