"""The images that labels were drawn on: which belongs to which case, and their planes."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import Grid, LabelFile
from ..files.nifti import grid_of
from ._images import without_mark
from ._sources import Source

_ENDINGS = {
    **dict.fromkeys((".nii.gz", ".nii"), "nibabel"),
    **dict.fromkeys((".nrrd", ".mha", ".mhd"), "SimpleITK"),
    **dict.fromkeys((".tif", ".tiff"), "tifffile"),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), "PIL"),
    **dict.fromkeys((".npy", ".npz"), "numpy"),
}
_FIRST = "_0000"  # channel of nnU-Net's images
_LABELS = re.compile(r"(?:.*[^a-z])?(?:masks?|seg|segmentations?|labels?|gt)(?:[^a-z].*)?", re.I)
_COLOURED = 3, 4  # channels of a picture with colours


def images_of(source: Source, folder: Path | None) -> dict[str, Path]:
    """Return the images of cases, of those that have one.

    It has the name of the case, or this name with nnU-Net's ``_0000`` added, or is the only one
    with the same numbers in its name. Names that say "segmentation" or the like come last: labels
    may lie beside the images. Without a folder, it is imagesTr of a dataset of nnU-Net.
    """
    if folder is None and source.dataset is not None:
        listed = source.dataset.get("dataset")
        if isinstance(listed, dict):
            first = {case: source.folder / files["images"][0] for case, files in listed.items()}
            return {case: path for case, path in first.items() if path.is_file()}
        folder = source.folder / "imagesTr"
    if folder is None or not folder.is_dir():
        return {}
    labels = {path.resolve() for path, _ in source.files()}
    stems: dict[str, Path] = {}
    numbered: dict[tuple[int, ...], list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        ending = _ending(path.name)
        if not ending or path.name.startswith(".") or path.resolve() in labels:
            continue
        stem = path.relative_to(folder).as_posix()[: -len(ending)]
        for name in (stem, PurePath(stem).name):
            stems.setdefault(name, path)
        numbered.setdefault(_numbers(PurePath(stem).name.removesuffix(_FIRST)), []).append(path)
    images = {}
    for case in source.cases:
        name = PurePath(case).name
        called = [each + end for each in (case, name, without_mark(name)) for end in ("", _FIRST)]
        same = numbered.get(_numbers(name), []) if _numbers(name) else []
        found = [stems[each] for each in called if each in stems]
        plain, sure = ([path for path in paths if _says_image(path)] for paths in (same, found))
        for paths in sure, plain[: len(plain) == 1], found, same[: len(same) == 1]:
            if paths:
                images[case] = paths[0]
                break
    return images


def _says_image(path: Path) -> bool:
    """Return whether the name of a file does not say that it has labels."""
    stem = path.name[: -len(_ending(path.name))]
    return stem.endswith(_FIRST) or not _LABELS.fullmatch(stem)


class Scan:
    """The image of a case, of which single planes are read.

    Parameters
    ----------
    path : path
        The image.
    file : LabelFile
        The labels of the case.
    upright : tuple of int
        The shape of their upright labels.

    Raises
    ------
    ValueError
        If the image does not lie where the labels do.
    """

    def __init__(self, path: Path, file: LabelFile, upright: tuple[int, ...]) -> None:
        count = file.labels.ndim
        self._values, grid = _opened(path, file.labels.shape)
        own: Grid | None = getattr(file, "grid", None)
        self._axes = tuple(range(count))[-2:]
        self._turn: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray
        if grid is not None and own is not None:
            axes = grid.axes("axial", count > 2)
            self._axes = axes[-2:]
            self._turn = partial(grid.upright, axes=axes)
        elif grid is not None or own is not None:
            raise ValueError("has no geometry and its labels have one, or the other way round")
        shape = self._values.shape[:count]
        self._shape = self._turn(np.broadcast_to(np.uint8(0), shape)).shape
        if self._shape != upright:
            raise ValueError(f"has shape {shape}, and its labels {file.labels.shape}")
        if grid is not None and own is not None and not grid.lies_as(own):
            raise ValueError("lies elsewhere than its labels, as the affines tell")

    def plane(self, place: int) -> NDArray[Any]:
        """Return what lies under a plane of labels: (row, column) or (row, column, colour)."""
        shape = self._values.shape[: len(self._shape)]
        at: Any = (*np.unravel_index(place, self._shape[:-2]), 0, 0)
        key = []
        for axis, size in enumerate(shape):
            along = np.arange(size).reshape(
                [-1 if each == axis else 1 for each in range(len(shape))]
            )
            stored = int(self._turn(np.broadcast_to(along, shape))[at])
            key.append(slice(None) if axis in self._axes else slice(stored, stored + 1))
        plane = np.asarray(self._values[tuple(key)])
        if plane.ndim == len(shape):
            return self._turn(plane).reshape(self._shape[-2:])
        if plane.shape[-1] in _COLOURED and plane.dtype == np.uint8:
            return plane.reshape(*self._shape[-2:], -1)[..., :3]
        return self._turn(plane[..., 0]).reshape(self._shape[-2:])


def _opened(path: Path, shape: tuple[int, ...]) -> tuple[Any, Grid | None]:
    """Return what the planes of an image are read from, and where they lie, if it tells."""
    ending = _ending(path.name)
    if not ending:
        raise ValueError(f"is in another format; convert it to one of {', '.join(_ENDINGS)}")
    reader = _ENDINGS[ending]
    if reader == "nibabel":
        import nibabel

        image: Any = nibabel.load(path)
        return image.dataobj, grid_of(image.header, image.shape)
    if reader == "SimpleITK":
        return _opened_by_itk(path)
    if reader == "tifffile":
        import tifffile

        values = tifffile.imread(path)
    elif reader == "PIL":
        from PIL import Image

        with Image.open(path) as picture:
            values = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)
    else:
        values = _array(path, shape)
    first = values.ndim == len(shape) + 1 and values.shape[1:] == shape
    return np.moveaxis(values, 0, -1) if first else values, None


def _opened_by_itk(path: Path) -> tuple[Any, Grid]:
    try:
        import SimpleITK
    except ImportError as error:
        raise ValueError("needs SimpleITK; pip install SimpleITK") from error
    image: Any = SimpleITK.ReadImage(str(path))
    values = SimpleITK.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        values = values[..., 0]
    axes = image.GetDimension()
    few = min(axes, 3)
    signs = np.array([-1.0, -1.0, 1.0])[:few]  # it counts to the left, back and up
    vectors = (
        np.reshape(image.GetDirection(), (axes, axes)).T * np.array(image.GetSpacing())[:, None]
    )
    origin = np.array(image.GetOrigin())[:few] * signs
    return values.T, Grid.of(vectors[:few, :few] * signs, origin, values.T.shape)


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the array of a NumPy file; of several the one that is called image, or that fits."""
    loaded: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        names = [name for name in loaded.files if re.match("ima?ge?s?$", name.lower())]
        if len(names or loaded.files) != 1:
            raise ValueError("has several arrays; call the one with the image 'image'")
        return np.asarray(loaded[(names or loaded.files)[0]])


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]+", name)))


def _ending(name: str) -> str:
    return next((ending for ending in _ENDINGS if name.lower().endswith(ending)), "")
