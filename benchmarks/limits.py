"""Measure what a call may cost: the most memory, and how long Ctrl-C may have to wait.

python benchmarks/limits.py

Linux only. Each call has a process of its own. Memory is what a call adds to the process; the wait
is the longest time in which Python notices no signal.
"""

import multiprocessing
import signal
import time
from pathlib import Path

import numpy as np

import labelnoise

SIDE = 2048
KINDS = {
    **dict.fromkeys(("natural", "choppy", "bias", "wobble", "coarse", "shift", "elastic"), 3.0),
    **dict.fromkeys(("random", "omit", "invent"), 0.1),
}


def masks():
    """Draw a chessboard, random pixels and a disc."""
    rows, columns = np.ogrid[:SIDE, :SIDE]
    half = SIDE // 2
    return {
        "chessboard": (rows + columns) % 2 == 1,
        "random pixels": np.random.default_rng(0).random((SIDE, SIDE), np.float32) < 0.5,
        "disc": (rows - half) ** 2 + (columns - half) ** 2 < (half - 20) ** 2,
    }


def peak():
    """Return the most memory that this process has had, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(kind, name):
    """Return the memory in MiB and the wait in seconds of one call."""
    mask = masks()[name]
    half = SIDE // 2
    small = np.ascontiguousarray(mask[half - 99 : half + 99, 20:90])
    called = labelnoise.scores if kind == "scores" else getattr(labelnoise, kind)

    def call(mask):
        if kind == "scores":
            called(mask, np.roll(mask, 1, axis=0))
        else:
            called(mask, KINDS[kind], rng=0)

    call(small)  # compiles
    Path("/proc/self/clear_refs").write_text("5")  # forgets the most memory so far
    before, times = peak(), [time.perf_counter()]
    signal.signal(signal.SIGALRM, lambda *_: times.append(time.perf_counter()))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    call(mask)
    signal.setitimer(signal.ITIMER_REAL, 0)
    times.append(time.perf_counter())
    return peak() - before, max(np.diff(times))


def main():
    """Print a line for each kind of error, and one for the scores."""
    print(f"| {SIDE} x {SIDE} pixels | {' | '.join(masks())} |")
    print("| --- | --- | --- | --- |")
    spawn = multiprocessing.get_context("spawn")
    for kind in (*KINDS, "scores"):
        cells = []
        for name in masks():
            with spawn.Pool(1) as pool:
                memory, wait = pool.apply(measure, (kind, name))
            cells.append(f"{memory:.0f} MiB, {wait:.2f} s")
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
