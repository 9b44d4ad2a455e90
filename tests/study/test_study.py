"""The command: all code paths at the smallest size, its folders and its messages."""

import functools
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import liver_study
import numpy as np
import pytest
from filelock import FileLock
from liver import data, noise, report, runs, statistics, store, workers
from made import make, result
from test_data import case
from test_data import store as store_case

import labelnoise

SCRIPT = Path(liver_study.__file__)
TINY = ["--preset", "smoke", "--device", "cpu", "--models", "unet", "--jobs", "1"]


@pytest.fixture
def quick_figures(monkeypatch):
    """Leave out the figures that do not depend on the results."""
    for name in ("circle", "cut"):
        monkeypatch.setattr(report.figures, name, report.figures.Figure)


def test_smoke_writes_folders_and_report(tmp_path, capsys):
    """Every network on every noise: a JSON a run, tables, CSV and figures."""
    arguments = ["--preset", "smoke", "--jobs", "1", "--out", str(tmp_path)]
    assert liver_study.main(arguments) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.startswith("| natural 0.85 ")][:1]
    assert row.split("|")[3:8:2] == [" 0.752 ", " 0.772 ", " 0.758 "]
    found = {each["id"]: each for each in store.results(tmp_path)}
    assert len(found) == 12
    noisy = next(each for each in found.values() if each["labels"] == "choppy 0.85")
    assert noisy["strength"] > 0
    assert abs(noisy["training_dice"] - 0.85) < 0.05
    assert len(noisy["loss"]) == len(noisy["validation_dice"]) == 2
    slices = noisy["test_of_slices"]
    assert {len(each) for each in slices.values()} == {noisy["slices"]["test"]}
    assert noisy["test"]["dice"] == pytest.approx(np.mean(slices["dice"]), abs=1e-6)
    assert list(noisy["test_of_patients"]) == noisy["patients"]["test"]
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "report.md", "runs.csv", "cells.csv",
        "quality.svg", "quality.png", "circle.svg", "circle.png", "cut.svg", "cut.png",
    }  # fmt: skip
    assert len((tmp_path / "report" / "runs.csv").read_text().splitlines()) == 13

    # What is done is not done again, and the report needs nothing but the folders.
    dates = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}
    before = {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()}
    shutil.rmtree(tmp_path / "cache")
    shutil.rmtree(tmp_path / "report")
    assert liver_study.main(["report", "--out", str(tmp_path)]) == 0
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()}
    assert liver_study.main(arguments) == 0
    assert "12 runs, 12 of them done" in capsys.readouterr().out
    assert dates == {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}


def test_runs_from_any_folder_with_warnings_as_errors(tmp_path):
    """As a script, from elsewhere, in two processes."""
    command = [sys.executable, "-W", "error", str(SCRIPT), *TINY, "--noises", "choppy"]
    done = subprocess.run(
        [*command, "--jobs", "2", "--out", "here"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {each["labels"] for each in store.results(tmp_path / "here")}
    assert found == {"control", "choppy 0.85"}
    assert "unet" in done.stderr  # the progress bar


def test_settings_reach_the_runs(tmp_path, quick_figures):
    """Resampled noise, shares of the patients, other widths, another window, side by side."""
    arguments = ["--noise", "resampled", "--noises", "natural", "--train-fraction", "1", "0.5"]
    arguments += ["--filters", "2", "4", "--window", "0", "200", "--out", str(tmp_path)]
    assert liver_study.main([*TINY, *arguments, "--rate", "constant"]) == 0
    found = store.results(tmp_path)
    assert len(found) == 8
    assert {(each["run"]["train_fraction"], each["run"]["filters"]) for each in found} == {
        (1.0, 2), (1.0, 4), (0.5, 2), (0.5, 4),
    }  # fmt: skip
    assert {each["run"]["draw"] for each in found} == {"fixed", "resampled"}
    assert {len(each["patients"]["train"]) for each in found} == {4, 2}
    text = (tmp_path / "report" / "report.md").read_text()
    assert sum(line.startswith("| control") for line in text.splitlines()) == 4
    assert "train_fraction 0.5, filters 4" in text
    assert "## Side by side" in text


def test_shards_share_the_runs(tmp_path, quick_figures, capsys):
    """Each shard has its own; together they are the study."""
    for number, total in ((1, 2), (2, 4)):
        shard = ["--shard", f"{number}/2", "--out", str(tmp_path)]
        assert liver_study.main([*TINY, *shard]) == 0
        assert len(store.results(tmp_path)) == total
    assert liver_study.main([*TINY, "--out", str(tmp_path)]) == 0
    assert "4 runs, 4 of them done" in capsys.readouterr().out


def test_failed_run_is_told_and_stops_nothing(tmp_path, quick_figures, monkeypatch, capsys):
    """The others are done; the error is told, kept, and gone when a later start succeeds."""
    true = runs.train

    def fails(build, slices, labels, **options):
        if labels is not slices.labels:
            raise RuntimeError("out of\nmemory")
        return true(build, slices, labels, **options)

    arguments = [*TINY, "--noises", "random", "--out", str(tmp_path)]
    monkeypatch.setattr(runs, "train", fails)
    assert liver_study.main(arguments) == 1
    assert len(store.results(tmp_path)) == 1
    assert "RuntimeError: out of memory" in capsys.readouterr().err
    (error,) = tmp_path.glob("runs/*/error.txt")
    assert "Traceback" in error.read_text()
    monkeypatch.setattr(runs, "train", true)
    assert liver_study.main(arguments) == 0
    assert not error.exists()


def test_one_process_at_a_run(tmp_path, quick_figures, capsys):
    """A run whose lock another holds is left to it."""
    arguments = [*TINY, "--noises", "random", "--out", str(tmp_path)]
    assert liver_study.main(arguments) == 0
    (folder,) = tmp_path.glob("runs/unet-random-*")
    (folder / "result.json").unlink()
    ready, leave = threading.Event(), threading.Event()

    def hold():
        with FileLock(folder / "lock"):
            ready.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    try:
        assert liver_study.main(arguments) == 0
    finally:
        leave.set()
        thread.join()
    assert "1 runs are in the hands of other processes" in capsys.readouterr().out
    assert not (folder / "result.json").exists()


def test_changed_data_are_other_runs(tmp_path, quick_figures):
    """A corrected label gives new runs, and a run of the old data refuses the new."""
    folder, out = tmp_path / "lits", tmp_path / "out"
    folder.mkdir()
    cases = [case(np.random.default_rng(number)) for number in range(3)]
    for number, pair in enumerate(cases):
        store_case(folder, number, *pair)
    arguments = [*TINY, "--noises", "random", "--data", str(folder), "--same", "--out", str(out)]
    assert liver_study.main(arguments) == 0
    cases[0][1][30:40, 30:40, 1] = 1
    store_case(folder, 0, *cases[0])
    assert liver_study.main(arguments) == 0
    found = store.results(out)
    assert len({each["run"]["data"] for each in found}) == 2
    assert len(found) == 4
    old = runs.Run(
        **found[0]["run"] | {"data": "as they were", "window": (0, 1), "split": (0.1, 0.2)}
    )
    place = runs.Place(out, out / "cache", data.Folder(folder, ()), "cpu")
    with pytest.raises(ValueError, match="'as they were' when the study began"):
        runs.execute(old, place)


def test_interrupted_study_reports_its_runs(tmp_path, quick_figures, monkeypatch, capsys):
    """Ctrl-C ends the study with the report of what was done."""

    def stops(left, place, tick):
        yield left[0], store.attempt(left[0], place, lambda loss, dice: None)
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "alone", stops)
    assert liver_study.main([*TINY, "--out", str(tmp_path)]) == 130
    assert "| control" in capsys.readouterr().out
    assert len(store.results(tmp_path)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "100"], "--size 100 is not divisible by 32"),
        (["--data", "nowhere"], "nowhere' does not exist: give --data"),
        (["--models", "vgg"], "invalid choice: 'vgg'"),
        (["--patients", "2"], "2 patient"),
        (["--device", "abacus"], "--device 'abacus'"),
        (["--steps", "0"], "--steps: 0 is less than 1"),
        (["--targets", "1.5"], "--targets: 1.5 is not between"),
        (["--targets", "1"], "--targets 1 is the control"),
        (["--window", "5", "5"], "--window 5 5 is empty"),
        (["--split", "0.5", "0.5"], "--split 0.5 0.5 leaves nothing"),
        (["--shard", "3/2"], "--shard: 3/2 is not between 1/2 and 2/2"),
        (["--workers", "2"], "--workers 2 is for --scheduler local"),
        (["--scheduler", "local"], "--jobs 1 is for this machine alone"),
        (["--data", ".", "--slices", "3"], "--patients and --slices are of the synthetic CT"),
        (["--same", "1-2"], "--same names volumes of --data"),
        (["report"], "holds no finished run"),
    ],
)
def test_bad_arguments_are_named(arguments, message, tmp_path, capsys):
    """One sentence, no traceback."""
    with pytest.raises(SystemExit) as stop:
        liver_study.main([*TINY, "--out", str(tmp_path), *arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_noise_belongs_to_slice_and_repeat():
    """The same slice gets the same noise in any company, other noise in another repeat or epoch."""
    slices = make(3, 4, 32)
    draw = functools.partial(noise.draw, labelnoise.Noise("choppy", 2.0))
    whole = draw(slices, 7, 0)
    np.testing.assert_array_equal(whole[4:8], draw(slices.of(["phantom-1"]), 7, 0))
    np.testing.assert_array_equal(whole[[9, 2]], draw(slices, 7, 0, np.array([9, 2])))
    assert (draw(slices, 7, 1) != whole).any()
    assert (draw(slices, 7, 0, epoch=1) != whole).any()


@pytest.mark.parametrize("name", noise.PERTURBATIONS)
@pytest.mark.parametrize("target", noise.TARGETS)
def test_training_sets_reach_their_dice(name, target):
    """Within the calibration's tolerance, the clean labels untouched."""
    slices = make(5, 10, 64)
    clean = slices.labels.copy()
    found = noise.calibrated(name, target, slices, sample=50, seed=0)
    assert abs(noise.reached(slices.labels, noise.draw(found, slices, 0, 0)) - target) < 0.03
    np.testing.assert_array_equal(slices.labels, clean)


def test_report_leaves_gaps(tmp_path, quick_figures):
    """A cell that did not run is empty, a row that the paper lacks has no value of its."""
    made = [result("unet", "control", 1.0, 0, 0.9), result("segnet", "natural", 0.9, 0, 0.5)]
    made += [result("unet", "choppy", 0.5, 0, 0.4)]
    for each in made:
        store.save(tmp_path / "runs" / each["id"] / "result.json", each)
    text, _ = report.write(tmp_path)
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in text.splitlines()[8:13]}
    assert [value.strip() for value in rows["control"]] == ["0.900 (1)", "0.913", "", ""]
    assert [value.strip() for value in rows["natural 0.90"]] == ["", "", "0.500 (1)", "0.827"]
    assert [value.strip() for value in rows["choppy 0.50"]] == ["0.400 (1)", "", "", ""]
    assert len(statistics.studies(made)) == 1


def test_record_is_replaced_whole(tmp_path):
    """A record that cannot be written leaves the old one as it was."""
    path = tmp_path / "new" / "result.json"
    store.save(path, {"runs": [1]})
    with pytest.raises(ValueError, match="JSON"):
        store.save(path, {"runs": [float("nan")]})
    assert json.loads(path.read_text()) == {"runs": [1]}
