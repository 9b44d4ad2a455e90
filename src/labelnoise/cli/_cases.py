"""What is done with one case: look at it, perturb, compare, pair its raters."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from inspect import signature
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import match, raters, sample_rng, soft
from .. import perturb as perturb_patches
from .._codes import distinct
from .._overlap import overlap
from .._validate import LARGEST, check_spacing, check_tol
from ..annotators import Annotator, PerLabel
from ..files import LabelFile, digest_of, encoded, publish, read, shares_name
from ..metrics import ALL, dice, error_rate, scores
from ..noise import Chain, Noise, from_dict
from ._arguments import TOLERANCE
from ._images import looks_like_image
from ._recipe import Described, filled, steps
from ._record import Entry, results_of
from ._together import Together

Contents = list[tuple[str, bytes]]
Target = float | tuple[float, float] | dict[int, float] | None
Pair = tuple[str, Path, Path]  # the name of a case, and its files in two folders
Maps = tuple[NDArray[Any], NDArray[Any]]
Steps = tuple[float, ...] | None
Structures = Mapping[str, Sequence[int]] | None  # their numbers, if each has a file of its own

SCORES: dict[str, Any] = {score.__name__: score for score in ALL}
_MANY = 64  # labels from which a file may be an image
_IMAGE = "has as many values as an image; choose labels by --pattern, or move images away"


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
    structures: Structures = None
    score: str = "dice"  # that targets are given in, by the name of its function
    score_unit: str = "mm"  # of distances between boundaries, or "pixel"
    tolerance: float = TOLERANCE  # of boundaries, in this unit
    within: Sequence[int] | None = None  # labels that take the place of the background

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

    def read(self, path: Path) -> LabelFile:
        """Read the label map of a case."""
        return read(path) if self.structures is None else Together(path, self.structures)

    def grid(self, file: LabelFile) -> dict[str, Any]:
        """Return the options of a call for one file."""
        axes = file.axes(self.plane, self.volumes)
        inner = {} if self.within is None else {"within": self.within}
        return inner | {"axes": axes, "spacing": file.spacing(axes) if self.millimetres else None}

    def measure(self, file: LabelFile) -> dict[str, Any]:
        """Return the options of the score for one file."""
        known = signature(SCORES[self.score]).parameters
        options: dict[str, Any] = {"tolerance": self.tolerance} if "tolerance" in known else {}
        if "spacing" in known and self.score_unit == "mm":
            options["spacing"] = steps_of(file)
            if options["spacing"] is None:
                raise ValueError(
                    "has no valid spacing or unit in its header; mend it, or pass --spacing=pixel"
                )
        return options

    def results(self, file: Path) -> list[Path]:
        """Return where the noisy copies of a file go."""
        if self.raters is None:
            return [file]
        return [Path(f"rater{number}", file) for number in range(1, self.raters + 1)]


@dataclass(frozen=True)
class Masks(Sequence[tuple[NDArray[Any], dict[str, Any], dict[str, Any]]]):
    """Label maps with the options of their grids and scores, each read when it is asked for."""

    paths: Sequence[Path]
    plan: Plan

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def size(self) -> int:
        """Bytes of the first label map."""
        return int(self.plan.read(self.paths[0]).labels.nbytes)

    def __getitem__(self, index: Any) -> Any:
        file = self.plan.read(self.paths[index])
        return file.labels, self.plan.grid(file), self.plan.measure(file)


@dataclass(frozen=True)
class Job:
    """A case to perturb or to copy, where to, and what an earlier run recorded of it."""

    name: str
    path: Path
    folder: Path
    file: Path
    noisy: bool
    done: Entry | None

    def put(self, file: Path, contents: Contents, digest: str) -> Entry:
        """Write a file into the folder, or those of structures; return its name and SHA-256."""
        for name, content in contents:
            inner = file / name if self.path.is_dir() else file
            publish(self.folder / inner, content)
        return {"file": file.as_posix(), "sha256": digest}


def look(path: Path, plan: Plan, labels: bool) -> set[int]:
    """Raise what is wrong with a case; return its labels, if they are wanted."""
    file = plan.read(path)
    if _seems_image(file.labels):
        raise ValueError(_IMAGE)
    perturb_patches(file.labels, lambda patch: patch.codes, **plan.grid(file))
    return set(distinct(file.labels)[0].tolist()) - {0} if labels else set()


def labels_of(path: Path, plan: Plan) -> set[int]:
    """Return the labels of a case."""
    return set(distinct(plan.read(path).labels)[0].tolist()) - {0}


def perturb(job: Job, plan: Plan, target: Target, tol: float | None, strict: bool) -> Entry:
    """Write a copy of a case, noisy or not, or one for each rater; return its manifest entry.

    With a target, the case is matched to it, unless it has no label that is drawn; with a range, to
    one of its own in it. Where it cannot be reached, the nearest score is taken, unless `strict`.

    Raises
    ------
    ValueError
        If the file is no label file, or cannot be written without loss, the target cannot be
        reached, or the source or a result is not what was recorded.
    """
    if job.done is not None and _is_whole(job, job.done, plan):
        return job.done
    file = plan.read(job.path)
    if _seems_image(file.labels):
        raise ValueError(_IMAGE)
    entry: Entry = {
        "case": job.name,
        "noisy": job.noisy,
        "source_sha256": _digest_of_source(job.path, plan),
    }
    if job.noisy:
        maps, told = _draw(job, file, plan, target, tol, strict)
        with ThreadPoolExecutor(1) as aside:
            digests = aside.map(digest_of, maps)
            contents = [_contents(file, job, noisy) for noisy in maps]
            found = [_score(file, noisy, plan) for noisy in maps]
        results = list(zip(contents, digests, found, strict=True))
    else:
        maps, told = [file.labels], {"target": None, "strength": 0.0}
        files = job.path.iterdir() if job.path.is_dir() else [job.path]
        content = [(path.name, path.read_bytes()) for path in sorted(files)]
        same = content, digest_of(file.labels), {plan.score: {}, "dice": {}, "error_rate": 0.0}
        results = [same] * (plan.raters or 1)
    written = [
        {**job.put(where, content, digest), **score}
        for where, (content, digest, score) in zip(plan.results(job.file), results, strict=True)
    ]
    entry |= told
    entry |= written[0] if plan.raters is None else {"raters": written}
    if plan.soft:
        entry["soft"] = list(_put_shares(job, plan.soft, file, maps))
    return entry


def _contents(file: LabelFile, job: Job, labels: NDArray[Any]) -> Contents:
    """Return names and bytes of the files of other labels, once they have been read again."""
    if isinstance(file, Together):
        return list(file.contents(labels))
    return [(job.path.name, encoded(file, job.path.name, labels))]


def _seems_image(labels: NDArray[Any]) -> bool:
    return labels.max(initial=0) > _MANY and looks_like_image(labels)


def _is_whole(job: Job, done: Entry, plan: Plan) -> bool:
    """Return whether all files of a case are there, and what was recorded."""
    if not job.path.exists() or _digest_of_source(job.path, plan) != done["source_sha256"]:
        raise ValueError("has changed since it was perturbed; pass --overwrite to begin anew")
    found = {
        each["file"]: (path.exists(), not path.exists() or digest(path) == each["sha256"])
        for results, digest in (
            (results_of(done), partial(_digest_of_labels, plan=plan)),
            (done.get("soft", []), _digest_of_file),
        )
        for each in results
        for path in [job.folder / each["file"]]
    }
    for name, (_, same) in found.items():
        if not same:
            raise ValueError(f"was written, and changed since; remove {name!r} and resume")
    return all(there for there, _ in found.values())


def _draw(
    job: Job, file: LabelFile, plan: Plan, target: Target, tol: float | None, strict: bool
) -> tuple[list[NDArray[Any]], Entry]:
    """Return noisy maps of a case, and what the manifest tells of how they were made."""
    grid = plan.grid(file)
    apply: Any = partial(plan.noise, **grid)
    if isinstance(target, tuple):
        target = sample_rng(plan.seed, f"target of {job.name}").uniform(*target)
    rng = sample_rng(plan.seed, job.name)
    used: Any = plan.strength(plan.factor)
    if plan.raters is not None:
        maps = raters(file.labels, [plan.noise] * plan.raters, plan.factor, rng=rng, **grid)
    elif target is None:
        maps = [apply(file.labels, plan.factor, rng=rng)]
    elif dices(file.labels, file.labels, plan.labels):
        found, told = _matched(file, apply, target, plan, tol, strict, rng)
        return [found], {"target": target, **told}
    else:
        maps, used = [file.labels], None
    return maps, {"target": target, "strength": used}


def _matched(
    file: LabelFile,
    apply: Any,
    target: float | dict[int, float],
    plan: Plan,
    tol: float | None,
    strict: bool,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], Entry]:
    """Return the map that has a wanted score, or wanted scores of its labels."""
    is_one = not isinstance(target, dict)
    goals: dict[int, float] = target if isinstance(target, dict) else {0: target}
    if not is_one:
        there = set(distinct(file.labels)[0].tolist())
        goals = {label: score for label, score in goals.items() if label in there}
    found = match(
        file.labels,
        apply,
        goals[0] if is_one else goals,
        metric=partial(SCORES[plan.score], **plan.measure(file)),
        tol=tol,
        labels=plan.labels if is_one else None,
        strict=strict,
        rng=rng,
    )
    strengths, scores = ({0: each} if is_one else each for each in (found.strength, found.score))
    used = {str(label): plan.strength(strength) for label, strength in strengths.items()}
    near = all(abs(scores[at] - goal) <= check_tol(tol, goal) for at, goal in goals.items())
    told = {"strength": used["0"] if is_one else used}
    return found.mask, told if near else {**told, "reached": False}


def _score(file: LabelFile, noisy: NDArray[Any], plan: Plan) -> Entry:
    """Return what the manifest tells of how a noisy map differs."""
    reference, labels, more = file.labels, plan.labels, {}
    if plan.score != "dice":
        each = SCORES[plan.score].each
        found = each(reference, noisy, labels, perturbed=True, **plan.measure(file))
        more = {plan.score: {str(label): _finite(score) for label, score in found.items()}}
    if reference.strides == noisy.strides:  # whatever their order in memory, pass by pass
        reference, noisy = (each.reshape(1, -1, order="A") for each in (reference, noisy))
    if labels is None:
        wrong, drawn = np.count_nonzero(reference != noisy), np.count_nonzero(reference)
        rate = wrong / drawn if drawn else inf if wrong else 0.0
    else:
        rate = error_rate(reference, noisy, labels=labels)
    return {
        "dice": {str(label): score for label, score in dices(reference, noisy, labels).items()},
        **more,
        "error_rate": _finite(rate),
    }


def _finite(number: float) -> float | None:
    """Return a number that JSON has, or None."""
    return number if isfinite(number) else None


def _put_shares(
    job: Job, labels: Sequence[int], file: LabelFile, maps: Sequence[NDArray[Any]]
) -> Iterator[Entry]:
    """Write which share of the raters gave each label; with several, to a folder for each."""
    for label in labels:
        folder = Path("soft") if len(labels) == 1 else Path("soft", f"label{label}")
        content = file.encode_shares(soft(maps, [label])[0])
        name = folder / shares_name(job.file)
        digest = sha256(content).hexdigest()
        yield {"label": label, **job.put(name, [(name.name, content)], digest)}


def compare(pair: Pair, tolerance: float = TOLERANCE) -> list[Entry]:
    """Score two files, label by label, in one orientation; distances in mm where files tell."""
    _, maps, steps = aligned(pair)
    return rows_of(pair[0], maps, steps, tolerance)


def aligned(pair: Pair, structures: Structures = None) -> tuple[LabelFile, Maps, Steps]:
    """Read the two files of a case: the first, and the upright labels of both with their steps."""
    files = [read(path) if structures is None else Together(path, structures) for path in pair[1:]]
    (first, steps), (second, _) = map(upright, files)
    if first.shape != second.shape:
        raise ValueError(f"has shapes {first.shape} and {second.shape}; pass labels of one image")
    if not files[1].lies_as(files[0]):
        raise ValueError(
            "lies elsewhere in B than in A, as the affines tell; resample it, or mend its affine"
        )
    return files[0], (first, second), steps


def rows_of(case: str, maps: Maps, steps: Steps, tolerance: float) -> list[Entry]:
    """Return the scores of each label of two upright label maps."""
    labels = _labels(*maps)
    found = scores(*maps, tolerance=tolerance, spacing=steps, labels=labels)
    changed = float(np.mean(maps[0] != maps[1]))
    rate = error_rate(*maps, labels=labels)
    return [
        {
            "case": case,
            "label": label,
            **row,
            "unit": "pixel" if steps is None else "mm",
            "changed": changed,
            "error_rate": rate,
        }
        for label, row in found.items()
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
            files.append(read(path))
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


def upright(file: LabelFile) -> tuple[NDArray[Any], tuple[float, ...] | None]:
    """Return the labels in a direction that no file chooses, or as they lie if none is known.

    With them come the millimetres along each axis, or None if the file does not tell.
    """
    try:
        axes = file.axes("axial", file.labels.ndim > 2)
        labels = file.upright(axes)
    except ValueError:
        return file.labels, None
    steps = steps_of(file)
    rest = (axis for axis in range(labels.ndim) if axis not in axes)
    return labels, None if steps is None else tuple(steps[axis] for axis in (*rest, *axes))


def steps_of(file: LabelFile) -> tuple[float, ...] | None:
    """Return the millimetres from pixel to pixel along each axis; None if the file does not tell.

    Axes that are not of space have the largest spacing, so that what lies along them is far away.
    """
    try:
        axes = file.axes("axial", file.labels.ndim > 2)
        along = dict(zip(axes, file.spacing(axes), strict=True))
    except ValueError:
        return None
    return tuple(along.get(axis, LARGEST) for axis in range(file.labels.ndim))


def dices(
    reference: NDArray[Any], other: NDArray[Any], labels: Sequence[int] | None
) -> dict[int, float]:
    """Return the Dice score of each label that the reference has."""
    found = overlap(reference, other, labels, perturbed=True)
    return {label: dice.of(*pixels) for label, pixels in found.items() if pixels[1]}


def _labels(*maps: NDArray[Any]) -> list[int] | None:
    """Return the labels of label maps, None if there are none."""
    return sorted({label for each in maps for label in distinct(each)[0].tolist()} - {0}) or None


def _lacks_label(step: Described) -> bool:
    return step.get("labels") is None and step.get("prevalence") is not None


def _digest_of_labels(path: Path, plan: Plan) -> str:
    try:
        return digest_of(plan.read(path).labels)
    except ValueError:
        return "damaged"


def _digest_of_source(path: Path, plan: Plan) -> str:
    return _digest_of_labels(path, plan) if plan.structures else _digest_of_file(path)


def _digest_of_file(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
