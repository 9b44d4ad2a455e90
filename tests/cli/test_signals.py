"""Signals end a run at once, and leave nothing behind that goes on writing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="there is no /proc")
PATIENCE = 60.0  # seconds, of which hardly any pass


@pytest.fixture
def source(tmp_path):
    """Write forty masks."""
    (tmp_path / "in").mkdir()
    for number in range(40):
        disc = np.hypot(*np.indices((256, 256)) - 128) < 60 + number
        Image.fromarray(disc.astype(np.uint8)).save(tmp_path / "in" / f"c{number:02}.png")
    return tmp_path / "in"


def begun(source, *options):
    """Start a run, and wait until it has written a case."""
    command = [sys.executable, "-m", "labelnoise", "perturb", source, source.with_name("out")]
    command += ["--noise", "wobble", "--dice", "0.9", "--per-case", *options]
    run = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed,
    )
    for line in run.stderr:
        if line.startswith("1/40"):
            return run
    raise AssertionError("it ended before its first case")


def children(pid):
    """Return the processes that descend from one."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        found = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return found + [deeper for child in found for deeper in children(child)]


def is_alive(pid):
    """Return whether a process goes on; dead ones that nobody has asked for do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def heed():
    """Take signals as usual, whatever the program that runs the tests ignores."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def gone(pids):
    """Wait until processes have ended; tell whether they have."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and any(map(is_alive, pids)):
        time.sleep(0.02)
    return not any(map(is_alive, pids))


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["alone", "workers"])
def test_no_process_outlives_the_command(source, name, options):
    """Its workers end with it; what they had begun is finished by the next run."""
    run = begun(source, *options)
    workers = children(run.pid)
    assert workers or not options
    os.kill(run.pid, getattr(signal, name))
    assert run.wait(PATIENCE) == -getattr(signal, name)
    run.stderr.close()
    assert gone(workers)
    assert not source.with_name("out").exists()


def test_workers_end_whatever_they_do():
    """One waits for work that never comes, the other is in the midst of its own."""
    code = (
        "import time\n"
        "from labelnoise.cli._spread import Spread\n"
        "for _ in Spread(2, None).each(time.sleep, [0, 600]):\n"
        "    print('ready', flush=True)\n"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "ready\n"
    workers = children(run.pid)
    assert len(workers) >= 2
    run.kill()
    run.wait(PATIENCE)
    run.stdout.close()
    assert gone(workers)


def test_ctrl_c_ends_a_run_at_once(source):
    """With a sentence, and exit code 130."""
    run = begun(source)
    run.send_signal(signal.SIGINT)
    error = run.stderr.read()
    assert run.wait(PATIENCE) == 130
    assert error.splitlines()[-1].startswith("labelnoise: interrupted; go on with --resume")
    run.stderr.close()


@pytest.mark.parametrize(
    "kind", ["natural", "choppy", "random", "bias", "wobble", "elastic", "omit"]
)
def test_ctrl_c_ends_a_call_of_any_kind(kind):
    """Of one large mask, though kernels run without Python."""
    code = (
        "import numpy as np, labelnoise\n"
        "mask = (np.random.default_rng(0).random((60, 512, 512)) < 0.5).astype(np.uint8)\n"
        f"error = labelnoise.{kind}\n"
        "error(mask[:1, :32, :32], 0.5, rng=0)\n"
        "print('ready', flush=True)\n"
        "while True: error(mask, 0.5, rng=0)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed,
    )
    assert run.stdout.readline() == "ready\n"
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=PATIENCE)
    assert error.rstrip().endswith("KeyboardInterrupt")
