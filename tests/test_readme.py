"""README.md does what it says."""

import re
from pathlib import Path

import numpy as np

import labelnoise

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_first_example_runs(capsys):
    """Ten lines that perturb, calibrate and match."""
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.S))
    exec(code, {})
    strength, dice = map(float, capsys.readouterr().out.split())
    assert 3 < strength < 12
    assert abs(dice - 0.9) < 0.005


def test_the_sample_example_runs():
    """It gives the same noise for the same sample."""
    code = re.findall(r"```python\n(.*?)```", README, re.S)[1]
    scope = {"labelnoise": labelnoise}
    exec(code, scope)

    class Dataset:
        seed, names = 0, ["a", "b"]
        __getitem__ = scope["__getitem__"]

        def load(self, index):
            mask = np.zeros((60, 60), bool)
            mask[20:40, 20:40] = True
            return None, mask

    noisy = Dataset()[1][1]
    np.testing.assert_array_equal(noisy, Dataset()[1][1])
    assert (noisy != Dataset()[0][1]).any()


def test_the_map_example_runs(capsys):
    """It draws liver and lesion and leaves the rest."""
    code = re.findall(r"```python\n(.*?)```", README, re.S)[2]
    scope = {"labelnoise": labelnoise, "np": np}
    exec(code, scope)
    scores = eval(capsys.readouterr().out)
    assert set(scores) == {1, 2}
    assert 0.7 < scores[2] < scores[1] < 1
    np.testing.assert_array_equal(scope["noisy"] == -1, scope["volume"] == -1)
    assert abs(scope["found"].score - 0.9) < 0.005


def test_the_picture_is_what_the_code_gives():
    """The four masks side by side are the library's own."""
    lines = re.search(r"```text\n.*\n((?:[·█ ]+\n)+)```", README)[1].splitlines()
    columns = zip(*(line.split("  ") for line in lines), strict=True)
    shown = [np.array([[pixel == "█" for pixel in row] for row in rows]) for rows in columns]
    rows, columns = np.indices((11, 21))
    mask = ((rows - 5) / 4.5) ** 2 + ((columns - 10) / 8) ** 2 < 1
    made = [
        mask,
        labelnoise.natural(mask, 1.5, rng=5),
        labelnoise.choppy(mask, 2.0, rng=3),
        labelnoise.random(mask, 0.15, rng=5),
    ]
    np.testing.assert_array_equal(shown, made)
