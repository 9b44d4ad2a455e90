"""Errors as values: what goes wrong, by how much, with which options."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._patch import ERRORS
from ._streams import split
from ._validate import check_described, check_error, check_options
from .annotators import Annotator, PerLabel
from .annotators.annotator import described as person


@dataclass(frozen=True, init=False)
class Noise:
    """An error with its strength and options: a value that can be called, compared and stored.

    Parameters
    ----------
    error : str or callable
        Name of an error, e.g. "natural", or a function ``error(mask, strength, *, rng, ...)``.
    strength : float
        Its strength: the `sigma`, `distance` or `rate` of the error.
    **options
        Other arguments of the error but `rng`, which belongs to a call; an array for `within`
        does, too.

    Raises
    ------
    TypeError
        If the error takes no such option.
    ValueError
        If there is no such error, or an argument is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> noise = labelnoise.Noise("choppy", 1.0, spacing=(1.0, 0.5))
    >>> mask = np.zeros((4, 8), np.uint8)
    >>> mask[1:3, 3:5] = 1
    >>> noise(mask, rng=0)
    array([[0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 1, 1, 1],
           [0, 0, 0, 0, 0, 1, 1, 1],
           [0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    >>> noise.to_dict()
    {'error': 'choppy', 'strength': 1.0, 'spacing': [1.0, 0.5]}
    """

    error: Callable[..., NDArray[Any]]
    strength: float
    options: Mapping[str, Any]

    def __init__(self, error: str | Callable[..., NDArray[Any]], strength: float, **options: Any):
        function = check_error(error, ERRORS)
        options = {name: _plain(value) for name, value in options.items()}
        if function in ERRORS.values():
            check_options(function.__name__, options, inspect.signature(function).parameters)
            _check_region(options.get("labels"), options.get("within"))
            # A mask without pixels has every argument checked, and nothing compiled.
            function(np.zeros((0,) * 8, bool), strength, **options)
        object.__setattr__(self, "error", function)
        object.__setattr__(self, "strength", _plain(strength))
        object.__setattr__(self, "options", options)

    def __call__(
        self, mask: NDArray[Any], strength: float = 1.0, *, rng: Any = None, **options: Any
    ) -> NDArray[Any]:
        """Return a perturbed copy of a mask; `strength` multiplies the noise's own."""
        more = {**self.options, **options}
        return self.error(mask, self.strength * strength, rng=rng, **more)

    def __repr__(self) -> str:
        """Return the call that makes the same noise."""
        error = getattr(self.error, "__name__", repr(self.error))
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"Noise({error!r}, {self.strength!r}{options})"

    def __hash__(self) -> int:
        """Return the same number for equal noise."""
        return hash((self.error, self.strength, *sorted(self.options)))

    @property
    def limit(self) -> float:
        """Largest factor by which the strength can be multiplied."""
        return limit_of(self.error) / self.strength if self.strength else math.inf

    def scaled(self, factor: float) -> Self:
        """Return the noise with a strength so many times as large."""
        return type(self)(self.error, self.strength * factor, **self.options)

    def to_dict(self) -> dict[str, Any]:
        """Return the noise as a dictionary that JSON can hold."""
        name = getattr(self.error, "__name__", "")
        if ERRORS.get(name) is not self.error:
            raise ValueError(
                f"error={self.error!r}: has no name that others know; use one of "
                f"{', '.join(ERRORS)}, or register it with labelnoise.perturbation"
            )
        options = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.options.items()
        }
        return {"error": name, "strength": self.strength, **options}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """Return the noise that a dictionary describes."""
        check_described(described, {"error", "strength"})
        return cls(**described)


@dataclass(frozen=True, init=False)
class Chain:
    """Errors one after the other, each with random numbers of its own.

    Parameters
    ----------
    *steps : Noise, Chain or callable
        A function is called as ``step(mask, strength, rng=...)``.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> chain = labelnoise.Chain(labelnoise.Noise("bias", 1.0), labelnoise.Noise("choppy", 0.5))
    >>> mask = np.zeros((5, 8), np.uint8)
    >>> mask[2, 3:5] = 1
    >>> chain(mask, rng=0)
    array([[0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 1, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 1, 1, 0, 0],
           [0, 0, 1, 1, 1, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    """

    steps: tuple[Callable[..., NDArray[Any]], ...]

    def __init__(self, *steps: Callable[..., NDArray[Any]]):
        object.__setattr__(self, "steps", tuple(check_error(step, {}) for step in steps))

    def __call__(
        self, mask: NDArray[Any], strength: float = 1.0, *, rng: Any = None, **options: Any
    ) -> NDArray[Any]:
        """Return a perturbed copy of a mask; `strength` multiplies that of every step."""
        mask = np.array(mask)
        for step, stream in zip(self.steps, split(rng, len(self.steps)), strict=True):
            mask = step(mask, strength, rng=stream, **options)
        return mask

    def __repr__(self) -> str:
        """Return the call that makes the same chain."""
        return f"Chain({', '.join(map(repr, self.steps))})"

    @property
    def limit(self) -> float:
        """Largest factor by which the strengths can be multiplied."""
        return min((limit_of(step) for step in self.steps), default=math.inf)

    def scaled(self, factor: float) -> Self:
        """Return the chain with strengths so many times as large."""
        return type(self)(*(step.scaled(factor) for step in self.steps))  # type: ignore[attr-defined]

    def to_dict(self) -> dict[str, Any]:
        """Return the chain as a dictionary that JSON can hold."""
        return {"chain": [to_dict(step) for step in self.steps]}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """Return the chain that a dictionary describes."""
        return cls(*(from_dict(step) for step in described["chain"]))


def to_dict(perturb: Any) -> dict[str, Any]:
    """Return what describes a noise of the package, or a `functools.partial` of an error."""
    if isinstance(perturb, partial) and not perturb.args and perturb.func in ERRORS.values():
        keywords = dict(perturb.keywords)
        name = strength_name(perturb.func)
        if name in keywords:
            return Noise(perturb.func, keywords.pop(name), **keywords).to_dict()
    if not isinstance(perturb, Noise | Chain | Annotator | PerLabel):
        raise ValueError(
            f"perturb={perturb!r}: cannot be stored; pass a labelnoise.Noise, an Annotator or a "
            "Chain of them"
        )
    return perturb.to_dict()


def from_dict(described: Mapping[str, Any]) -> "Noise | Chain | Annotator | PerLabel":
    """Return what `to_dict` describes by a dictionary."""
    if "annotator" in described or "annotators" in described:
        return person(described)
    if "per_label" in described:
        every = described["per_label"].items()
        return PerLabel({int(label): from_dict(each) for label, each in every})
    return Chain.from_dict(described) if "chain" in described else Noise.from_dict(described)


def strength_name(function: Any) -> str:
    """Return the name of an error's strength, e.g. "sigma"."""
    return list(inspect.signature(function).parameters)[1]


def limit_of(perturb: Any) -> float:
    """Return the largest strength that a perturbation takes, as far as that is known."""
    if isinstance(perturb, partial):
        return limit_of(perturb.func)
    if perturb in ERRORS.values():
        return 1.0 if strength_name(perturb) == "rate" else math.inf
    return float(getattr(perturb, "limit", math.inf))


def _plain(value: Any) -> Any:
    """Return what compares equal and goes through JSON: numbers, text, tuples and mappings."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {_label(key): _plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value)
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
    return tuple(map(_plain, value)) if several else value


def _check_region(labels: Any, within: Any) -> None:
    """Refuse a region that is no list of labels, or has those that are drawn."""
    if within is None:
        return
    if not isinstance(within, tuple):
        raise ValueError(f"within={within!r}: list labels, as in [1]")
    if any(isinstance(each, tuple | bool) for each in within):
        raise ValueError("within: list labels; an array belongs to a call, pass it there")
    both = sorted({*within} & {*labels}) if isinstance(labels, tuple) else []
    if both:
        raise ValueError(
            f"within={list(within)}: labels has {both[0]}, too; leave it out of one of them"
        )


def _label(key: Any) -> Any:
    """Return a key of a mapping; JSON makes texts of integers."""
    is_number = isinstance(key, str) and key.removeprefix("-").isdecimal()
    return int(key) if is_number else _plain(key)
