"""What is done with one case: look at it, perturb, compare, pair its raters."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import match, raters, sample_rng, soft
from .. import perturb as perturb_patches
from .._codes import distinct
from .._validate import check_spacing
from ..annotators import Annotator, PerLabel
from ..metrics import dice_of, error_rate, iou_of, overlap
from ..noise import Chain, Noise, from_dict
from ._files import LabelFile, publish, read, shares_name
from ._recipe import Described, filled, steps

Target = float | tuple[float, float] | None
Entry = dict[str, Any]  # of the manifest


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
    raters: int | None = None  # people who draw each case
    soft: Sequence[int] = ()  # labels whose shares among them are wanted

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

    def results(self, file: Path) -> list[Path]:
        """Return where the noisy copies of a file go."""
        if self.raters is None:
            return [file]
        return [Path(f"rater{number}", file) for number in range(1, self.raters + 1)]


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
    folder: Path
    file: Path
    noisy: bool
    done: Entry | None

    def put(self, file: Path, content: bytes) -> Entry:
        """Write a file into the folder; return its name and SHA-256."""
        publish(self.folder / file, content)
        return {"file": file.as_posix(), "sha256": sha256(content).hexdigest()}


def look(path: Path, plan: Plan, labels: bool) -> set[int]:
    """Raise what is wrong with a case; return its labels, if they are wanted."""
    file, _ = read(path)
    perturb_patches(file.labels, lambda patch: patch.codes, **plan.grid(file))
    return set(distinct(file.labels)[0].tolist()) - {0} if labels else set()


def perturb(job: Job, plan: Plan, target: Target, tol: float) -> Entry:
    """Write a copy of a case, noisy or not, or one for each rater; return its manifest entry.

    With a target, the case is matched to it, unless it has no label that is drawn; with a range, to
    one of its own in it.

    Raises
    ------
    ValueError
        If the file is no label file, the target cannot be reached, or the source or a result is
        not what was recorded.
    """
    if job.done is not None and _is_whole(job, job.done):
        return job.done
    entry: Entry = {"case": job.name, "noisy": job.noisy}
    if job.noisy or plan.soft:
        file, entry["source_sha256"] = read(job.path)
    if job.noisy:
        maps, told = _draw(job, file, plan, target, tol)
        results = [(file.encode(noisy), _score(file.labels, noisy, plan.labels)) for noisy in maps]
    else:
        maps, told = [file.labels] if plan.soft else [], {"target": None, "strength": 0.0}
        content = job.path.read_bytes()
        entry["source_sha256"] = sha256(content).hexdigest()
        results = [(content, {"dice": {}, "error_rate": 0.0})] * (plan.raters or 1)
    written = [
        {**job.put(where, content), **scores}
        for where, (content, scores) in zip(plan.results(job.file), results, strict=True)
    ]
    entry |= told
    entry |= written[0] if plan.raters is None else {"raters": written}
    if plan.soft:
        entry["soft"] = list(_put_shares(job, plan.soft, file, maps))
    return entry


def results_of(entry: Entry) -> list[Entry]:
    """Return what the manifest tells of the noisy copies of a case."""
    results: list[Entry] = entry.get("raters", [entry])
    return results


def _is_whole(job: Job, done: Entry) -> bool:
    """Return whether all files of a case are there, and what was recorded."""
    if not job.path.exists() or digest(job.path) != done["source_sha256"]:
        raise ValueError("has changed since it was perturbed; begin anew in another folder")
    whole = True
    for each in results_of(done) + done.get("soft", []):
        path = job.folder / each["file"]
        if not path.exists():
            whole = False
        elif digest(path) != each["sha256"]:
            raise ValueError(
                f"was written, and changed since; remove {each['file']!r} from DST and resume"
            )
    return whole


def _draw(
    job: Job, file: LabelFile, plan: Plan, target: Target, tol: float
) -> tuple[list[NDArray[Any]], Entry]:
    """Return noisy maps of a case, and what the manifest tells of how they were made."""
    grid = plan.grid(file)
    apply: Any = partial(plan.noise, **grid)
    if isinstance(target, tuple):
        target = sample_rng(plan.seed, f"target of {job.name}").uniform(*target)
    rng = sample_rng(plan.seed, job.name)
    used: float | None = plan.strength(plan.factor)
    if plan.raters is not None:
        maps = raters(file.labels, [plan.noise] * plan.raters, plan.factor, rng=rng, **grid)
    elif target is None:
        maps = [apply(file.labels, plan.factor, rng=rng)]
    elif dices(file.labels, file.labels, plan.labels):
        found = match(file.labels, apply, target, tol=tol, labels=plan.labels, rng=rng)
        maps, used = [found.mask], plan.strength(found.strength)
    else:
        maps, used = [file.labels], None
    return maps, {"target": target, "strength": used}


def _score(reference: NDArray[Any], noisy: NDArray[Any], labels: Sequence[int] | None) -> Entry:
    """Return what the manifest tells of how a noisy map differs."""
    rate = error_rate(reference, noisy, labels=labels or _labels(reference, noisy))
    return {
        "dice": {str(label): dice for label, dice in dices(reference, noisy, labels).items()},
        "error_rate": rate if isfinite(rate) else None,
    }


def _put_shares(
    job: Job, labels: Sequence[int], file: LabelFile, maps: Sequence[NDArray[Any]]
) -> Iterator[Entry]:
    """Write which share of the raters gave each label; with several, to a folder for each."""
    for label in labels:
        folder = Path("soft") if len(labels) == 1 else Path("soft", f"label{label}")
        content = file.encode_shares(soft(maps, [label])[0])
        yield {"label": label, **job.put(folder / shares_name(job.file), content)}


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


def pair(
    case: tuple[str, Sequence[Path]], plane: str, volumes: bool, millimetres: bool
) -> tuple[NDArray[Any], list[NDArray[Any]], tuple[float, ...]]:
    """Read what several people drew of a case: the first, the others, and the spacing.

    Others who drew nothing are left out. The last axes are (slice, row, column), or (row, column),
    however the files are oriented.
    """
    files: list[LabelFile] = []
    maps: list[NDArray[Any]] = []
    for path in case[1]:
        try:
            files.append(read(path)[0])
            axes = files[-1].axes(plane, volumes)
            maps.append(files[-1].upright(axes))
            if maps[-1].shape != maps[0].shape:
                shapes = [file.labels.shape for file in (files[-1], files[0])]
                raise ValueError(
                    f"has shape {shapes[0]}, but {shapes[1]} in REFERENCE; pass what people drew "
                    "on one image"
                )
            if not files[-1].lies_as(files[0]):
                raise ValueError(
                    "lies elsewhere than in REFERENCE, as the affines tell; resample it, or mend "
                    "its affine"
                )
            steps = check_spacing(files[-1].spacing(axes) if millimetres else None, axes)
        except ValueError as error:
            raise ValueError(f"{str(path)!r}: {error}") from error
    reference, *others = maps
    others = [labels for labels in others if labels.any()]
    if not (reference.any() and others):
        raise ValueError(f"is empty in {'every OTHER' if reference.any() else 'REFERENCE'}")
    return reference, others, steps


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
