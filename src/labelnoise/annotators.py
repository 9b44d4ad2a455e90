"""Annotators: how a person draws, as a few numbers."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from ._patch import Codes, Options, Patch, perturb
from ._validate import LARGEST, check_described, check_number

Mask = NDArray[np.bool_]
_OCTAVES = (0.5, 0.3), (1.0, 0.45), (2.2, 0.25)  # lengths and variances of fields that add up
_TREMOR = (0.7, 0.5), (1.4, 0.5)
_DEPTHS = (1.0, 0.7), (4.0, 0.3)
_FINE = 4  # so often may a field change from one slice to the next
_ADDED = 3  # most slices that are added at an end
_TAPER = 0.35  # how much narrower each of them is
_LIMITS = {
    **dict.fromkeys(("radius", "length", "hand_length", "depth"), (1 / LARGEST, LARGEST)),
    **dict.fromkeys(("slices", "missed"), (0.0, 1.0)),
    **dict.fromkeys(("bias", "growth"), (-LARGEST, LARGEST)),
}


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """How a person draws: how their masks differ from a reference, as a few numbers.

    It is called as errors are, ``annotator(mask, strength=1.0, *, labels, within, axes, spacing,
    rng)``, and returns a mask as the person might have drawn it. Lengths are in the unit of
    `spacing`.

    Parameters
    ----------
    radius : float
        Radius of the structures that the other numbers are those of: that of a sphere of their
        volume, in planes of a disc of their area.
    sigma : float
        Standard deviation of the displacement along a contour that comes from judgement: where the
        person thinks that the boundary is.
    growth : float
        Exponent with which it, and `bias`, grow with the radius.
    severity : float
        Standard deviation of the logarithm of `sigma` from object to object.
    length, depth : float
        Distances over which the correlation of judgement falls to 1/e, along a contour and across
        slices.
    slices : float
        Share of the judgement's standard deviation that moves a whole slice, from 0 to 1.
    tails : float
        How much the certainty varies along a contour: 0 is Gaussian, more has heavier tails.
    hand, hand_length : float
        Standard deviation and correlation length of the displacement that comes from the hand, new
        in every slice.
    smoothing : float
        Length over which a new contour is smoothed, in multiples of `hand`.
    calm : float
        Exponent with which contours move less the shorter they are beside the object's others.
    bias, bias_spread : float
        Mean displacement outwards, and its standard deviation from object to object.
    ends : float
        How far the ends of an object move across slices, in multiples of the displacement within.
    missed : float
        Share of objects that are missed, from 0 to 1.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    An object is a connected part of one label. A point of its contour moves along the outward
    normal by ::

        bias + free * (judgement + hand)

    - The bias is that of the object: normal with mean `bias` and a standard deviation of
      `bias_spread` times that of its judgement.
    - The judgement is a smooth Gaussian field along the contour and across slices, a sum of fields
      of several lengths, so that its correlation has a tail; 0.3 of its variance lasts through
      slices four times as far as `depth`. A share of it is one displacement of a whole slice. In
      an object of radius r its standard deviation is `sigma` times ``(r / radius)**growth``, times
      a log-normal factor of the object.
    - The hand is a field of each slice alone.
    - How free they are varies along the contour by ``exp(tails * f - tails**2)``, f a smooth field.

    A contour cannot turn over, and is smoothed by a length proportional to `hand`, so that the
    detail of the mask is drawn anew. In a volume an object begins and ends in other slices: slices
    that are added repeat the last, and taper.

    In label maps boundaries move as in `natural`. The strength multiplies `sigma`, `hand` and
    `bias`; at strength 0 the mask stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> reader = Annotator(radius=4.0, sigma=0.8)
    >>> mask = np.zeros((8, 9), np.uint8)
    >>> mask[2:6, 2:7] = 1
    >>> reader(mask, spacing=(0.5, 0.5), rng=0)
    array([[0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 1, 1, 1, 0, 0, 0],
           [0, 0, 1, 1, 1, 1, 1, 0, 0],
           [0, 0, 1, 1, 1, 1, 1, 0, 0],
           [0, 0, 1, 1, 1, 1, 1, 0, 0],
           [0, 0, 1, 1, 1, 1, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    >>> reader.scaled(2.0).sigma
    1.6
    """

    radius: float
    sigma: float
    growth: float = 0.5
    severity: float = 0.25
    length: float = 5.0
    depth: float = 2.0
    slices: float = 0.2
    tails: float = 0.5
    hand: float = 0.3
    hand_length: float = 2.0
    smoothing: float = 5.0
    calm: float = 0.0
    bias: float = 0.0
    bias_spread: float = 0.0
    ends: float = 0.8
    missed: float = 0.0

    def __post_init__(self) -> None:
        """Check every number."""
        for field in fields(self):
            limits = _LIMITS.get(field.name, (0.0, LARGEST))
            number = check_number(field.name, getattr(self, field.name), *limits)
            object.__setattr__(self, field.name, number)

    def __call__(
        self, mask: NDArray[Any], strength: float = 1.0, **options: Unpack[Options]
    ) -> NDArray[Any]:
        """Return a copy of a mask as the person might have drawn it."""
        strength = check_number("strength", strength, 0.0, LARGEST)

        def draw(patch: Patch) -> Codes:
            from ._objects import find_objects
            from ._paint import paint
            from ._parts import together

            codes, spacing = patch.volume()
            if strength == 0:
                return codes
            objects = find_objects(codes, patch.drawn)
            out = codes.copy()
            for layer, group in enumerate(objects.groups):
                rng = patch.rng(layer)
                runs, owners = objects.runs[group.runs], objects.owners[group.runs]
                drawn = [
                    self._draw(codes, group.label, runs[owners == number], strength, spacing, rng)
                    for number in range(group.start, group.stop)
                ]
                patch.give_back(rng)
                paint(codes, group.label, *together(drawn), spacing, out)
            return out

        return perturb(mask, draw, **options)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a dictionary that JSON can hold."""
        return {"annotator": asdict(self)}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """Return the annotator that a dictionary describes."""
        numbers = described["annotator"]
        check_described(numbers, {"radius", "sigma"}, [field.name for field in fields(cls)])
        return cls(**numbers)

    def scaled(self, factor: float) -> Self:
        """Return an annotator who errs as this one does at a strength."""
        times = {name: factor * getattr(self, name) for name in ("sigma", "hand", "bias")}
        return replace(self, **times, missed=1 - (1 - self.missed) ** factor)

    def _draw(
        self,
        codes: Codes,
        label: int,
        runs: NDArray[np.int32],
        strength: float,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
    ) -> tuple[Mask, tuple[int, ...]]:
        """Draw one object again; return its mask and the box that it covers."""
        from ._contours import fill_contours, trace_contours
        from ._parts import cut_out
        from ._runs import trace_runs
        from ._strokes import drawn_again, frame_of

        deep = len(codes) > 1
        size = int((runs[:, 2] - runs[:, 1]).sum()) * math.prod(spacing[0 if deep else 1 :])
        radius = (0.75 * size / math.pi) ** (1 / 3) if deep else (size / math.pi) ** 0.5
        severe, biased, unsure, *ends = rng.standard_normal(5).tolist()
        missed = rng.random() > (1 - self.missed) ** strength
        times = strength * (radius / self.radius) ** self.growth
        judged = times * self.sigma * math.exp(self.severity * severe)
        hand = strength * self.hand
        whole = math.hypot(judged, hand)
        bias = times * self.bias + judged * self.bias_spread * biased
        margins = (_ADDED + 1.0, *(6 * whole / step + 8 for step in spacing[1:]))
        part = cut_out(codes, label, runs, margins)
        levels = rng.standard_normal(part.high[0] - part.low[0] + 2 * _ADDED)
        shifts = np.zeros(2)
        if deep:
            shifts = self.ends * (whole * np.array(ends) + bias) / spacing[0]
            shifts = np.clip(shifts, -((part.high[0] - part.low[0]) // 2), _ADDED)
            part.end_elsewhere(shifts)
        trace = trace_runs(part.codes, 1)
        own = np.stack([part.low, part.high], axis=1)
        nothing = np.zeros(own[:, 1] - own[:, 0], np.bool_), part.place(own)
        if not trace.regions:
            return nothing
        contours = trace_contours(part.codes, 1, trace.table)
        if missed and not contours.fixed.all():
            return nothing
        frame = frame_of(contours, spacing)
        counts = np.diff(contours.stops.astype(np.intp), prepend=0).astype(np.intp)
        places = np.column_stack([np.repeat(contours.slices, counts), contours.points])
        lengths, widths = np.repeat(frame.lengths, counts), np.repeat(frame.widths, counts)
        more = _ADDED if deep else 0
        box = np.array([*part.low, *part.high]) + np.array(
            [-more, -1.0, -1.0, more - 1.0, 0.0, 0.0]
        )

        judgement, tremor = np.zeros(len(places)), np.zeros(len(places))
        for scale, share in _OCTAVES:
            for lasting, part_of in _DEPTHS:
                through = _field(
                    places, scale * self.length, lasting * self.depth, spacing, rng, box
                )
                judgement += math.sqrt(share * part_of) * through
        for scale, share in _TREMOR:
            here = _field(places, scale * self.hand_length, 0.0, spacing, rng, box)
            tremor += math.sqrt(share) * here
        certain = _field(places, 2 * self.length, 2 * self.depth, spacing, rng, box)
        free = np.exp(self.tails * (math.exp(0.5 * unsure) * certain - self.tails))
        free *= np.minimum(1.0, lengths / np.median(frame.lengths)) ** self.calm
        level = levels[places[:, 0].astype(np.intp) - part.low[0] + _ADDED]
        judgement = math.sqrt(1 - self.slices**2) * judgement + self.slices * level
        moves = bias + free * (judged * judgement + hand * tremor)
        outer = widths > 0
        begin, end = trace.regions[0][4][:2]
        rest = 0.5 * spacing[0] * (shifts - np.rint(shifts))
        moves += outer * (rest[0] * (places[:, 0] == begin) + rest[1] * (places[:, 0] == end - 1))
        limit = np.where(outer, 0.7 * widths, 1.0)  # no contour turns over
        moves = np.where(outer & (moves < 0), -limit * np.tanh(-moves / limit), moves)
        beyond = np.maximum(part.low[0] - places[:, 0], places[:, 0] - part.high[0] + 1)
        moves -= _TAPER * outer * np.maximum(beyond, 0) * widths
        shares = np.minimum(1.0, free)
        contours = drawn_again(contours, frame, moves, self.smoothing * hand, shares, spacing)
        mask, covered = fill_contours(contours, part.hull(trace.regions[0][4]), part.codes.shape)
        return mask, part.place(covered)


def _field(
    places: NDArray[np.float64],
    length: float,
    depth: float,
    spacing: tuple[float, ...],
    rng: np.random.Generator,
    box: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a smooth field at places in a box; with depth 0, each slice has its own."""
    from ._fields import field

    points, fine, box = places.copy(), spacing, box.copy()
    if depth == 0:  # slices lie side by side, so far apart that no knot is shared
        apart = box[4] - box[1] + 4 * max(length / spacing[1], 1.0)
        points[:, 1] = np.clip(points[:, 1], box[1], box[4]) + apart * (points[:, 0] - box[0])
        box[4] += apart * (box[3] - box[0])
        points[:, 0] = box[0] = box[3] = 0.0
        depth = 1.0
    else:
        points[:, 0] *= _FINE
        box[[0, 3]] *= _FINE
        fine = (spacing[0] / _FINE, *spacing[1:])
    return field(points, (depth, length, length), fine, rng, tuple(box.tolist()))
