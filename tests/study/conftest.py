"""Put the examples on the path, as running the script does, and start a cluster for all tests."""

import sys
from pathlib import Path

import pytest

from labelnoise._patch import ERRORS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))

for needed in ("distributed", "nibabel", "pandas", "torch", "tqdm"):
    pytest.importorskip(needed)

from liver import kinds  # noqa: E402

# Tests outside this folder are about the library's own kinds of error.
ERRORS.pop("parts")


@pytest.fixture(autouse=True)
def parts_known(monkeypatch):
    """Know the study's own kind of error, in its tests."""
    monkeypatch.setitem(ERRORS, "parts", kinds.parts)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Train on one thread, as a run does."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def scheduler():
    """Give the address of a cluster in this process: one worker, one thread."""
    from distributed import LocalCluster

    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "memory_limit": 0}
    with LocalCluster(**options, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address
