"""Noise as it is written: kinds of error with their strengths, or a recipe of several."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._patch import ERRORS
from ..annotators import Annotator
from ..noise import Noise, from_dict, strength_name
from ._arguments import as_written
from ._sources import UsageError

Described = Mapping[str, Any]  # as to_dict of a Noise, an Annotator or a Chain gives it


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
                    f"{as_written('noise', [word])}: has no strength; write one after it, e.g. "
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


def annotator(source: str) -> Described:
    """Return the annotator that a file describes, or a published one."""
    flag = as_written("annotator", source)
    try:
        return Annotator.load(source).to_dict()
    except OSError as error:
        raise UsageError(f"{flag}: cannot be read ({error}); pass another file") from error
    except ValueError as error:
        raise UsageError(f"{flag}: {str(error).partition(': ')[2]}") from error


def recipe(path: Path) -> Described:
    """Read the noise that a file describes."""
    file = as_written("recipe", path)
    remedy = "write what to_dict of a labelnoise.Noise, Annotator or Chain gives, as JSON"
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file}: cannot be read ({error}); {remedy}") from error
    try:
        found = list(steps(described))
        whole = all(map(_is_whole, found))
    except (AttributeError, KeyError, TypeError, ValueError):
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
    elif described.keys() == {"per_label"}:
        for step in described["per_label"].values():
            yield from steps(step)
    else:
        yield described


def filled(described: Described, more: Callable[[Described], Described]) -> Described:
    """Return the same with more options in each step, where it has none of its own.

    An annotator has no options, and becomes one of the labels that are among them.
    """
    if "chain" in described:
        return {"chain": [filled(step, more) for step in described["chain"]]}
    if "per_label" in described:
        each = described["per_label"].items()
        return {"per_label": {label: filled(step, more) for label, step in each}}
    if "error" in described:
        return {**more(described), **described}
    labels = more(described).get("labels")
    if labels is None or "annotators" in described:
        return described
    return {"annotators": {str(label): described["annotator"] for label in labels}}


def is_person(step: Described) -> bool:
    """Return whether a step is an annotator, or annotators of several labels."""
    return "error" not in step


def name_of(step: Described) -> str:
    """Return what a step is called."""
    return str(step.get("error", "annotator"))


def words(described: Described, factor: float = 1.0, digits: int = 12) -> list[str]:
    """Return what --noise would be for a chain; an annotator as fitted has strength 1."""
    if "per_label" in described:
        return [
            f"label {label}: {' '.join(words(step, digits=digits))}"
            for label, step in described["per_label"].items()
        ]
    return [
        f"{name_of(step)}:{factor * step.get('strength', 1.0):.{digits}g}"
        for step in steps(described)
    ]


def misfit(step: Described, volumes: bool) -> bool:
    """Return whether an error cannot be made on volumes, or on planes."""
    axes = range(3 if volumes else 2)
    try:
        from_dict(step)(np.zeros([2] * len(axes), np.uint8), axes=tuple(axes), rng=0)
    except ValueError:
        return True
    return False


def _is_whole(step: Described) -> bool:
    """Return whether a step has all that an error needs, or is an annotator and nothing else."""
    if "error" in step:
        return "strength" in step and isinstance(step["error"], str)
    [[key, numbers]] = step.items()
    by_label = {"annotator": {"1": numbers}, "annotators": numbers}[key]
    return bool(by_label) and all(
        label.removeprefix("-").isdecimal() and isinstance(each, dict)
        for label, each in by_label.items()
    )


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
        raise UsageError(f"{flag}: pass a number after the colon, e.g. {_example(name)}") from None
    try:
        Noise(name, strength)
    except ValueError as error:
        raise UsageError(f"{flag}: {str(error).partition(': ')[2]}") from error
    return {"error": name, "strength": strength}


def _example(name: str) -> str:
    return f"{name}:0.05" if strength_name(ERRORS[name]) == "rate" else f"{name}:2"
