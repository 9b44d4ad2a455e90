"""README.md does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

import labelnoise

README = (Path(__file__).parents[1] / "README.md").read_text()


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


def test_the_first_example_runs(scope):
    """Ten lines that perturb, calibrate and match."""
    strength, dice = map(float, scope["printed"].split())
    assert 3 < strength < 12
    assert abs(dice - 0.9) < 0.005


def test_the_example_of_a_habit_runs(blocks, scope, capsys):
    """Missed lesions and a margin come to the score that it names."""
    exec(blocks[1], scope)
    assert abs(scope["found"].score - 0.85) < 0.005
    scores, noise = capsys.readouterr().out.splitlines()
    assert 0.5 < np.mean(list(eval(scores).values())) < 0.95
    assert noise.startswith("Chain(Noise('omit', 0.")


def test_the_dataset_example_runs(blocks, scope):
    """The wrapper and the sample's own stream give the same noise."""
    exec(blocks[2], scope)
    np.testing.assert_array_equal(scope["noisy"], scope["same"])
    assert 0.7 < labelnoise.dice(scope["masks"][0], scope["noisy"]) < 1
    np.testing.assert_array_equal(scope["image"], scope["masks"][0] - 0.5)
    assert scope["some"].share == 0.3


def test_the_map_example_runs(blocks, scope, capsys):
    """It draws liver and lesion and leaves the rest."""
    exec(blocks[3], scope)
    scores = eval(capsys.readouterr().out)
    assert set(scores) == {1, 2}
    assert 0.7 < scores[2] < scores[1] < 1
    np.testing.assert_array_equal(scope["noisy"] == -1, scope["volume"] == -1)
    assert abs(scope["found"].score - 0.9) < 0.005
