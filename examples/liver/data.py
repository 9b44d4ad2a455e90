"""CT slices with the liver outlined: volumes or phantoms, shrunk, kept, divided into folds.

Slices have rows from the patient's front to the back and columns from the right to the left; only
those with liver are kept. docs/study.md shows the layouts of folders.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel import orientations
from numpy.typing import NDArray
from skimage.transform import resize_local_mean
from tqdm import tqdm

from labelnoise.data import phantom
from liver.store import packed, save, unpacked

Plane = NDArray[np.float32]
Window = tuple[int, int]
# Scans of one person, by their looks. Of LiTS, volumes 0 to 12 were looked at, and 15 later ones.
SAME = (range(0, 2), range(6, 11))
WINDOW = (-128, 128)  # the Hounsfield units that the paper's networks see


@dataclass(frozen=True)
class Slices:
    """Axial slices and their clean labels, patient after patient: (image, labels) at each index."""

    images: NDArray[np.float16]  # Hounsfield units, clipped to a window that is -1..1 here
    labels: NDArray[np.uint8]  # 1 where liver or lesion is, else 0
    patients: NDArray[np.str_]  # the person whom each slice shows
    names: tuple[str, ...]  # VOLUME/INDEX, which never changes; the label noise hangs on it
    origin: str = ""  # what the slices are, by a digest of their pixels

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
        return self.images[index], self.labels[index]

    def of(self, patients: list[str]) -> Slices:
        """Keep the slices of some patients."""
        keep = np.flatnonzero(np.isin(self.patients, patients))
        names = tuple(self.names[index] for index in keep)
        return Slices(self.images[keep], self.labels[keep], self.patients[keep], names)

    def counts(self) -> dict[str, int]:
        """Count the slices of each patient."""
        names, counts = np.unique(self.patients, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))


def folds(slices: Slices, count: int, seed: int) -> list[list[str]]:
    """Divide the patients into folds of about as many slices each.

    From the patient with the most slices to the one with the fewest, each joins the fold that
    has the fewest slices; the seed decides the order of patients with as many.
    """
    left = slices.counts()
    if len(left) < count:
        raise ValueError(
            f"--folds {count} needs as many patients with liver, but the data hold {len(left)}: "
            "give fewer folds or more patients."
        )
    shuffled = np.random.default_rng(seed).permutation(sorted(left)).tolist()
    groups: list[list[str]] = [[] for _ in range(count)]
    for patient in sorted(shuffled, key=left.__getitem__, reverse=True):
        min(groups, key=lambda group: sum(map(left.__getitem__, group))).append(patient)
    return groups


def divide(
    slices: Slices, test: list[str], validation: float, fraction: float, seed: int
) -> dict[str, Slices]:
    """Keep the patients of a fold for the test; of the others, some for validation.

    In random order, the first patients are for validation, at least one if the share is not 0. Of
    the rest, a fraction is for training, at least one; a smaller fraction's patients are among a
    larger's.
    """
    others = sorted(slices.counts().keys() - set(test))
    order = np.random.default_rng(seed).permutation(others).tolist()
    held = max(bool(validation), round(validation * len(order)))
    count = len(order) - held
    if not count:
        raise ValueError("The data leave no patient to train on: give more patients.")
    train = order[held : held + max(1, round(fraction * count))]
    parts = {"train": train, "validation": order[:held], "test": test}
    return {name: slices.of(patients) for name, patients in parts.items()}


@dataclass(frozen=True)
class Case:
    """A volume: who it shows, what tells that it has changed, and how its slices are drawn."""

    name: str
    patient: str
    stamp: str
    draw: Callable[[int, Window], dict[str, Any]]


def load(cases: Sequence[Case], size: int, window: Window, folder: Path) -> Slices:
    """Read the slices of all cases, and keep them shrunk, so that they are read once.

    A case is read again when its stamp changes, or when what was kept is damaged.
    """
    parts = []
    place = folder / f"{size}-{window[0]}-{window[1]}"
    place.mkdir(parents=True, exist_ok=True)
    for case in tqdm(cases, "Reading volumes", leave=False, delay=1):
        path = place / f"{case.name}.npz"
        kept = unpacked(path)
        if kept.get("stamp") != case.stamp:
            save(path, packed(stamp=case.stamp, **case.draw(size, window)))
            kept = unpacked(path)
        parts.append(kept)
    images, labels = (
        np.concatenate([part[name] for part in parts]) for name in ("images", "labels")
    )
    where = [
        (c, number) for c, part in zip(cases, parts, strict=True) for number in part["numbers"]
    ]
    names, patients = (
        tuple(f"{c.name}/{number}" for c, number in where),
        [c.patient for c, _ in where],
    )
    if not names:
        raise ValueError("The data hold no slice with liver: give --data other segmentations.")
    digest = hashlib.sha256(repr((patients, names)).encode())
    for array in (images, labels):
        digest.update(array)
    origin = f"{len(cases)} volumes {digest.hexdigest()[:12]}"
    return Slices(images, labels, np.array(patients), names, origin)


def phantoms(patients: int, slices: int, seed: int) -> list[Case]:
    """List synthetic patients; the same seed draws the same ones, whatever their number."""

    def draw(number: int, size: int, window: Window) -> dict[str, Any]:
        drawn = phantom(slices, size, seed=(seed, number))
        images = unit(drawn.image.astype(np.float32), window)
        return stacked(images, drawn.labels > 0, range(slices), size)

    names = {number: f"phantom-{number}" for number in range(patients)}
    stamp = f"{slices} slices, seed {seed}"
    return [Case(*[name] * 2, stamp, functools.partial(draw, n)) for n, name in names.items()]


def volumes(folder: Path, same: tuple[range, ...] | None = None) -> list[Case]:
    """List the volumes of a folder.

    Those whose numbers are in one range of `same` show one person, who counts as one patient,
    named like the first of them. By default these are LiTS', where the names are LiTS' or MSD's.
    """
    pairs = find(folder)
    if same is None:
        lits = all(re.fullmatch(r"(volume-|liver_)\d+", name) for name in pairs)
        same = SAME if lits else ()
    first: dict[range, str] = {}
    cases = []
    for name, files in pairs.items():
        number = int(found[0]) if (found := re.search(r"\d+$", name)) else -1
        group = next((group for group in same if number in group), None)
        patient = name if group is None else first.setdefault(group, name)
        stamp = str([(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files])
        cases.append(Case(name, patient, stamp, functools.partial(read, *files)))
    return cases


def find(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Map the names of a folder's cases, sorted by number, to volumes and segmentations."""
    nested = (folder / "imagesTr").is_dir() and (folder / "labelsTr").is_dir()
    forms = ("imagesTr/{}", "labelsTr/{}") if nested else ("volume-{}", "segmentation-{}")
    found: list[dict[str, Path]] = []
    for form in forms:
        pattern = re.compile(form.format(r"([^.].*)" if nested else r"(\d+)") + r"\.nii(\.gz)?")
        paths = folder.glob("*Tr/*" if nested else "*")
        matches = ((pattern.fullmatch(path.relative_to(folder).as_posix()), path) for path in paths)
        found.append({match[1]: path for match, path in matches if match})
    if found[0] and all(name.endswith("_0000") for name in found[0]):  # nnU-Net's channel
        found[0] = {name.removesuffix("_0000"): path for name, path in found[0].items()}
    if not any(found):
        raise FileNotFoundError(
            f"--data {folder} is no folder that holds volume-N.nii or .nii.gz, or imagesTr and "
            "labelsTr with such files: give another folder, or rename the files."
        )
    names = sorted(found[0].keys() | found[1].keys(), key=by_number)
    for name in names:
        for has, lacks, paths in ((*forms, found[1]), (*forms[::-1], found[0])):
            if name not in paths:
                raise FileNotFoundError(
                    f"--data {folder} holds {has.format(name)} but no {lacks.format(name)}.nii or "
                    ".nii.gz: add the missing file, or remove its partner."
                )
    return {n if nested else f"volume-{n}": (found[0][n], found[1][n]) for n in names}


def by_number(name: str) -> list[Any]:
    """Sort numbers as numbers: patient 10 after patient 9."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def read(volume: Path, segmentation: Path, size: int, window: Window) -> dict[str, Any]:
    """Read the slices with liver of one volume."""
    image, label = (guarded(path, nibabel.load) for path in (volume, segmentation))
    for what, one, other in (
        ("shape", image.shape, label.shape),
        ("axes", *("".join(nibabel.aff2axcodes(each.affine)) for each in (image, label))),
    ):
        if one != other:
            raise ValueError(
                f"{str(volume)!r} has the {what} {one} and {str(segmentation)!r} has {other}: "
                "resample the segmentation to its volume."
            )
    images, labels, numbers = [], [], []
    pairs = zip(axial(image, volume), axial(label, segmentation), strict=True)
    for number, (hounsfield, mark) in enumerate(pairs):
        if (wrong := mark[mark != np.rint(mark)]).size:
            raise ValueError(
                f"{str(segmentation)!r} holds the label {wrong[0]:g}, but labels are integers: "
                "resample it with nearest neighbour, not with interpolation."
            )
        # A sliver of liver can shrink to nothing: such a slice has no liver any more.
        small = resize((mark > 0).astype(np.float32), size) >= 0.5
        if small.any():
            images.append(resize(unit(hounsfield, window), size))
            labels.append(small)
            numbers.append(number)
            if not np.isfinite(images[-1]).all():
                raise ValueError(
                    f"{str(volume)!r} holds values that are no numbers (NaN) in slice {number}: "
                    "give them the value of air, -1024."
                )
    return stacked(images, labels, numbers, size)


def stacked(images: Any, labels: Any, numbers: Any, size: int) -> dict[str, Any]:
    """Stack a volume's slices."""
    shape = (len(numbers), size, size)
    images, labels = (np.array(each).reshape(shape) for each in (images, labels))
    return {
        "images": images.astype(np.float16), "labels": labels.astype(np.uint8), "numbers": numbers
    }  # fmt: skip


def unit(hounsfield: Plane, window: Window) -> Plane:
    """Clip Hounsfield units to a window, and scale it to -1..1."""
    low, high = window
    clipped = np.clip(hounsfield, low, high)
    return np.asarray((clipped - (low + high) / 2) / ((high - low) / 2), np.float32)


def axial(nifti: Any, path: Path) -> Iterator[Plane]:
    """Walk up a volume's axial slices, scaled."""
    if len(nifti.shape) != 3:
        raise ValueError(f"{str(path)!r} has the shape {nifti.shape}: give it three axes.")
    axes = orientations.ornt_transform(
        orientations.io_orientation(nifti.affine), orientations.axcodes2ornt("LPS")
    )
    # As stored on disk: scaling the whole volume would need up to eight times the memory.
    stored = guarded(path, lambda _: nifti.dataobj.get_unscaled())
    slope, inter = np.float32(nifti.dataobj.slope), np.float32(nifti.dataobj.inter)
    for plane in orientations.apply_orientation(stored, axes).T:
        yield plane.astype(np.float32) * slope + inter


def guarded(path: Path, how: Callable[[Path], Any]) -> Any:
    """Read a file, and say which one is broken, whatever its reader says."""
    try:
        return how(path)
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        remedy = "copy or download it again"
        raise ValueError(f"{str(path)!r} cannot be read ({reason}): {remedy}.") from error


def resize(plane: Plane, size: int) -> Plane:
    """Shrink a plane by averaging the area of each new pixel."""
    return np.asarray(resize_local_mean(plane, (size, size), preserve_range=True), np.float32)
