"""The masks that the benchmarks run on: real livers, or drawn ones."""

import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from liver import data, phantom


def load(description: str) -> NDArray[np.uint8]:
    """Return slices (n, 512, 512) of what the command line asks for."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="folder in LiTS' layout (default: phantom)")
    folder = parser.parse_args().data
    source = data.Folder(folder) if folder else phantom.Phantom(patients=10, slices=10)
    return np.concatenate([part.labels for part in source.draw(512, data.WINDOW)])
