"""The measure of realism: what it computes, and what it prints."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from labelnoise import wobble


@pytest.fixture
def realism(monkeypatch):
    """Import the benchmark."""
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    yield pytest.importorskip("realism")
    sys.modules.pop("realism")


@pytest.fixture
def squares():
    """Draw a square of 4 x 4 in two slices, and one of 4 x 5 in these and a third."""
    first, second = np.zeros((2, 5, 12, 12), bool)
    first[1:3, 4:8, 4:8] = True
    second[1:4, 4:8, 4:9] = True
    return first, second


def test_features_are_those_counted_by_hand(realism, squares):
    """Two of the 12 pixels along the first contour lie a pixel deeper in the second mask."""
    found = realism.features(*squares, (2.0, 0.5, 0.5))
    expected = {
        "Dice": 2 * 32 / (32 + 60),
        "log volume ratio": math.log(60 / 32),
        "HD95": 0.5,
        "ASSD": 0.5 * (2 + 4) / (12 + 14),
        "slices lost": 0,
        "slices added": 0.5,
        "slice Dice": 2 * 16 / 36,
        "slice Dice, sd": 0,
        "displacement": 1 / 6,
        "displacement, sd": math.sqrt(5) / 6,
        "displacement, largest": 1,
        "displacement, sd of slices": 0,
        "unmoved": 10 / 12,
        "roughness": 0,
        "pieces per point": 1 / 12,
        "thickest piece": 1,
        "along 1": 0.4,
        "along 3": -0.2,
        "across 1": 1,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert all(math.isnan(found[name]) for name in ("along 8", "along 20", "across 2", "across 4"))


def test_masks_without_a_slice_in_common_have_no_features(realism, squares):
    """Nothing can be compared."""
    assert realism.features(squares[0], np.roll(squares[0], 2, axis=0), (1.0, 1.0, 1.0)) is None


def test_outlines_lie_outside_of_nodules(realism):
    """Three readers outline one nodule, one of them with a hole, and two another."""

    def outline(height, low, high, inclusion=1):
        corners = [(low, low), (high, low), (high, high), (low, high)]
        return height, inclusion, "\n".join(f"{x},{y}" for x, y in corners)

    here = [outline(height, 10, 15) for height in (5.0, 7.0)]
    hole = outline(7.0, 11, 14, inclusion=0)
    far = [outline(5.0, 40, 45)]
    readers = {1: here, 2: far, 3: [hole, *here], 4: far, 5: here}
    ((name, masks),) = realism.nodules(readers, np.arange(1.0, 12.0, 2.0), (2.0, 0.5, 0.5))
    assert name == "nodule 1"
    assert [np.count_nonzero(mask) for mask in masks] == [32, 28, 32]
    rows, columns = np.nonzero(masks[0].any(axis=0))
    assert (np.ptp(rows), np.ptp(columns)) == (3, 3)


def test_pairs_that_differ_are_told_apart_and_equal_ones_are_not(realism, monkeypatch):
    """Features that are not known count, too."""
    monkeypatch.setattr(realism, "TREES", 20)
    rng = np.random.default_rng(0)
    cases = [f"case {number // 2}" for number in range(80)]

    def rows(mean):
        return [{"a": mean + rng.random(), "b": rng.choice([0.0, math.nan])} for _ in cases]

    real = rows(0.0)
    same, other = (realism.tell_apart(real, [rows(mean)], cases) for mean in (0.0, 0.9))
    assert 0.3 < same.auc < 0.7
    assert same.interval[0] < same.auc < same.interval[1]
    assert other.auc > 0.95
    assert other.single["a"] > 0.95


def test_a_folder_of_raters_gets_tables(realism, monkeypatch, tmp_path, capsys):
    """PNG files of two labels by three raters, a case of one rater among them."""
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(realism, "TREES", 10)
    monkeypatch.setattr(realism, "RESAMPLED", 10)
    monkeypatch.setattr(realism, "peers", lambda person: {"wobble": wobble})
    rows, columns = np.indices((48, 48))
    for case in range(7):
        drawn = np.zeros((48, 48), np.uint8)
        drawn[np.hypot(rows - 20, columns - 24) < 9 + case] = 1
        drawn[np.hypot(rows - 38, columns - 24) < 5] = 2 * (case < 4)
        for rater in range(1 if case == 6 else 3):
            path = tmp_path / f"raters/{rater}/{case}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.fromarray(wobble(drawn, 1.5, rng=[case, rater])).save(path)
    command = ["realism.py", str(tmp_path / "raters"), "--seeds", "1", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", command)
    realism.main()
    printed = capsys.readouterr().out
    assert printed.startswith("python benchmarks/realism.py raters --seeds 1\n")
    assert "label 1: 6 pairs of 6 cases\n" in printed
    assert "label 2: 4 pairs of 4 cases\n\nleft out: needs 5 cases\n" in printed
    lines = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    table = {line[0].strip("| "): line[1:] for line in lines}
    for name in ("real, swapped", "annotator", "wobble"):
        assert 0 <= float(table[name][0]) <= 1, name
        assert 0.7 < float(table[name][2]) < 1, name
    assert table["real"][2:7] == table["real, swapped"][2:7]  # scores know no order
