"""Settings of all tests, and real masks where they are at hand."""

import numpy as np
import pytest
from helpers import SHARED
from hypothesis import settings

settings.register_profile("labelnoise", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("labelnoise")


@pytest.fixture(scope="session")
def livers():
    """Load every 40th slice of real livers (n, 512, 512), none of them at an end."""
    folder = SHARED / "lits13"
    if not folder.is_dir():
        pytest.skip(f"no real liver data at {folder.name}")
    nibabel = pytest.importorskip("nibabel")
    slices = []
    for file in sorted(folder.glob("segmentation-*.nii.gz")):
        volume = np.asarray(nibabel.load(file).dataobj) > 0
        slices += [volume[:, :, z].T for z in range(20, volume.shape[2], 40)]
    return np.ascontiguousarray(slices).view(np.uint8)
