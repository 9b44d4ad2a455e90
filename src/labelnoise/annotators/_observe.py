"""How one person's mask of a structure differs from another's, in numbers."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._draw import radius_of

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
ALONG = (1, 3, 8, 20)  # points along a contour
ACROSS = (1, 2)  # slices
_FEW = 8  # points below which a contour tells nothing
_MOST = 3  # slices that count at an end
_NEAR = 4.0  # pixels within which contours of neighbouring slices belong together


class Difference(NamedTuple):
    """How a mask differs from a reference: lengths in the unit of spacing.

    Attributes
    ----------
    points : int
        Number of points of the reference's contours that are compared.
    radius, pixel : float
        Radius of a sphere of the reference's volume, and the pixel's size.
    sd, mean, slices : float
        Standard deviation and mean of the boundary's displacement outwards, and the standard
        deviation of its means in slices.
    gain : float
        Displacement by which a sphere of the reference's volume has the other's.
    along, across : tuple of float
        Correlation of the displacement along the contour and across slices, by `ALONG` and
        `ACROSS`; nan where the structure is too small.
    kurtosis, unmoved, rough, parts : float
        Kurtosis of the displacement; share of points that differ by less than 0.3 pixels; how much
        longer contours are, beside those of their hulls; pieces of the difference, by points.
    uneven : float
        Standard deviation of the slices' Dice scores.
    ends : float
        How many slices one of them has and the other lacks at an end, at most 3.
    """

    points: int
    radius: float
    pixel: float
    sd: float
    mean: float
    slices: float
    gain: float
    along: tuple[float, ...]
    across: tuple[float, ...]
    kurtosis: float
    unmoved: float
    rough: float
    parts: float
    uneven: float
    ends: float


def difference(reference: Mask, other: Mask, spacing: tuple[float, ...]) -> Difference | None:
    """Return how a mask (slices, rows, columns) differs from a reference; None if too little."""
    from scipy.ndimage import label
    from scipy.spatial import cKDTree

    if not (reference.any() and other.any()):
        return None
    every = contours_of(other, spacing)
    one, two = _longest(contours_of(reference, spacing)), _longest(every)
    shared = sorted(one.keys() & two.keys())
    if not shared:
        return None
    mine, others = ([each[place] for place in shared] for each in (one, two))
    counts = np.array([len(line) for line in mine])
    slices = np.repeat(shared, counts)
    points = np.concatenate(mine)

    steps = np.array(spacing[1:])
    pixel = float(steps.mean())
    far = 1e4 * (reference.shape[1] + reference.shape[2]) * pixel  # apart from any other slice
    flat = np.column_stack([slices * far, points * steps])
    boundary = [
        np.column_stack([np.full(len(line), place * far), line * steps]) for place, line, _ in every
    ]
    moves = cKDTree(np.concatenate(boundary)).query(flat)[0] * _side(other, slices, points)

    mean, variance = float(moves.mean()), max(float(moves.var()), 1e-12)
    rest = moves - mean
    starts, sizes = np.repeat(np.cumsum(counts) - counts, counts), np.repeat(counts, counts)
    along = []
    for lag in ALONG:
        partner = starts + (np.arange(len(rest)) - starts + lag) % sizes
        long = sizes > 2 * lag
        along.append(_mean(rest[long] * rest[partner[long]]) / variance)
    across, tree = [], cKDTree(flat)
    for lag in ACROSS:
        there = flat + np.array([lag * far, 0, 0])
        found, nearest = tree.query(there, distance_upper_bound=_NEAR * pixel)
        near = np.isfinite(found)
        across.append(_mean(rest[near] * rest[nearest[near]]) / variance)
    means = np.add.reduceat(moves, np.cumsum(counts) - counts) / counts

    wrong = (reference ^ other)[shared]
    structure = np.zeros((3, 3, 3), bool)
    structure[1] = True
    pixels = sum(each[shared].sum(axis=(1, 2)) for each in (reference, other))
    scores = 1 - wrong.sum(axis=(1, 2)) / pixels
    radii = [radius_of(int(each.sum()), spacing, len(each) > 1) for each in (reference, other)]
    full = [np.flatnonzero(each.any(axis=(1, 2))) for each in (reference, other)]
    return Difference(
        points=len(moves),
        radius=radii[0],
        pixel=pixel,
        sd=math.sqrt(variance),
        mean=mean,
        slices=float(means.std()),
        gain=radii[1] - radii[0],
        along=tuple(along),
        across=tuple(across),
        kurtosis=max(float((rest**4).mean()) / variance**2, 1.0),
        unmoved=float((np.abs(moves) < 0.3 * pixel).mean()),
        rough=_rough(others, steps) - _rough(mine, steps),
        parts=(label(wrong, structure)[1] + 0.5) / len(moves),
        uneven=float(scores.std()),
        ends=float(np.minimum(abs(full[0][[0, -1]] - full[1][[0, -1]]), _MOST).mean()),
    )


def contours_of(mask: Mask, spacing: tuple[float, ...]) -> list[tuple[int, Floats, bool]]:
    """Trace contours: slice, rows and columns of each, and whether it is an outer one."""
    from .._contours import trace_contours
    from .._runs import trace_runs
    from .._strokes import frame_of

    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1))).astype(np.uint8)
    contours = trace_contours(padded, 1, trace_runs(padded, 1).table)
    lines = np.split(contours.points - 1, contours.stops[:-1].astype(np.intp))
    outer = frame_of(contours, spacing).widths > 0
    return list(zip(contours.slices.tolist(), lines, outer.tolist(), strict=True))


def _longest(contours: list[tuple[int, Floats, bool]]) -> dict[int, Floats]:
    """Return the longest outer contour of each slice that has one of some length."""
    found: dict[int, Floats] = {}
    for place, line, outer in contours:
        if outer and len(line) >= max(_FEW, len(found.get(place, ()))):
            found[place] = line
    return found


def _rough(lines: list[Floats], steps: Floats) -> float:
    """Return how long contours are beside those of their hulls."""
    import cv2

    around = hull = 0.0
    for line in lines:
        curve = (line * steps).astype(np.float32)[:, np.newaxis]
        around += cv2.arcLength(curve, True)
        hull += cv2.arcLength(cv2.convexHull(curve), True)
    return around / hull


def _side(mask: Mask, slices: NDArray[np.intp], points: Floats) -> NDArray[Any]:
    """Return 1 for points inside of a mask, -1 for those outside, 0 for those on its boundary."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
    low, high = (rounded(points).astype(np.intp) + 1 for rounded in (np.floor, np.ceil))
    side: NDArray[Any] = padded[slices, *low.T] + padded[slices, *high.T] - 1
    return side


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else math.nan
