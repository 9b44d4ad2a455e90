"""The masks that the benchmarks run on: real livers, or drawn ones."""

import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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


def read(folder: Path | None) -> NDArray[np.uint8]:
    """Return slices (n, 512, 512) of a folder in LiTS' layout, or of ten synthetic patients."""
    if folder is None:
        return np.concatenate([phantom(10, 512, seed=k).labels > 0 for k in range(10)]).view(
            np.uint8
        )
    from liver import data

    return np.concatenate([part.labels for part in data.Folder(folder).draw(512, data.WINDOW)])
