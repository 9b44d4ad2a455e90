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
    """Pixels of a stack of planes, region by region.

    Attributes
    ----------
    regions : (g, 3) int32 array
        Plane and label of each region, and where its pixels end in `pixels`.
    pixels : (n,) int32 array
        Their flat indices in the plane.
    """

    regions: NDArray[np.int32]
    pixels: NDArray[np.int32]


def list_pixels(runs: Runs, out: NDArray[np.uint8]) -> Pixels:
    """List the pixels of all runs, and set them in `out`, contiguous planes."""
    regions = runs.regions.copy()
    pixels = np.empty(int(np.subtract(runs.table[:, 2], runs.table[:, 1]).sum()), np.int32)
    _list(runs.regions, runs.table, regions, pixels, out)
    return Pixels(regions, pixels)


def flip_pixels(
    planes: NDArray[np.uint8],
    listed: Pixels,
    flips: list[tuple[int, int, int]],
    streams: PlaneStreams,
    out: NDArray[np.uint8],
) -> None:
    """Flip as many pixels of each region as `flips` says, in `out`, a copy of contiguous planes.

    `flips` are the pixels that a region loses to the background, those of the background that it
    gains, and those that the background has left for it. Every 64-bit word of the region's stream
    proposes one of its pixels with its upper half and any pixel of the plane with its lower half.
    The former must not have been flipped before, the latter must be background and not flipped
    before; the next word serves for one that is not. Larger numbers flip the same pixels and
    further ones.
    """
    size = planes[0].size
    numbers = []
    start = 0
    for stop, (losses, gains, left) in zip(listed.regions[:, 2].tolist(), flips, strict=True):
        count, start = stop - start, stop
        proposals = _proposals(count, count, losses), _proposals(size, left, gains)
        numbers.append(math.ceil(max(proposals)) + 16)
    flat, copy = planes.reshape(len(planes), size), out.reshape(len(planes), size)
    table = np.array(flips, np.intp).reshape(-1, 3)
    while not _flip(
        flat,
        *listed,
        np.array(numbers, np.intp),
        streams.words(listed.regions, numbers),
        table,
        copy,
    ):
        numbers = [number + number // 4 + 64 for number in numbers]
        out[:] = planes


def _proposals(pool: int, suitable: int, count: int) -> float:
    """How many random picks from `pool` it takes, on average, to hit `count` suitable ones."""
    return pool * math.log((suitable + 0.5) / (suitable - count + 0.5))


@kernel(
    types.void(
        array(types.int32, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, 2),
        array(types.int32),
        array(BYTE, 3),
    )
)
@no_type_check
def _list(run_regions, table, regions, pixels, out):
    n = INDEX(0)
    k = INDEX(0)
    for g in range(INDEX(regions.shape[0])):
        plane, label = out[INDEX(regions[g, 0])], BYTE(regions[g, 1])
        while k < run_regions[g, 2]:
            row = INDEX(table[k, 0])
            for col in range(INDEX(table[k, 1]), INDEX(table[k, 2])):
                pixels[n] = row * INDEX(plane.shape[1]) + col
                plane[row, col] = label
                n += INDEX(1)
            k += INDEX(1)
        regions[g, 2] = n


@kernel(
    types.boolean(
        array(BYTE, 2, readonly=True),
        array(types.int32, 2, readonly=True),
        array(types.int32, readonly=True),
        array(SIZE, readonly=True),
        array(WORD, readonly=True),
        array(SIZE, 2, readonly=True),
        array(BYTE, 2),
    )
)
@no_type_check
def _flip(planes, regions, pixels, numbers, words, flips, out):
    # A half word h picks pixel h * pool >> 32. The lowest products, 2**32 modulo the pool of them,
    # would make some pixels likelier than others: they propose nothing. Returns whether there were
    # words enough.
    half, low = WORD(32), WORD(0xFFFFFFFF)
    total = WORD(1) << half
    size = WORD(planes.shape[1])
    size_bias = total % size
    first, word = INDEX(0), INDEX(0)
    enough = True
    for g in range(INDEX(regions.shape[0])):
        p, label, stop = INDEX(regions[g, 0]), BYTE(regions[g, 1]), INDEX(regions[g, 2])
        pool = WORD(max(stop - first, INDEX(1)))
        pool_bias = total % pool
        lost, gained = 0, 0
        last = word + INDEX(numbers[g])
        while word < last:
            if lost < flips[g, 0]:
                product = (words[word] >> half) * pool
                pixel = INDEX(pixels[first + (product >> half)])
                if product & low >= pool_bias and out[p, pixel] != 0:
                    out[p, pixel] = 0
                    lost += 1
            if gained < flips[g, 1]:
                product = (words[word] & low) * size
                pixel = product >> half
                if product & low >= size_bias and out[p, pixel] == 0 and planes[p, pixel] == 0:
                    out[p, pixel] = label
                    gained += 1
            word += INDEX(1)
        first = stop
        enough &= lost == flips[g, 0] and gained == flips[g, 1]
    return enough
