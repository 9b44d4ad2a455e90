"""Single pixels of a label and of the background, some of them picked at random."""

import math
from typing import Any, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import INDEX, SIZE, WORD, array, kernel
from ._validate import check_pixels

_INT = types.int32


def list_pixels(runs: NDArray[np.int32], size: int, cols: int) -> NDArray[np.uint32]:
    """Return the flat indices of the pixels of runs, so many in rows of `cols`."""
    pixels = np.empty(size, np.uint32)
    _list(runs, cols, pixels)
    return pixels


def flip_pixels(
    codes: NDArray[Any],
    label: int,
    pixels: NDArray[np.uint32],
    flips: tuple[int, int, int],
    rng: np.random.Generator,
    out: NDArray[Any],
) -> None:
    """Flip pixels of a label and of the background in `out`, an altered copy of the codes.

    `flips` are the pixels that the label loses to the background, those of the background that it
    gains, and those that the background has left for it. Every 64-bit word of `rng` proposes one of
    the label's pixels with its upper half and any pixel of the patch with its lower half. The
    former must not have been flipped before, the latter must be background and not flipped before;
    the next word serves for one that is not. Larger numbers flip the same pixels and further ones.
    """
    losses, gains, left = flips
    check_pixels(codes.size)
    rounds = max(_proposals(pixels.size, pixels.size, losses), _proposals(codes.size, left, gains))
    number = math.ceil(rounds) + 16
    done = np.zeros(2, np.intp)
    flat, copy = codes.reshape(-1), out.reshape(-1)
    while not _flip(
        flat, label, pixels, rng.bit_generator.random_raw(number), losses, gains, done, copy
    ):
        number = number // 4 + 64


def _proposals(pool: int, suitable: int, count: int) -> float:
    """How many random picks from `pool` it takes, on average, to hit `count` suitable ones."""
    return pool * math.log((suitable + 0.5) / (suitable - count + 0.5))


@kernel(types.void(array(_INT, 2, readonly=True), SIZE, array(types.uint32)))
@no_type_check
def _list(runs, cols, pixels):
    n = INDEX(0)
    for k in range(INDEX(runs.shape[0])):
        first = INDEX(runs[k, 0]) * INDEX(cols)
        for col in range(INDEX(runs[k, 1]), INDEX(runs[k, 2])):
            pixels[n] = first + col
            n += INDEX(1)


@kernel(
    lambda code: types.boolean(
        array(code, readonly=True),
        SIZE,
        array(types.uint32, readonly=True),
        array(WORD, readonly=True),
        SIZE,
        SIZE,
        array(SIZE),
        array(code),
    )
)
@no_type_check
def _flip(codes, label, pixels, words, losses, gains, done, out):
    # A half word h picks pixel h * pool >> 32. The lowest products, 2**32 modulo the pool of them,
    # would make some pixels likelier than others: they propose nothing. Returns whether there were
    # words enough.
    half, low = WORD(32), WORD(0xFFFFFFFF)
    total = WORD(1) << half
    size, pool = WORD(codes.size), WORD(max(pixels.size, 1))
    size_bias, pool_bias = total % size, total % pool
    lost, gained = done[0], done[1]
    for i in range(INDEX(words.size)):
        if lost < losses:
            product = (words[i] >> half) * pool
            pixel = INDEX(pixels[INDEX(product >> half)])
            if product & low >= pool_bias and out[pixel] != 0:
                out[pixel] = 0
                lost += 1
        if gained < gains:
            product = (words[i] & low) * size
            pixel = INDEX(product >> half)
            if product & low >= size_bias and out[pixel] == 0 and codes[pixel] == 0:
                out[pixel] = label
                gained += 1
    done[0], done[1] = lost, gained
    return lost == losses and gained == gains
