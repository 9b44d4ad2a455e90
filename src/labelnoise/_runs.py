"""Planes as runs: the stretches of positive pixels in each row."""

import math
from typing import NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, WORD, array, as_words, kernel
from ._validate import refuse_labels


class Runs(NamedTuple):
    """Runs of a stack of planes, from plane to plane, top to bottom, left to right.

    Attributes
    ----------
    row_ends : (planes, rows) int32 array
        How many runs there are up to and including each row.
    ends : (n, 2) float64 array
        First column of each run, and the column behind its last.
    """

    row_ends: NDArray[np.int32]
    ends: NDArray[np.float64]


def trace_runs(planes: NDArray[np.uint8], label: int) -> Runs:
    """Find the runs of `label` in contiguous planes that hold `label` and 0 alone."""
    flat, words = as_words(planes)
    row_ends = np.empty(planes.shape[:2], np.int32)
    ends = np.empty((2 * row_ends.size + 64, 2))
    found = _trace(flat, words, planes.shape[2], label, row_ends, ends)
    if found > len(ends):
        ends = np.empty((found, 2))
        _trace(flat, words, planes.shape[2], label, row_ends, ends)
    if found < 0:
        refuse_labels(planes)
    return Runs(row_ends, ends[:found])


def fill_runs(runs: Runs, label: int, out: NDArray[np.uint8]) -> None:
    """Set the pixels of all runs in `out`, contiguous planes.

    The ends are rounded to whole pixels and clipped at the border of the plane. Runs that overlap
    merge; a run whose end does not lie behind its start has no pixels.
    """
    _fill(runs.row_ends, runs.ends, label, out)


@kernel(
    SIZE(
        array(BYTE, readonly=True),
        array(WORD, readonly=True),
        INDEX,
        BYTE,
        array(types.int32, 2),
        array(types.float64, 2),
    )
)
@no_type_check
def _trace(flat, words, cols, label, row_ends, ends):
    # Returns the number of runs, also when `ends` is too short to hold them; -1 on another label.
    # Rows without foreground cost one vectorised pass. In the others, whole words equal to the
    # word before the last transition are skipped.
    zero, one, two, three = INDEX(0), INDEX(1), INDEX(2), INDEX(3)
    four, seven = INDEX(4), INDEX(7)
    full = WORD(label) * WORD(0x0101010101010101)
    capacity = ends.shape[0]
    n = 0
    first = INDEX(0)
    for p in range(INDEX(row_ends.shape[0])):
        for row in range(INDEX(row_ends.shape[1])):
            last = first + cols
            present = BYTE(0)
            for i in range(first, last):
                present = BYTE(present | flat[i])
            if present != 0:
                value, word = BYTE(0), WORD(0)
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
                            if value == 0:
                                if flat[i] != label:
                                    return -1
                                value, word = label, full
                                if n < capacity:
                                    ends[n, 0] = i - first
                            else:
                                if flat[i] != 0:
                                    return -1
                                value, word = BYTE(0), WORD(0)
                                if n < capacity:
                                    ends[n, 1] = i - first
                                n += 1
                        i += one
                if value != 0:
                    if n < capacity:
                        ends[n, 1] = cols
                    n += 1
            row_ends[p, row] = n
            first = last
    return n


@kernel(
    types.void(
        array(types.int32, 2, readonly=True),
        array(types.float64, 2, readonly=True),
        BYTE,
        array(BYTE, 3),
    )
)
@no_type_check
def _fill(row_ends, ends, label, out):
    right = types.float64(out.shape[2])
    k = INDEX(0)
    for p in range(INDEX(out.shape[0])):
        for row in range(INDEX(out.shape[1])):
            while k < row_ends[p, row]:
                start = INDEX(math.floor(min(max(ends[k, 0], 0.0), right) + 0.5))
                stop = INDEX(math.floor(min(max(ends[k, 1], 0.0), right) + 0.5))
                for col in range(start, stop):
                    out[p, row, col] = label
                k += INDEX(1)
