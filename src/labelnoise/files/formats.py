"""Which class reads which file, and what is checked of each result."""

from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._label import LabelError, LabelFile, differs

_CLASSES = {  # by the endings of names
    **dict.fromkeys((".nii.gz", ".nii"), ("nifti", "Nifti")),
    ".png": ("png", "Png"),
    **dict.fromkeys((".tif", ".tiff"), ("tiff", "Tiff")),
    ".nrrd": ("nrrd", "Nrrd"),
    **dict.fromkeys((".mha", ".mhd"), ("metaimage", "MetaImage")),
    ".dcm": ("dicom", "Dicom"),
    ".npy": ("arrays", "Npy"),
    ".npz": ("arrays", "Npz"),
}
_MOVED = {1: np.uint8, 2: np.uint16, 4: np.int32, 8: np.float64}  # by the bytes of a value
SUFFIXES = tuple(_CLASSES)
PICTURES = (".png", ".tif", ".tiff", ".npy", ".npz")  # without millimetres


def suffix_of(name: str) -> str:
    """Return the ending of a label file's name, or nothing."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def read(path: Path) -> LabelFile:
    """Read a label file.

    Raises
    ------
    ValueError
        If the file is broken, or holds other values than integers.
    """
    return opened(path.name, path.read_bytes())


def encoded(file: LabelFile, name: str, labels: NDArray[Any]) -> bytes:
    """Return the bytes of a file with other labels, once they have been read again.

    Raises
    ------
    ValueError
        If a reader would find other labels in it, or anything else that differs.
    """
    content = file.encode(labels)
    if file.holds(content, labels):
        return content
    again = opened(name, content)
    if again.labels.shape != labels.shape or not np.array_equal(again.labels, labels):
        raise ValueError("is stored in a way that loses labels; convert it to a lossless format")
    lost = differs(file, again)
    if lost:
        raise ValueError(f"would lose {', '.join(lost)}; convert it to another format")
    return content


def shares_name(file: Path) -> Path:
    """Return the name of a file with a number for each pixel: PNG holds none, TIFF does."""
    return file.with_suffix(".tif") if suffix_of(file.name) == ".png" else file


def digest_of(labels: NDArray[Any]) -> str:
    """Return the SHA-256 of a label map: dtype, shape, and bytes in C order, least first."""
    values = _in_order(labels).astype(labels.dtype.newbyteorder("<"), copy=False)
    digest = sha256(f"{values.dtype.name} {values.shape}\n".encode())
    digest.update(values.data)
    return digest.hexdigest()


def _in_order(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in C order, from Fortran's in a tenth of the time that NumPy needs."""
    if not (labels.flags.f_contiguous and labels.ndim == 3 and labels.size):
        return np.ascontiguousarray(labels)
    import cv2

    moved = labels.view(_MOVED[labels.itemsize]).T
    values = np.empty(labels.shape, moved.dtype)
    for row in range(labels.shape[1]):
        values[:, row] = cv2.transpose(np.ascontiguousarray(moved[:, row]))
    return values.view(labels.dtype)


def opened(name: str, raw: bytes) -> LabelFile:
    """Return the label file of a name and content."""
    module, kind = _CLASSES[suffix_of(name)]
    try:
        made: LabelFile = getattr(import_module(f".{module}", __package__), kind)(name, raw)
    except (LabelError, ImportError, MemoryError):
        raise
    except Exception as error:  # each library has its own for broken files
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ValueError(f"cannot be read ({reason}); copy or download it again") from error
    return made
