"""The masks that the benchmarks run on: real livers, or drawn ones."""

import math
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from skimage import measure

from labelnoise.data import phantom

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

# Organs as ellipses of a 512 x 512 slice: centre row and column, half axes, tilt in degrees. Later
# ones cover earlier ones.
ORGANS = {
    "liver": (235, 165, 105, 95, 20),
    "stomach": (200, 330, 62, 48, -30),
    "spleen": (270, 415, 62, 30, -15),
    "left kidney": (330, 370, 42, 26, -20),
    "right kidney": (335, 160, 42, 26, 20),
    "pancreas": (265, 285, 16, 60, 15),
    "duodenum": (285, 225, 26, 18, 0),
    "gallbladder": (215, 235, 24, 15, 40),
    "aorta": (335, 268, 15, 15, 0),
    "vena cava": (325, 232, 16, 12, 0),
    "portal vein": (240, 190, 8, 22, 25),
    "left adrenal gland": (290, 335, 14, 5, -40),
    "right adrenal gland": (290, 195, 14, 5, 40),
}


def abdomen() -> NDArray[np.uint8]:
    """Draw a label map (512, 512) of 13 organs, many of which touch."""
    rows, columns = np.indices((512, 512))
    labels = np.zeros((512, 512), np.uint8)
    for label, (row, column, height, width, tilt) in enumerate(ORGANS.values(), 1):
        turn = np.exp(1j * np.radians(tilt)) * (columns - column + 1j * (rows - row))
        labels[(turn.real / width) ** 2 + (turn.imag / height) ** 2 < 1] = label
    return labels


def load(description: str) -> NDArray[np.uint8]:
    """Return slices (n, 512, 512) of what the command line asks for."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="folder in LiTS' layout (default: phantom)")
    return read(parser.parse_args().data)


def cells() -> NDArray[np.int32]:
    """Draw an instance map (2048, 2048) of 21,316 cells."""
    cell = np.hypot(*np.indices((14, 14)) - 6.5) < 5.2
    places = np.arange(1, 146 * 146 + 1, dtype=np.int32).reshape(146, 1, 146, 1)
    labels = np.zeros((2048, 2048), np.int32)
    labels[:2044, :2044] = (places * cell[np.newaxis, :, np.newaxis]).reshape(2044, 2044)
    return labels


def objects(count: int = 16, seed: int = 0) -> NDArray[np.uint8]:
    """Draw a map (512, 512) of three labels, with ellipses at about three of four places."""
    rng = np.random.default_rng(seed)
    side = math.isqrt(count)
    cell = 512 // side
    rows, columns = np.indices((side * cell, side * cell))
    place = rows // cell * side + columns // cell
    height, width = cell * rng.uniform(0.15, 0.45, (2, side * side))
    tilt = rng.uniform(0, math.pi, side * side)
    turn = columns % cell + 1j * (rows % cell) - (1 + 1j) * (cell - 1) / 2
    turn *= np.exp(1j * tilt)[place]
    inside = (turn.real / width[place]) ** 2 + (turn.imag / height[place]) ** 2 < 1
    drawn = np.zeros((512, 512), np.uint8)
    drawn[: side * cell, : side * cell] = inside * rng.integers(4, size=side * side)[place]
    return drawn


def volumes(folder: Path | None) -> Iterator[tuple[NDArray[np.uint8], tuple[float, ...]]]:
    """Yield the label maps (slices, rows, columns) of a folder in LiTS' layout and their spacing.

    Or those of three synthetic patients.
    """
    if folder is None:
        for seed in range(3):
            drawn = phantom(24, 512, seed=seed)
            yield drawn.labels, drawn.spacing
        return
    from liver.data import find

    for _, segmentation in find(folder).values():
        image = nibabel.load(segmentation)
        labels = np.asarray(image.dataobj).astype(np.uint8).transpose(2, 1, 0)
        yield labels, tuple(map(float, image.header.get_zooms()[2::-1]))


def maps(folder: Path | None) -> NDArray[np.uint8]:
    """Return slices with at least two lesions, or 60 drawn maps of objects."""
    if folder is None:
        return np.stack([objects(seed=seed) for seed in range(60)])
    slices = np.concatenate([labels for labels, _ in volumes(folder)])
    return slices[[measure.label(each == 2, connectivity=2).max() > 1 for each in slices]]


def read(folder: Path | None) -> NDArray[np.uint8]:
    """Return slices (n, 512, 512) of a folder in LiTS' layout, or of ten synthetic patients."""
    if folder is None:
        return np.concatenate([phantom(10, 512, seed=k).labels > 0 for k in range(10)]).view(
            np.uint8
        )
    from liver import data

    cases = data.volumes(folder)
    return np.concatenate([case.draw(512, data.WINDOW)["labels"] for case in cases])
