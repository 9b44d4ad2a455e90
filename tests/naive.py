"""The same definitions in plain Python, one pixel at a time: what the fast paths must equal.

All of them take a volume (slices, rows, columns), a strength and ``streams(layer)``; a plane is a
volume of one slice.
"""

import functools
import math

import numpy as np
from scipy.interpolate import CubicSpline


def stream(rng, patch, layer):
    """Return the bit generator of one label's noise in one patch."""
    key = np.random.default_rng(rng).bit_generator.random_raw(2)
    return np.random.Philox(key=key, counter=[0, 0, layer, patch])


def per_plane(perturb, stack, strength, rng, **options):
    """Perturb each plane of a stack (planes, rows, columns) with its own streams."""
    return [
        perturb(plane[np.newaxis], strength, functools.partial(stream, rng, index), **options)
        for index, plane in enumerate(stack)
    ]


class Order:
    """Which labels of a patch are drawn, and over which others."""

    def __init__(self, volume, labels):
        listed = sorted(set(volume.ravel().tolist()) - {0}) if labels is None else labels
        self.ranks = {0: 0, **{label: rank for rank, label in enumerate(listed, 1)}}
        self.present = [label for label in listed if (volume == label).any()]

    def rank(self, label):
        """Return the place of a label; those that stay come after all others."""
        return self.ranks.get(label, math.inf)


def at(volume, *place):
    """Return a pixel; what lies outside is None, which stays."""
    inside = all(0 <= i < n for i, n in zip(place, volume.shape, strict=True))
    return int(volume[place]) if inside else None


def beside(place):
    """List the places that share an edge or a face with a place."""
    for axis in range(3):
        for step in (-1, 1):
            yield tuple(i + step * (axis == a) for a, i in enumerate(place))


def places(volume):
    """List all places of a volume."""
    return list(np.ndindex(volume.shape))


def find_runs(positive):
    """List (slice, row, start, stop) of every run."""
    runs = []
    for z, plane in enumerate(positive.tolist()):
        for row, pixels in enumerate(plane):
            start = None
            for column, pixel in enumerate([*pixels, 0]):
                if pixel and start is None:
                    start = column
                if not pixel and start is not None:
                    runs.append((z, row, start, column))
                    start = None
    return runs


def choppy(volume, sigma, streams, labels=None):
    """Shift both ends of each run, unless what lies across stays or is drawn later."""
    order = Order(volume, labels)
    out = volume.copy()
    columns = volume.shape[2]
    for layer, label in enumerate(order.present):
        rng = np.random.Generator(streams(layer))
        moved = []
        for z, row, start, stop in find_runs(volume == label):
            ends = []
            for end, across in ((start, start - 1), (stop, stop)):
                shift = rng.standard_normal() * sigma
                if order.rank(at(volume, z, row, across)) < order.rank(label):
                    end = math.floor(min(max(end + shift, 0), columns) + 0.5)
                ends.append(end)
            moved.append((z, row, *ends))
            left, right = ends if ends[0] <= ends[1] else [sum(ends) // 2] * 2
            for column in range(start, stop):
                if column < left:
                    out[z, row, column] = at(volume, z, row, start - 1)
                elif column >= right:
                    out[z, row, column] = at(volume, z, row, stop)
        for z, row, start, stop in moved:
            for column in range(start, stop):
                if order.rank(at(volume, z, row, column)) <= order.rank(label):
                    out[z, row, column] = label
    return out


def find_contours(plane):
    """Link the pixel edges of the boundary to closed contours of edge midpoints.

    An edge runs between two corners of the grid with a pixel of the label to its right. Where two
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
            sides = [(row - 1, column), (row, column + 1), (row + 1, column), (row, column - 1)]
            for side in range(4):
                if not positive(*sides[side]):
                    leaving.setdefault(corners[side], []).append(corners[(side + 1) % 4])
    contours = []
    used = set()
    for _, row, start, _ in find_runs(plane[np.newaxis]):
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


def natural(volume, sigma, streams, knots=5, spacing=(1.0, 1.0), labels=None, nudge=(0.0, 0.0)):
    """Displace contours along rays from their centre and fill by winding number."""
    order = Order(volume, labels)

    def redraw(label, rng):
        positive = volume == label
        contours = [(z, c) for z, plane in enumerate(positive) for c in find_contours(plane)]
        phases = rng.random(len(contours))
        draws = sigma * rng.standard_normal((len(contours), knots))
        displaced = []
        for (z, contour), phase, offsets in zip(contours, phases, draws, strict=True):
            spline = CubicSpline(np.arange(knots + 1), [*offsets, offsets[0]], bc_type="periodic")
            points = np.array(contour)
            ways = np.hypot(*((points - np.roll(points, 1, axis=0)) * spacing).T)
            travelled = np.cumsum(ways) - ways[0]
            centre = (points.min(axis=0) + points.max(axis=0)) / 2
            moved = []
            for way, point in zip(travelled, points, strict=True):
                ray = point - centre
                distance = math.sqrt(((ray * spacing) ** 2).sum())
                offset = float(spline((way / ways.sum() * knots + phase) % knots))
                stretch = max(offset / distance, -1.0) if distance > 0 else 0.0
                # A point lies between two pixels, one of them of this label.
                two = [(math.floor(y), math.floor(x)) for y, x in (point, point + 0.5)]
                across = [at(volume, z, *pixel) for pixel in two]
                across = [other for other in across if other != label]
                if order.rank(*across) > order.rank(label):
                    stretch = 0.0
                moved.append(tuple(point + stretch * ray + nudge))
            displaced.append((z, moved))
        return {
            place: sum(winding(c, *place[1:]) for z, c in displaced if z == place[0]) > 0
            for place in places(volume)
        }

    return paint(volume, order, streams, redraw, (1.0, *spacing))


def winding(contour, row, column):
    """Count how often a contour passes to the left of a pixel's centre, upwards less downwards."""
    total = 0
    for (y0, x0), (y1, x1) in zip(contour, contour[1:] + contour[:1], strict=True):
        if (y0 <= row) != (y1 <= row) and x0 + (row - y0) * ((x1 - x0) / (y1 - y0)) <= column:
            total += 1 if y1 < y0 else -1
    return total


def paint(volume, order, streams, redraw, spacing):
    """Redraw each label; return for each pixel the labels that it may get.

    Several may be right where earlier labels are equally near to a pixel that is lost, or where
    `redraw` says neither True nor False.
    """
    out = {place: {at(volume, *place)} for place in places(volume)}
    for layer, label in enumerate(order.present):
        new = redraw(label, np.random.Generator(streams(layer)))
        rank = order.rank(label)
        edges = [
            (place, at(volume, *place))
            for place in places(volume)
            if order.rank(at(volume, *place)) < rank
            and label in [at(volume, *other) for other in beside(place)]
        ]
        for place, inside in new.items():
            old = at(volume, *place)
            if old == label and inside is not True and edges:
                far = [math.dist(scaled(place, spacing), scaled(e, spacing)) for e, _ in edges]
                near = {
                    value for d, (_, value) in zip(far, edges, strict=True) if d < min(far) + 1e-9
                }
                out[place] = near if inside is False else near | {label}
            elif order.rank(old) < rank and inside is not False:
                out[place] = {label} if inside is True else out[place] | {label}
    return out


def scaled(place, spacing):
    """Return a place in the unit of spacing."""
    return [i * step for i, step in zip(place, spacing, strict=True)]


def moved(volume, streams, move, spacing, labels=None):
    """Move the boundary of each label by what ``move(points, rng)`` says of its points."""
    order = Order(volume, labels)
    reach, smooth = 7, 3.0
    window = range(-reach, reach + 1)
    weight = [round(4096 * math.exp(-0.5 * (i / smooth) ** 2)) for i in window]
    variance = sum(w * i * i for w, i in zip(weight, window, strict=True)) / sum(weight)
    deep = volume.shape[0] > 1
    pitch = min(spacing[1:])

    def inner(place, rank):
        inside = [min(max(i, 0), n - 1) for i, n in zip(place, volume.shape, strict=True)]
        return order.rank(at(volume, *inside)) >= rank

    def place_point(place, rank):
        share, slope, spread, total = 0, np.zeros(3), 0, 0
        for dz in window if deep else (0,):
            for dr in window:
                for dc in window:
                    w = (
                        weight[dr + reach]
                        * weight[dc + reach]
                        * (weight[dz + reach] if deep else 1)
                    )
                    total += w
                    if inner((place[0] + dz, place[1] + dr, place[2] + dc), rank):
                        share += w
                        slope -= w * np.array([dz, dr, dc])
                        spread += w * (dz * dz + dr * dr + dc * dc)
        length = math.sqrt((slope**2).sum())
        if length < 0.85 * 0.4 * total * math.sqrt(variance):
            return np.array(place, float), np.zeros(3)
        bend = ((3 if deep else 2) * share - spread / variance) / length
        ratio = (share - total / 2) * math.sqrt(variance) / length
        out = (ratio / (1 + ratio**2 / 3) * math.sqrt(variance) + bend * variance) / 2
        normal = slope / spacing
        point = np.array(place) + min(max(out, 0.02), 0.98) * slope / length
        return point, normal / math.sqrt((normal**2).sum())

    def gap(site, rank):
        """Return the distance of a site and the nearest pixel beside it that is drawn earlier."""
        around = [other for other in beside(site) if order.rank(at(volume, *other)) < rank]
        return min(math.dist(scaled(site, spacing), scaled(other, spacing)) for other in around)

    def redraw(label, rng):
        rank = order.rank(label)
        sites = [
            place
            for place in places(volume)
            if at(volume, *place) == label
            and any(order.rank(at(volume, *other)) < rank for other in beside(place))
        ]
        points, normals = (
            zip(*[place_point(site, rank) for site in sites], strict=True) if sites else ((), ())
        )
        normals, depths = np.array(normals).reshape(-1, 3), np.full(len(sites), 0.5)
        thin = np.flatnonzero((normals == 0).all(axis=1))
        if thin.size:
            lengths = [9 * step for step in spacing]
            f = field(np.array(points)[thin], lengths, spacing, rng)
            depths[thin] += 0.45 * f / np.sqrt(f**2 + 1.6)
        moves = move(np.array(points).reshape(-1, 3), rng)
        new = {}
        for place in places(volume):
            inside = at(volume, *place) == label
            new[place] = inside
            if order.rank(at(volume, *place)) > rank or not sites:
                continue
            far = [math.dist(scaled(place, spacing), scaled(site, spacing)) for site in sites]
            told = set()
            for k, distance in enumerate(far):
                if distance < min(far) + 1e-6:
                    way = (np.array(place) - points[k]) * spacing
                    along = float(way @ normals[k])
                    if normals[k].any():
                        aside = math.sqrt(max(way @ way - along**2, 0)) - 0.75 * max(spacing[1:])
                        near = max(-along if inside else along, 0.02 * pitch)
                        near = math.hypot(near, max(aside, 0))
                    else:
                        near = math.sqrt(way @ way)
                        far_off = max(abs(i - j) for i, j in zip(place, sites[k], strict=True))
                        if inside:
                            near += depths[k] * gap(sites[k], rank)
                        else:
                            near *= 1 - depths[k] / far_off
                    if not inside and near < 0.42 * pitch:
                        near *= near / (0.42 * pitch)
                    passed = abs(moves[k]) > near and (moves[k] < 0) == inside
                    told.add(passed != inside)
                    if abs(abs(moves[k]) - near) < 1e-9:
                        told |= {True, False}
            new[place] = told.pop() if len(told) == 1 else None
        return new

    return paint(volume, order, streams, redraw, spacing)


def field(points, lengths, spacing, rng):
    """Sum cubic B-splines with normal weights, and divide by their standard deviation."""
    if not len(points):
        return np.empty(0)
    steps = np.maximum(lengths, spacing) / (1.16 * np.array(spacing))
    at_knots = (points - points.min(axis=0)) / steps
    extent = at_knots.max(axis=0)
    lattice = rng.standard_normal([int(e) + 4 if e > 0 else 1 for e in extent])
    values = []
    for place in at_knots:
        lines = []
        for axis in range(3):
            knots = np.arange(lattice.shape[axis]) - 1
            line = np.array([spline(place[axis] - knot) for knot in knots])
            lines.append(line if extent[axis] > 0 else np.ones(1))
        weights = lines[0][:, None, None] * lines[1][:, None] * lines[2]
        values.append((weights * lattice).sum() / math.sqrt((weights**2).sum()))
    return np.array(values)


def spline(x):
    """Return the cubic B-spline."""
    x = abs(x)
    return 2 / 3 - x * x + x**3 / 2 if x < 1 else max(2 - x, 0) ** 3 / 6


def random(volume, rate, streams, prevalence=None, labels=None):
    """Flip pixels that a stream of words proposes, until there are enough."""
    order = Order(volume, labels)
    out = volume.copy().reshape(-1)
    original = volume.reshape(-1)
    drawn = order.present if prevalence is None else order.present or labels or []
    left = int((original == 0).sum())
    for layer, label in enumerate(drawn):
        bits = streams(layer)
        positives = np.flatnonzero(original == label).tolist()
        losses = round(rate * len(positives))
        if prevalence is None:
            losses = gains = min(losses, left)
        else:
            gains = min(round(rate * (prevalence / (1 - prevalence)) * left), left)
            losses = losses if left else 0
        left -= gains
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
    return out.reshape(volume.shape)


def dice(reference, other):
    """Compare pixel by pixel, label by label."""
    pairs = list(zip(reference.ravel().tolist(), other.ravel().tolist(), strict=True))
    scores = {}
    for label in sorted({label for pair in pairs for label in pair} - {0}):
        sizes = sum((a == label) + (b == label) for a, b in pairs)
        scores[label] = 2 * sum(a == b == label for a, b in pairs) / sizes
    return scores
