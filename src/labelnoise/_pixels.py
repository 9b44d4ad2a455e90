"""Planes as single pixels, some of them picked at random."""

import math
from typing import NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, SIZE, WORD, array, kernel
from ._runs import Runs
from ._streams import PlaneStreams


class Pixels(NamedTuple):
    """Positive pixels of a stack of planes.

    Attributes
    ----------
    plane_stops : (planes,) uintp array
        Where the pixels of each plane end in `pixels`.
    pixels : (n,) int32 array
        Their flat indices in the plane.
    """

    plane_stops: NDArray[np.uintp]
    pixels: NDArray[np.int32]


def list_pixels(runs: Runs, cols: int) -> Pixels:
    """List the pixels of all runs of planes that are `cols` wide."""
    plane_stops = np.empty(len(runs.row_ends), np.uintp)
    pixels = np.empty(int(np.subtract(runs.ends[:, 1], runs.ends[:, 0]).sum()), np.int32)
    _list(runs.row_ends, runs.ends, cols, plane_stops, pixels)
    return Pixels(plane_stops, pixels)


def flip_pixels(
    planes: NDArray[np.uint8],
    positives: Pixels,
    flips: list[tuple[int, int]],
    label: int,
    streams: PlaneStreams,
    out: NDArray[np.uint8],
) -> None:
    """Flip as many pixels of each plane as `flips` says, in `out`, a copy of contiguous planes.

    `flips` are numbers of positive and of negative pixels. Every 64-bit word of a plane's stream
    proposes a positive pixel with its upper half and any pixel of the plane with its lower half.
    Positive proposals must not have been flipped before, the others must be negative and not
    flipped before; the next word serves for one that is not. Larger numbers flip the same pixels
    and further ones.
    """
    size = planes[0].size
    numbers = []
    start = 0
    for stop, (losses, gains) in zip(positives.plane_stops.tolist(), flips, strict=True):
        count, start = stop - start, stop
        proposals = _proposals(count, count, losses), _proposals(size, size - count, gains)
        numbers.append(math.ceil(max(proposals)) + 16)
    flat, copy = planes.reshape(len(planes), size), out.reshape(len(planes), size)
    table = np.array(flips, np.intp)
    while not _flip(
        flat, *positives, label, np.array(numbers, np.intp), streams.words(numbers), table, copy
    ):
        numbers = [number + number // 4 + 64 for number in numbers]
        copy[:] = flat


def _proposals(pool: int, suitable: int, count: int) -> float:
    """How many random picks from `pool` it takes, on average, to hit `count` suitable ones."""
    return pool * math.log((suitable + 0.5) / (suitable - count + 0.5))


@kernel(
    types.void(
        array(types.int32, 2, readonly=True),
        array(types.float64, 2, readonly=True),
        INDEX,
        array(INDEX),
        array(types.int32),
    )
)
@no_type_check
def _list(row_ends, ends, cols, plane_stops, pixels):
    n = INDEX(0)
    k = INDEX(0)
    for p in range(INDEX(row_ends.shape[0])):
        for row in range(INDEX(row_ends.shape[1])):
            while k < row_ends[p, row]:
                for col in range(INDEX(ends[k, 0]), INDEX(ends[k, 1])):
                    pixels[n] = row * cols + col
                    n += INDEX(1)
                k += INDEX(1)
        plane_stops[p] = n


@kernel(
    types.boolean(
        array(BYTE, 2, readonly=True),
        array(INDEX, readonly=True),
        array(types.int32, readonly=True),
        BYTE,
        array(SIZE, readonly=True),
        array(WORD, readonly=True),
        array(SIZE, 2, readonly=True),
        array(BYTE, 2),
    )
)
@no_type_check
def _flip(planes, plane_stops, pixels, label, numbers, words, flips, out):
    # A half word h picks pixel h * pool >> 32. The lowest products, 2**32 modulo the pool of them,
    # would make some pixels likelier than others: they propose nothing. Returns whether there were
    # words enough.
    half, low = WORD(32), WORD(0xFFFFFFFF)
    total = WORD(1) << half
    size = WORD(planes.shape[1])
    size_bias = total % size
    first, word = INDEX(0), INDEX(0)
    enough = True
    for p in range(INDEX(planes.shape[0])):
        pool = WORD(max(plane_stops[p] - first, INDEX(1)))
        pool_bias = total % pool
        lost, gained = 0, 0
        last = word + INDEX(numbers[p])
        while word < last:
            if lost < flips[p, 0]:
                product = (words[word] >> half) * pool
                pixel = INDEX(pixels[first + (product >> half)])
                if product & low >= pool_bias and out[p, pixel] != 0:
                    out[p, pixel] = 0
                    lost += 1
            if gained < flips[p, 1]:
                product = (words[word] & low) * size
                pixel = product >> half
                if product & low >= size_bias and out[p, pixel] == 0 and planes[p, pixel] == 0:
                    out[p, pixel] = label
                    gained += 1
            word += INDEX(1)
        first = plane_stops[p]
        enough &= lost == flips[p, 0] and gained == flips[p, 1]
    return enough
