"""Annotators as values: how a person draws, as a few numbers."""

import copy
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from .._codes import are_in, holds
from .._patch import Codes, Options, Patch, Rng, perturb
from .._validate import LARGEST, check_described, check_labels, check_mask, check_number, check_rng

_LIMITS = {
    **dict.fromkeys(("radius", "length", "hand_length", "depth"), (1 / LARGEST, LARGEST)),
    **dict.fromkeys(("slices", "missed", "shared"), (0.0, 1.0)),
    **dict.fromkeys(("bias", "growth"), (-LARGEST, LARGEST)),
}
_PUBLISHED = files(__package__) / "published.json"


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
        Mean displacement outwards; and its standard deviation from object to object, in multiples
        of the judgement's.
    ends : float
        How far the ends of an object move across slices, in multiples of the displacement within.
    missed : float
        Share of objects that are missed, from 0 to 1.
    shared : float
        Share of what makes an object difficult, its severity and where the person is uncertain,
        that is the same for all who draw it, from 0 to 1; for `raters` only.
    cases : int
        Number of cases that the annotator was fitted to.
    spread : mapping of str to float
        Standard error of each number that these cases tell of. Neither changes what is drawn, and
        annotators that differ in nothing else are equal.

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
      of several lengths, so that its correlation has a tail. A quarter of its variance lasts over
      twelve times the `depth`. A share of it is one displacement of a whole slice. In
      an object of radius r its standard deviation is `sigma` times ``(r / radius)**growth``, times
      a log-normal factor of the object.
    - The hand is a field of each slice alone.
    - How free they are varies along the contour by ``exp(tails * f - tails**2)``, f a smooth field.

    A contour cannot turn over, and is smoothed by a length proportional to `hand`, less where the
    person is certain, so that the detail of the mask is drawn anew. In a volume an object begins
    and ends in other slices: slices that are added repeat the last, and taper.

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
           [0, 0, 1, 1, 1, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1, 1, 0, 0],
           [1, 1, 1, 1, 1, 1, 1, 0, 0],
           [1, 1, 1, 1, 1, 1, 1, 0, 0],
           [0, 1, 1, 1, 1, 1, 1, 0, 0],
           [0, 1, 1, 1, 1, 1, 0, 0, 0],
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
    shared: float = 0.4
    cases: int = field(default=0, compare=False)
    spread: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check every number."""
        for name in NUMBERS:
            number = check_number(name, getattr(self, name), *_LIMITS.get(name, (0.0, LARGEST)))
            object.__setattr__(self, name, number)
        object.__setattr__(self, "spread", dict(self.spread))

    def __call__(
        self, mask: NDArray[Any], strength: float = 1.0, **options: Unpack[Options]
    ) -> NDArray[Any]:
        """Return a copy of a mask as the person might have drawn it."""
        return draw(self, mask, strength, **options)

    def __str__(self) -> str:
        """Return a table of the numbers."""
        lines = [f"{name:12} {getattr(self, name):8.3g}" for name in NUMBERS]
        if self.cases:
            errors = (
                f" +- {self.spread[name]:.2g}" if name in self.spread else "" for name in NUMBERS
            )
            lines = [line + error for line, error in zip(lines, errors, strict=True)]
            lines.append(f"{'cases':12} {self.cases:8}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a dictionary that JSON can hold."""
        numbers: dict[str, Any] = {name: getattr(self, name) for name in NUMBERS}
        if self.cases:
            numbers |= {"cases": self.cases, "spread": dict(self.spread)}
        return {"annotator": numbers}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """Return the annotator that a dictionary describes."""
        numbers = described["annotator"]
        check_described(numbers, {"radius", "sigma"}, [each.name for each in fields(cls)])
        return cls(**numbers)

    def scaled(self, factor: float) -> Self:
        """Return an annotator who errs as this one does at a strength."""
        times = {name: factor * getattr(self, name) for name in ("sigma", "hand", "bias")}
        return replace(self, **times, missed=1 - (1 - self.missed) ** factor)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the numbers to a JSON file, which `load` reads."""
        save(self, path)

    @staticmethod
    def load(source: str | os.PathLike[str]) -> "Annotator | PerLabel":
        """Return an annotator from a JSON file, or a published one by its name.

        Parameters
        ----------
        source : str or path
            "kits23-kidney" and "kits23-tumour", fitted to the raters of KiTS23, "lidc-nodule",
            fitted to the readers of LIDC-IDRI, all in mm; or the path of a file that `save` wrote.

        Returns
        -------
        Annotator or PerLabel
            As it was saved.

        Raises
        ------
        ValueError
            If there is no such file or name, or the file describes no annotator.

        Examples
        --------
        >>> Annotator.load("lidc-nodule").radius < Annotator.load("kits23-kidney").radius
        True
        """
        published = json.loads(_PUBLISHED.read_text(encoding="utf-8"))
        if isinstance(source, str) and source in published:
            return described(published[source])
        try:
            with open(source, encoding="utf-8") as file:
                found = json.load(file)
            return described(found)
        except FileNotFoundError:
            raise ValueError(
                f"source={source!r}: is neither a file nor one of {', '.join(published)}"
            ) from None
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"source={source!r}: describes no annotator ({error}); pass a file that save wrote"
            ) from error

    @staticmethod
    def fit(
        pairs: Iterable[Any],
        *,
        labels: Iterable[int] | None = None,
        axes: tuple[int, ...] | None = None,
        rng: Rng = 0,
    ) -> "Annotator | PerLabel":
        """Return the annotator who drew masks as other people drew the same images.

        Parameters
        ----------
        pairs : iterable of tuple
            ``(reference, rater)`` or ``(reference, rater, spacing)`` for each case: masks or label
            maps of one shape, and the distance of neighbouring pixels along each of `axes`.
            Instead of one rater's mask, a list of several raters' may stand; the annotator is then
            what they have in common.
        labels : sequence of int, optional
            Labels that are fitted, each on its own; by default all that the references have.
        axes : tuple of int, optional
            Axes of what the annotator is to draw in one go, (row, column) or (slice, row, column);
            by default the last three, or both of a plane.
        rng : None, int, SeedSequence or Generator, optional
            Source of randomness (SPEC 7).

        Returns
        -------
        Annotator or PerLabel
            `PerLabel` if there are several labels.

        Raises
        ------
        TypeError
            If a mask is neither bool nor integer.
        ValueError
            If a mask is empty, shapes differ, a label has no structure that both drew, or another
            argument is out of its range.

        Notes
        -----
        A structure is a connected part of the union of both masks. Moments of the displacement of
        its boundary are found: standard deviation, its growth with the radius and its spread,
        mean, correlations along the contour and across slices, kurtosis, and so on. Then the
        structures are drawn again by an annotator whose numbers are a first guess, their moments
        compared with the real ones, and the numbers corrected, eight times. What only the rater
        drew is left out. Structures of fewer than 20 pixels are, too.

        With few cases the numbers stay near defaults: n cases have a weight of n / (n + 3) for
        `growth` (default 0.5), `severity` (0.25), `bias` (0), `bias_spread` (0.5) and `ends` (0.9),
        and for `missed` (0). The other numbers show in every contour: n structures have a weight of
        n / (n + 0.5), beside a `length` of 1.3 times the geometric mean of radius and pixel, a
        `depth` of 0.4 and a `hand_length` of 0.35 of it, `sigma` and `hand` of 0.95 and 0.5 times
        the standard deviation found, `slices` 0.2, `tails` 0.5, `smoothing` 5, and `calm` 0.
        `shared` can be seen from several raters of one case only, and weighs n / (n + 10) beside
        0.4; where the reference is one more reader's, that reader's own errors count as shared. The
        standard errors are those of resampled cases, from three cases on.

        Examples
        --------
        >>> import numpy as np
        >>> rows, columns = np.indices((50, 50)) - 25
        >>> discs = [np.hypot(rows, columns) < radius for radius in range(8, 18)]
        >>> reader = Annotator(radius=12.0, sigma=1.5, length=5.0)
        >>> pairs = [(disc, reader(disc, rng=seed)) for seed, disc in enumerate(discs)]
        >>> found = Annotator.fit(pairs)
        >>> found.cases, round(found.radius), round(found.sigma)
        (10, 12, 2)
        """
        from ._fit import fit_drawn
        from ._pairs import read_pairs

        random = check_rng(rng)
        found = read_pairs(pairs, check_labels(labels), axes)
        made = {label: Annotator(**fit_drawn(drawn, random)) for label, drawn in found.items()}
        return PerLabel(made) if len(made) > 1 else made.popitem()[1]


NUMBERS = tuple(each.name for each in fields(Annotator) if each.compare)


class PerLabel(Mapping[int, Any]):
    """An annotator, or another noise, for each label of a label map.

    It is called as an `Annotator` is, and is a mapping of labels to what they err by.

    Parameters
    ----------
    annotators : mapping of int to Annotator, Noise or Chain
        What each label errs by. Labels without any never change.

    Raises
    ------
    ValueError
        If there is no label, or 0 is one.

    Notes
    -----
    Each label takes the errors that its own noise makes of the whole map, of the same random
    numbers: if all labels have the same noise, the result is that of this noise. A boundary between
    two labels is that of the label drawn later.

    Examples
    --------
    >>> import numpy as np
    >>> lesion = Annotator(radius=1.0, sigma=0.7)
    >>> reader = PerLabel({1: Annotator(radius=4.0, sigma=0.1), 2: lesion})
    >>> organ = np.zeros((7, 9), np.uint8)
    >>> organ[1:6, 1:8] = 1
    >>> organ[2:5, 3:6] = 2
    >>> reader(organ, rng=0)
    array([[0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 2, 2, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)

    A liver that is drawn too large, with lesions of which half are missed:

    >>> import labelnoise
    >>> noise = PerLabel({1: labelnoise.Noise("bias", 1.0), 2: labelnoise.Noise("omit", 0.5)})
    """

    __slots__ = ("_annotators",)

    def __init__(self, annotators: Mapping[int, Callable[..., NDArray[Any]]]) -> None:
        labels = check_labels(annotators)
        for label in labels or ():
            if not callable(annotators[label]):
                raise ValueError(
                    f"annotators: label {label} has {annotators[label]!r}; pass an Annotator, a "
                    "Noise or a Chain"
                )
        self._annotators = {label: annotators[label] for label in sorted(labels or ())}

    def __call__(
        self, mask: NDArray[Any], strength: float = 1.0, **options: Unpack[Options]
    ) -> NDArray[Any]:
        """Return a copy of a label map as the person might have drawn it."""
        if self.are_people:
            return draw(self, mask, strength, **options)
        return compose(self, mask, strength, **options)

    @property
    def are_people(self) -> bool:
        """Whether all labels have an `Annotator`."""
        return all(isinstance(each, Annotator) for each in self.values())

    @property
    def limit(self) -> float:
        """Largest factor by which the strengths can be multiplied."""
        return min(getattr(each, "limit", math.inf) for each in self.values())

    def __getitem__(self, label: int) -> Any:
        return self._annotators[label]

    def __iter__(self) -> Iterator[int]:
        return iter(self._annotators)

    def __len__(self) -> int:
        return len(self._annotators)

    def __hash__(self) -> int:
        """Return the same number for equal annotators."""
        return hash(tuple(self._annotators.items()))

    def __repr__(self) -> str:
        """Return the call that makes the same annotators."""
        return f"PerLabel({self._annotators!r})"

    def __str__(self) -> str:
        """Return a table of the numbers of each label."""
        return "\n\n".join(f"label {label}\n{each}" for label, each in self.items())

    def to_dict(self) -> dict[str, Any]:
        """Return what the labels err by as a dictionary that JSON can hold."""
        each = {str(label): noise.to_dict() for label, noise in self.items()}
        if not self.are_people:
            return {"per_label": each}
        return {"annotators": {label: numbers["annotator"] for label, numbers in each.items()}}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """Return the annotators that a dictionary describes."""
        made = {
            int(label): Annotator.from_dict({"annotator": numbers})
            for label, numbers in described["annotators"].items()
        }
        return cls(made)

    def scaled(self, factor: float) -> Self:
        """Return annotators who err as these do at a strength."""
        return type(self)({label: each.scaled(factor) for label, each in self.items()})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the numbers to a JSON file, which `Annotator.load` reads."""
        save(self, path)


def described(numbers: Mapping[str, Any]) -> Annotator | PerLabel:
    """Return the annotator, or the annotators of several labels, that a dictionary describes."""
    return (Annotator if "annotator" in numbers else PerLabel).from_dict(numbers)


def save(annotator: Annotator | PerLabel, path: str | os.PathLike[str]) -> None:
    """Write an annotator to a JSON file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(annotator.to_dict(), indent=1) + "\n")


def draw(
    annotator: Annotator | PerLabel,
    mask: NDArray[Any],
    strength: float,
    person: int | None = None,
    **options: Unpack[Options],
) -> NDArray[Any]:
    """Return a copy of a mask as someone might have drawn it.

    With the number of a person, the mask is one of several people's with the same `rng`: they find
    the same objects difficult.
    """
    strength = check_number("strength", strength, 0.0, LARGEST)
    people: list[Annotator] = []  # of the codes 1, 2, ...
    if isinstance(annotator, PerLabel):
        labels = options["labels"] = _listed(annotator, options.get("labels"))
        people = [annotator[label] for label in labels]

    def again(patch: Patch) -> Codes:
        from .._objects import find_objects
        from .._paint import paint
        from .._parts import together
        from ._draw import draw_object

        codes, spacing = patch.volume()
        if strength == 0:
            return codes
        objects = find_objects(codes, patch.drawn)
        out = codes.copy()
        for layer, group in enumerate(objects.groups):
            rng = patch.rng(layer if person is None else layer + ((person + 1) << 32))
            case = None if person is None else patch.rng(layer)
            who = annotator if isinstance(annotator, Annotator) else people[group.label - 1]
            runs, owners = objects.runs[group.runs], objects.owners[group.runs]
            drawn = [
                draw_object(
                    who,
                    codes,
                    group.label,
                    runs[owners == number],
                    strength,
                    spacing,
                    rng,
                    case,
                )
                for number in range(group.start, group.stop)
            ]
            if case is not None:
                patch.give_back(case)
            patch.give_back(rng)
            paint(codes, group.label, *together(drawn), spacing, out)
        return out

    return perturb(mask, again, **options)


def compose(
    noise: PerLabel, mask: NDArray[Any], strength: float, **options: Unpack[Options]
) -> NDArray[Any]:
    """Return a copy of a label map in which each label takes the errors of its own noise."""
    labels = options["labels"] = _listed(noise, options.get("labels"))
    mask = check_mask(mask)
    rng = options.pop("rng", None)
    rng = np.random.SeedSequence() if rng is None else rng
    out = np.array(mask)
    for place, label in enumerate(labels):
        alike = rng if place == len(labels) - 1 else copy.deepcopy(rng)
        new = noise[label](mask, strength, rng=alike, **options)
        if holds(mask.dtype, label):
            ground = _ground(noise[label], options.get("within"))
            earlier = [0, *labels[:place], *ground]
            lost = (mask == label) & are_in(new, earlier)
            out[(new == label) & are_in(out, earlier)] = label
            out[lost] = new[lost]
    return out


def _ground(noise: Any, within: Any) -> set[int]:
    """Return the labels that take the place of the background, by a call or by a noise itself."""
    if within is not None:
        return {int(each) for each in within if isinstance(each, int | np.integer)}
    own = getattr(noise, "options", {}).get("within")
    return set(own or ()).union(*(_ground(step, None) for step in getattr(noise, "steps", ())))


def _listed(noise: PerLabel, labels: Iterable[int] | None) -> list[int]:
    """Return the labels that are drawn, in this order."""
    listed = check_labels(labels) or list(noise)
    for label in listed:
        if label not in noise:
            raise ValueError(f"labels={listed}: {label} has no noise; list some of {list(noise)}")
    return listed
