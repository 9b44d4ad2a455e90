"""Planes as runs: the stretches of pixels of one label in each row."""

import math
from typing import NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, WORD, array, as_words, inline, kernel
from ._labels import FIXED, Order


class Runs(NamedTuple):
    """Runs of a stack of planes, region by region; a region is what one label has of one plane.

    Attributes
    ----------
    regions : (g, 3) int32 array
        Plane and label of each region, and where its runs end in `table`; they begin where those
        before them end. Regions are sorted by plane, and then as their labels are drawn.
    table : (n, 4) int32 array
        Row of each run, its first column, the column behind its last, and its label; top to bottom,
        left to right.
    mixed : (planes,) bool array
        Whether a plane has several labels, or one that is not drawn.
    """

    regions: NDArray[np.int32]
    table: NDArray[np.int32]
    mixed: NDArray[np.bool_]


def trace_runs(planes: NDArray[np.uint8], order: Order, *, empty: bool = False) -> Runs:
    """Find the runs of all labels that are drawn in contiguous planes.

    There is a region for each label that a plane has; with `empty`, for all the others too.
    """
    flat, words = as_words(planes)
    size = 4 * planes.shape[0] * planes.shape[1] + 64
    while True:
        table = np.empty((size, 4), np.int32)
        regions = np.empty((size + empty * len(planes) * order.drawn.size, 3), np.int32)
        mixed = np.empty(len(planes), np.bool_)
        counts = np.zeros(258, np.int32)
        needed = _trace(flat, words, *planes.shape, *order, empty, counts, table, regions, mixed)
        if needed <= size:
            return Runs(regions[: counts[256]], table[: counts[257]], mixed)
        size = needed


def copy_mixed(planes: NDArray[np.uint8], runs: Runs, out: NDArray[np.uint8]) -> None:
    """Copy planes that have several labels, or one that is not drawn, to `out`, which is blank."""
    for index in runs.mixed.nonzero()[0].tolist():
        out[index] = planes[index]


def move_ends(
    planes: NDArray[np.uint8],
    runs: Runs,
    shifts: NDArray[np.float64],
    order: Order,
    out: NDArray[np.uint8],
) -> None:
    """Move the ends of runs in `out`, which holds what `copy_mixed` copies of contiguous planes.

    `shifts`, an array (n, 2) that is used up, says how far the start and the end of each run should
    move; where they come to is rounded, and clipped at the border of the plane. An end that touches
    a label which is drawn later stays. What a run loses becomes what lies across the end that
    moved; a run whose end does not stay behind its start vanishes, and what lies on either side
    meets half way between the two. What a run gains is painted over the background and labels that
    are drawn earlier.
    """
    _move_ends(planes, *runs, shifts, order.ranks, out)


@inline
@no_type_check
def gain(planes, p, row, start, stop, label, ranks, out):
    """Paint a label over what is drawn earlier, and where runs of its own have given way."""
    for col in range(start, stop):
        if ranks[planes[p, row, INDEX(col)]] <= ranks[label]:
            out[p, row, INDEX(col)] = label


@kernel(
    SIZE(
        array(BYTE, readonly=True),
        array(WORD, readonly=True),
        INDEX,
        INDEX,
        INDEX,
        array(types.int16, readonly=True),
        array(BYTE, readonly=True),
        types.boolean,
        array(types.int32),
        array(types.int32, 2),
        array(types.int32, 2),
        array(types.boolean),
    )
)
@no_type_check
def _trace(flat, words, planes, rows, cols, ranks, drawn, empty, counts, table, regions, mixed):
    # Returns the length that `table` needs: as long as all runs, and those of a plane again to sort
    # them. If it is as long, leaves the numbers of regions and of runs in the last two `counts`.
    # Rows without labels cost one vectorised pass. In the others, whole words equal to the word
    # before the last transition are skipped.
    zero, one, two, three = INDEX(0), INDEX(1), INDEX(2), INDEX(3)
    four, seven = INDEX(4), INDEX(7)
    capacity = table.shape[0]
    n, needed, region = INDEX(0), INDEX(0), INDEX(0)
    first = INDEX(0)
    for p in range(planes):
        before, several = n, False
        for row in range(rows):
            last = first + cols
            present = BYTE(0)
            for i in range(first, last):
                present = BYTE(present | flat[i])
            if present != 0:
                value, word, is_drawn = BYTE(0), WORD(0), False
                i = first
                while i < last:
                    if i & seven == 0:
                        w, end = i >> three, last >> three
                        while (
                            w + four <= end
                            and (
                                (words[w] ^ word)
                                | (words[w + one] ^ word)
                                | (words[w + two] ^ word)
                                | (words[w + three] ^ word)
                            )
                            == zero
                        ):
                            w += four
                        while w < end and words[w] == word:
                            w += one
                        i = w << three
                        if i >= last:
                            break
                    stop = min((i | seven) + one, last)
                    while i < stop:
                        if flat[i] != value:
                            if is_drawn:
                                if n < capacity:
                                    table[n, 2] = i - first
                                n += one
                            value = flat[i]
                            word = WORD(value) * WORD(0x0101010101010101)
                            is_drawn = 0 < ranks[value] < FIXED
                            if is_drawn:
                                counts[value] += 1
                                if n < capacity:
                                    table[n, 0], table[n, 1], table[n, 3] = row, i - first, value
                            else:
                                several |= value != 0
                        i += one
                if is_drawn:
                    if n < capacity:
                        table[n, 2] = cols
                    n += one
            first = last
        needed = max(needed, n + (n - before))
        if needed > capacity:
            continue
        # Sort the runs of this plane by label; `counts` become the places where they go.
        k, place = INDEX(0), before
        if n > before:
            if counts[table[before, 3]] == n - before:
                k = INDEX(ranks[table[before, 3]]) - one  # the only label
            else:
                several = True
        mixed[p] = several
        while k < drawn.size and (place < n or empty):
            count = INDEX(counts[drawn[k]])
            if count > 0 or empty:
                counts[drawn[k]] = place
                place += count
                regions[region, 0], regions[region, 1], regions[region, 2] = p, drawn[k], place
                region += one
            k += one
        if several:
            for k in range(before, n):
                for column in range(INDEX(4)):
                    table[k + n - before, column] = table[k, column]
            for k in range(n, n + (n - before)):
                place = INDEX(counts[table[k, 3]])
                counts[table[k, 3]] += 1
                for column in range(INDEX(4)):
                    table[place, column] = table[k, column]
        for k in range(drawn.size):
            counts[drawn[k]] = 0
    counts[256], counts[257] = region, n
    return needed


@kernel(
    types.void(
        array(BYTE, 3, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.boolean, readonly=True),
        array(types.float64, 2),
        array(types.int16, readonly=True),
        array(BYTE, 3),
    )
)
@no_type_check
def _move_ends(planes, regions, table, mixed, shifts, ranks, out):
    cols = planes.shape[2]
    right = types.float64(cols)
    first = INDEX(0)
    for g in range(INDEX(regions.shape[0])):
        p, label, last = INDEX(regions[g, 0]), BYTE(regions[g, 1]), INDEX(regions[g, 2])
        rank = ranks[label]
        for k in range(first, last):
            row, a, b = INDEX(table[k, 0]), SIZE(table[k, 1]), SIZE(table[k, 2])
            before = planes[p, row, INDEX(a - 1)] if a > 0 else BYTE(0)
            behind = planes[p, row, INDEX(b)] if b < cols else BYTE(0)
            start, stop = a, b
            if ranks[before] < rank:
                start = SIZE(math.floor(min(max(a + shifts[k, 0], 0.0), right) + 0.5))
            if ranks[behind] < rank:
                stop = SIZE(math.floor(min(max(b + shifts[k, 1], 0.0), right) + 0.5))
            if not mixed[p]:
                for col in range(INDEX(start), INDEX(stop)):
                    out[p, row, col] = label
                continue
            shifts[k, 0], shifts[k, 1] = start, stop
            if stop < start:
                start = stop = (start + stop) // 2
            for col in range(INDEX(a), INDEX(min(start, b))):
                out[p, row, col] = before
            for col in range(INDEX(max(stop, a)), INDEX(b)):
                out[p, row, col] = behind
        for k in range(first, last if mixed[p] else first):
            row, a, b = INDEX(table[k, 0]), SIZE(table[k, 1]), SIZE(table[k, 2])
            start, stop = SIZE(shifts[k, 0]), SIZE(shifts[k, 1])
            gain(planes, p, row, start, min(a, stop), label, ranks, out)
            gain(planes, p, row, max(b, start), stop, label, ranks, out)
        first = last
