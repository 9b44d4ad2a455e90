"""Contours drawn again: moved along their normals, and smoothed along themselves."""

import math
from typing import NamedTuple, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._contours import Contours
from ._kernel import BYTE, FLOAT, INDEX, SIZE, array, inline, kernel

_FRAME = 2.0  # points over which a contour is smoothed to find its normals


class Frame(NamedTuple):
    """What contours look like from within.

    Attributes
    ----------
    normals : (m, 2) float64 array
        Unit normal of each point, away from the label, in the unit of spacing.
    lengths, widths : (n,) float64 arrays
        Length of each contour, and twice its area over that, negative for holes.
    """

    normals: NDArray[np.float64]
    lengths: NDArray[np.float64]
    widths: NDArray[np.float64]


def frame_of(contours: Contours, spacing: tuple[float, ...]) -> Frame:
    """Find normals, lengths and widths of contours."""
    normals = np.empty_like(contours.points)
    lengths, widths = np.empty(len(contours.stops)), np.empty(len(contours.stops))
    _frame(contours.stops, contours.points, *spacing[-2:], normals, lengths, widths)
    return Frame(normals, lengths, widths)


def drawn_again(
    contours: Contours,
    frame: Frame,
    moves: NDArray[np.float64],
    smooth: float,
    shares: NDArray[np.float64],
    spacing: tuple[float, ...],
) -> Contours:
    """Return contours whose points have moved along their normals, and are smoothed then.

    The smoothing has standard deviation `smooth`, a length along the contour; each point takes its
    share of it. Points that stay do not change.
    """
    points = contours.points.copy()
    step = 0.5 * (spacing[-1] + spacing[-2])
    _draw(
        contours.stops,
        points,
        contours.fixed,
        frame.normals,
        moves,
        smooth / step,
        shares,
        *spacing[-2:],
    )
    return contours._replace(points=points)


@inline
@no_type_check
def _blur(points, first, last, sigma, weights, out):
    # Smooths a closed curve by a Gaussian of a standard deviation in points.
    n = SIZE(last - first)
    reach = SIZE(math.ceil(3.0 * sigma))
    total = 1.0
    weights[0] = 1.0
    for k in range(1, reach + 1):
        weights[k] = math.exp(-0.5 * (k / sigma) ** 2)
        total += 2.0 * weights[k]
    for i in range(n):
        here = first + INDEX(i)
        y, x = points[here, 0], points[here, 1]
        for k in range(1, reach + 1):
            before, behind = first + INDEX((i - k + n) % n), first + INDEX((i + k) % n)
            y += weights[k] * (points[before, 0] + points[behind, 0])
            x += weights[k] * (points[before, 1] + points[behind, 1])
        out[i, 0], out[i, 1] = y / total, x / total


@inline
@no_type_check
def _longest(stops):
    # The most points of a contour.
    most, first = 1, INDEX(0)
    for m in range(INDEX(stops.size)):
        most = max(most, SIZE(stops[m] - first))
        first = stops[m]
    return most


@kernel(
    types.void(
        array(INDEX, readonly=True),
        array(FLOAT, 2, readonly=True),
        FLOAT,
        FLOAT,
        array(FLOAT, 2),
        array(FLOAT),
        array(FLOAT),
    )
)
@no_type_check
def _frame(stops, points, height, width, normals, lengths, widths):
    curve, weights = np.empty((_longest(stops), 2)), np.empty(16)
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        n = SIZE(stops[m] - first)
        _blur(points, first, stops[m], min(_FRAME, n / 8.0), weights, curve)
        length, area = 0.0, 0.0
        for i in range(n):
            before, behind = (i + n - 1) % n, (i + 1) % n
            down = (curve[behind, 0] - curve[before, 0]) * height
            right = (curve[behind, 1] - curve[before, 1]) * width
            size = max(math.sqrt(down * down + right * right), 1e-9)
            normals[first + INDEX(i), 0], normals[first + INDEX(i), 1] = -right / size, down / size
            down = (curve[behind, 0] - curve[i, 0]) * height
            right = (curve[behind, 1] - curve[i, 1]) * width
            length += math.sqrt(down * down + right * right)
            here, next_ = first + INDEX(i), first + INDEX(behind)
            area += points[here, 1] * points[next_, 0] - points[next_, 1] * points[here, 0]
        lengths[m] = length
        widths[m] = area * height * width / max(length, 1e-9)
        first = stops[m]


@kernel(
    types.void(
        array(INDEX, readonly=True),
        array(FLOAT, 2),
        array(BYTE, readonly=True),
        array(FLOAT, 2, readonly=True),
        array(FLOAT, readonly=True),
        FLOAT,
        array(FLOAT, readonly=True),
        FLOAT,
        FLOAT,
    )
)
@no_type_check
def _draw(stops, points, fixed, normals, moves, smooth, shares, height, width):
    longest = _longest(stops)
    curve = np.empty((longest, 2))
    weights = np.empty(longest // 4 + 3)
    first = INDEX(0)
    for m in range(INDEX(stops.size)):
        n = SIZE(stops[m] - first)
        for i in range(first, stops[m]):
            if fixed[i] == 0:
                points[i, 0] += moves[i] * normals[i, 0] / height
                points[i, 1] += moves[i] * normals[i, 1] / width
        sigma = min(smooth, n / 12.0)
        if sigma > 0.0:
            _blur(points, first, stops[m], sigma, weights, curve)
            for i in range(n):
                here = first + INDEX(i)
                if fixed[here] == 0:
                    points[here, 0] += shares[here] * (curve[i, 0] - points[here, 0])
                    points[here, 1] += shares[here] * (curve[i, 1] - points[here, 1])
        first = stops[m]
