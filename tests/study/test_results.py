"""The report: losses with intervals, correlations, tests and tables, on results made by hand."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from liver import report, store
from made import keep, run
from scipy.stats import spearmanr

PATIENTS = tuple("abcdefgh")


def write(out):
    """Write the report; give its text and its table of cells."""
    text, path = report.write(out)
    return text, pd.read_csv(path.with_name("cells.csv")).set_index(["model", "labels"])


def study_of(out):
    """Make the only study of a folder."""
    records = {path: store.read(path) for path in (out / "runs").iterdir()}
    runs = pd.DataFrame(sorted((report.flat(*each) for each in records.items()), key=report.order))
    [(_, group)] = report.studies(runs)
    return report.Study(group, records)


def test_loss_is_paired_with_the_control_of_the_same_fold(tmp_path):
    """Each patient lost 0.1, however different they are: so much is sure."""
    for repeat, dice in enumerate((0.9, 0.5)):
        patients = PATIENTS[2 * repeat : 2 * repeat + 2]
        keep(tmp_path, "unet", "control", 1.0, repeat, dict.fromkeys(patients, dice))
        keep(tmp_path, "unet", "natural", 0.9, repeat, dict.fromkeys(patients, dice - 0.1))
    text, cells = write(tmp_path)
    cell = cells.loc["unet", "natural 0.90"]
    assert (cell.dice, cell.loss) == pytest.approx((0.6, 0.1))
    assert (cell.loss_low, cell.loss_high) == pytest.approx((0.1, 0.1))
    assert (cell.dice_low, cell.dice_high) == pytest.approx((0.4, 0.8))
    assert (cell.hd95_more, cell.hd95_more_low) == pytest.approx((-0.1, -0.1))
    patients = pd.read_csv(tmp_path / "report" / "patients.csv")
    repeats = patients[["patient", "repeat"]].drop_duplicates().to_numpy().tolist()
    assert sorted(repeats) == [["a", 0], ["b", 0], ["c", 1], ["d", 1]]
    assert "| +0.100 [+0.100, +0.100]" in text
    assert "4 patients tested" in text


def test_what_is_missing_leaves_gaps(tmp_path):
    """A cell without runs is empty, one of fewer patients says so, a damaged result is none."""
    keep(tmp_path, "unet", "control", 1.0, 0, {"a": 0.9, "b": 0.9})
    keep(tmp_path, "unet", "control", 1.0, 1, {"c": 0.9, "d": 0.9})
    keep(tmp_path, "segnet", "control", 1.0, 0, {"a": 0.8, "b": 0.8})
    keep(tmp_path, "unet", "natural", 0.9, 0, {"a": 0.5, "b": 0.7})
    bad = keep(tmp_path, "unet", "choppy", 0.5, 0, {"a": 0.1, "b": 0.1})
    (bad / store.MASKS).write_bytes(b"")
    text, cells = write(tmp_path)
    assert "choppy" not in text
    rows = [line for line in text.splitlines() if line.startswith("| natural 0.90")]
    assert "0.600 [0.500, 0.700] (2)" in rows[0]
    assert set(rows[1].split("|")[2:]) <= {" " * n for n in range(99)} | {""}
    assert cells.paper["segnet", "control"] == 0.8993
    with pytest.raises(FileNotFoundError, match="holds no finished run"):
        report.write(tmp_path / "empty")


def test_one_patient_has_no_interval(tmp_path):
    """Nobody knows how patients differ from one of them."""
    keep(tmp_path, "unet", "control", 1.0, 0, {"a": 0.9})
    keep(tmp_path, "unet", "natural", 0.9, 0, {"a": 0.7})
    keep(tmp_path, "unet", "choppy", 0.9, 0, {"a": 0.6})
    text, cells = write(tmp_path)
    assert cells.loss["unet", "natural 0.90"] == pytest.approx(0.2)
    assert np.isnan(cells.loss_low["unet", "natural 0.90"])
    assert "choppy 0.90 costs most, +0.100 more than natural 0.90" in text


@given(st.lists(st.integers(-500, 500).map(lambda n: n / 1000), min_size=2, max_size=12))
def test_interval_and_p_against_loops(losses):
    """Resampled means are those of a loop; p counts the sign flips that are as far from 0."""
    study = report.Study.__new__(report.Study)
    key, other = ("unet", "a", "loss"), ("unet", "b", "loss")
    study.wide = pd.DataFrame({key: losses, other: np.zeros(len(losses))})
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(losses), [1 / len(losses)] * len(losses), 50)
    drawn = np.array(
        [sum(w * each for w, each in zip(row, losses, strict=True)) for row in weights]
    )
    study.drawn = pd.DataFrame({key: drawn / len(losses), other: 0.0})
    shown = study.more([key], [other])
    mean, low, high, p = map(float, re.findall(r"[-+]?\d+(?:\.\d+)?(?:e-\d+)?", shown))
    ends = np.quantile(drawn / len(losses), [0.025, 0.975])
    assert (mean, low, high) == pytest.approx((np.mean(losses), *ends), abs=6e-4)
    flips = [np.mean(np.multiply(losses, signs))
             for signs in itertools.product((1, -1), repeat=len(losses))]  # fmt: skip
    exact = np.mean(np.abs(flips) >= abs(np.mean(losses)) - 1e-9)
    assert p == pytest.approx(min(exact, 1), rel=0.06)


def test_bootstrap_draws_patients(tmp_path):
    """Its mean, spread and ends are those of means over patients drawn with replacement."""
    dice = dict(zip(PATIENTS, np.linspace(0.2, 0.9, 8), strict=True))
    keep(tmp_path, "unet", "control", 1.0, 0, dice)
    study = study_of(tmp_path)
    values = np.array(list(dice.values()))
    rng = np.random.default_rng(5)
    means = values[rng.integers(8, size=(20000, 8))].mean(1)
    drawn = study.drawn["unet", "control", "dice"]
    assert drawn.mean() == pytest.approx(values.mean(), abs=0.005)
    assert drawn.std() == pytest.approx(means.std(), rel=0.05)
    low, high = study.ends.loc[("unet", "control", "dice"), ["low", "high"]]
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)


def test_rho_is_spearmans(tmp_path):
    """Of the cells that the paper has, as scipy has it."""
    cells = {"control": (0.9, 0.8, 0.7), "natural 0.95": (0.9, 0.7, 0.9), "choppy 0.95": (0.5,) * 3}
    for labels, dice in cells.items():
        noise, _, target = labels.partition(" ")
        keep(tmp_path, "unet", noise, float(target or 1), 0, dict(zip("abc", dice, strict=True)))
    text, _ = write(tmp_path)
    paper = [report.PAPER["unet", labels] for labels in cells]
    rho = spearmanr([np.mean(dice) for dice in cells.values()], paper).statistic
    assert f"U-Net: rho with the paper is {rho:.3f} [" in text


def test_the_papers_own_numbers_agree_with_it(tmp_path):
    """Rho is 1, FCN32 loses less than U-Net by choppy noise, natural noise costs U-Net most."""
    shifts = dict(zip("abcdefghij", np.linspace(-0.02, 0.02, 10), strict=True))
    for (model, labels), dice in report.PAPER.items():
        noise, _, target = labels.partition(" ")
        scores = {patient: dice + shift for patient, shift in shifts.items()}
        keep(tmp_path, model, noise, float(target or 1), 0, scores)
    text, cells = write(tmp_path)
    assert "U-Net, SegNet, FCN32: rho with the paper is 1.000 [1.000, 1.000] over 30 cells" in text
    assert list(cells.loc["unet"].index) == [
        labels for m, labels in report.PAPER.index if m == "unet"
    ]
    assert "choppy: FCN32 loses -0.004 [-0.004, -0.004] (p = 0.002) more than U-Net" in text
    assert "U-Net at Dice 0.85: natural 0.85 costs most, +0.054 [+0.054, +0.054]" in text
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {"report.md", "runs.csv", "cells.csv", "patients.csv", "loss.svg", "loss.png"}
    before = {name: (tmp_path / "report" / name).read_bytes() for name in names}
    report.write(tmp_path)
    assert before == {name: (tmp_path / "report" / name).read_bytes() for name in names}


def test_noisy_test_labels_mislead(tmp_path):
    """They prefer the network that learnt from them, though clean labels prefer the control."""
    keep(tmp_path, "unet", "control", 1.0, 0, {"a": 0.9, "b": 0.8})
    keep(tmp_path, "unet", "bias", 0.9, 0, {"a": 0.7, "b": 0.7})
    text, cells = write(tmp_path)
    cell = cells.loc["unet", "bias 0.90"]
    # The control predicts every pixel of which the noisy labels have half: Dice 2 / 3.
    assert cell.noisy_gain == pytest.approx(0.7 - 2 / 3)
    assert cell.volume == pytest.approx(0.1)
    assert cell.label_dice == pytest.approx(0.7)
    assert "1 of 1 noises cost Dice; on test labels with the same noise 1 of these" in text


def test_studies_share_what_knows_no_difference(tmp_path):
    """Fixed and resampled noise have one control, widths of FCN32 one U-Net; sizes none."""
    dice = {"a": 0.9, "b": 0.8}
    keep(tmp_path, "unet", "control", 1.0, 0, dice)
    keep(tmp_path, "fcn32", "control", 1.0, 0, dice)
    keep(tmp_path, "fcn32", "control", 1.0, 0, dice, hidden=16)
    keep(tmp_path, "unet", "natural", 0.9, 0, dice)
    keep(tmp_path, "unet", "natural", 0.9, 0, dice, draw="resampled")
    keep(tmp_path, "unet", "control", 1.0, 0, dice, size=64)
    text, _ = write(tmp_path)
    assert "nan" not in text
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "## Side by side",
        *(f"## size 32, draw {draw}, sample 9, hidden {hidden}"
          for draw in ("fixed", "resampled") for hidden in (8, 16)),
        "## size 64, draw fixed, sample 0, hidden 0",
    ]  # fmt: skip
    cells = pd.read_csv(tmp_path / "report" / "cells.csv")
    assert cells.groupby(["size", "draw", "hidden"]).size().tolist() == [3, 3, 3, 3, 1]


def test_ids_are_stable():
    """An id depends on the fields alone: results of earlier studies stay found."""
    assert run().id == "unet-control-0-9b3027f674"
    assert run(noise="bias:1+omit:1", recipe="r", target=0.875).labels == "bias:1+omit:1 0.88"
