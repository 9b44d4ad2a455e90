"""Whatever kills a study, and wherever it runs, its table is the same in the end."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import liver_study
import pytest
from liver import report, store

GRID = ["--preset", "smoke", "--device", "cpu", "--models", "unet", "segnet", "--repeats", "2"]
GRID += ["--epochs", "4", "--steps", "10", "--targets", "0.9", "0.8"]
COUNT = 2 * 7 * 2
SCRIPT = [sys.executable, liver_study.__file__, *GRID]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Do the grid in this process, in three shards from the last to the first."""
    out = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("circle", "cut"):
            patch.setattr(report.figures, name, report.figures.Figure)
        for shard in (3, 2, 1):
            options = ["--shard", f"{shard}/3", "--jobs", "1", "--out", str(out)]
            assert liver_study.main([*GRID, *options]) == 0
    return out


def same(out, other):
    """Tell whether two studies have the same table and the same scores of every slice."""
    assert len(store.results(out)) == len(store.results(other)) == COUNT
    for one, two in zip(store.results(out), store.results(other), strict=True):
        assert {**one, "seconds": 0} == {**two, "seconds": 0}
    one, two = ((each / "report" / "cells.csv").read_text() for each in (out, other))
    return one == two


def test_killed_ten_times(undisturbed, tmp_path):
    """Kill -9 at ten random moments, the last ones in the middle of runs; start again."""
    dice = random.Random(3)
    command = [*SCRIPT, "--jobs", "2", "--out", str(tmp_path)]
    for _ in range(10):
        before = len(store.results(tmp_path))
        with open(tmp_path / "log", "w") as log:
            study = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        more = dice.randrange(3)
        wanted = min(COUNT, before + more)
        wait_for(lambda wanted=wanted: len(store.results(tmp_path)) >= wanted)
        time.sleep(dice.uniform(0, 0.5 if more else 4))
        if dice.random() < 0.5:  # with its workers, or leaving them behind
            os.killpg(study.pid, signal.SIGKILL)
        study.kill()
        study.wait()
    for _ in range(20):  # workers left behind may hold a run for one more step
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if len(store.results(tmp_path)) == COUNT:
            break
    assert same(tmp_path, undisturbed)
    assert not list(tmp_path.glob("runs/*/*.part"))


def test_worker_that_dies_loses_one_run(undisturbed, tmp_path):
    """The study starts another process, and that run again."""
    command = [*SCRIPT, "--jobs", "2", "--out", str(tmp_path)]
    study = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(store.results(tmp_path)) > 3)
    children = Path(f"/proc/{study.pid}/task/{study.pid}/children")
    if not children.exists():
        pytest.skip("no list of a process's children here")
    workers = [pid for pid in map(int, children.read_text().split()) if is_worker(pid)]
    os.kill(workers[0], signal.SIGKILL)
    _, errors = study.communicate()
    assert study.returncode == 0, errors
    assert same(tmp_path, undisturbed)


def is_worker(pid):
    """Tell a worker from multiprocessing's own helper."""
    return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_cluster_that_loses_a_worker(undisturbed, tmp_path):
    """A real Dask scheduler, two real workers, one of them killed in the middle of a run."""
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--scheduler-file", str(file), "--no-dashboard"]
    one = [*options, "--nthreads", "1", "--no-nanny"]
    out = tmp_path / "study"
    started = [start("scheduler", "--port", "0", *options, **quiet)]
    try:
        wait_for(file.exists)
        started += [start("worker", *one, **quiet) for _ in range(2)]
        address = json.loads(file.read_text())["address"]
        study = subprocess.Popen(
            [*SCRIPT, "--scheduler", address, "--out", str(out)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(study)
        wait_for(lambda: len(store.results(out)) > 3)
        started[1].kill()
        _, errors = study.communicate(timeout=300)
        assert study.returncode == 0, errors
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert same(out, undisturbed)


def start(role, *options, **kept):
    """Start a part of a Dask cluster."""
    code = f"from distributed.cli.dask_{role} import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *options], **kept)


def wait_for(condition):
    """Look often until a condition holds."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it does not come about")
