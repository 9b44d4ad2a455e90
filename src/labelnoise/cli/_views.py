"""The pictures of a report: which planes, and contours over the image."""

import io
import re
from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ..files import LabelFile
from ..plot import contours
from ._cases import Pair, Structures, aligned, rows_of
from ._record import Entry
from ._scans import Scan

PICTURED = 4  # labels that get pictures
_INCHES = 4.0
_MARGIN, _LEAST = 0.15, 48  # around a structure, of its larger side; smallest side in pixels
_DIGITS = re.compile(r"(?<=\d\.\d\d)\d+")
_EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_LIGHT, _SIDE = 20_000, 480  # characters, and pixels, of an image in a picture
_SAFE = " !$'()*+,-./:;=?@_~"

Planes = NDArray[Any]  # place, size and Dice score of each plane that has a label


@dataclass(frozen=True)
class Order:
    """The pictures that are wanted of a case: labels, and places of planes."""

    pair: Pair
    structures: Structures
    image: Path | None
    wanted: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Drawn:
    """The pictures of a case as data URLs, the number of its planes, and why it has no image."""

    pictures: dict[tuple[int, int], str]
    planes: int
    reason: str


def review(
    pair: Pair, tolerance: float, structures: Structures, scored: Collection[int] | None
) -> tuple[list[Entry], dict[int, Planes]]:
    """Return the scores of a case as `compare` does, and the planes of the first scored labels."""
    _, maps, steps = aligned(pair, structures)
    rows = rows_of(pair[0], maps, steps, tolerance)
    labels = {row["label"] for row in rows}
    few = sorted(labels if scored is None else labels & {*scored})[:PICTURED]
    return rows, {label: _planes(maps[0] == label, maps[1] == label) for label in few}


def draw(order: Order) -> Drawn:
    """Draw clean and noisy contours of planes, over the image if it fits."""
    file, maps, _ = aligned(order.pair, order.structures)
    clean, noisy = (labels.reshape(-1, *labels.shape[-2:]) for labels in maps)
    under: list[NDArray[Any] | None] = [None] * len(order.wanted)
    reason = ""
    if order.image is not None:
        try:
            scan = Scan(order.image, file, maps[0].shape)
            under = [scan.plane(place) for _, place in order.wanted]
        except Exception as error:  # each library has its own for broken files
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    way = 1 if getattr(file, "grid", None) is None else -1  # seen from the feet, as in radiology
    aspect, pictures = aspect_of(file), {}
    for (label, place), image in zip(order.wanted, under, strict=True):
        first, second = (labels[place, ::way, ::way] == label for labels in (clean, noisy))
        turned = None if image is None else image[::way, ::way]
        pictures[label, place] = _picture(first, second, turned, aspect)
    return Drawn(pictures, len(clean), reason)


def _planes(here: NDArray[np.bool_], there: NDArray[np.bool_]) -> Planes:
    """Return place, size and Dice score of each plane that one of two masks has."""
    both, first, second = (
        np.count_nonzero(mask, axis=(-2, -1)).ravel() for mask in (here & there, here, there)
    )
    places = np.flatnonzero(first + second)
    dice = 2 * both[places] / (first + second)[places]
    return np.column_stack([places, np.maximum(first, second)[places], dice])


def aspect_of(file: LabelFile) -> float:
    """Return how much longer rows' distance is than columns', 1 if the file does not tell."""
    try:
        rows, columns = file.spacing(file.axes("axial", False))
    except ValueError:
        return 1.0
    return rows / columns


def _picture(
    clean: NDArray[np.bool_], noisy: NDArray[np.bool_], image: NDArray[Any] | None, aspect: float
) -> str:
    """Return a picture as a data URL."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    box = _box(clean | noisy, aspect)
    part = None if image is None else image[box]
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "labelnoise", "svg.image_inline": True}):
        figure = Figure((_INCHES, _INCHES))
        axes: Any = figure.add_axes((0, 0, 1, 1))
        contours(clean[box], noisy[box], part, axes, spacing=(aspect, 1.0), interpolation="none")
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    drawing = _DIGITS.sub("", buffer.getvalue().decode())
    return f"data:image/svg+xml,{quote(_EMBEDDED.sub(_lighter, drawing), safe=_SAFE)}"


def _lighter(found: re.Match[str]) -> str:
    """Return an embedded PNG file as JPEG if it is large, and not larger than it can be seen."""
    from PIL import Image

    if len(found[1]) < _LIGHT:
        return found[0]
    image = Image.open(io.BytesIO(b64decode(found[1]))).convert("RGB")
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"


def _box(mask: NDArray[np.bool_], aspect: float) -> tuple[slice, slice]:
    """Return a square around a structure, in millimetres, as far as the plane goes."""
    spans = [np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
    (top, bottom), (left, right) = spans
    side = max((bottom - top + 1) * aspect, right - left + 1)
    side = max(side * (1 + 2 * _MARGIN), _LEAST)
    box = []
    for (low, high), length, size in zip(spans, (side / aspect, side), mask.shape, strict=True):
        begin = int(np.clip(round((low + high + 1 - length) / 2), 0, max(0, size - round(length))))
        box.append(slice(begin, begin + max(1, round(length))))
    return box[0], box[1]
