"""Smooth Gaussian random fields."""

import math
from collections.abc import Iterable
from typing import no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import FLOAT, INDEX, array, kernel

_KNOT = 1.16  # lengths over which the correlation falls to 1/e, in distances of knots
_BYTE, _PAIR, _LAST = np.uint32(8), np.uint32(16), np.uint32(0x3FF)
_BYTES = np.uint32(0xFF00FF)
_SPREAD = math.sqrt((256**2 - 1) / 3)  # standard deviation of the sum of four bytes


def field(
    points: NDArray[np.float64],
    lengths: tuple[float, ...],
    spacing: tuple[float, ...],
    rng: np.random.Generator,
    box: tuple[float, ...] | None = None,
) -> NDArray[np.float64]:
    """Return a standard normal field at points (n, 3), its correlation 1/e at a length per axis.

    Points are in pixels, lengths and spacing in one unit; lengths below a pixel count as a pixel.
    The field is a cubic B-spline with independent weights at the knots of a lattice, sums of four
    uniform bytes each, so that the field is normal but for its farthest tails. The lattice covers
    the points, or a box (its least places, then its largest), beyond which the field goes on as at
    its faces.
    """
    if box is not None:
        points = np.clip(points, box[:3], box[3:])
    ends = _extent(points) if box is None else box
    extents = [high - low for low, high in zip(ends[:3], ends[3:], strict=True)]
    steps, knots = lattice_of(extents, lengths, spacing)
    values, words = np.empty(len(points)), rng.integers(0, 2**32, knots, np.uint32)
    _evaluate(points, np.array(ends[:3]), np.array(steps), words, values)
    return values


def lattice_of(
    extents: Iterable[float], lengths: tuple[float, ...], spacing: tuple[float, ...]
) -> tuple[list[float], list[int]]:
    """Return the distance of knots along each axis, in pixels, and how many cover the extents.

    An axis of no extent, or of infinite length, has one.
    """
    pairs = zip(lengths, spacing, strict=True)
    steps = [max(length, pixel) / (_KNOT * pixel) for length, pixel in pairs]
    return steps, [
        math.floor(extent / step) + 4 if extent > 0 and step < math.inf else 1
        for extent, step in zip(extents, steps, strict=True)
    ]


@kernel(types.UniTuple(FLOAT, 6)(array(FLOAT, 2, readonly=True)))
@no_type_check
def _extent(points):
    # The least and the largest place along each axis; without points, they are equal.
    low, high = np.zeros(3), np.zeros(3)
    for i in range(INDEX(points.shape[0])):
        for axis in range(INDEX(3)):
            place = points[i, axis]
            low[axis] = min(low[axis], place) if i > 0 else place
            high[axis] = max(high[axis], place) if i > 0 else place
    return low[0], low[1], low[2], high[0], high[1], high[2]


@kernel(
    types.void(
        array(FLOAT, 2, readonly=True),
        array(FLOAT, readonly=True),
        array(FLOAT, readonly=True),
        array(types.uint32, 3, readonly=True),
        array(FLOAT),
    )
)
@no_type_check
def _evaluate(points, low, steps, lattice, values):
    # Along an axis in which the points do not differ, the lattice has one knot. Its weight is the
    # sum of the four bytes of a word.
    weights = np.empty((3, 4))
    starts, counts = np.zeros(3, np.uintp), np.ones(3, np.uintp)
    weights[:, 0] = 1.0
    for i in range(INDEX(points.shape[0])):
        squares = 1.0
        for axis in range(INDEX(3)):
            if lattice.shape[axis] == 1:
                continue
            place = (points[i, axis] - low[axis]) / steps[axis]
            start = math.floor(place)
            t = place - start
            s = 1.0 - t
            weights[axis, 0] = s * s * s
            weights[axis, 1] = 4.0 - 3.0 * t * t * (1.0 + s)
            weights[axis, 2] = 4.0 - 3.0 * s * s * (1.0 + t)
            weights[axis, 3] = t * t * t
            total = 0.0
            for j in range(INDEX(4)):
                total += weights[axis, j] * weights[axis, j]
            squares *= total
            starts[axis], counts[axis] = INDEX(start), INDEX(4)
        value = 0.0
        for a in range(counts[0]):
            for b in range(counts[1]):
                for c in range(counts[2]):
                    weight = weights[0, a] * weights[1, b] * weights[2, c]
                    word = lattice[starts[0] + a, starts[1] + b, starts[2] + c]
                    pairs = (word & _BYTES) + ((word >> _BYTE) & _BYTES)
                    value += weight * (FLOAT((pairs + (pairs >> _PAIR)) & _LAST) - 510.0)
        values[i] = value / (_SPREAD * math.sqrt(squares))
