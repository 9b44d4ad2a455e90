"""Noise as it is written: kinds of error with their strengths, or a recipe of several."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._patch import ERRORS
from ..noise import Noise, strength_name
from ._arguments import as_written
from ._sources import UsageError

Described = Mapping[str, Any]  # as to_dict of a Noise or a Chain gives it


def written(words: Sequence[str], strength: float | None, searched: bool) -> Described:
    """Return the noise that is described by --noise, with --strength or a search for one."""
    found = [_step(word) for word in words]
    for word, step in zip(words, found, strict=True):
        alone = len(words) == 1
        if strength is not None and ("strength" in step or not alone):
            raise UsageError(
                f"{as_written('strength', strength)}: goes with one kind of error that has no "
                f"strength of its own, not with {as_written('noise', words)}; leave it out"
            )
        if "strength" not in step:
            if not alone or (strength is None and not searched):
                other = ", or pass --strength or --dice" if alone else ""
                raise UsageError(
                    f"{as_written('noise', [word])}: has no strength; write one behind it, e.g. "
                    f"{_example(word)}{other}"
                )
            step["strength"] = 1.0 if strength is None else strength
    return found[0] if len(found) == 1 else {"chain": found}


def kind(word: str) -> Described:
    """Return a kind of error whose strength is searched for."""
    if "strength" in _step(word):
        raise UsageError(
            f"{as_written('noise', [word])}: calibrate finds the strength; leave it out, or pass a "
            "--recipe"
        )
    return {"error": word, "strength": 1.0}


def recipe(path: Path) -> Described:
    """Read the noise that a file describes."""
    file = as_written("recipe", path)
    remedy = "write what to_dict of a labelnoise.Noise or Chain gives, as JSON"
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file}: cannot be read ({error}); {remedy}") from error
    try:
        found = list(steps(described))
        whole = all({"error", "strength"} <= step.keys() for step in found)
        whole &= all(isinstance(step["error"], str) for step in found)
    except (AttributeError, KeyError, TypeError):
        found, whole = [], False
    if not found or not whole:
        raise UsageError(f"{file}: describes no noise; {remedy}")
    for name in "axes", "spacing":
        for step in found:
            if name in step:
                raise UsageError(
                    f"{file}: has {name}={step[name]!r}; leave it out, as --plane, --volumes and "
                    "--spacing give it"
                )
    return described  # type: ignore[no-any-return]


def steps(described: Described) -> Iterator[Described]:
    """Yield what describes each single error, in order."""
    if described.keys() == {"chain"}:
        for step in described["chain"]:
            yield from steps(step)
    else:
        yield described


def filled(described: Described, more: Callable[[Described], Described]) -> Described:
    """Return the same with more options in each step, where it has none of its own."""
    if "chain" in described:
        return {"chain": [filled(step, more) for step in described["chain"]]}
    return {**more(described), **described}


def words(described: Described, digits: int = 12) -> list[str]:
    """Return what --noise would be for a chain."""
    return [f"{step['error']}:{step['strength']:.{digits}g}" for step in steps(described)]


def misfit(step: Described, volumes: bool) -> bool:
    """Return whether an error cannot be made on volumes, or on planes."""
    axes = range(3 if volumes else 2)
    try:
        Noise.from_dict(step)(np.zeros([2] * len(axes), np.uint8), axes=tuple(axes), rng=0)
    except ValueError:
        return True
    return False


def _step(word: str) -> dict[str, Any]:
    """Return what describes a kind of error, with its strength if that is written."""
    name, colon, number = word.partition(":")
    flag = as_written("noise", [word])
    if name not in ERRORS:
        raise UsageError(f"{flag}: no kind of error has this name; pass one of {', '.join(ERRORS)}")
    if not colon:
        return {"error": name}
    try:
        strength = float(number)
    except ValueError:
        raise UsageError(f"{flag}: pass a number behind the colon, e.g. {_example(name)}") from None
    try:
        Noise(name, strength)
    except ValueError as error:
        raise UsageError(f"{flag}: {str(error).partition(': ')[2]}") from error
    return {"error": name, "strength": strength}


def _example(name: str) -> str:
    return f"{name}:0.05" if strength_name(ERRORS[name]) == "rate" else f"{name}:2"
