"""The paper's perturbations as one would write them down: what labelnoise is compared with.

OpenCV traces and fills, SciPy joins the knots; the loops are Python's.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Mask = NDArray[np.uint8]


def natural(mask: Mask, sigma: float, rng: np.random.Generator) -> Mask:
    """Move the points of each contour along rays from its centre, and fill the contours."""
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    moved = []
    for contour in contours:
        left, top, width, height = cv2.boundingRect(contour)
        centre = np.array([left + width / 2, top + height / 2])
        offsets = sigma * rng.standard_normal(5)
        spline = CubicSpline(np.linspace(0, 1, 6), [*offsets, offsets[0]], bc_type="periodic")
        points = []
        for place, point in zip(np.linspace(0, 1, len(contour)), contour[:, 0], strict=True):
            ray = point - centre
            length = max(np.hypot(*ray), 1e-9)
            points.append(point + spline(place) * ray / length)
        moved.append(np.rint(points).astype(np.int32))
    return cv2.fillPoly(np.zeros_like(mask), moved, 1)


def choppy(mask: Mask, sigma: float, rng: np.random.Generator) -> Mask:
    """Shift the start and the end of each run of positive pixels."""
    noisy = np.zeros_like(mask)
    for row, pixels in enumerate(mask):
        steps = np.diff(pixels.astype(int), prepend=0, append=0)
        ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
        for start, stop in zip(*ends, strict=True):
            start += round(sigma * rng.standard_normal())
            stop += round(sigma * rng.standard_normal())
            noisy[row, max(start, 0) : max(stop, 0)] = 1
    return noisy


def random(mask: Mask, rate: float, rng: np.random.Generator) -> Mask:
    """Flip pixels by chance, as many negative ones as positive ones on average."""
    share = mask.mean()
    chance = np.where(mask, rate, rate * share / (1 - share))
    return np.where(rng.random(mask.shape) < chance, 1 - mask, mask)
