"""Patches as runs: the stretches of pixels of one label in each row."""

import math
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import FLOAT, INDEX, SIZE, WORD, array, as_words, kernel

_INT = types.int32


class Runs(NamedTuple):
    """Runs of the labels of one patch.

    Attributes
    ----------
    regions : list of (label, start, stop, size, box)
        For each label that is drawn and that the patch has, in drawing order, where its runs begin
        and end in `table`, its number of pixels, and the box that holds it: first and behind the
        last slice, row and column.
    table : (n, 3) int32 array
        Row of each run (slices lie one below the other), its first column, the column behind its
        last; top to bottom, left to right.
    mixed : bool
        Whether the patch has several labels, or pixels that stay.
    ends : (g, 9) int64 array
        Label and end of the runs of each region, and more.
    """

    regions: list[tuple[int, int, int, int, tuple[int, ...]]]
    table: NDArray[np.int32]
    mixed: bool
    ends: NDArray[np.int64]


def trace_runs(codes: NDArray[Any], drawn: int) -> Runs:
    """Find the runs of the labels 1 to `drawn` in the contiguous codes of a plane or a volume."""
    flat = codes.reshape(-1)
    words = _NO_WORDS
    if codes.itemsize == 1:
        words = as_words(flat)
        if not words.flags.aligned:
            flat = flat.copy()
            words = as_words(flat)
    height, cols = codes.shape[-2:]
    rows = flat.size // cols
    size = 8 * rows + 64
    while True:
        table = np.empty((size, 3), np.int32)
        ends = np.zeros((drawn + 2, 9), np.int64)
        needed, mixed = _trace(flat, words, rows, height, cols, drawn, table, ends)
        if needed <= size:
            break
        size = needed
    regions = []
    start = 0
    ends = ends[: ends[-1, 0]]
    for label, stop, pixels, *box in ends.tolist():
        regions.append((label, start, stop, pixels, tuple(box)))
        start = stop
    table.resize((start, 3), refcheck=False)  # in place: the rest is given back
    return Runs(regions, table, bool(mixed), ends)


def move_ends(codes: NDArray[Any], runs: Runs, shifts: NDArray[np.float64]) -> NDArray[Any]:
    """Return codes in which the ends of runs have moved.

    `shifts`, an array (n, 2) that is used up, says how far the start and the end of each run should
    move; where they come to is rounded, and clipped at the border. An end at the border, or that
    touches what is drawn later or stays, does not move. What a run loses becomes what lies across
    the end that moved; a run whose end does not stay behind its start vanishes, and what lies on
    either side meets half way between the two. What a run gains is painted over the background and
    labels that are drawn earlier.
    """
    out = codes.copy() if runs.mixed else np.zeros(codes.shape, codes.dtype)
    rows = (-1, codes.shape[-1])
    table, mixed, ends = runs[1:]
    _move_ends(codes.reshape(rows), ends, table, mixed, shifts, out.reshape(rows))
    return out


_NO_WORDS: NDArray[np.uint64] = np.empty(0, np.uint64)


@kernel(
    lambda code: types.UniTuple(SIZE, 2)(
        array(code, readonly=True),
        array(WORD, readonly=True),
        INDEX,
        INDEX,
        INDEX,
        SIZE,
        array(_INT, 2),
        array(types.int64, 2),
    )
)
@no_type_check
def _trace(flat, words, rows, height, cols, drawn, table, ends):
    # Returns the length that `table` needs, as long as all runs and all again to sort them, and
    # whether the patch is mixed. Whole words that go on as the last run did are skipped.
    zero, one, two, three = INDEX(0), INDEX(1), INDEX(2), INDEX(3)
    four, seven = INDEX(4), INDEX(7)
    capacity, full = INDEX(table.shape[0]), INDEX(words.size)
    n, first = INDEX(0), INDEX(0)
    stays = False
    for row in range(rows):
        last = first + cols
        if full > zero:  # one vectorised pass for rows without labels
            present = WORD(0)
            for w in range(first >> three, min((last + seven) >> three, full)):
                present |= words[w]
            if present == zero and (last >> three) < full:
                first = last
                continue
        value, word, is_drawn = SIZE(0), WORD(0), False
        i = first
        while i < last:
            if full > zero and i & seven == zero:
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
                if SIZE(flat[i]) != value:
                    if is_drawn:
                        if n < capacity:
                            table[n, 2] = i - first
                        n += one
                    value = SIZE(flat[i])
                    word = WORD(value) * WORD(0x0101010101010101)
                    is_drawn = 0 < value <= drawn
                    if is_drawn:
                        ends[value, 1] += 1
                        if n < capacity:
                            table[n, 0], table[n, 1] = row, i - first
                    else:
                        stays |= value != 0
                i += one
        if is_drawn:
            if n < capacity:
                table[n, 2] = cols
            n += one
        first = last
    # Sort the runs by label; the second half of the table is room for that.
    found, place = SIZE(0), INDEX(0)
    only = False
    for label in range(1, drawn + 1):
        count = INDEX(ends[label, 1])
        if count > zero:
            only = count == n
            ends[label, 2] = place  # where its next run goes
            place += count
            found += 1
    if not only and 2 * n > capacity:
        return SIZE(2 * n), True
    if n > capacity:
        return SIZE(n), True
    if not only:
        for k in range(n):
            for column in range(three):
                table[n + k, column] = table[k, column]
        for k in range(n, 2 * n):
            label = SIZE(flat[INDEX(table[k, 0]) * cols + INDEX(table[k, 1])])
            place = INDEX(ends[label, 2])
            ends[label, 2] += 1
            for column in range(three):
                table[place, column] = table[k, column]
    # Close the ranks: a line for each label that is there.
    k, place = zero, zero
    for label in range(1, drawn + 1):
        count = INDEX(ends[label, 1])
        if count == zero:
            continue
        top = SIZE(table[place, 0])
        bottom = SIZE(table[place + count - one, 0])
        low, high = SIZE(height), SIZE(0)
        left, right, pixels = SIZE(cols), SIZE(0), SIZE(0)
        if top // height != bottom // height:
            for m in range(place, place + count):
                row = SIZE(table[m, 0]) % SIZE(height)
                low, high = min(low, row), max(high, row)
        else:
            low, high = top % SIZE(height), bottom % SIZE(height)
        for m in range(place, place + count):
            left, right = min(left, SIZE(table[m, 1])), max(right, SIZE(table[m, 2]))
            pixels += SIZE(table[m, 2] - table[m, 1])
        place += count
        ends[k, 0], ends[k, 1], ends[k, 2] = label, place, pixels
        ends[k, 3], ends[k, 4] = top // SIZE(height), bottom // SIZE(height) + 1
        ends[k, 5], ends[k, 6] = low, high + 1
        ends[k, 7], ends[k, 8] = left, right
        k += one
    ends[INDEX(drawn + 1), 0] = found
    return SIZE(n), stays or found > 1


@kernel(
    lambda code: types.void(
        array(code, 2, readonly=True),
        array(types.int64, 2, readonly=True),
        array(_INT, 2, readonly=True),
        types.boolean,
        array(FLOAT, 2),
        array(code, 2),
    )
)
@no_type_check
def _move_ends(codes, ends, table, mixed, shifts, out):
    cols = codes.shape[1]
    right = FLOAT(cols)
    first = INDEX(0)
    for g in range(INDEX(ends.shape[0])):
        label, last = ends[g, 0], INDEX(ends[g, 1])
        for k in range(first, last):
            row, a, b = INDEX(table[k, 0]), SIZE(table[k, 1]), SIZE(table[k, 2])
            before, behind = label, label
            start, stop = a, b
            if a > 0 and codes[row, INDEX(a - 1)] < label:
                before = types.int64(codes[row, INDEX(a - 1)])
                start = SIZE(math.floor(min(max(a + shifts[k, 0], 0.0), right) + 0.5))
            if b < cols and codes[row, INDEX(b)] < label:
                behind = types.int64(codes[row, INDEX(b)])
                stop = SIZE(math.floor(min(max(b + shifts[k, 1], 0.0), right) + 0.5))
            if not mixed:
                for col in range(INDEX(start), INDEX(stop)):
                    out[row, col] = label
                continue
            shifts[k, 0], shifts[k, 1] = start, stop
            if stop < start:
                start = stop = (start + stop) // 2
            for col in range(INDEX(a), INDEX(min(start, b))):
                out[row, col] = before
            for col in range(INDEX(max(stop, a)), INDEX(b)):
                out[row, col] = behind
        for k in range(first, last if mixed else first):
            row, start = INDEX(table[k, 0]), SIZE(shifts[k, 0])
            for col in range(INDEX(start), INDEX(max(SIZE(shifts[k, 1]), start))):
                if codes[row, col] <= label:
                    out[row, col] = label
        first = last
