"""The masks that the benchmarks run on: real livers, or drawn ones."""

import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from liver import data, phantom

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


def read(folder: Path | None) -> NDArray[np.uint8]:
    """Return slices (n, 512, 512) of a folder in LiTS' layout, or of the phantom."""
    source = data.Folder(folder) if folder else phantom.Phantom(patients=10, slices=10)
    return np.concatenate([part.labels for part in source.draw(512, data.WINDOW)])
