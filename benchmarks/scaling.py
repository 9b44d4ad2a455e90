"""How the cost of labelnoise grows with the image, the labels and the contour."""

from collections.abc import Callable, Iterator
from typing import Any

import masks
import numpy as np
from numpy.typing import NDArray
from speed import BOUNDARIES, OBJECTS, clock, compare, floor, scaled

Row = tuple[str, ...]
HEADS = "floor, ms", *(noise.__name__ for noise in BOUNDARIES)


def wave(size: int, waves: int = 5, depth: float = 0.15) -> NDArray[np.uint8]:
    """Draw a disc with a wavy border, of a fifth of a square image."""
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    radius = 0.25 * size * (1 + depth * np.sin(waves * np.arctan2(rows, columns)))
    return (np.hypot(rows, columns) < radius).astype(np.uint8)


def sizes() -> Iterator[Row]:
    """Time images of growing size, strengths growing with them."""
    yield "image", *HEADS
    for size in (128, 256, 512, 1024, 2048, 4096):
        yield f"{size} x {size}", *_row(wave(size), size / 512)


def contours() -> Iterator[Row]:
    """Time images of 512 x 512 with contours of growing length around the same area."""
    yield "pixel edges of the contour", *HEADS
    for waves in (0, 8, 16, 32, 64):
        mask = wave(512, waves, 0.4)
        edges = sum(np.count_nonzero(np.diff(mask, axis=axis)) for axis in (0, 1))
        yield f"{edges}", *_row(mask, 1.0)


def labels() -> Iterator[Row]:
    """Time a drawn abdomen of 512 x 512, its organs merged to fewer labels."""
    abdomen = masks.abdomen()
    yield "labels", *(f"{noise.__name__}, ms" for noise in BOUNDARIES)
    for count in (1, 2, 4, 8, 13):
        merged = np.minimum(abdomen, count).astype(np.uint8)
        yield str(count), *(f"{1e3 * clock(_call(noise, 1.0), merged):.2f}" for noise in BOUNDARIES)


def objects() -> Iterator[Row]:
    """Time maps of three labels at 512 x 512 with growing numbers of objects."""
    yield "places", "floor, ms", *(noise.__name__ for noise in OBJECTS)
    for count in (16, 64, 256, 1024, 4096):
        yield f"{count}", *_row(masks.objects(count), 1.0, OBJECTS)


def _row(mask: NDArray[np.uint8], scale: float, noises: Any = BOUNDARIES) -> list[str]:
    """Return the floor's time and the ratio to it of each noise."""
    ratios = [f"{compare(_call(noise, scale), [mask], floor, [mask]):.2f}" for noise in noises]
    return [f"{1e3 * clock(floor, mask):.3f}", *ratios]


def _call(noise: Any, scale: float) -> Callable[[Any], Any]:
    strength = scaled(noise, scale)
    rng = np.random.default_rng(0)
    return lambda mask: noise(mask, strength, rng=rng)
