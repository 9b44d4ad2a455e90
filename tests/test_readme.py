"""README.md does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

import labelnoise

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def blocks():
    """Return the Python blocks, in order."""
    return re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.fixture
def scope(blocks, capsys):
    """Run the first block, on which the others build; return what it leaves."""
    scope = {}
    exec(blocks[0], scope)
    scope["printed"] = capsys.readouterr().out
    return scope


def test_the_first_example_prints_what_the_page_shows(scope):
    """Ten lines that perturb, calibrate and match."""
    assert scope["printed"] == re.search(r"```text\n(.*?)```", README, re.S)[1]
    assert abs(scope["found"].score - 0.9) <= 0.005
    assert abs(scope["one"].score - 0.9) <= 0.005


def test_the_dataset_example_runs(blocks, scope):
    """The wrapper and the sample's own stream give the same noise."""
    exec(blocks[1], scope)
    np.testing.assert_array_equal(scope["noisy"], scope["same"])
    assert 0.7 < labelnoise.dice(scope["livers"][12], scope["noisy"]) < 1
    np.testing.assert_array_equal(scope["picture"], scope["image"][12] / 1000)
    assert scope["some"].share == 0.3


@pytest.mark.parametrize("page", ["README.md", "CITATION.cff", "docs/cite.md"])
def test_the_version_to_cite_is_this_one(page):
    """Wherever it stands."""
    found = re.findall(r"(?<!cff-)[Vv]ersion\b\W*(\d+\.\d+\.\d+)", (ROOT / page).read_text())
    assert set(found) == {labelnoise.__version__}
