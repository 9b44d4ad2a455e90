"""The command: its folders, its settings and its messages."""

import json
import os
import subprocess
import sys
import threading

import liver_study
import numpy as np
import pytest
from filelock import FileLock
from liver import store
from made import run
from test_data import case
from test_data import store as store_case

TINY = ["--preset", "smoke", "--device", "cpu", "--models", "unet"]


@pytest.fixture
def study(scheduler, tmp_path, monkeypatch):
    """Give a function that does a study with more options; it returns the results."""
    monkeypatch.setattr(liver_study.report, "rendered", lambda figure, kind: b"")

    def command(*options, status=0):
        where = ["--scheduler", scheduler, "--out", str(tmp_path)]
        assert liver_study.main([*TINY, *where, *options]) == status
        return results(tmp_path)

    return command


def results(out):
    """Read all results of a study by their ids."""
    found = map(store.read, sorted((out / "runs").iterdir()))
    return {record["id"]: record for record in found if record}


def test_runs_from_any_folder_with_warnings_as_errors(tmp_path):
    """As a script, from elsewhere, on a cluster of its own."""
    command = [sys.executable, "-W", "error", liver_study.__file__, "--preset", "smoke"]
    command += ["--models", "unet", "fcn32", "--noises", "choppy", "kits23-kidney"]
    done = subprocess.run(
        [*command, "--out", "here"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "fcn32" in done.stderr  # the progress bar
    assert "| choppy 0.85" in done.stdout
    found = results(tmp_path / "here")
    assert len(found) == 6
    noisy = next(each for each in found.values() if each["run"]["model"] == "fcn32"
                 and each["labels"] == "kits23-kidney 0.85")  # fmt: skip
    assert noisy["strength"] > 0
    assert len(noisy["loss"]) == 2
    assert set(noisy["test"]) == {"clean", "noisy", "labels"}
    for each in noisy["test"].values():
        assert {len(column) for column in each["slices"].values()} == {noisy["slices"]["test"]}
        assert {len(column) for column in each["volumes"].values()} == {2}
        assert each["mean_dice"] == pytest.approx(np.mean(each["slices"]["dice"]), abs=1e-6)
    assert noisy["test_volumes"]["patient"] == noisy["patients"]["test"]
    assert not set(noisy["patients"]["train"]) & set(noisy["patients"]["test"])


def test_settings_reach_the_runs(study, tmp_path):
    """Resampled noise, shares of the patients, other widths, another window, side by side."""
    options = ["--noise", "resampled", "--noises", "natural", "--train-fraction", "1", "0.5"]
    options += ["--filters", "2", "4", "--window", "0", "200", "--rate", "constant"]
    found = study(*options).values()
    assert {(each["run"]["train_fraction"], each["run"]["filters"]) for each in found} == {
        (1.0, 2), (1.0, 4), (0.5, 2), (0.5, 4),
    }  # fmt: skip
    assert {each["run"]["draw"] for each in found} == {"fixed", "resampled"}
    assert {len(each["patients"]["train"]) for each in found} == {3, 2}
    assert {len(each["validation_dice"]) for each in found} == {2}
    text = (tmp_path / "report" / "report.md").read_text()
    assert sum(line.startswith("| control") for line in text.splitlines()) == 4
    assert "train_fraction 0.5, filters 4" in text
    assert "## Side by side" in text


def test_repeats_test_every_patient_once(study):
    """Each has a fold of its own, the same for every training set."""
    found = study("--noises", "random", "--repeats", "3", "--folds", "3").values()
    folds = {(each["labels"], *each["patients"]["test"]) for each in found}
    assert len(found) == len(folds) == 6
    for labels in ("control", "random 0.85"):
        tested = [name for fold in folds if fold[0] == labels for name in fold[1:]]
        assert sorted(tested) == [f"phantom-{number}" for number in range(6)]


def test_done_is_whole(study, capsys, tmp_path):
    """What is done is not done again; a result that is damaged is, and comes out the same."""
    first = study("--noises", "random", "choppy")
    files = {path: path.read_bytes() for path in tmp_path.glob("runs/*/*.*")}
    one, other, _ = sorted((tmp_path / "runs").iterdir())
    (one / store.RESULT).write_bytes(files[one / store.RESULT][:-9])
    (other / store.MASKS).write_bytes(files[other / store.MASKS][:-9])
    again = study("--noises", "random", "choppy")
    assert "3 runs, 1 of them done" in capsys.readouterr().out
    for record in [*first.values(), *again.values()]:
        del record["seconds"]
    assert first == again
    assert files.keys() == {*tmp_path.glob("runs/*/*.*")}


def test_shards_share_the_runs(study, capsys):
    """Each shard has its own; together they are the study."""
    for number, total in ((1, 2), (2, 4)):
        assert len(study("--shard", f"{number}/2")) == total
    study()
    assert "4 runs, 4 of them done" in capsys.readouterr().out


def test_failed_run_is_told_and_stops_nothing(study, tmp_path, monkeypatch, capsys):
    """The others are done; the error is told, kept, and gone when a later start succeeds."""
    true = liver_study.calibrated

    def fails(run, slices):
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(liver_study, "calibrated", fails)
    assert len(study("--noises", "random", status=1)) == 1
    assert "RuntimeError: out of memory" in capsys.readouterr().err
    (error,) = tmp_path.glob("runs/*/error.txt")
    assert "Traceback" in error.read_text()
    monkeypatch.setattr(liver_study, "calibrated", true)
    assert len(study("--noises", "random")) == 2
    assert not error.exists()


def test_one_process_at_a_run(study, tmp_path, capsys):
    """A run whose lock another holds is left to it."""
    study("--noises", "random")
    (folder,) = tmp_path.glob("runs/unet-random-*")
    (folder / store.RESULT).unlink()
    ready, leave = threading.Event(), threading.Event()

    def hold():
        with FileLock(folder / store.LOCK):
            ready.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    try:
        assert len(study("--noises", "random")) == 1
    finally:
        leave.set()
        thread.join()
    assert f"{folder.name}: {liver_study.BUSY}" in capsys.readouterr().err


def test_changed_data_are_other_runs(study, tmp_path):
    """A corrected label gives new runs, and a run of the old data refuses the new."""
    folder = tmp_path / "lits"
    folder.mkdir()
    cases = [case(np.random.default_rng(number)) for number in range(3)]
    for number, pair in enumerate(cases):
        store_case(folder, number, *pair)
    options = ["--noises", "random", "--data", str(folder), "--same", "--folds", "3"]
    study(*options)
    cases[0][1][30:40, 30:40, 1] = 1
    store_case(folder, 0, *cases[0])
    found = study(*options)
    assert len({each["run"]["data"] for each in found.values()}) == 2
    assert len(found) == 4
    settings = next(iter(found.values()))["run"] | {"data": "as they were", "window": (0, 1)}
    place = liver_study.Place(tmp_path, tmp_path / "cache", "cpu", ("volumes", folder, ()))
    with pytest.raises(ValueError, match="'as they were' when the study began"):
        liver_study.execute(liver_study.Run(**settings), place)


def test_interrupted_study_reports_its_runs(study, monkeypatch, capsys):
    """Ctrl-C ends the study with the report of what was done."""
    true = liver_study.as_completed

    def stops(futures):
        yield next(true(futures))
        raise KeyboardInterrupt

    monkeypatch.setattr(liver_study, "as_completed", stops)
    assert len(study(status=130)) >= 1
    out = capsys.readouterr().out
    assert "| control" in out
    assert "give the same command again" in out


def test_workers_keep_freed_memory(monkeypatch):
    """Dask would have them give it back, 64 KiB at a time."""
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    with liver_study.connect(None, 1) as client:
        assert set(client.run(os.getenv, "MALLOC_TRIM_THRESHOLD_").values()) == {None}


def test_two_studies_share_no_keys(tmp_path):
    """On one cluster the same run of two studies is two tasks, and a run waits its turn."""
    seen = []

    class Client:
        def submit(self, function, *work, key, priority, pure):
            seen.append((key, priority))
            json.dumps(work, default=str)
            return key

    runs = [run(repeat=repeat) for repeat in (0, 1)]
    place = liver_study.Place(tmp_path, tmp_path, "cpu", ("phantoms", 3, 2, 0))
    for _ in range(2):
        assert list(liver_study.submit(Client(), runs, place).values()) == runs
    assert len({key for key, _ in seen}) == 4
    assert [priority for _, priority in seen] == [0, -1, 0, -1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "100"], "--size 100: give a multiple of 32"),
        (["--data", "nowhere"], "nowhere is no folder that holds volume-N.nii"),
        (["--models", "vgg"], "invalid choice: 'vgg'"),
        (["--patients", "2"], "--folds 5 needs as many patients with liver, but the data hold 2"),
        (["--folds", "1"], "--folds 1 leaves nothing to train on"),
        (["--validation", "1"], "--validation 1 leaves nothing"),
        (["--device", "abacus"], "--device abacus is not to be had"),
        (["--steps", "0"], "--steps: 0 is less than 1"),
        (["--targets", "1.5"], "--targets: 1.5 is not between"),
        (["--targets", "1"], "--targets 1 is the control"),
        (["--window", "5", "5"], "--window 5 5 is empty"),
        (["--shard", "3/2"], "--shard: 3/2 is not between 1/2 and 2/2"),
        (["--noises", "blur"], "--noises blur cannot be used"),
        (["--workers", "2", "--scheduler", "tcp://x:1"], "--workers 2: leave out --scheduler"),
        (["--scheduler", "nonsense://x"], "--scheduler nonsense://x does not answer"),
        (["--data", ".", "--slices", "3"], "--patients and --slices are of phantoms"),
        (["--same", "1-2"], "--same names volumes: give --data, too"),
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


def test_record_is_replaced_whole(tmp_path):
    """A record that cannot be written leaves the old one as it was."""
    masks = {"clean": np.ones((1, 8, 8), bool)}
    store.keep(tmp_path, {"id": tmp_path.name, "loss": 1.0}, masks)
    with pytest.raises(ValueError, match="JSON"):
        store.keep(tmp_path, {"id": tmp_path.name, "loss": float("nan")}, masks)
    assert store.read(tmp_path)["loss"] == 1.0
