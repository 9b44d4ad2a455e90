"""Whatever kills a study, and wherever it runs, its table is the same in the end."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import liver_study
import pytest
from liver import store

GRID = ["--preset", "smoke", "--device", "cpu", "--models", "unet", "segnet", "--folds", "2"]
GRID += ["--repeats", "2", "--epochs", "2", "--steps", "3", "--noises", "natural", "random"]
COUNT = 2 * 2 * 3

# Ten processes, one after the other, each of which kills itself at some step or write.
KILLED = """
import os, random, signal, sys
import numpy, labelnoise, torch._dynamo  # which Adam imports
sys.path.insert(0, sys.argv[1])
import liver_study
from liver import store

def mortal(function):
    def call(*arguments):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call

def attempts(client, runs, place):
    for run in runs:
        liver_study.attempt(run, place)
    os._exit(1)

liver_study.learn = mortal(liver_study.learn)
store.os.fsync = mortal(store.os.fsync)
store.os.replace = mortal(store.os.replace)
liver_study.submit = attempts
liver_study.connect = lambda address, count: open(os.devnull)
labelnoise.natural(numpy.eye(9, dtype="uint8"), 1.0)  # what is compiled is loaded once
chances = random.Random(7)
for number in range(10):
    left = chances.randrange(1, 25)
    child = os.fork()
    if not child:
        liver_study.main(sys.argv[2:])
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""


@pytest.fixture(scope="module")
def undisturbed(scheduler, tmp_path_factory):
    """Do the grid by one worker, in three shards from the last to the first."""
    out = tmp_path_factory.mktemp("undisturbed")
    options = ["--scheduler", scheduler, "--out", str(out)]
    for shard in ("3/3", "2/3", "1/3"):
        assert liver_study.main([*GRID, *options, "--shard", shard]) == 0
    return out


def results(out):
    """Read all results of a study."""
    return [each for each in map(store.read, sorted((out / "runs").glob("*"))) if each]


def same(out, other):
    """Tell whether two studies have the same table and the same scores of every slice."""
    assert len(results(out)) == len(results(other)) == COUNT
    for one, two in zip(results(out), results(other), strict=True):
        assert {**one, "seconds": 0} == {**two, "seconds": 0}
    one, two = ((each / "report" / "cells.csv").read_text() for each in (out, other))
    return one == two


def test_killed_ten_times(undisturbed, scheduler, tmp_path):
    """Kill -9 at ten moments, in steps and in the middle of writing; start again."""
    here = str(Path(liver_study.__file__).parent)
    command = [sys.executable, "-c", KILLED, here, *GRID, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < len(results(tmp_path)) < COUNT
    assert list(tmp_path.glob("runs/*/*.part"))
    assert liver_study.main([*GRID, "--scheduler", scheduler, "--out", str(tmp_path)]) == 0
    assert same(tmp_path, undisturbed)


def test_cluster_that_loses_a_worker(undisturbed, tmp_path):
    """A real Dask scheduler, two real workers, one of them killed when some runs are done."""
    file = tmp_path / "scheduler.json"
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--scheduler-file", str(file), "--no-dashboard"]
    one = [*options, "--nthreads", "1", "--no-nanny"]
    out = tmp_path / "study"
    started = [start("scheduler", "--port", "0", *options, **quiet)]
    try:
        started += [start("worker", *one, **quiet) for _ in range(2)]
        wait_for(file.exists)
        address = json.loads(file.read_text())["address"]

        def kill():
            wait_for(lambda: len(results(out)) > 3)
            started[1].kill()

        killer = threading.Thread(target=kill)
        killer.start()
        assert liver_study.main([*GRID, "--scheduler", address, "--out", str(out)]) == 0
        killer.join()
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
    """Look until a condition holds."""
    while not condition():
        time.sleep(0.02)
