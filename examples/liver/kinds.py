"""Label noise as it is written on the command line, and a kind of the study's own."""

from __future__ import annotations

import ast
import hashlib
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

    A kind of error, as in bias,direction=in; several, as in bias:1+choppy:0.5; an annotator, as in
    kits23-kidney; or a JSON file of to_dict() of one of these.
    """
    name = word
    try:
        if word.endswith(".json"):
            noise = from_dict(json.loads(Path(word).read_text()))
            digest = hashlib.sha256(json.dumps(noise.to_dict(), sort_keys=True).encode())
            name = f"{Path(word).stem}-{digest.hexdigest()[:4]}"
        elif word in PUBLISHED:
            noise = labelnoise.Annotator.load(word)
        else:
            steps = []
            for step in word.split("+"):
                kind, *options = step.split(",")
                error, _, strength = kind.partition(":")
                pairs = (option.split("=", 1) for option in options)
                settings = {k: v if v.isalpha() else ast.literal_eval(v) for k, v in pairs}
                steps.append(labelnoise.Noise(error, float(strength or 1), **settings))
            noise = steps[0] if len(steps) == 1 else labelnoise.Chain(*steps)
        noise(np.ones((3, 3), np.uint8), rng=0)  # errors of volumes are refused
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"--noises {word} cannot be used ({error}): see --help") from error
    return name, noise.to_dict()
