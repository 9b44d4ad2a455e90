"""Smooth Gaussian random fields."""

import math
from typing import no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import FLOAT, INDEX, array, kernel

_KNOT = 1.16  # lengths over which the correlation falls to 1/e, in distances of knots


def field(
    points: NDArray[np.float64],
    lengths: tuple[float, ...],
    spacing: tuple[float, ...],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return a standard normal field at points (n, 3), its correlation 1/e at a length per axis.

    Points are in pixels, lengths and spacing in one unit; lengths below a pixel count as a pixel.
    The field is a cubic B-spline with independent normal weights at the knots of a lattice.
    """
    steps = np.maximum(lengths, spacing) / (_KNOT * np.array(spacing))  # pixels between knots
    low = points.min(axis=0, initial=np.inf)
    places = (points - np.where(np.isfinite(low), low, 0.0)) / steps
    extent = places.max(axis=0, initial=0.0)
    counts = np.where(extent > 0, np.floor(extent).astype(np.intp) + 4, 1)
    values = np.empty(len(points))
    _evaluate(places, rng.standard_normal(counts), values)
    return values


@kernel(types.void(array(FLOAT, 2, readonly=True), array(FLOAT, 3, readonly=True), array(FLOAT)))
@no_type_check
def _evaluate(places, lattice, values):
    # Along an axis in which the points do not differ, the lattice has one knot.
    weights = np.empty((3, 4))
    starts, counts = np.zeros(3, np.uintp), np.ones(3, np.uintp)
    weights[:, 0] = 1.0
    for i in range(INDEX(places.shape[0])):
        squares = 1.0
        for axis in range(INDEX(3)):
            if lattice.shape[axis] == 1:
                continue
            start = math.floor(places[i, axis])
            t = places[i, axis] - start
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
                    value += weight * lattice[starts[0] + a, starts[1] + b, starts[2] + c]
        values[i] = value / math.sqrt(squares)
