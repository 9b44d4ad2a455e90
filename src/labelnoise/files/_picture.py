"""What pictures and arrays have in common: no millimetres, and rows and columns last."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._label import LabelError, LabelFile


class Picture(LabelFile):
    """A label file without geometry, of planes or a stack of them."""

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        """Return the last axes; there are no planes but axial ones."""
        if plane != "axial":
            raise ValueError(f"a picture has no {plane} planes; leave --plane out")
        if volumes and self.labels.ndim < 3:
            raise ValueError("a picture of one page has no volume; pass --no-volumes")
        return tuple(range(self.labels.ndim))[-3 if volumes else -2 :]

    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        """Refuse: nothing is known."""
        raise ValueError("a picture has no millimetres; leave --spacing out")

    def upright(self, axes: tuple[int, ...]) -> NDArray[Any]:
        """Return the labels as they are."""
        return self.labels

    def lies_as(self, other: LabelFile) -> bool:
        """Return whether the other is a picture too."""
        return isinstance(other, Picture)


def colours_of(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return a label for each pixel (..., channels) of 8 bits: its colour, or its grey value.

    A colour is red * 65536 + green * 256 + blue. If there are grey pixels alone, it is their value.
    The last of two or four channels tells how opaque pixels are; it must belong to the colour.
    """
    channels = pixels.shape[-1]
    grey = channels < 3 or bool((pixels[..., :1] == pixels[..., 1:3]).all())
    if grey:
        labels = pixels[..., 0]
    else:
        red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
        labels = (red << 16) | (green << 8) | blue
    if channels in (2, 4):
        both = labels.astype(np.int64) << 8 | pixels[..., -1]
        if np.unique(both).size > np.unique(labels).size:
            raise LabelError("has pixels of one colour that are opaque in part; make them the same")
    return labels


def pixels_of(pixels: NDArray[Any], before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
    """Return pixels (..., channels) of other labels, each coloured as its label is elsewhere."""
    result = pixels.copy()
    changed = before != after
    for label in np.unique(after[changed]).tolist():
        places = np.flatnonzero(before.ravel() == label)
        if not places.size:
            raise LabelError(f"has no colour for the label {label}; use labels that it has")
        result[changed & (after == label)] = pixels.reshape(-1, pixels.shape[-1])[places[0]]
    return result
