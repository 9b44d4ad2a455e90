"""YOLO's text files of objects: only the lines of changed masks are written anew."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._label import LabelError
from ._shapes import Cut, Size, from_polygons, joined, to_polygons

PHOTOS = (".bmp", ".jpeg", ".jpg", ".jp2", ".png", ".tif", ".tiff", ".webp")
_BOX = 5  # words in the line of a box
_MOST = 15  # digits after the point that a number has


class Yolo:
    """The objects of one image: a line of class, x, y, x, y, ... for each, as shares of its size.

    Parameters
    ----------
    raw : bytes
        Content of the file.
    size : tuple of int
        Height and width of the image.

    Attributes
    ----------
    categories : dict of int to int
        The class of each line that has a polygon, by its number from 0 on.
    boxes : int
        Number of lines that have a box and no polygon.

    Raises
    ------
    ValueError
        If it is no such file.
    """

    def __init__(self, raw: bytes, size: Size) -> None:
        self._size = size
        try:
            self._lines = raw.decode("utf-8").splitlines(keepends=True)
        except UnicodeDecodeError:
            raise LabelError("is no text file of YOLO's") from None
        self.categories: dict[int, int] = {}
        self.boxes = 0
        self._digits = 1
        for number, line in enumerate(self._lines):
            words = line.split()
            category = _class_of(words, number + 1) if words else 0
            if len(words) == _BOX:
                self.boxes += 1
            elif words:
                self.categories[number] = category
                self._digits = max(self._digits, *map(_digits_of, words[1:]))

    def cut(self, number: int) -> Cut:
        """Return the mask of a line."""
        return _mask_of(self._lines[number], self._size)

    def rewritten(self, number: int, cut: Cut, category: int) -> tuple[str, Cut]:
        """Return a line with another mask and class, and the mask that a reader finds in it.

        It has as many digits as the file has. Several parts are one polygon, with lines of no width
        between them.
        """
        line = self._lines[number]
        ending = line[len(line.rstrip()) :]
        first, *_ = line.split()
        if category != self.categories[number]:
            first = str(category)
        separator = "\t" if "\t" in line.strip() else " "
        height, width = cut.size
        shares = np.clip(joined(to_polygons(cut)) / (width, height), 0.0, 1.0)
        digits = min(self._digits, _MOST)
        words = line.split()[1:]
        if not cut.same(self.cut(number)):
            words = [f"{share:.{digits}f}" for share in shares.ravel().tolist()]
        new = separator.join([first, *words]) + ending
        return new, _mask_of(new, self._size)

    def encode(self, texts: Mapping[int, str | None]) -> bytes:
        """Return the file with other texts of some lines; None removes one."""
        return "".join(
            texts.get(number, line) or "" for number, line in enumerate(self._lines)
        ).encode()

    def kept(self, changed: Container[int] = ()) -> list[str]:
        """Return all other lines."""
        return [line for number, line in enumerate(self._lines) if number not in changed]


def size_beside(path: Path) -> Size | None:
    """Return height and width of the image of a label file, in its folder or in ``images``."""
    from PIL import Image

    for photo in _photos(path):
        if photo.is_file():
            with Image.open(photo) as image:
                width, height = image.size
                turned = image.getexif().get(_ORIENTATION, 1) > _LAST_UPRIGHT
            return (width, height) if turned else (height, width)
    return None


_ORIENTATION, _LAST_UPRIGHT = 274, 4  # an EXIF tag, and the last of its values without a turn


def _photos(path: Path) -> list[Path]:
    """Return what the image of a label file may be called."""
    parts = path.absolute().parts[:-1]
    places = [at for at, part in enumerate(parts) if part == "labels"]
    folders = [Path(*parts[:at], "images", *parts[at + 1 :]) for at in places[-1:]]
    return [
        folder / f"{path.stem}{ending}"
        for folder in (*folders, path.parent)
        for photo in PHOTOS
        for ending in (photo, photo.upper())
    ]


def _class_of(words: list[str], line: int) -> int:
    """Return the class that a line begins with, if the line is that of an object."""
    try:
        category, *numbers = map(float, words)
        whole = category == int(category) >= 0
    except (OverflowError, ValueError):
        whole, numbers = False, []
    if not whole or len(numbers) < _BOX - 1 or len(numbers) % 2:
        raise LabelError(
            f"has no class and pairs of numbers in line {line}; pass YOLO's files of polygons"
        )
    if not all(-1 <= number <= 2 for number in numbers):
        raise LabelError(
            f"has numbers in line {line} that are no shares of the image's size; divide them by it"
        )
    return int(category)


def _digits_of(word: str) -> int:
    """Return how many digits a number has after its point."""
    mantissa, _, exponent = word.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    return max(digits - int(exponent or 0), 1)


def _mask_of(line: str, size: Size) -> Cut:
    height, width = size
    points: Any = np.array(line.split()[1:], np.float64).reshape(-1, 2) * (width, height)
    return from_polygons([points.ravel().tolist()], size)
