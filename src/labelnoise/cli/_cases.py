"""What is done with one case: look at it, perturb, compare."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import match, sample_rng
from .. import perturb as perturb_patches
from .._codes import distinct
from ..annotators import Annotator, PerLabel
from ..metrics import dice_of, error_rate, iou_of, overlap
from ..noise import Chain, Noise, from_dict
from ._files import LabelFile, publish, read
from ._recipe import Described, filled, steps

Target = float | tuple[float, float] | None


@dataclass(frozen=True)
class Plan:
    """What is done to every case, and which of its labels are scored; None for all."""

    noise: Noise | Chain | Annotator | PerLabel
    labels: Sequence[int] | None
    plane: str
    volumes: bool
    millimetres: bool
    seed: int
    factor: float = 1.0

    @property
    def lacks_label(self) -> bool:
        """Whether a label must be found for a prevalence to be the share of."""
        return any(map(_lacks_label, steps(self.noise.to_dict())))

    def with_labels(self, labels: Iterable[int]) -> "Plan":
        """Return the same with these labels where a label is lacking."""
        listed = {"labels": tuple(labels)}
        noise = filled(self.noise.to_dict(), lambda step: listed if _lacks_label(step) else {})
        return replace(self, noise=from_dict(noise))

    def strength(self, factor: float) -> float:
        """Return the strength of the only error, or the factor of those of several."""
        return factor * self.noise.strength if isinstance(self.noise, Noise) else factor

    def grid(self, file: LabelFile) -> dict[str, Any]:
        """Return the options of a call for one file."""
        axes = file.axes(self.plane, self.volumes)
        return {"axes": axes, "spacing": file.spacing(axes) if self.millimetres else None}


@dataclass(frozen=True)
class Masks(Sequence[tuple[NDArray[Any], dict[str, Any]]]):
    """Label maps with the options of their grids, each read when it is asked for."""

    paths: Sequence[Path]
    plan: Plan

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Any:
        file, _ = read(self.paths[index])
        return file.labels, self.plan.grid(file)


@dataclass(frozen=True)
class Job:
    """A case to perturb or to copy, where to, and what an earlier run recorded of it."""

    name: str
    path: Path
    result: Path
    noisy: bool
    done: dict[str, Any] | None


def look(path: Path, plan: Plan, labels: bool) -> set[int]:
    """Raise what is wrong with a case; return its labels, if they are wanted."""
    file, _ = read(path)
    perturb_patches(file.labels, lambda patch: patch.codes, **plan.grid(file))
    return set(distinct(file.labels)[0].tolist()) - {0} if labels else set()


def perturb(job: Job, plan: Plan, target: Target, tol: float) -> dict[str, Any]:
    """Write a copy of a case, noisy or not, and return its entry in the manifest.

    With a target, the case is matched to it, unless it has no label that is drawn; with a range, to
    one of its own in it.

    Raises
    ------
    ValueError
        If the file is no label file, the target cannot be reached, or the source or the result is
        not what was recorded.
    """
    if job.done is not None:
        if not job.path.exists() or digest(job.path) != job.done["source_sha256"]:
            raise ValueError("has changed since it was perturbed; begin anew in another folder")
        if job.result.exists():
            if digest(job.result) != job.done["sha256"]:
                raise ValueError("was written, and changed since; remove the result and resume")
            return job.done
    if job.noisy:
        content, told = _draw(job, plan, target, tol)
    else:
        content = job.path.read_bytes()
        told = {"target": None, "strength": 0.0, "dice": {}, "error_rate": 0.0}
        told["source_sha256"] = sha256(content).hexdigest()
    publish(job.result, content)
    result = {"sha256": sha256(content).hexdigest()}
    return {"case": job.name, "file": job.result.name, "noisy": job.noisy, **told, **result}


def _draw(job: Job, plan: Plan, target: Target, tol: float) -> tuple[bytes, dict[str, Any]]:
    """Return a noisy copy of a case as a file's bytes, and what the manifest tells of it."""
    file, source = read(job.path)
    apply: Any = partial(plan.noise, **plan.grid(file))
    if isinstance(target, tuple):
        target = sample_rng(plan.seed, f"target of {job.name}").uniform(*target)
    rng = sample_rng(plan.seed, job.name)
    used: float | None = plan.strength(plan.factor)
    if target is None:
        noisy = apply(file.labels, plan.factor, rng=rng)
    elif dices(file.labels, file.labels, plan.labels):
        found = match(file.labels, apply, target, tol=tol, labels=plan.labels, rng=rng)
        noisy, used = found.mask, plan.strength(found.strength)
    else:
        noisy, used = file.labels, None
    scores = dices(file.labels, noisy, plan.labels)
    rate = error_rate(file.labels, noisy, labels=plan.labels or _labels(file.labels, noisy))
    return file.encode(noisy), {
        "target": target,
        "strength": used,
        "dice": {str(label): dice for label, dice in scores.items()},
        "error_rate": rate if isfinite(rate) else None,
        "source_sha256": source,
    }


def compare(pair: tuple[str, Path, Path]) -> list[dict[str, Any]]:
    """Score two files, label by label."""
    (first, _), (second, _) = read(pair[1]), read(pair[2])
    labels = _labels(first.labels, second.labels)
    counts = overlap(first.labels, second.labels, labels)
    changed = float(np.mean(first.labels != second.labels))
    rate = error_rate(first.labels, second.labels, labels=labels)
    return [
        {
            "case": pair[0],
            "label": label,
            "dice": dice_of(*pixels),
            "iou": iou_of(*pixels),
            "changed": changed,
            "error_rate": rate,
        }
        for label, pixels in counts.items()
    ]


def dices(
    reference: NDArray[Any], other: NDArray[Any], labels: Sequence[int] | None
) -> dict[int, float]:
    """Return the Dice score of each label that the reference has."""
    found = overlap(reference, other, labels, perturbed=True)
    return {label: dice_of(*pixels) for label, pixels in found.items() if pixels[1]}


def _labels(*maps: NDArray[Any]) -> list[int] | None:
    """Return the labels of label maps, None if there are none."""
    return sorted({label for each in maps for label in distinct(each)[0].tolist()} - {0}) or None


def _lacks_label(step: Described) -> bool:
    return step.get("labels") is None and step.get("prevalence") is not None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()
