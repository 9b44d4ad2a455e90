"""What is done with one case: perturb, score, compare."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import choppy, match, natural, random, sample_rng
from ..metrics import dice_of, iou_of, overlap
from ._files import LabelFile, publish, read

_NOISES: dict[str, Callable[..., NDArray[Any]]] = {
    "natural": natural,
    "choppy": choppy,
    "random": random,
}
NAMES = tuple(_NOISES)


@dataclass(frozen=True)
class Noise:
    """A perturbation but for its strength, and the seed of a dataset's noise."""

    name: str
    options: dict[str, Any]
    labels: list[int] | None
    plane: str
    millimetres: bool
    seed: int

    def on(self, file: LabelFile) -> Callable[..., NDArray[Any]]:
        """Return ``perturb(labels, strength, *, rng)`` for the axes of a file."""
        plane = file.plane(self.plane)
        more = {"spacing": file.spacing(plane)} if self.millimetres else {}
        return partial(_NOISES[self.name], labels=self.labels, plane=plane, **more, **self.options)

    def try_out(self, strength: float) -> None:
        """Raise what is wrong with the arguments; compile what will run."""
        mask = np.zeros((8, 8), np.uint8)
        mask[3:5, 3:5] = 1
        noisy = _NOISES[self.name](mask, strength, labels=self.labels, **self.options, rng=0)
        overlap(mask, noisy, self.labels)


@dataclass(frozen=True)
class Case:
    """A label file and the name of its noise."""

    name: str
    path: Path


@dataclass(frozen=True)
class Job:
    """A case to perturb, where to, and what an earlier run recorded of it."""

    case: Case
    result: Path
    done: dict[str, Any] | None


def score(case: Case, noise: Noise, strength: float) -> float | None:
    """Return the mean Dice score of a case at some strength, or None if nothing can be drawn."""
    file, _ = read(case.path)
    rng = sample_rng(noise.seed, case.name)
    scores = dices(file.labels, noise.on(file)(file.labels, strength, rng=rng), noise.labels)
    return fmean(scores.values()) if scores else None


def perturb(
    job: Job, noise: Noise, strength: float | None, target: float, tol: float
) -> dict[str, Any]:
    """Write a noisy copy of a case, and return its entry in the manifest.

    Without a strength, the case is matched to a target of its own.

    Raises
    ------
    ValueError
        If the file is no label file, the target cannot be reached, or the source or the result is
        not what was recorded.
    """
    if job.done is not None:
        if not job.case.path.exists() or digest(job.case.path) != job.done["source_sha256"]:
            raise ValueError("has changed since it was perturbed; begin anew in another folder")
        if job.result.exists():
            if digest(job.result) != job.done["sha256"]:
                raise ValueError("was written, and changed since; remove the result and resume")
            return job.done
    file, source = read(job.case.path)
    apply = noise.on(file)
    rng = sample_rng(noise.seed, job.case.name)
    if strength is not None:
        noisy, used = apply(file.labels, strength, rng=rng), strength
        scores = dices(file.labels, noisy, noise.labels)
    elif present := list(dices(file.labels, file.labels, noise.labels)):
        found = match(file.labels, apply, target, tol=tol, labels=present, rng=rng)
        noisy, used = found.mask, found.strength
        scores = dices(file.labels, noisy, present)
    else:
        noisy, used, scores = file.labels, None, {}
    content = file.encode(noisy)
    publish(job.result, content)
    return {
        "case": job.case.name,
        "file": job.result.name,
        "strength": used,
        "dice": {str(label): dice for label, dice in scores.items()},
        "source_sha256": source,
        "sha256": sha256(content).hexdigest(),
    }


def compare(pair: tuple[str, Path, Path]) -> list[dict[str, Any]]:
    """Score two files, label by label."""
    (first, _), (second, _) = read(pair[1]), read(pair[2])
    changed = float(np.mean(first.labels != second.labels))
    return [
        {
            "case": pair[0],
            "label": label,
            "dice": dice_of(*pixels),
            "iou": iou_of(*pixels),
            "changed": changed,
        }
        for label, pixels in overlap(first.labels.T, second.labels.T).items()
    ]


def dices(
    reference: NDArray[Any], other: NDArray[Any], labels: list[int] | None
) -> dict[int, float]:
    """Return the Dice score of each label that the reference has."""
    found = overlap(reference.T, other.T, labels)  # in the order of memory
    return {label: dice_of(*pixels) for label, pixels in found.items() if pixels[1]}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()
