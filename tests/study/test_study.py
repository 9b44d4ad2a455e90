"""The command: all code paths at the smallest size, its record and its messages."""

import json
import subprocess
import sys
from pathlib import Path

import liver_study
import numpy as np
import pytest
from liver import phantom, report, runs

SCRIPT = Path(liver_study.__file__)
TINY = ["--preset", "smoke", "--device", "cpu", "--models", "unet"]


def read(folder):
    """Read the study's record."""
    return json.loads((folder / "study.json").read_text())


def test_smoke_writes_table_and_record(tmp_path, capsys):
    """Every network on every noise; the table names the paper's value beside ours."""
    assert liver_study.main(["--preset", "smoke", "--jobs", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "U-Net" in out
    assert "FCN32" in out
    (row,) = [line for line in out.splitlines() if line.startswith("natural 0.85  ")]
    assert row.split()[3::2] == ["0.752", "0.772", "0.758"]
    record = read(tmp_path)
    assert len(record["runs"]) == 12
    assert record["configuration"]["size"] == 32
    assert record["seed"] == 0
    noisy = next(run for run in record["runs"] if run["labels"] == "choppy 0.85")
    assert noisy["strength"] > 0
    assert abs(noisy["training_dice"] - 0.85) < 0.05
    assert set(noisy["test_dice_of_patients"]) == {str(p) for p in record["patients"]["test"]}
    assert list(tmp_path.iterdir()) == [tmp_path / "study.json"]


def test_runs_from_any_folder_in_processes(tmp_path):
    """As a script, two runs at a time, warnings as errors: the same runs, in any order."""
    command = [sys.executable, "-W", "error", str(SCRIPT), *TINY, "--noises", "choppy"]
    done = subprocess.run(
        [*command, "--jobs", "2", "--out", "here"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert {run["labels"] for run in read(tmp_path / "here")["runs"]} == {"control", "choppy 0.85"}


def test_noise_redrawn_at_each_load(tmp_path):
    """The paper's experiment, as an option."""
    arguments = [*TINY, "--noises", "random", "--draw", "resampled", "--out", str(tmp_path)]
    assert liver_study.main([*arguments, "--jobs", "1"]) == 0
    assert read(tmp_path)["configuration"]["draw"] == "resampled"


def test_interrupted_study_keeps_its_runs(tmp_path, monkeypatch, capsys):
    """Ctrl-C ends the study after the runs that were finished, with whole JSON."""

    def stops(cells, setup, tick, jobs):
        yield runs.run(cells[0], setup, tick)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "run_all", stops)
    assert liver_study.main([*TINY, "--out", str(tmp_path)]) == 130
    assert len(read(tmp_path)["runs"]) == 1
    assert "Stopped after 1 of 4 runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "100"], "--size 100 is not divisible by 32"),
        (["--data", "nowhere"], "'nowhere' does not exist: give --data"),
        (["--models", "vgg"], "invalid choice: 'vgg'"),
        (["--patients", "2"], "2 patient"),
        (["--device", "abacus"], "--device 'abacus'"),
        (["--steps", "0"], "--steps 0"),
        (["--targets", "1.5"], "--targets 1.5"),
    ],
)
def test_bad_arguments_are_named(arguments, message, tmp_path, capsys):
    """One sentence, no traceback."""
    with pytest.raises(SystemExit):
        liver_study.main([*TINY, "--out", str(tmp_path), *arguments])
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_noise_belongs_to_the_slice():
    """The same slice gets the same noise in any company, and other noise in another epoch."""
    slices = phantom.make(3, 4, 32)
    whole = runs.perturbed("choppy", 2.0, slices, 7)
    part = runs.perturbed("choppy", 2.0, slices.of(np.array([1])), 7)
    np.testing.assert_array_equal(whole[4:8], part)
    np.testing.assert_array_equal(whole, runs.perturbed("choppy", 2.0, slices, 7))
    assert (runs.perturbed("choppy", 2.0, slices, 7, epoch=1) != whole).any()


def test_training_sets_reach_their_dice():
    """Ten sets, within the calibration's tolerance, the clean labels untouched."""
    slices = phantom.make(5, 10, 64)
    clean = slices.labels.copy()
    made = dict(runs.training_sets(slices, sample=50))
    assert list(made) == list(report.PAPER)
    for training_set in made.values():
        assert abs(training_set.dice - training_set.target) < 0.03
    np.testing.assert_array_equal(slices.labels, clean)


def test_table_averages_repeats_and_leaves_gaps():
    """A cell is the mean of its repeats; a cell that did not run is a dash."""
    cells = [("control", 0.9), ("control", 0.8), ("odd 0.50", 0.5)]
    results = [{"labels": row, "model": "segnet", "test_dice": dice} for row, dice in cells]
    lines = report.table(results, ["unet", "segnet"], ["control", "odd 0.50"]).splitlines()
    assert lines[2].split() == ["control", "-", "0.913", "0.850", "0.899"]
    assert lines[3].split() == ["odd", "0.50", "-", "-", "0.500", "-"]


def test_record_is_replaced_whole(tmp_path):
    """A record that cannot be written leaves the old one as it was."""
    path = tmp_path / "new" / "study.json"
    report.save(path, {"runs": [1]})
    with pytest.raises(ValueError, match="JSON"):
        report.save(path, {"runs": [float("nan")]})
    assert json.loads(path.read_text()) == {"runs": [1]}
