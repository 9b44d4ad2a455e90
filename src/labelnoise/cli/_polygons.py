"""Data sets whose objects have masks of their own: COCO's JSON files, YOLO's text files."""

import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import calibration, in_share, sample_rng
from .._patch import ERRORS
from ..annotators import Annotator, PerLabel
from ..errors import confuse, ends, invent, omit, random
from ..files import LabelError, write
from ..files._shapes import Cut, Size
from ..files.coco import Coco
from ..files.yolo import PHOTOS, Yolo, size_beside
from ..metrics import dice
from ..noise import Chain, Noise, limit_of
from ._arguments import as_written, say
from ._progress import progress
from ._record import MANIFEST
from ._staging import Staging
from ._usage import UsageError

Person = Annotator | PerLabel
Told = dict[str, Any]
_ZERO = 2**31 - 1  # stands for category 0, which would be background
_LONGEST = 1_000_000  # pixels of the strip in which objects are chosen
_MARGIN = 16
_FEW = 5  # names that a message lists
_NAMES = ("classes.txt", "train.txt", "val.txt", "test.txt")  # lists of classes or images


@dataclass(frozen=True)
class Plan:
    """What is done to every object.

    Parameters
    ----------
    noise : Noise, Chain or annotator
        How objects err.
    seed : int
        An object has the noise of `sample_rng` of this seed and its key: ``image/annotation``, the
        ids of both, in a COCO file, ``file/line`` in YOLO's, lines from 1 on.
    labels : sequence of int, optional
        Categories that are drawn and scored; by default all.
    share : float, optional
        Share of images whose objects err, chosen as `in_share` does.
    factor : float, optional
        What multiplies the strength of the noise.
    """

    noise: Noise | Chain | Person
    seed: int
    labels: tuple[int, ...] | None = None
    share: float = 1.0
    factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what objects of their own cannot have."""
        for step in _steps(self.noise):
            if isinstance(step, Noise) and step.error in (ends, invent):
                raise UsageError(
                    f"--noise={step.error.__name__}: goes with label maps, not with objects in "
                    "COCO or YOLO files; leave it out"
                )


@dataclass(frozen=True)
class Scene:
    """The objects of one image that may err: key and category of each, by its number in a file."""

    name: str
    file: Coco | Yolo
    objects: Mapping[int, tuple[str, int]]


def check_options(options: Namespace) -> None:
    """Refuse options of `labelnoise perturb` that do not apply to objects."""
    for name in (
        "per_case",
        "strict",
        "raters",
        "soft",
        "resume",
        "copy_images",
        "volumes",
        "within",
        "together",
        "scheduler",
        "report",
        "images",
    ):
        if getattr(options, name, None):
            value = getattr(options, name)
            raise UsageError(
                f"{as_written(name, value)}: does not apply to objects in COCO or YOLO files; "
                "leave it out"
            )
    if options.spacing == "mm" or options.plane != "axial":
        raise UsageError("--spacing and --plane: images have neither; leave them out")


def perturb_coco(
    source: Path, target: Path, plan: Plan, *, overwrite: bool = False, **options: Any
) -> Told:
    """Write a COCO file with noisy objects, and its manifest beside it.

    Parameters
    ----------
    source, target : path
        SRC and DST, files.
    plan : Plan
        The noise.
    overwrite : bool, optional
        Replace an earlier copy that has its manifest.
    **options
        `dice`, `tol`, `sample`, `workers`, `each` and `told`, as for `_perturb`.

    Returns
    -------
    dict
        What the manifest tells, without the single objects: counts, ``mean_dice``, ``found`` by the
        search, and ``failed``, a reason for each object that stays as it was.

    Raises
    ------
    UsageError
        If SRC or DST cannot be used.
    """
    manifest = target.with_name(f"{target.stem}.{MANIFEST}")
    there = target.exists() or target.is_symlink()
    ours = manifest.is_file() and not (target.exists() and target.samefile(source))
    if there and not (ours and overwrite):
        more = " or --overwrite" if ours else ""
        raise UsageError(f"DST={str(target)!r} is there already; pass another name{more}")
    scenes = CocoScenes.of(source, plan.labels)
    coco, raw = scenes.coco(), source.read_bytes()
    texts: dict[int, str | None] = {}
    told = _perturb(scenes, plan, lambda scene, new: texts.update(new), **options)
    content = coco.encode(texts)
    removed = {number for number, text in texts.items() if text is None}
    if Coco(content).kept() != coco.kept(removed):
        raise ValueError(f"{str(source)!r} would lose what is no mask; report it")
    kinds = [place.kind for place in coco.annotations]
    told |= {
        "images": len(scenes),
        "crowds": kinds.count("crowd"),
        "without_mask": kinds.count("no mask"),
        "source_sha256": sha256(raw).hexdigest(),
        "sha256": sha256(content).hexdigest(),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    _write_manifest(manifest, told)
    write(target, content)
    return _short(told)


def perturb_yolo(
    source: Path,
    target: Path,
    plan: Plan,
    *,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Told:
    """Write a folder of YOLO's label files with noisy objects, and a manifest in it.

    Files that are neither labels nor images stay as they are; images and caches are left out.

    Parameters
    ----------
    source, target : path
        SRC and DST, folders.
    plan : Plan
        The noise.
    size : tuple of int, optional
        Width and height of all images; by default those of the images beside the files.
    overwrite, **options
        As for `perturb_coco`.

    Returns
    -------
    dict
        As `perturb_coco` does; ``failed`` also has the files that are left out.

    Raises
    ------
    UsageError
        If SRC or DST cannot be used.
    """
    scenes = YoloScenes.of(source, plan.labels, None if size is None else (size[1], size[0]))
    files: dict[str, Told] = {}
    with Staging(target, False, overwrite) as staging:
        staging.begin()

        def put(scene: Scene, texts: Mapping[int, str | None]) -> None:
            before, after = scene.file.encode({}), scene.file.encode(texts)
            digests = {"source_sha256": sha256(before), "sha256": sha256(after)}
            name = f"{scene.name}.txt"
            files[name] = {digest: each.hexdigest() for digest, each in digests.items()}
            _put(staging.folder / name, after)

        told = _perturb(scenes, plan, put, **options)
        left_out = {name for name in scenes.failed if _is_label(Path(name))}
        for name in sorted(_others(source) - files.keys() - left_out):
            _put(staging.folder / name, (source / name).read_bytes())
        told["failed"] |= scenes.failed
        told |= {"images": len(scenes), "boxes": scenes.boxes, "files": files}
        _write_manifest(staging.folder / MANIFEST, told)
        staging.finish()
    return _short(told)


@dataclass(frozen=True)
class CocoScenes(Sequence[Scene]):
    """The images of a COCO file, which is read again in another process."""

    path: Path
    stamp: tuple[int, int]
    labels: tuple[int, ...] | None

    @classmethod
    def of(cls, path: Path, labels: tuple[int, ...] | None) -> "CocoScenes":
        """Return the images of a file."""
        scenes = cls(path, _stamp(path), labels)
        try:
            has = sorted({place.category for place in scenes.coco().annotations})
        except ValueError as error:
            raise UsageError(f"{str(path)!r} {error}") from error
        _check_labels(labels, has)
        return scenes

    def coco(self) -> Coco:
        """Return the file."""
        return _coco(self.path, self.stamp)

    def name(self, index: int) -> str:
        """Return what an image is called: its id."""
        return f"{self.coco().images[index][0]}"

    def __len__(self) -> int:
        return len(self.coco().images)

    def __getitem__(self, index: Any) -> Any:
        coco = self.coco()
        image, numbers = coco.images[index]
        places = {number: coco.annotations[number] for number in numbers}
        return Scene(
            self.name(index),
            coco,
            {
                number: (f"{image}/{place.id}", place.category)
                for number, place in places.items()
                if place.kind == "mask" and _is_listed(place.category, self.labels)
            },
        )


@dataclass(frozen=True)
class YoloScenes(Sequence[Scene]):
    """The label files of a folder, and what is wrong with others."""

    folder: Path
    names: tuple[str, ...]
    sizes: tuple[Size, ...]
    labels: tuple[int, ...] | None
    boxes: int
    failed: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, folder: Path, labels: tuple[int, ...] | None, size: Size | None) -> "YoloScenes":
        """Return the label files of a folder, those in ``labels`` if it has that."""
        names = sorted(name for name in _others(folder) if _is_label(Path(name)))
        inner = [name for name in names if "labels" in Path(name).parts[:-1]]
        failed: dict[str, str] = {}
        good: dict[str, Size] = {}
        has: set[int] = set()
        boxes = 0
        for name in inner or names:
            path = folder / name
            try:
                file = Yolo(path.read_bytes(), (1, 1))
                found = size or (size_beside(path) if file.categories else (1, 1))
                if found is None:
                    raise LabelError(
                        "has no image beside it or in images; pass --size WIDTH HEIGHT"
                    )
                good[name] = found
                boxes += file.boxes
                has.update(file.categories.values())
            except (OSError, ValueError) as error:
                failed[name] = str(error)
        if not good:
            listed = "".join(f"\n  {name}: {reason}" for name, reason in failed.items())
            raise UsageError(f"{str(folder)!r} has no label file that can be used{listed}")
        _check_labels(labels, sorted(has))
        return cls(folder, tuple(good), tuple(good.values()), labels, boxes, failed)

    def name(self, index: int) -> str:
        """Return what a file is called, without its ending."""
        return self.names[index].removesuffix(".txt")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        file = Yolo((self.folder / self.names[index]).read_bytes(), self.sizes[index])
        name = self.name(index)
        objects = {
            number: (f"{name}/{number + 1}", category)
            for number, category in file.categories.items()
            if _is_listed(category, self.labels)
        }
        return Scene(name, file, objects)


Scenes = CocoScenes | YoloScenes


def _perturb(
    scenes: Scenes,
    plan: Plan,
    put: Callable[[Scene, Mapping[int, str | None]], object],
    *,
    dice: float | None = None,
    tol: float = 0.005,
    sample: int = 1000,
    each: Callable[..., Any] = map,
    told: Told | None = None,
) -> Told:
    """Perturb all objects, and hand over their new texts; return what the manifest tells.

    With `dice`, the strength is found first at which the mean score of objects is that. `each` is a
    function like map over images, and `told` what the manifest tells beside.
    """
    noisy = [
        index for index in range(len(scenes)) if in_share(plan.seed, scenes.name(index), plan.share)
    ]
    found: Told = {}
    if dice is not None:
        found = _search(scenes, noisy, plan, dice, tol, sample, each)
        plan = replace(plan, factor=found["factor"])
    objects: list[Told] = []
    failed: dict[str, str] = {}
    chosen = set(noisy)
    work = partial(_scene_texts, scenes, plan)
    with progress(len(scenes)) as tick:
        for index, (texts, entries, faults) in zip(noisy, each(work, noisy), strict=True):
            scene = scenes[index]
            put(scene, texts)
            objects += entries
            failed |= faults
            tick(scene.name, "")
    for index in range(len(scenes)):
        if index not in chosen:
            put(scenes[index], {})
    if not objects:
        listed = "".join(f"\n  {key}: {reason}" for key, reason in list(failed.items())[:_FEW])
        raise UsageError(f"no object can be perturbed; pass masks, or other --labels{listed}")
    return {
        **(told or {}),
        "factor": plan.factor,
        "found": found,
        "counts": {
            "objects": len(objects),
            "changed": sum(entry["changed"] for entry in objects),
            "removed": sum(entry["removed"] for entry in objects),
        },
        "mean_dice": fmean(entry["dice"] for entry in objects),
        "objects": objects,
        "failed": failed,
    }


def _scene_texts(
    scenes: Scenes, plan: Plan, index: int
) -> tuple[dict[int, str | None], list[Told], dict[str, str]]:
    """Return the new texts of an image's objects, what the manifest tells of them, and faults."""
    hand = Hand(scenes[index], plan)
    texts: dict[int, str | None] = {}
    entries: list[Told] = []
    failed: dict[str, str] = {}
    for number, (key, category) in hand.scene.objects.items():
        try:
            before, after, new = hand.draw(number)
            text = None
            if not after.mask.any() and before.mask.any():
                texts[number] = text
            elif new != category or not before.same(after):
                text, after = hand.scene.file.rewritten(number, after, new)
                texts[number] = text if after.mask.any() else None
        except ValueError as error:
            failed[key] = " ".join(str(error).split())
            continue
        told = {"object": key, "dice": _score(before, after, new == category)}
        told |= {"changed": number in texts, "removed": texts.get(number, "") is None}
        entries.append(told if new == category else {**told, "category": new})
    return texts, entries, failed


class Hand:
    """What draws the objects of one image again."""

    def __init__(self, scene: Scene, plan: Plan) -> None:
        self.scene, self._plan = scene, plan
        steps = list(_steps(plan.noise))
        self._chosen: dict[int, list[int]] = {number: [] for number in scene.objects}
        deciding = [step for step in steps if _chooses(step)]
        if deciding:
            self._choose(deciding)
        self._local = all(_chooses(step) or _is_local(step) for step in steps)

    def draw(self, number: int) -> tuple[Cut, Cut, int]:
        """Return an object as it is and as it is drawn, and its new category.

        The box in which it is drawn grows until the mask stays away from its sides, but for those
        of the image.
        """
        key, category = self.scene.objects[number]
        before = self.scene.file.cut(number)
        if not before.mask.any():
            return before, before, category
        noise = _alone(self._plan.noise, iter(self._chosen[number]))
        value = category or _ZERO
        margin = _MARGIN + max(before.mask.shape) // 2 if self._local else max(before.size)
        while True:
            wide = before.grown(margin)
            mask = wide.mask.astype(np.min_scalar_type(value))
            mask *= mask.dtype.type(value)
            rng = sample_rng(self._plan.seed, key)
            drawn = noise(mask, self._plan.factor, rng=rng)
            after = wide._replace(mask=drawn != 0)
            if not after.touches():
                break
            margin *= 4
        new = int(drawn[after.mask][0]) if after.mask.any() else value
        return before, after.tight(), 0 if new == _ZERO else new

    def _choose(self, steps: Sequence[Noise]) -> None:
        """Decide which objects are missed, and which are taken for others.

        Each object is a piece of a strip, as long as its area is large, on which the errors of
        label maps do what they do.
        """
        areas: dict[int, int] = {}
        for number in self.scene.objects:
            try:
                areas[number] = self.scene.file.cut(number).area()
            except ValueError:
                areas[number] = 0
        there = [number for number, area in areas.items() if area]
        sizes = np.array([areas[number] for number in there])
        lengths = np.maximum(1, (sizes * min(1.0, _LONGEST / max(1, sizes.sum()))).astype(np.intp))
        ends_ = np.cumsum(lengths + 1)
        values = np.array([self.scene.objects[number][1] or _ZERO for number in there], np.int64)
        for place, step in enumerate(steps):
            strip = np.zeros((3, int(lengths.sum()) + len(there) + 1), np.int64)
            pieces = np.column_stack([np.zeros_like(values), values]).ravel()
            times = np.column_stack([np.ones_like(lengths), lengths]).ravel()
            strip[1, :-1] = np.repeat(pieces, times)
            rng = sample_rng(self._plan.seed, f"step {place} of {self.scene.name}")
            values = step(strip, self._plan.factor, rng=rng)[1, ends_ - 1]
            for number, value in zip(there, values.tolist(), strict=True):
                self._chosen[number].append(value)


@dataclass(frozen=True)
class _Given:
    """A step whose outcome is decided: an object's value, 0 if it is missed."""

    value: int

    def __call__(self, mask: NDArray[Any], strength: float, **options: Any) -> NDArray[Any]:
        value = np.array(self.value, np.min_scalar_type(self.value))
        return np.where(mask != 0, value, value.dtype.type(0))


@dataclass(frozen=True)
class _Handles(Sequence[NDArray[Any]]):
    """A number for each object, 0 for those without pixels: masks, as far as a search knows."""

    scenes: Scenes
    places: Sequence[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        scene, number = self.places[index]
        try:
            there = self.scenes[scene].file.cut(number).mask.any()
        except ValueError:
            there = False
        return np.array([[index + 1 if there else 0]])


@dataclass(frozen=True)
class _Scored:
    """Noise as a search knows it: a number goes in, a score comes out."""

    scenes: Scenes
    places: Sequence[tuple[int, int]]
    plan: Plan

    @property
    def limit(self) -> float:
        """Largest factor of the strength."""
        return limit_of(self.plan.noise)

    def __call__(self, handle: NDArray[Any], strength: float, *, rng: Any) -> NDArray[Any]:
        scene, number = self.places[int(handle[0, 0]) - 1]
        hand = _hand(self.scenes, scene, replace(self.plan, factor=strength))
        before, after, new = hand.draw(number)
        return np.array([[_score(before, after, new == hand.scene.objects[number][1])]])


def _search(
    scenes: Scenes,
    noisy: Sequence[int],
    plan: Plan,
    dice: float,
    tol: float,
    sample: int,
    each: Callable[..., Any],
) -> Told:
    """Find the strength at which the mean Dice score of objects is as wanted."""
    listed = [(index, scenes[index].objects) for index in noisy]
    places = tuple((index, number) for index, objects in listed for number in objects)
    keys = [key for _, objects in listed for key, _ in objects.values()]
    if not places:
        raise UsageError("no object can be perturbed; pass masks, or other --labels")
    try:
        found = calibration.calibrate(
            _Handles(scenes, places),
            _Scored(scenes, places, plan),
            dice,
            metric=_score_of,
            tol=tol,
            sample=sample,
            keys=keys,
            rng=plan.seed,
            workers=1 if each is map else each,
        )
    except ValueError as error:
        raise UsageError(say(error)) from error
    return {
        "factor": found.strength,
        "scaled": plan.noise.scaled(found.strength).to_dict(),
        "score": found.score,
        "bracket": list(found.bracket),
        "bracket_scores": list(found.bracket_scores),
        "objects": found.masks,
        "evaluations": found.nfev,
    }


def _score_of(handle: NDArray[Any], score: NDArray[Any]) -> float:
    return float(score[0, 0])


def _score(before: Cut, after: Cut, same: bool) -> float:
    """Return the Dice score of an object; one of another category scores nothing."""
    both, one, other = before.overlap(after)
    return dice.of(both if same else 0, one, other) if one or other else 1.0


def _steps(noise: Any) -> Iterator[Any]:
    if isinstance(noise, Chain):
        for step in noise.steps:
            yield from _steps(step)
    else:
        yield noise


def _chooses(step: Any) -> bool:
    """Return whether a step chooses among the objects of an image."""
    return isinstance(step, Noise) and step.error in (confuse, omit)


def _is_local(step: Any) -> bool:
    """Return whether a step changes what is near an object only."""
    if isinstance(step, Noise):
        return step.error in ERRORS.values() and step.error is not random
    return isinstance(step, Annotator | PerLabel)


def _alone(noise: Any, chosen: Iterator[int]) -> Any:
    """Return the noise of one object, for which it is known what steps choose."""
    if isinstance(noise, Chain):
        return Chain(*(_alone(step, chosen) for step in noise.steps))
    return _Given(next(chosen)) if _chooses(noise) else noise


def _is_listed(category: int, labels: tuple[int, ...] | None) -> bool:
    return labels is None or category in labels


def _check_labels(labels: tuple[int, ...] | None, has: Sequence[int]) -> None:
    missing = [label for label in labels or () if label not in has]
    if missing:
        few = ", ".join(map(str, has[:_FEW]))
        there = f"there are {few}{', ...' if len(has) > _FEW else ''}" if has else "there are none"
        raise UsageError(f"{as_written('labels', labels)}: no object of {missing[0]}; {there}")


def _others(folder: Path) -> set[str]:
    """Return the names of files that a copy has: no images, caches and hidden files."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() not in (*PHOTOS, ".cache")
        and not path.name.startswith(".")
        and path.name != MANIFEST
        and not path.is_dir()
    }


def _is_label(path: Path) -> bool:
    return path.suffix == ".txt" and path.name not in _NAMES


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read ({error}); pass another file") from error
    return found.st_mtime_ns, found.st_size


@lru_cache(1)
def _coco(path: Path, stamp: tuple[int, int]) -> Coco:
    return Coco(path.read_bytes())


@lru_cache(256)
def _hand(scenes: Scenes, index: int, plan: Plan) -> Hand:
    return Hand(scenes[index], plan)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, content)


def _write_manifest(path: Path, told: Told) -> None:
    _put(path, (json.dumps(told, indent=1) + "\n").encode())


def _short(told: Told) -> Told:
    """Return what the manifest tells, without single objects and files."""
    return {name: value for name, value in told.items() if name not in ("objects", "files")}
