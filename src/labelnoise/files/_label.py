"""What every label file is, and when its values are labels."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LabelError(ValueError):
    """What a whole file holds is no label map."""


class LabelFile(ABC):
    """A label map, and how to write another one in its stead.

    Parameters
    ----------
    name : str
        Name of the file; its ending tells the kind.
    raw : bytes
        Content of the file.

    Attributes
    ----------
    labels : array of int
        The label map. To be read only.
    """

    labels: NDArray[Any]

    @abstractmethod
    def __init__(self, name: str, raw: bytes) -> None: ...

    @abstractmethod
    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        """Return the (row, column) axes of planes that are called axial, sagittal or coronal.

        Of volumes, return the axis of their slices before.
        """

    @abstractmethod
    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        """Return the millimetres from pixel to pixel along each axis."""

    @abstractmethod
    def upright(self, axes: tuple[int, ...]) -> NDArray[Any]:
        """Return the labels with these axes last, each in a direction that no file chooses."""

    @abstractmethod
    def lies_as(self, other: "LabelFile") -> bool:
        """Return whether the upright labels of another file lie in the same place."""

    @abstractmethod
    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file's bytes with other labels, none that the file lacks."""

    def holds(self, content: bytes, labels: NDArray[Any]) -> bool:
        """Return whether a file is known to have these labels, and all else of this one.

        It need not be read whole. If this is not known, it must be read.
        """
        return False

    @abstractmethod
    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return the bytes of a file with a number for each pixel, of the same geometry."""

    @abstractmethod
    def kept(self) -> dict[str, Any]:
        """Return all that stays beside the labels, by names that a user knows.

        Values are compared by ``==``: tags, header, palette, dtype, pages, kind of compression.
        """


def differs(one: LabelFile, other: LabelFile) -> list[str]:
    """Return the names of what two files differ in, beside their labels."""
    first, second = one.kept(), other.kept()
    return sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )
