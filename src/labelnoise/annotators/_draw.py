"""One object drawn again, as a person might."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._patch import Codes

if TYPE_CHECKING:
    from .annotator import Annotator

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
_OCTAVES = (0.5, 0.3), (1.0, 0.45), (2.2, 0.25)  # lengths and variances of fields that add up
_TREMOR = (0.7, 0.5), (1.4, 0.5)
_LASTING = 12.0, 0.25  # depth, and variance, of a field that lasts through more slices
_FINE = 4  # so often may a field change from one slice to the next
_ADDED = 3  # most slices that are added at an end
_TAPER = 0.35  # how much narrower each of them is
_UNSURE = 0.5
_REST = 0.5  # share of it by which the contour at an end moves, for less than a slice
_LOW = 0.7  # share of its width by which a contour may move inwards


class Sizes(NamedTuple):
    """How far an object's boundary moves: standard deviations, and what is the same everywhere."""

    judged: float
    hand: float
    bias: float

    @property
    def whole(self) -> float:
        """Standard deviation of judgement and hand."""
        return math.hypot(self.judged, self.hand)


class Places(NamedTuple):
    """Points in an object's box: slices, rows and columns (n, 3), and the box (6,) around all."""

    points: Floats
    box: Floats
    spacing: tuple[float, ...]

    def field(self, length: float, depth: float, rng: np.random.Generator) -> Floats:
        """Draw a smooth standard normal field; with depth 0, each slice has its own."""
        from .._fields import field

        points, fine, box = self.points.copy(), self.spacing, self.box.copy()
        if depth == 0:  # slices lie side by side, so far apart that no knot is shared
            apart = box[4] - box[1] + 4 * max(length / fine[1], 1.0)
            points[:, 1] = np.clip(points[:, 1], box[1], box[4]) + apart * (points[:, 0] - box[0])
            box[4] += apart * (box[3] - box[0])
            points[:, 0] = box[0] = box[3] = 0.0
            depth = 1.0
        else:
            points[:, 0] *= _FINE
            box[[0, 3]] *= _FINE
            fine = (fine[0] / _FINE, *fine[1:])
        return field(points, (depth, length, length), fine, rng, tuple(box.tolist()))


def draw_object(
    person: "Annotator",
    codes: Codes,
    label: int,
    runs: NDArray[np.int32],
    strength: float,
    spacing: tuple[float, ...],
    rng: np.random.Generator,
    case: np.random.Generator | None,
) -> tuple[Mask, tuple[int, ...]]:
    """Draw one object of a label again; return its mask and the box that it covers.

    The generator of the case gives what all its annotators find equally difficult.
    """
    from .._contours import trace_contours
    from .._fill import fill_contours
    from .._parts import cut_out
    from .._runs import trace_runs
    from .._strokes import drawn_again, frame_of

    deep = len(codes) > 1
    severe, unsure, biased, *ends = rng.standard_normal(5).tolist()
    missed = rng.random() > (1 - person.missed) ** strength
    own, common = math.sqrt(1 - person.shared), math.sqrt(person.shared)
    if case is not None:
        severe, unsure = (
            own * one + common * all_
            for one, all_ in zip((severe, unsure), case.standard_normal(2).tolist(), strict=True)
        )
    pixels = int((runs[:, 2] - runs[:, 1]).sum())
    sizes = _sizes(person, radius_of(pixels, spacing, deep), strength, severe, biased)
    margins = (_ADDED + 1.0, *(6 * sizes.whole / step + 8 for step in spacing[1:]))
    part = cut_out(codes, label, runs, margins)
    levels = rng.standard_normal(part.high[0] - part.low[0] + 2 * _ADDED)
    shifts = np.zeros(2)
    if deep:
        shifts = person.ends * (sizes.whole * np.array(ends) + sizes.bias) / spacing[0]
        shifts = np.clip(shifts, -((part.high[0] - part.low[0]) // 2), _ADDED)
        part.end_elsewhere(shifts)
    trace = trace_runs(part.codes, 1)
    whole_box = np.stack([part.low, part.high], axis=1)
    nothing = np.zeros(whole_box[:, 1] - whole_box[:, 0], np.bool_), part.place(whole_box)
    if not trace.regions:
        return nothing
    contours = trace_contours(part.codes, 1, trace.table)
    if missed and not contours.fixed.all():
        return nothing

    frame = frame_of(contours, spacing)
    counts = np.diff(contours.stops.astype(np.intp), prepend=0).astype(np.intp)
    slices = np.repeat(contours.slices, counts)
    more = _ADDED if deep else 0
    box = np.array([*part.low, *part.high], float)
    box += [-more, -1.0, -1.0, more - 1.0, 0.0, 0.0]
    places = Places(np.column_stack([slices, contours.points]), box, spacing)
    free = person.tails * math.exp(_UNSURE * unsure) * _certain(person, places, rng, case)
    lengths = np.minimum(1.0, frame.lengths / np.median(frame.lengths))
    calm = np.repeat(lengths**person.calm, counts)
    free = calm * np.exp(free - person.tails**2)
    judgement, tremor = _judgement(person, places, rng), _tremor(person, places, rng)
    level = levels[slices.astype(np.intp) - part.low[0] + _ADDED]
    judgement = math.sqrt(1 - person.slices**2) * judgement + person.slices * level
    moves = sizes.bias + free * (sizes.judged * judgement + sizes.hand * tremor)

    widths = np.repeat(frame.widths, counts)
    outer = widths > 0
    begin, end = trace.regions[0][4][:2]
    rest = _REST * spacing[0] * (shifts - np.rint(shifts))
    moves += calm * outer * (rest[0] * (slices == begin) + rest[1] * (slices == end - 1))
    limit = np.where(outer, _LOW * widths, 1.0)  # no contour turns over
    moves = np.where(outer & (moves < 0), -limit * np.tanh(-moves / limit), moves)
    beyond = np.maximum(part.low[0] - slices, slices - part.high[0] + 1)
    moves -= _TAPER * outer * np.maximum(beyond, 0) * widths
    smooth = person.smoothing * sizes.hand
    contours = drawn_again(contours, frame, moves, smooth, np.minimum(1.0, free), spacing)
    mask, covered = fill_contours(contours, part.hull(trace.regions[0][4]), part.codes.shape)
    return mask, part.place(covered)


def radius_of(pixels: float, spacing: tuple[float, ...], deep: bool) -> float:
    """Return the radius of a sphere of so many pixels, in a plane of a disc."""
    size = pixels * math.prod(spacing[0 if deep else 1 :])
    return float((0.75 * size / math.pi) ** (1 / 3) if deep else (size / math.pi) ** 0.5)


def _sizes(
    person: "Annotator", radius: float, strength: float, severe: float, biased: float
) -> Sizes:
    times = strength * (radius / person.radius) ** person.growth
    judged = times * person.sigma * math.exp(person.severity * severe)
    bias = times * person.bias + judged * person.bias_spread * biased
    return Sizes(judged, strength * person.hand, bias)


def _judgement(person: "Annotator", places: Places, rng: np.random.Generator) -> Floats:
    times, lasting = _LASTING
    total = math.sqrt(lasting) * places.field(person.length, times * person.depth, rng)
    for scale, share in _OCTAVES:
        here = places.field(scale * person.length, person.depth, rng)
        total += math.sqrt((1 - lasting) * share) * here
    return total


def _tremor(person: "Annotator", places: Places, rng: np.random.Generator) -> Floats:
    total = np.zeros(len(places.points))
    for scale, share in _TREMOR:
        total += math.sqrt(share) * places.field(scale * person.hand_length, 0.0, rng)
    return total


def _certain(person: "Annotator", places: Places, rng: np.random.Generator, case: Any) -> Floats:
    length, depth = 2 * person.length, 2 * person.depth
    own = places.field(length, depth, rng)
    if case is None:
        return own
    common = places.field(length, depth, case)
    return math.sqrt(1 - person.shared) * own + math.sqrt(person.shared) * common
