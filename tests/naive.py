"""The same definitions in plain Python, one pixel at a time: what the fast paths must equal."""

import functools
import math

import numpy as np
from scipy.interpolate import CubicSpline


def stream(rng, plane, layer):
    """Return the bit generator of one label's noise in one plane."""
    key = np.random.default_rng(rng).random(2).view(np.uint64)
    return np.random.Philox(key=key, counter=[0, 0, layer, plane])


def per_plane(perturb, stack, strength, rng, **options):
    """Perturb each plane of a stack (planes, rows, columns) with its own streams."""
    return np.array(
        [
            perturb(plane, strength, functools.partial(stream, rng, index), **options)
            for index, plane in enumerate(stack)
        ]
    )


class Order:
    """Which labels of a plane are drawn, and over which others."""

    def __init__(self, plane, labels):
        listed = sorted(set(plane.ravel().tolist()) - {0}) if labels is None else labels
        self.ranks = {0: 0, **{label: rank for rank, label in enumerate(listed, 1)}}
        self.present = [label for label in listed if (plane == label).any()]

    def rank(self, label):
        """Return the place of a label; those that stay come after all others."""
        return self.ranks.get(label, math.inf)


def at(plane, row, column):
    """Return a pixel; what lies outside is background."""
    rows, columns = plane.shape
    return int(plane[row, column]) if 0 <= row < rows and 0 <= column < columns else 0


def find_runs(positive):
    """List (row, start, stop) of every run."""
    runs = []
    for row, pixels in enumerate(positive.tolist()):
        start = None
        for column, pixel in enumerate([*pixels, 0]):
            if pixel and start is None:
                start = column
            if not pixel and start is not None:
                runs.append((row, start, column))
                start = None
    return runs


def choppy(plane, sigma, streams, labels=None):
    """Shift both ends of each run, unless what lies across is drawn later."""
    order = Order(plane, labels)
    out = plane.copy()
    columns = plane.shape[1]
    for layer, label in enumerate(order.present):
        rng = np.random.Generator(streams(layer))
        moved = []
        for row, start, stop in find_runs(plane == label):
            ends = []
            for end, across in ((start, start - 1), (stop, stop)):
                shift = rng.standard_normal() * sigma
                if order.rank(at(plane, row, across)) < order.rank(label):
                    end = math.floor(min(max(end + shift, 0), columns) + 0.5)
                ends.append(end)
            moved.append((row, *ends))
            left, right = ends if ends[0] <= ends[1] else [sum(ends) // 2] * 2
            for column in range(start, stop):
                if column < left:
                    out[row, column] = at(plane, row, start - 1)
                elif column >= right:
                    out[row, column] = at(plane, row, stop)
        for row, start, stop in moved:
            for column in range(start, stop):
                if order.rank(at(plane, row, column)) <= order.rank(label):
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


def find_edges(plane, label, order):
    """List the pixels beside a label that are drawn earlier, also just outside the plane."""
    rows, columns = plane.shape
    edges = []
    for row in range(-1, rows + 1):
        for column in range(-1, columns + 1):
            beside = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
            other = at(plane, row, column)
            if order.rank(other) < order.rank(label) and label in (at(plane, *p) for p in beside):
                edges.append((row, column, other))
    return edges


def natural(plane, sigma, streams, knots=5, spacing=(1.0, 1.0), labels=None, nudge=(0.0, 0.0)):
    """Displace contours along rays from their centre and fill by winding number."""
    order = Order(plane, labels)
    out = plane.copy()
    for layer, label in enumerate(order.present):
        rng = np.random.Generator(streams(layer))
        positive = plane == label
        displaced = []
        for contour in find_contours(positive):
            draws = sigma * rng.standard_normal(knots)
            spline = CubicSpline(np.arange(knots + 1), [*draws, draws[0]], bc_type="periodic")
            points = np.array(contour)
            centre = (points.min(axis=0) + points.max(axis=0)) / 2
            moved = []
            for index, point in enumerate(points):
                ray = point - centre
                distance = math.sqrt(((ray * spacing) ** 2).sum())
                offset = float(spline(index * knots / len(points)))
                stretch = max(offset / distance, -1.0) if distance > 0 else 0.0
                # A point lies between two pixels, one of them of this label.
                two = [(math.floor(y), math.floor(x)) for y, x in (point, point + 0.5)]
                across = [at(plane, *pixel) for pixel in two if at(plane, *pixel) != label]
                if order.rank(*across) > order.rank(label):
                    stretch = 0.0
                moved.append(point + stretch * ray + nudge)
            displaced.append(moved)
        edges = find_edges(plane, label, order)
        for row in range(plane.shape[0]):
            for column in range(plane.shape[1]):
                inside = sum(winding(contour, row, column) for contour in displaced) > 0
                if positive[row, column] and not inside:
                    out[row, column] = min(
                        edges,
                        key=lambda edge: (
                            ((edge[0] - row) * spacing[0]) ** 2
                            + ((edge[1] - column) * spacing[1]) ** 2,
                            -order.rank(edge[2]),
                        ),
                    )[2]
                elif inside and order.rank(at(plane, row, column)) < order.rank(label):
                    out[row, column] = label
    return out


def winding(contour, row, column):
    """Count how often a contour passes to the left of a pixel's centre, upwards less downwards."""
    total = 0
    for (y0, x0), (y1, x1) in zip(contour, contour[1:] + contour[:1], strict=True):
        if (y0 <= row) != (y1 <= row) and x0 + (row - y0) * ((x1 - x0) / (y1 - y0)) <= column:
            total += 1 if y1 < y0 else -1
    return total


def random(plane, rate, streams, prevalence=None, labels=None):
    """Flip pixels that a stream of words proposes, until there are enough."""
    order = Order(plane, labels)
    out = plane.copy().reshape(-1)
    original = plane.reshape(-1)
    drawn = order.present if prevalence is None else (labels or [int(plane.max()) or 1])
    for layer, label in enumerate(drawn):
        bits = streams(layer)
        positives = np.flatnonzero(original == label).tolist()
        losses = round(rate * len(positives))
        gains = losses
        if prevalence is not None:
            ratio = rate * (prevalence / (1 - prevalence))
            gains = round(ratio * int((original == 0).sum()))
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
    """Compare pixel by pixel, label by label."""
    pairs = list(zip(reference.ravel().tolist(), other.ravel().tolist(), strict=True))
    scores = {}
    for label in sorted({label for pair in pairs for label in pair} - {0}):
        sizes = sum((a == label) + (b == label) for a, b in pairs)
        scores[label] = 2 * sum(a == b == label for a, b in pairs) / sizes
    return scores
