"""The same definitions in plain Python, one pixel at a time: what the fast paths must equal."""

import math

import numpy as np
from scipy.interpolate import CubicSpline


def plane_bits(rng, index):
    """Return the bit generator of one plane's noise."""
    key = np.random.default_rng(rng).random(2).view(np.uint64)
    return np.random.Philox(key=key, counter=[0, 0, 0, index])


def per_plane(perturb, stack, strength, rng, **options):
    """Perturb each plane of a stack (planes, rows, columns) with its own stream."""
    return np.array(
        [
            perturb(plane, strength, plane_bits(rng, index), **options)
            for index, plane in enumerate(stack)
        ]
    )


def find_runs(plane):
    """List (row, start, stop) of every run."""
    runs = []
    for row, pixels in enumerate(plane.tolist()):
        start = None
        for column, pixel in enumerate([*pixels, 0]):
            if pixel and start is None:
                start = column
            if not pixel and start is not None:
                runs.append((row, start, column))
                start = None
    return runs


def choppy(plane, sigma, bits):
    """Shift both ends of each run."""
    out = np.zeros_like(plane)
    label = plane.max()
    rng = np.random.Generator(bits)
    for row, start, stop in find_runs(plane):
        start = start + rng.standard_normal() * sigma
        stop = stop + rng.standard_normal() * sigma
        for column in range(plane.shape[1]):
            if math.floor(start + 0.5) <= column < math.floor(stop + 0.5):
                out[row, column] = label
    return out


def find_contours(plane):
    """Link the pixel edges of the boundary to closed contours of edge midpoints.

    An edge runs between two corners of the grid with a positive pixel to its right. Where two
    edges leave a corner, the way turns left, so that pixels that touch at it stay connected.
    """
    rows, columns = plane.shape

    def positive(row, column):
        return 0 <= row < rows and 0 <= column < columns and plane[row, column] != 0

    leaving = {}
    for row in range(rows):
        for column in range(columns):
            if not positive(row, column):
                continue
            corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
            beside = [(row - 1, column), (row, column + 1), (row + 1, column), (row, column - 1)]
            for side in range(4):
                if not positive(*beside[side]):
                    leaving.setdefault(corners[side], []).append(corners[(side + 1) % 4])
    contours = []
    used = set()
    for row, start, _ in find_runs(plane):
        edge = (row + 1, start), (row, start)
        if edge in used:
            continue
        contour = []
        while edge not in used:
            used.add(edge)
            tail, head = edge
            contour.append(((tail[0] + head[0] - 1) / 2, (tail[1] + head[1] - 1) / 2))
            down, right = head[0] - tail[0], head[1] - tail[1]
            left = (head[0] - right, head[1] + down)
            edge = head, left if left in leaving[head] else leaving[head][0]
        contours.append(contour)
    return contours


def natural(plane, sigma, bits, knots=5, spacing=(1.0, 1.0)):
    """Displace contours along rays from their centre and fill by winding number."""
    rng = np.random.Generator(bits)
    label = plane.max()
    displaced = []
    for contour in find_contours(plane):
        draws = sigma * rng.standard_normal(knots)
        spline = CubicSpline(np.arange(knots + 1), [*draws, draws[0]], bc_type="periodic")
        points = np.array(contour)
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        moved = []
        for index, point in enumerate(points):
            ray = point - centre
            distance = math.hypot(*(ray * spacing))
            offset = float(spline(index * knots / len(points)))
            stretch = max(offset / distance, -1.0) if distance > 0 else 0.0
            moved.append(point + stretch * ray)
        displaced.append(moved)
    out = np.zeros_like(plane)
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            if sum(winding(contour, row, column) for contour in displaced) > 0:
                out[row, column] = label
    return out


def winding(contour, row, column):
    """Count how often a contour passes to the left of a pixel's centre, upwards less downwards."""
    total = 0
    for (y0, x0), (y1, x1) in zip(contour, contour[1:] + contour[:1], strict=True):
        if (y0 <= row) != (y1 <= row) and x0 + (row - y0) * (x1 - x0) / (y1 - y0) <= column:
            total += 1 if y1 < y0 else -1
    return total


def random(plane, rate, bits, prevalence=None):
    """Flip pixels that a stream of words proposes, until there are enough."""
    out = plane.copy().reshape(-1)
    original = plane.reshape(-1)
    label = plane.max() or 1
    positives = np.flatnonzero(original).tolist()
    losses = round(rate * len(positives))
    gains = losses
    if prevalence is not None:
        ratio = rate * (prevalence / (1 - prevalence))
        gains = round(ratio * (len(original) - len(positives)))
    while losses or gains:
        word = int(bits.random_raw())
        if losses:
            pick, rest = divmod((word >> 32) * len(positives), 2**32)
            if rest >= 2**32 % len(positives) and out[positives[pick]]:
                out[positives[pick]] = 0
                losses -= 1
        if gains:
            pick, rest = divmod((word % 2**32) * len(out), 2**32)
            if rest >= 2**32 % len(out) and not out[pick] and not original[pick]:
                out[pick] = label
                gains -= 1
    return out.reshape(plane.shape)


def dice(reference, other):
    """Compare pixel by pixel."""
    pairs = list(zip(reference.ravel().tolist(), other.ravel().tolist(), strict=True))
    sizes = sum(a != 0 for a, _ in pairs) + sum(b != 0 for _, b in pairs)
    return 2 * sum(a != 0 and b != 0 for a, b in pairs) / sizes if sizes else 1.0
