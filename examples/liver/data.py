"""CT slices with the liver outlined, from a folder in the layout of the LiTS challenge.

``volume-N.nii.gz`` holds a patient's CT in Hounsfield units, ``segmentation-N.nii.gz``
the liver (1) and its lesions (2). Only slices with liver are kept, shrunk to the size
at which the networks train, so the memory needed is that of the shrunk slices plus one
volume as it lies on disk.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
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
BROKEN = (EOFError, OSError, ValueError, zlib.error, ImageFileError, HeaderDataError)
# Scans of one person, by their looks; a split through them would test on a patient whom the
# network has seen. Only the volumes 0 to 12 were looked at.
SAME = (range(0, 2), range(6, 11))
WINDOW = (-128, 128)  # the Hounsfield units that the paper's networks see


@dataclass(frozen=True)
class Slices:
    """Axial slices and their clean labels, patient after patient.

    Attributes
    ----------
    images : array of float16, shape (slices, size, size)
        Hounsfield units clipped to -128..128. Rows run from the patient's front to the
        back, columns from the patient's right to the left, as radiologists look at them.
    labels : array of uint8, shape (slices, size, size)
        1 where liver or lesion is, else 0.
    patients : array of int, shape (slices,)
        The patient whom each slice shows.
    names : tuple of str
        A name for each slice that never changes; its label noise hangs on it.
    """

    images: NDArray[np.float16]
    labels: NDArray[np.uint8]
    patients: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def of(self, patients: NDArray[np.int64]) -> Slices:
        """Keep the slices of some patients."""
        keep = np.isin(self.patients, patients)
        names = tuple(name for name, kept in zip(self.names, keep, strict=True) if kept)
        return Slices(self.images[keep], self.labels[keep], self.patients[keep], names)


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
    patients, counts = np.unique(slices.patients, return_counts=True)
    if len(patients) < 3:
        raise ValueError(
            f"The data hold {len(patients)} patient(s) with liver, but training, validation "
            "and test need one each: add patients until there are three."
        )
    left = dict(zip(patients.tolist(), counts.tolist(), strict=True))
    groups = []
    for share, others in ((test, 2), (validation, 1)):
        group: list[int] = []
        goal = share * len(slices)
        for patient, count in reversed(left.items()):
            if count <= goal and len(left) - len(group) > others:
                group.append(patient)
                goal -= count
        group = group or [min(left, key=left.__getitem__)]
        groups.append(slices.of(np.array(group)))
        left = {patient: count for patient, count in left.items() if patient not in group}
    return slices.of(np.array(list(left))), groups[1], groups[0]


def load(folder: str | Path, size: int, same: Iterable[range] = SAME) -> Slices:
    """Read every pair of a LiTS folder, shrunk to ``size`` x ``size`` pixels.

    The orientation comes from the header, so that a volume stored in another order of
    axes gives the same slices.

    Parameters
    ----------
    folder : path
        Where ``volume-N.nii.gz`` and ``segmentation-N.nii.gz`` are.
    size : int
        Pixels along each side of a slice.
    same : iterable of range
        Numbers of volumes that show one person, who then counts as one patient, named
        by the first of the numbers.

    Raises
    ------
    FileNotFoundError
        No folder, no pairs, or a volume or segmentation without its partner.
    ValueError
        A file that cannot be read, or a pair that does not fit together.
    """
    parts = [read(*pair, size) for pair in find(Path(folder))]
    first = {number: numbers[0] for numbers in same for number in numbers}
    return Slices(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([[first.get(n, n) for n in part.patients.tolist()] for part in parts]),
        tuple(name for part in parts for name in part.names),
    )


def find(folder: Path) -> list[tuple[int, Path, Path]]:
    """List (number, volume, segmentation) of a folder, sorted by number."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The data folder {str(folder)!r} does not exist: give --data the folder that "
            "holds volume-N.nii.gz and segmentation-N.nii.gz."
        )
    found: dict[str, dict[int, Path]] = {"volume": {}, "segmentation": {}}
    for path in folder.iterdir():
        if match := re.fullmatch(r"(volume|segmentation)-(\d+)\.nii(\.gz)?", path.name):
            found[match[1]][int(match[2])] = path
    volumes, segmentations = found["volume"], found["segmentation"]
    if not volumes and not segmentations:
        raise FileNotFoundError(
            f"The data folder {str(folder)!r} holds no volume-N.nii.gz and "
            "segmentation-N.nii.gz: rename the files so, or give --data another folder."
        )
    for number in sorted(volumes.keys() ^ segmentations.keys()):
        here, lacks = ("volume", "segmentation")[:: 1 if number in volumes else -1]
        raise FileNotFoundError(
            f"{str(found[here][number])!r} has no {lacks}-{number}.nii.gz beside it: add that "
            "file or remove this one."
        )
    return [(number, volumes[number], segmentations[number]) for number in sorted(volumes)]


def read(number: int, volume: Path, segmentation: Path, size: int) -> Slices:
    """Read one patient's slices with liver."""
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
            images.append(resize(np.clip(hounsfield, *WINDOW), size))
            labels.append(small)
            names.append(f"volume-{number}/{index}")
            if not np.isfinite(images[-1]).all():
                raise ValueError(
                    f"{str(volume)!r} holds values that are no numbers (NaN) in slice {index}: "
                    "give them the value of air, -1024."
                )
    shape = (len(names), size, size)
    return Slices(
        np.array(images, np.float16).reshape(shape),
        np.array(labels, np.uint8).reshape(shape),
        np.full(len(names), number, np.int64),
        tuple(names),
    )


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
