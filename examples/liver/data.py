"""CT slices with the liver outlined: read from NIfTI volumes or drawn, kept, divided into folds.

==========  ==============================  ===========================
layout      volume                          segmentation
==========  ==============================  ===========================
LiTS        ``volume-N.nii``                ``segmentation-N.nii``
MSD Task03  ``imagesTr/liver_N.nii.gz``     ``labelsTr/liver_N.nii.gz``
nnU-Net     ``imagesTr/CASE_0000.nii.gz``   ``labelsTr/CASE.nii.gz``
==========  ==============================  ===========================

The volumes hold Hounsfield units, the segmentations the liver (1) and its lesions (2);
``.nii`` and ``.nii.gz`` serve alike. Only slices with liver are kept, shrunk to the size
at which the networks train.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from filelock import FileLock
from nibabel import orientations
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from skimage.transform import resize_local_mean

from labelnoise.data import phantom

Plane = NDArray[np.float32]
Window = tuple[int, int]
BROKEN = (EOFError, OSError, ValueError, zlib.error, ImageFileError, HeaderDataError)
# Scans of one person, by their looks. Of LiTS, volumes 0 to 12 were looked at, and 15 later ones.
SAME = (range(0, 2), range(6, 11))
WINDOW = (-128, 128)  # the Hounsfield units that the paper's networks see


@dataclass(frozen=True)
class Slices:
    """Axial slices and their clean labels, patient after patient.

    Attributes
    ----------
    images : array of float16, shape (slices, size, size)
        Hounsfield units, clipped to a window that is -1..1 here. Rows run from the patient's
        front to the back, columns from the patient's right to the left.
    labels : array of uint8, shape (slices, size, size)
        1 where liver or lesion is, else 0.
    patients : array of str, shape (slices,)
        The person whom each slice shows.
    names : tuple of str
        A name for each slice that never changes, VOLUME/INDEX; its label noise hangs on it.
    origin : str
        What the slices are, by a digest of their pixels.
    """

    images: NDArray[np.float16]
    labels: NDArray[np.uint8]
    patients: NDArray[np.str_]
    names: tuple[str, ...]
    origin: str = ""

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
    sizes = [0] * count
    for patient in sorted(shuffled, key=left.__getitem__, reverse=True):
        smallest = sizes.index(min(sizes))
        groups[smallest].append(patient)
        sizes[smallest] += left[patient]
    return groups


def divide(
    slices: Slices, test: list[str], validation: float, fraction: float, seed: int
) -> dict[str, Slices]:
    """Keep the patients of a fold for the test; of the others, some for validation.

    In random order, patients join the validation set as long as they fit into its share of the
    slices; at least one does if the share is not 0. Of the rest, a fraction is for training,
    at least one; a smaller fraction's patients are among a larger's.
    """
    left = slices.counts()
    order = np.random.default_rng(seed).permutation(sorted(left.keys() - set(test))).tolist()
    room = validation * sum(left[patient] for patient in order)
    held: list[str] = []
    for patient in order if validation else ():
        if left[patient] <= room:
            held.append(patient)
            room -= left[patient]
    if validation and not held:
        held = [min(order, key=left.__getitem__)]
    train = [patient for patient in order if patient not in held]
    if not train:
        raise ValueError("The data leave no patient to train on: give more patients.")
    train = train[: max(1, round(fraction * len(train)))]
    return {
        "train": slices.of(train), "validation": slices.of(held), "test": slices.of(test)
    }  # fmt: skip


@dataclass(frozen=True)
class Phantoms:
    """Synthetic patients; the same seed draws the same ones, whatever their number."""

    patients: int
    slices: int
    seed: int

    def stamp(self) -> list[tuple[str, int, int]]:
        """Nothing on disk that could change."""
        return []

    def describe(self) -> str:
        """Tell who the patients are, for people."""
        return f"phantom {self.patients} patients {self.slices} slices seed {self.seed}"

    def draw(self, size: int, window: Window) -> Iterator[Slices]:
        """Draw the patients, one by one."""
        for number in range(self.patients):
            drawn = phantom(self.slices, size, seed=(self.seed, number))
            name = f"phantom-{number}"
            yield Slices(
                unit(drawn.image.astype(np.float32), window).astype(np.float16),
                (drawn.labels > 0).view(np.uint8),
                np.full(self.slices, name),
                tuple(f"{name}/{index}" for index in range(self.slices)),
            )


@dataclass(frozen=True)
class Case:
    """A volume and its segmentation."""

    name: str
    volume: Path
    segmentation: Path


@dataclass(frozen=True)
class Folder:
    """A folder of volumes.

    Attributes
    ----------
    path : path
        Where the layout's files and folders are.
    same : tuple of range, optional
        Numbers of volumes that show one person, who then counts as one patient, named like
        the first of them. By default those of LiTS, where the names are LiTS' or MSD's.
    """

    path: Path
    same: tuple[range, ...] | None = None

    def cases(self) -> list[Case]:
        """List the pairs, sorted by number.

        Raises
        ------
        FileNotFoundError
            No folder, no pairs, or a volume or segmentation without its partner.
        """
        return find(self.path)

    def stamp(self) -> list[tuple[str, int, int]]:
        """List name, size and date of every file: another stamp, other data."""
        files = [path for case in self.cases() for path in (case.volume, case.segmentation)]
        return [(file.name, (found := file.stat()).st_size, found.st_mtime_ns) for file in files]

    def describe(self) -> str:
        """Tell what is in the folder, for people."""
        return f"{len(self.cases())} volumes"

    def draw(self, size: int, window: Window) -> Iterator[Slices]:
        """Read the volumes, one by one.

        Raises
        ------
        ValueError
            A file that cannot be read, or a pair that does not fit together.
        """
        cases = self.cases()
        groups = self.same
        if groups is None:
            lits = all(re.fullmatch(r"(volume-|liver_)\d+", case.name) for case in cases)
            groups = SAME if lits else ()
        first: dict[range, str] = {}
        for case in cases:
            number = int(found[0]) if (found := re.search(r"\d+$", case.name)) else -1
            group = next((group for group in groups if number in group), None)
            patient = case.name if group is None else first.setdefault(group, case.name)
            yield read(case, patient, size, window)


def find(folder: Path) -> list[Case]:
    """List the pairs of a folder in any of the layouts, sorted by number."""
    nested = (folder / "imagesTr").is_dir() and (folder / "labelsTr").is_dir()
    if nested:
        volumes = files(folder / "imagesTr", r"(.+)")
        segmentations = files(folder / "labelsTr", r"(.+)")
        if volumes and all(name.endswith("_0000") for name in volumes):  # nnU-Net's channel
            volumes = {name.removesuffix("_0000"): path for name, path in volumes.items()}
        names = ("imagesTr/{}", "labelsTr/{}")
    elif folder.is_dir():
        volumes = files(folder, r"volume-(\d+)")
        segmentations = files(folder, r"segmentation-(\d+)")
        names = ("volume-{}", "segmentation-{}")
    else:
        raise FileNotFoundError(
            f"The data folder {str(folder)!r} does not exist: give --data the folder that "
            "holds volume-N.nii.gz and segmentation-N.nii.gz, or imagesTr and labelsTr."
        )
    if not volumes and not segmentations:
        raise FileNotFoundError(
            f"The data folder {str(folder)!r} holds no volume-N.nii or .nii.gz, nor imagesTr and "
            "labelsTr with such files: give --data another folder, or rename the files."
        )
    if lonely := sorted(volumes.keys() ^ segmentations.keys(), key=by_number):
        has, lacks = names if lonely[0] in volumes else names[::-1]
        raise FileNotFoundError(
            f"{str(folder)!r} holds {has.format(lonely[0])} but no {lacks.format(lonely[0])}.nii "
            "or .nii.gz: add the missing file, or remove its partner."
        )
    return [
        Case(name if nested else f"volume-{name}", volumes[name], segmentations[name])
        for name in sorted(volumes, key=by_number)
    ]


def files(folder: Path, pattern: str) -> dict[str, Path]:
    """Map names to the NIfTI files of a folder; hidden files are none of ours."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        match = re.fullmatch(pattern + r"\.nii(\.gz)?", path.name)
        if match and not path.name.startswith("."):
            found[match[1]] = path
    return found


def by_number(name: str) -> list[tuple[int, str]]:
    """Sort numbers as numbers: patient 10 after patient 9."""
    return [
        (int(part or -1), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def read(case: Case, patient: str, size: int, window: Window = WINDOW) -> Slices:
    """Read the slices with liver of one volume."""
    volume, segmentation = case.volume, case.segmentation
    image, label = (open_nifti(path) for path in (volume, segmentation))
    if len(image.shape) != 3 or image.shape != label.shape:
        raise ValueError(
            f"{str(volume)!r} has shape {image.shape} and {str(segmentation)!r} has shape "
            f"{label.shape}, but both must have the same three axes: resample the segmentation "
            "to its volume."
        )
    if nibabel.aff2axcodes(image.affine) != nibabel.aff2axcodes(label.affine):
        raise ValueError(
            f"{str(volume)!r} has axes {nibabel.aff2axcodes(image.affine)} and "
            f"{str(segmentation)!r} has axes {nibabel.aff2axcodes(label.affine)}: store both in "
            "the same orientation."
        )
    images, labels, names = [], [], []
    for index, (hounsfield, mark) in enumerate(
        zip(axial(image, volume), axial(label, segmentation), strict=True)
    ):
        if (wrong := mark[mark != np.rint(mark)]).size:
            raise ValueError(
                f"{str(segmentation)!r} holds the label {wrong[0]:g}, but labels are whole "
                "numbers: resample it with nearest neighbour, not with interpolation."
            )
        # A sliver of liver can shrink to nothing: such a slice has no liver any more.
        small = resize((mark > 0).astype(np.float32), size) >= 0.5
        if small.any():
            images.append(resize(unit(hounsfield, window), size))
            labels.append(small)
            names.append(f"{case.name}/{index}")
            if not np.isfinite(images[-1]).all():
                raise ValueError(
                    f"{str(volume)!r} holds values that are no numbers (NaN) in slice {index}: "
                    "give them the value of air, -1024."
                )
    shape = (len(names), size, size)
    return Slices(
        np.array(images, np.float16).reshape(shape),
        np.array(labels, np.uint8).reshape(shape),
        np.full(len(names), patient),
        tuple(names),
    )


def unit(hounsfield: Plane, window: Window) -> Plane:
    """Clip Hounsfield units to a window, and scale it to -1..1."""
    low, high = window
    clipped = np.clip(hounsfield, low, high)
    return np.asarray((clipped - (low + high) / 2) / ((high - low) / 2), np.float32)


def open_nifti(path: Path) -> Any:
    """Read a file's header."""
    try:
        return nibabel.load(path)
    except BROKEN as error:
        raise ValueError(unreadable(path, error)) from error


def axial(nifti: Any, path: Path) -> Iterator[Plane]:
    """Walk up a volume's axial slices, each (front to back, right to left), scaled."""
    axes = orientations.ornt_transform(
        orientations.io_orientation(nifti.affine), orientations.axcodes2ornt("LPS")
    )
    try:
        # As stored on disk: scaling the whole volume would need up to eight times the memory.
        stored = nifti.dataobj.get_unscaled()
    except BROKEN as error:
        raise ValueError(unreadable(path, error)) from error
    slope, inter = np.float32(nifti.dataobj.slope), np.float32(nifti.dataobj.inter)
    for plane in orientations.apply_orientation(stored, axes).T:
        yield plane.astype(np.float32) * slope + inter


def unreadable(path: Path, error: Exception) -> str:
    """Say that a file is broken."""
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"{str(path)!r} cannot be read ({reason}): copy or download it again."


def resize(plane: Plane, size: int) -> Plane:
    """Shrink a plane by averaging the area of each new pixel."""
    return np.asarray(resize_local_mean(plane, (size, size), preserve_range=True), np.float32)


FORMAT = 2  # of the entries, and of what makes them: another number makes all anew


def load(source: Folder | Phantoms, size: int, window: Window, folder: Path) -> Slices:
    """Map the slices of a source into memory, reading it first if that has not been done.

    An entry is of one source, size, window, and one stamp of the source's files: when a file
    changes, the next call makes a new entry and removes the old one, and also when the entry is
    damaged. Of two processes that need the same entry one makes it, and the other waits.
    """
    place = digest(FORMAT, repr(source), size, window)
    entry = folder / f"{place}-{digest(source.stamp())}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{place}.lock"):
        try:
            return mapped(entry, size)
        except (OSError, ValueError, KeyError):
            print(f"Reading {source.describe()} into {folder}", flush=True)
        partial = folder / f"{place}.part"
        shutil.rmtree(partial, ignore_errors=True)
        write(source, size, window, partial)
        for stale in folder.glob(f"{place}-*"):
            shutil.rmtree(stale)
        partial.rename(entry)
        return mapped(entry, size)


def mapped(entry: Path, size: int) -> Slices:
    """Map an entry into memory if it is whole."""
    index = json.loads((entry / "index.json").read_text())
    shape = (len(index["names"]), size, size)
    images = np.memmap(entry / "images", np.float16, "r", shape=shape)
    labels = np.memmap(entry / "labels", np.uint8, "r", shape=shape)
    found = Slices(
        images, labels, np.array(index["patients"]), tuple(index["names"]), index["origin"]
    )
    if content(found) != index["content"]:
        raise ValueError("damaged")
    return found


def content(slices: Slices) -> str:
    """Digest all that the slices are."""
    found = hashlib.sha256(repr((slices.patients.tolist(), slices.names)).encode())
    for array in (slices.images, slices.labels):
        found.update(array)
    return found.hexdigest()[:12]


def write(source: Folder | Phantoms, size: int, window: Window, folder: Path) -> None:
    """Write slices as they come; only one volume's are in memory at a time."""
    folder.mkdir()
    patients: list[str] = []
    names: list[str] = []
    with open(folder / "images", "wb") as images, open(folder / "labels", "wb") as labels:
        for part in source.draw(size, window):
            images.write(part.images.tobytes())
            labels.write(part.labels.tobytes())
            patients += part.patients.tolist()
            names += part.names
    if not names:
        raise ValueError("The data hold no slice with liver: give --data other segmentations.")
    shape = (len(names), size, size)
    written = content(
        Slices(
            np.memmap(folder / "images", np.float16, "r", shape=shape),
            np.memmap(folder / "labels", np.uint8, "r", shape=shape),
            np.array(patients),
            tuple(names),
        )
    )
    index = {
        "patients": patients, "names": names, "content": written,
        "origin": f"{source.describe()} {written}",
    }  # fmt: skip
    save(folder / "index.json", json.dumps(index).encode())


def save(path: Path, written: bytes) -> None:
    """Write a file whole or not at all, whenever the power goes."""
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "wb") as file:
        file.write(written)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def digest(*parts: object) -> str:
    """Shorten what tells entries apart to a name."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
