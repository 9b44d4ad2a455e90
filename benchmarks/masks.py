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
    if folder is None:
        return phantom.make(patients=10, slices=10, size=512).labels
    return data.load(folder, 512).labels
