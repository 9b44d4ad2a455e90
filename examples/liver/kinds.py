"""Label noise as it is written on the command line, and a kind of the study's own."""

from __future__ import annotations

import ast
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

import labelnoise
from labelnoise.noise import from_dict

FIELD = 384.0  # nominal millimetres from edge to edge of a slice
PUBLISHED = ("kits23-kidney", "kits23-tumour", "lidc-nodule")  # annotators


@labelnoise.perturbation
def parts(mask: NDArray[Any], rate: float, *, count: int = 8, **options: Any) -> NDArray[Any]:
    """Miss parts of what is labelled.

    Parameters
    ----------
    rate : float
        Probability of each part to be missed.
    count : int, optional
        Number of parts of a patch: the cells around as many of its labelled pixels. Eight is the
        number of segments that a liver has.
    """

    def miss(patch: labelnoise.Patch) -> NDArray[Any]:
        codes = patch.codes.copy()
        inside = np.argwhere((codes > 0) & (codes <= patch.drawn))
        if len(inside):
            rng = patch.rng()
            centres = inside[rng.integers(len(inside), size=count)]
            missed = rng.random(count) < rate
            _, part = KDTree(centres * patch.spacing).query(inside * patch.spacing)
            codes[tuple(inside[missed[part]].T)] = 0
        return codes

    return labelnoise.perturb(mask, miss, **options)


def written(word: str) -> tuple[str, dict[str, Any]]:
    """Read a noise: its name, and what describes it at a strength of 1.

    It is a kind of error with its options, as in ``bias,direction=in``; several with their
    strengths, one after the other, as in ``bias:1+choppy:0.5``; a published annotator, as in
    ``kits23-kidney``; or a file that holds `to_dict` of a `Noise`, `Chain` or `Annotator`.
    """
    if word.endswith(".json"):
        return Path(word).stem, from_dict(json.loads(Path(word).read_text())).to_dict()
    if word in PUBLISHED:
        return word, labelnoise.Annotator.load(word).to_dict()
    steps = []
    for step in word.split("+"):
        kind, *options = step.split(",")
        name, _, strength = kind.partition(":")
        settings = dict(option.split("=", 1) for option in options)
        steps.append(
            labelnoise.Noise(
                name,
                float(strength or 1),
                **{key: literal(value) for key, value in settings.items()},
            )
        )
    return word, (steps[0] if len(steps) == 1 else labelnoise.Chain(*steps)).to_dict()


def literal(text: str) -> Any:
    """Read an option's value: a number, a list, or text."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def drawn(described: dict[str, Any], size: int) -> Any:
    """Make the noise that is described; its lengths are nominal millimetres."""
    return functools.partial(from_dict(described), spacing=(FIELD / size, FIELD / size))
