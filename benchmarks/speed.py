"""Time every call as a ratio to tracing and filling the same masks with OpenCV.

    python benchmarks/speed.py [--data FOLDER]

One thread, warm, 100 slices of 512 x 512: the median of their ratios, each of the medians of 7
calls and of 7 of the floor, `cv2.findContours` (two levels, all points) and `cv2.fillPoly` of the
same slice. All that a caller pays is included. Then a volume in planes, a map of 13 organs and one
of 21,316 cells, and the first call of a process. Takes about a minute.
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

STRENGTHS = {
    labelnoise.natural: 7.21,
    labelnoise.choppy: 10.5,
    labelnoise.random: 0.1,
    labelnoise.bias: 3.0,
    labelnoise.wobble: 3.0,
}
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


def clock(call: Callable[[Any], object], argument: Any) -> float:
    """Return the median time of 7 calls in seconds, of 3 if they are slow."""
    times: list[float] = []
    while len(times) < (3 if sum(times) > 0.3 else 7):
        start = perf_counter()
        call(argument)
        times.append(perf_counter() - start)
    return median(times)


def compare(
    call: Callable[[Any], object], masks: Iterable[Any], base: Callable[[Any], object], bases: Any
) -> float:
    """Return the median over masks of the time of `call` in units of `base`'s."""
    return median(
        clock(call, mask) / clock(base, other) for mask, other in zip(masks, bases, strict=True)
    )


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
    copies = 2 * compare(np.copy, wide, floor, slices)
    print(f"two copies of an int64 slice: {copies:.2f} of the floor")
    print("ratio to floor   uint8   bool  rng=7   int64 less 2 copies   match / one call")
    for perturb, strength in STRENGTHS.items():
        call = partial(perturb, rng=rng)
        match = partial(labelnoise.match, perturb=perturb, target=0.9, tol=0.0015, rng=rng)
        row = [
            compare(lambda mask: call(mask, strength), slices, floor, slices),
            compare(lambda mask: call(mask, strength), slices.astype(bool), floor, slices),
            compare(lambda mask: perturb(mask, strength, rng=7), slices, floor, slices),
            compare(lambda mask: call(mask, strength), wide, floor, slices) - copies,
            compare(match, slices, lambda mask: call(mask, strength), slices),
        ]
        print("{:15}{:7.2f}{:7.2f}{:7.2f}{:22.2f}{:19.1f}".format(perturb.__name__, *row))

    ball = np.sqrt((np.square(np.indices((96, 96, 96)) - 48)).sum(axis=0)) < 40
    others = {
        "96 x 96 x 96, in planes": (ball, 1.0),
        "13 labels, 512 x 512": (masks.abdomen(), 1.0),
        "21,316 cells, 2048 x 2048": (masks.cells(), 0.2),
    }
    print("\nms            " + "".join(f"{name:>27}" for name in others))
    for perturb, strength in STRENGTHS.items():
        row = []
        for mask, scale in others.values():
            amount = strength if perturb is labelnoise.random else scale * strength
            row.append(1e3 * clock(lambda mask: perturb(mask, amount, rng=rng), mask))
        print(f"{perturb.__name__:14}" + "".join(f"{ms:27.2f}" for ms in row))
    print()
    for perturb in STRENGTHS:
        first_call(perturb.__name__)


if __name__ == "__main__":
    main()
