"""Put the examples on the path, as running the script does."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))

for needed in ("torch", "nibabel", "tqdm"):
    pytest.importorskip(needed)
