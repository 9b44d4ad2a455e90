"""CT slices with the liver outlined, from a folder of NIfTI volumes.

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

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel import orientations
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from skimage.transform import resize_local_mean

Plane = NDArray[np.float32]
Window = tuple[int, int]
BROKEN = (EOFError, OSError, ValueError, zlib.error, ImageFileError, HeaderDataError)
# Scans of one person, by their looks; a split through them would test on a patient whom the
# network has seen. Only LiTS' volumes 0 to 12 were looked at.
SAME = (range(0, 2), range(6, 11))
WINDOW = (-128, 128)  # the Hounsfield units that the paper's networks see


@dataclass(frozen=True)
class Slices:
    """Axial slices and their clean labels, patient after patient.

    Attributes
    ----------
    images : array of float16, shape (slices, size, size)
        Hounsfield units, clipped to a window that is -1..1 here. Rows run from the patient's
        front to the back, columns from the patient's right to the left, as radiologists
        look at them.
    labels : array of uint8, shape (slices, size, size)
        1 where liver or lesion is, else 0.
    patients : array of str, shape (slices,)
        The patient whom each slice shows.
    names : tuple of str
        A name for each slice that never changes; its label noise hangs on it.
    origin : str
        What the slices are, to the last pixel, if that is known.
    """

    images: NDArray[np.float16]
    labels: NDArray[np.uint8]
    patients: NDArray[np.str_]
    names: tuple[str, ...]
    origin: str = ""

    def __len__(self) -> int:
        return len(self.names)

    def of(self, patients: list[str]) -> Slices:
        """Keep the slices of some patients."""
        keep = np.flatnonzero(np.isin(self.patients, patients))
        names = tuple(self.names[index] for index in keep)
        # Neighbours need no copy, and stay where they are mapped.
        near = len(keep) and keep[-1] - keep[0] == len(keep) - 1
        part = slice(keep[0], keep[-1] + 1) if near else keep
        return Slices(self.images[part], self.labels[part], self.patients[part], names)


def split(
    slices: Slices, validation: float = 0.1, test: float = 0.2
) -> tuple[Slices, Slices, Slices]:
    """Divide the patients into train, validation and test, no patient on two sides.

    From the last patient to the first, each joins the test set if it still fits into that
    set's share of the slices; of the others, the validation set is filled alike, and the
    rest are for training. So neighbours in number, often taken in one hospital, mostly
    stay together.

    Parameters
    ----------
    slices : Slices
        At least three patients.
    validation, test : float
        The wanted shares. Each set gets at least one patient.
    """
    left: dict[str, int] = {}
    for patient in slices.patients.tolist():
        left[patient] = left.get(patient, 0) + 1
    if len(left) < 3:
        raise ValueError(
            f"The data hold {len(left)} patient(s) with liver, but training, validation "
            "and test need one each: add patients until there are three."
        )
    groups = []
    for share, others in ((test, 2), (validation, 1)):
        group: list[str] = []
        goal = share * len(slices)
        for patient, count in reversed(left.items()):
            if count <= goal and len(left) - len(group) > others:
                group.append(patient)
                goal -= count
        group = group or [min(left, key=left.__getitem__)]
        groups.append(slices.of(group))
        left = {patient: count for patient, count in left.items() if patient not in group}
    return slices.of(list(left)), groups[1], groups[0]


def fraction(slices: Slices, share: float, seed: int) -> Slices:
    """Keep a share of the patients, at least one; a smaller share's are among a larger's."""
    patients = list(dict.fromkeys(slices.patients.tolist()))
    order = np.random.default_rng(seed).permutation(len(patients))
    kept = order[: max(1, round(share * len(patients)))]
    if len(kept) == len(patients):
        return slices
    return slices.of([patients[index] for index in kept])


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
