"""Settings of all tests, and real masks where they are at hand."""

import os
import sys

import numpy as np
import pytest
from helpers import SHARED
from hypothesis import settings

from labelnoise._patch import ERRORS

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # its import asks the network for a newer version

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("fuzz", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile("ci")  # unless --hypothesis-profile names the other one


def pytest_collection_modifyitems(items):
    """Mark the property tests."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("fuzz")


@pytest.fixture(scope="session")
def liver_maps():
    """Load every 40th slice (n, 512, 512) of real livers (1) and lesions (2), none at an end."""
    folder = SHARED / "lits13"
    if not folder.is_dir():
        pytest.skip("LABELNOISE_DATA names no folder with lits13")
    nibabel = pytest.importorskip("nibabel")
    slices = []
    for file in sorted(folder.glob("segmentation-*.nii.gz")):
        volume = np.asarray(nibabel.load(file).dataobj)
        slices += [volume[:, :, z].T for z in range(20, volume.shape[2], 40)]
    return np.ascontiguousarray(slices).astype(np.uint8)


@pytest.fixture(scope="session")
def livers(liver_maps):
    """Return the foreground of the same slices."""
    return (liver_maps > 0).view(np.uint8)


@pytest.fixture(autouse=True)
def known_errors():
    """Forget errors that a test, or a page that it runs, registers."""
    known = dict(ERRORS)
    yield
    ERRORS.clear()
    ERRORS.update(known)


@pytest.fixture(autouse=True)
def no_figures():
    """Close what a test, or a page that it runs, leaves open."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
