"""The same definitions in plain Python, one pixel at a time: what the fast paths must equal.

All of them take a volume (slices, rows, columns), a strength and ``streams(layer)``; a plane is a
volume of one slice.
"""

import functools
import itertools
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
    return np.array([splines(place, lattice) for place in at_knots])


def splines(place, lattice):
    """Return what a lattice of weights gives at a place, in distances of knots."""
    lines = []
    for axis in range(3):
        knots = np.arange(lattice.shape[axis]) - 1
        line = np.array([spline(place[axis] - knot) for knot in knots])
        lines.append(line if len(knots) > 1 else np.ones(1))
    weights = lines[0][:, None, None] * lines[1][:, None] * lines[2]
    return (weights * lattice).sum() / math.sqrt((weights**2).sum())


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


def coarse(volume, tolerance, streams, spacing=(1.0, 1.0), labels=None, nudge=(0.0, 0.0)):
    """Leave out points of contours while all lie near the polygon, and fill by winding number."""
    order = Order(volume, labels)

    def redraw(label, rng):
        contours = [(z, c) for z, p in enumerate(volume == label) for c in find_contours(p)]
        phases = rng.random(len(contours))
        polygons = []
        for (z, contour), phase in zip(contours, phases, strict=True):
            stays = [order.rank(across(volume, z, p, label)) > order.rank(label) for p in contour]
            kept = [contour[i] for i in simplify(contour, stays, phase, tolerance, spacing)]
            if area(contour) * area(kept) < 0:
                kept.reverse()
            polygons.append((z, [tuple(np.add(point, nudge)) for point in kept]))
        return {
            place: sum(winding(c, *place[1:]) for z, c in polygons if z == place[0]) > 0
            for place in places(volume)
        }

    return paint(volume, order, streams, redraw, (1.0, *spacing))


def area(contour):
    """Return twice the area of a contour, negative for one that runs the other way round."""
    return sum(
        x * b - a * y for (y, x), (b, a) in zip(contour, contour[1:] + contour[:1], strict=True)
    )


def across(volume, z, point, label):
    """Return the pixel on the other side of a contour of a label."""
    two = [tuple(math.floor(i) for i in np.add(point, half)) for half in (0, 0.5)]
    return next(other for pixel in two if (other := at(volume, z, *pixel)) != label)


def simplify(contour, stays, phase, tolerance, spacing):
    """List the points that are kept, by recursion."""
    n = len(contour)
    begin = stays.index(True) if True in stays else int(phase * n)
    ring = [(begin + k) % n for k in range(n + 1)]
    points = np.array(contour) * spacing

    def apart(i, a, b):
        way, line = points[i] - points[a], points[b] - points[a]
        square = line[0] * line[0] + line[1] * line[1]
        if square > 0:
            t = min(max((way[0] * line[0] + way[1] * line[1]) / square, 0), 1)
            way = way - t * line
        return way[0] * way[0] + way[1] * way[1]

    def divide(a, b):
        away = {k: apart(ring[k], ring[a], ring[b]) for k in range(a + 1, b)}
        farthest = max(away, key=away.get, default=None)
        if farthest is None or away[farthest] <= tolerance * tolerance:
            return []
        return [*divide(a, farthest), farthest, *divide(farthest, b)]

    ends = [k for k in range(n + 1) if k in (0, n) or stays[ring[k]]]
    kept = {k for a, b in itertools.pairwise(ends) for k in (a, *divide(a, b))}
    while len(kept) < 3:
        away = {k: apart(ring[k], ring[0], ring[max(kept)]) for k in range(n)}
        kept.add(max(away, key=away.get))
    return sorted(ring[k] for k in kept)


def warp(volume, sigma, streams, length=math.inf, spacing=(1.0, 1.0, 1.0), labels=None):
    """Look up the labels that have the largest share in where each pixel comes from."""
    order = Order(volume, labels)
    if not order.present:
        return {place: {at(volume, *place)} for place in places(volume)}
    drawn = np.argwhere(np.isin(volume, order.present))
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    steps = np.maximum(length, spacing) / (1.16 * np.array(spacing))
    knots = [
        int(extent / step) + 4 if extent and length < math.inf else 1
        for extent, step in zip(high - low, steps, strict=True)
    ]
    axes = (0, 1, 2) if len(volume) > 1 else (1, 2)
    lattices = np.random.Generator(streams(0)).standard_normal((len(axes), *knots))
    moving = [place for place in places(volume) if order.rank(at(volume, *place)) < math.inf]

    @functools.cache
    def nearest(place):
        far = [math.dist(scaled(place, spacing), scaled(other, spacing)) for other in moving]
        return {at(volume, *p) for p, d in zip(moving, far, strict=True) if d <= min(far) + 1e-6}

    def source(place):
        limits = zip(place, volume.shape, strict=True)
        return nearest(tuple(int(min(max(i, 0), n - 1)) for i, n in limits))

    out = {place: {at(volume, *place)} for place in places(volume)}
    for place in moving:
        inside = (np.clip(place, low, high) - low) / np.where(np.isinf(steps), 1, steps)
        move = np.zeros(3)
        for axis, lattice in zip(axes, lattices, strict=True):
            move[axis] = sigma * splines(inside, lattice) / spacing[axis]
        corner = np.floor(-move)
        part = -move - corner
        weights, sources = [], []
        for offset in itertools.product((0, 1), repeat=3):
            weights.append(math.prod(p if o else 1 - p for o, p in zip(offset, part, strict=True)))
            sources.append(source(place + corner + offset) if weights[-1] else {0})
        out[place] = set()
        for labels_there in itertools.product(*sources):
            shares = {}
            for label, weight in zip(labels_there, weights, strict=True):
                shares[label] = shares.get(label, 0) + weight
            most = max(shares.values())
            out[place] |= {each for each, share in shares.items() if share > most - 1e-9}
    return out


def find_objects(positive):
    """List the places of each object, in the order of first pixels, by flooding."""
    left = {place for place in places(positive) if positive[place]}
    objects = []
    for first in places(positive):
        if first not in left:
            continue
        left.remove(first)
        found, todo = [first], [first]
        while todo:
            place = todo.pop()
            for step in itertools.product((-1, 0, 1), repeat=3):
                other = tuple(i + j for i, j in zip(place, step, strict=True))
                if other in left:
                    left.remove(other)
                    found.append(other)
                    todo.append(other)
        objects.append(sorted(found))
    return objects


def due(counts, rate):
    """List (label, m): the m-th change of a label falls due at rate (m + 1/2) / count."""
    times = [
        ((m + 0.5) / count, place, m)
        for place, count in enumerate(counts)
        for m in range(round(rate * count))
    ]
    return [(place, m) for _, place, m in sorted(times)]


def omit(volume, rate, streams, labels=None, spacing=(1.0, 1.0, 1.0)):
    """Miss objects one after the other; each becomes part of what touches it most."""
    order = Order(volume, labels)
    objects, orders = [], []
    for layer, label in enumerate(order.present):
        own = find_objects(volume == label)
        chances = np.random.Generator(streams(layer)).standard_exponential(len(own))
        ranks = np.argsort(chances * [len(each) for each in own])
        orders.append([len(objects) + int(i) for i in ranks])
        objects += [(label, pixels) for pixels in own]
    owner = {place: i for i, (_, pixels) in enumerate(objects) for place in pixels}
    taken_for = {}

    def whole(i):
        return whole(taken_for[i]) if i in taken_for else i

    def label_of(i):
        return 0 if i == -1 else objects[i][0]

    for place, m in due([len(each) for each in orders], rate):
        missed = orders[place][m]
        touch = {}
        parts = [pixels for i, (_, pixels) in enumerate(objects) if whole(i) == missed]
        for pixel in itertools.chain(*parts):
            for other in beside(pixel):
                if order.rank(at(volume, *other)) < math.inf:
                    i = whole(owner.get(other, -1))
                    axis = next(a for a in range(3) if other[a] != pixel[a])
                    if i != missed:
                        touch[i] = touch.get(i, 0) + math.prod(spacing) / spacing[axis]
        if not touch:
            continue
        others = {i: touch[i] for i in touch if label_of(i) != label_of(missed)}
        touch = others or touch
        lengths = {}
        for i, length in touch.items():
            lengths[label_of(i)] = lengths.get(label_of(i), 0) + length
        rank = order.rank(label_of(missed))
        likely = max(
            lengths,
            key=lambda each: (order.rank(each) < rank, round(lengths[each], 9), -order.rank(each)),
        )
        same = [i for i in touch if label_of(i) == likely]
        taken_for[missed] = max(same, key=lambda i: (round(touch[i], 9), -i))
    out = volume.copy()
    for place, i in owner.items():
        out[place] = label_of(whole(i))
    return out


def ends(volume, sigma, streams, labels=None, spacing=1.0):
    """Begin and end each object elsewhere; slices that are added repeat the last."""
    order = Order(volume, labels)

    def redraw(label, rng):
        new = dict.fromkeys(places(volume), False)
        objects = find_objects(volume == label)
        shifts = rng.standard_normal((len(objects), 2)) * sigma / spacing
        for pixels, (first_shift, last_shift) in zip(objects, shifts, strict=True):
            first, last = pixels[0][0], pixels[-1][0]
            bounds = []
            for end, step, move in ((first, -1, first_shift), (last, 1, last_shift)):
                across = [at(volume, z + step, *p) for z, *p in pixels if z == end]
                free = any(order.rank(other) < order.rank(label) for other in across)
                at_end = end + (step > 0)
                moved = math.floor(min(max(at_end + move, 0), len(volume)) + 0.5)
                bounds.append(moved if free else at_end)
            for z in range(*bounds):
                for old, *place in pixels:
                    if old == min(max(z, first), last):
                        new[z, *place] = True
        return new

    return paint(volume, order, streams, redraw, (spacing, 1.0, 1.0))


def drawn_again(contour, moves, smooth, shares, spacing):
    """Move the points of a closed contour along their normals, then smooth it along itself."""
    n = len(contour)

    def blurred(points, sigma):
        reach = math.ceil(3 * sigma)
        weights = {k: math.exp(-0.5 * (k / sigma) ** 2) for k in range(-reach, reach + 1)}
        return [
            sum(w * points[(i + k) % n] for k, w in weights.items()) / sum(weights.values())
            for i in range(n)
        ]

    curve = blurred(contour * spacing, min(2.0, n / 8))
    moved = []
    for i, move in enumerate(moves):
        down, right = curve[(i + 1) % n] - curve[i - 1]
        normal = np.array([-right, down]) / max(math.hypot(down, right), 1e-9)
        moved.append(contour[i] + move * normal / spacing)
    sigma = min(smooth / (sum(spacing) / 2), n / 12)
    smoothed = blurred(moved, sigma) if sigma > 0 else moved
    return [a + share * (b - a) for a, b, share in zip(moved, smoothed, shares, strict=True)]
