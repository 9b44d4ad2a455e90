"""Time every call as a ratio to tracing and filling the same masks with OpenCV.

    python benchmarks/speed.py [--data FOLDER]

One thread, warm, median over 100 slices of 512 x 512 of the median of 7 calls. All that a caller
pays is included. The floor, `cv2.findContours` (two levels, all points) and `cv2.fillPoly`, is
timed in the same process, before and after. Takes about a minute.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import masks
import numpy as np
from numpy.typing import NDArray

import labelnoise

STRENGTHS = {labelnoise.natural: 7.21, labelnoise.choppy: 10.5, labelnoise.random: 0.1}
FIRST_CALL = """
from time import perf_counter
import numpy
start = perf_counter()
import labelnoise
loaded = perf_counter()
mask = numpy.zeros((64, 64), numpy.uint8)
mask[20:40, 10:50] = 1
labelnoise.{name}(mask, 0.1, rng=0)
print(loaded - start, perf_counter() - loaded)
"""


def floor(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Trace and fill with OpenCV."""
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return cv2.fillPoly(np.zeros_like(mask), contours, 1)


def time(call: Callable[[Any], object], slices: Iterable[Any], repeats: int = 7) -> float:
    """Return the median time of a call in microseconds."""
    medians = []
    for mask in slices:
        times = []
        for _ in range(repeats):
            start = perf_counter()
            call(mask)
            times.append(perf_counter() - start)
        medians.append(median(times))
    return 1e6 * median(medians)


def first_call(name: str) -> None:
    """Time import and first call in fresh processes, without and with compiled code on disk."""
    with tempfile.TemporaryDirectory() as cache:
        for what in ("compiling", "from cache"):
            seconds = subprocess.run(
                [sys.executable, "-c", FIRST_CALL.format(name=name)],
                capture_output=True,
                check=True,
                text=True,
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
            ).stdout.split()
            loaded, called = map(float, seconds)
            print(f"{name:10} {what:12} import {loaded:.3f} s, first call {called:.2f} s")


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    stack = masks.load(__doc__)
    slices = stack[np.linspace(0, len(stack) - 1, 100).astype(int)]
    wide = slices.astype(np.int64)
    rng = np.random.default_rng(0)
    before = time(floor, slices)
    rows = []
    for perturb, strength in STRENGTHS.items():
        call = partial(perturb, rng=rng)
        once = time(lambda mask: call(mask, strength), slices)
        binary = time(lambda mask: call(mask, strength), slices.view(bool))
        long = time(lambda mask: call(mask, strength), wide)
        seeded = time(lambda mask: perturb(mask, strength, rng=7), slices)
        search = time(
            lambda mask: labelnoise.match(mask, perturb, 0.9, tol=0.0015, rng=rng), slices, 3
        )
        rows.append((perturb.__name__, once, binary, seeded, long, search))
    after = time(floor, slices)
    base = (before + after) / 2
    copy = time(np.copy, wide)
    print(f"floor {before:.0f} and {after:.0f} us; copy of an int64 slice {copy:.0f} us")
    print("ratio to floor   uint8   bool  rng=7   int64 less 2 copies   match / uint8")
    for name, once, binary, seeded, long, search in rows:
        ratios = [value / base for value in (once, binary, seeded, long - 2 * copy)]
        print("{:15}{:7.2f}{:7.2f}{:7.2f}{:22.2f}{:16.1f}".format(name, *ratios, search / once))

    block = np.resize(stack, (200, *stack.shape[1:]))
    print("\nstack of 200: two workers against one (median of 5 pairs)")
    for perturb, strength in STRENGTHS.items():
        ratios = []
        for _ in range(5):
            one, two = (
                time(lambda _: perturb(block, strength, rng=0, workers=n), [None], 1)
                for n in (1, 2)
            )
            ratios.append(one / two)
        print(f"{perturb.__name__:10} {median(ratios):.2f} times as fast")
    print()
    for perturb in STRENGTHS:
        first_call(perturb.__name__)


if __name__ == "__main__":
    main()
