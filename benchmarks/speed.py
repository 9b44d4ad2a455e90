"""Time every call as a ratio to tracing and filling the same masks with OpenCV.

    python benchmarks/speed.py [--data FOLDER]

One thread, warm, 100 slices of 512 x 512: the median of their ratios, each of the medians of 7
calls and of 7 of the floor, `cv2.findContours` (two levels, all points) and `cv2.fillPoly` of the
same slice. All that a caller pays is included. Slices of liver, or, for errors in objects, of liver
and at least two lesions (without data, drawn maps of three labels); the floor is that of their
foreground. Then milliseconds for a volume in planes, a map of 13 organs and one of 21,316 cells,
for volumes in space, and the first call of a process. Takes about two minutes.
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import masks
import numpy as np
from numpy.typing import NDArray

import labelnoise
from labelnoise.noise import limit_of

STRENGTHS = {  # about Dice 0.90 on slices of livers, or of livers and lesions
    labelnoise.natural: 7.21,
    labelnoise.choppy: 10.5,
    labelnoise.random: 0.1,
    labelnoise.bias: 4.8,
    labelnoise.wobble: 5.7,
    labelnoise.coarse: 15.0,
    labelnoise.shift: 6.0,
    labelnoise.elastic: 5.7,
    labelnoise.omit: 0.5,
    labelnoise.invent: 0.3,
    labelnoise.confuse: 0.15,
    labelnoise.ends: 6.6,
}
OBJECTS = (labelnoise.omit, labelnoise.invent, labelnoise.confuse)  # they need several
VOLUMES = (labelnoise.ends,)
BOUNDARIES = tuple(noise for noise in STRENGTHS if noise not in OBJECTS + VOLUMES)
GOALS = {  # largest ratios to the floor that are wanted
    labelnoise.coarse: 8,
    labelnoise.shift: 8,
    **dict.fromkeys((labelnoise.elastic, labelnoise.bias, labelnoise.wobble, *OBJECTS), 20),
}
FIRST_CALL = """
from time import perf_counter
import numpy
start = perf_counter()
import labelnoise
loaded = perf_counter()
mask = numpy.zeros((64, 64), numpy.uint8)
mask[20:40, 10:50] = 1
labelnoise.{name}({call}, rng=0)
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


def scaled(perturb: Any, scale: float) -> float:
    """Return a strength for lengths so many times as large; rates stay."""
    return STRENGTHS[perturb] * (1.0 if limit_of(perturb) == 1 else scale)


def matches(mask: NDArray[np.uint8], perturb: Any) -> bool:
    """Match a mask to Dice 0.90; tell whether that was possible."""
    try:
        labelnoise.match(mask, perturb, 0.9, tol=0.0015, rng=0)
    except ValueError:
        return False
    return True


def first_call(name: str) -> None:
    """Time import and first call in fresh processes, without and with compiled code on disk."""
    call = {
        "confuse": "mask, 1.0, into={1: 2}",
        "ends": "mask[None], 1.0, axes=(0, 1, 2)",
    }.get(name, "mask, 1.0")
    with tempfile.TemporaryDirectory() as cache:
        for what in ("compiling", "from cache"):
            seconds = subprocess.run(
                [sys.executable, "-c", FIRST_CALL.format(name=name, call=call)],
                capture_output=True,
                check=True,
                text=True,
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
            ).stdout.split()
            loaded, called = map(float, seconds)
            print(f"{name:10} {what:12} import {loaded:.3f} s, first call {called:.2f} s")


def main() -> None:
    """Print the tables."""
    cv2.setNumThreads(1)
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder in LiTS' layout (default: phantom)")
    folder = parser.parse_args().data
    livers, maps = (spread(stack, 100) for stack in (masks.read(folder), masks.maps(folder)))
    rng = np.random.default_rng(0)
    copies = 2 * compare(np.copy, livers.astype(np.int64), floor, livers)
    print(f"two copies of an int64 slice: {copies:.2f} of the floor")
    print(
        "ratio to floor   uint8 (goal)   bool  rng=7   int64 less 2 copies   Dice"
        "   match / call (reached)"
    )
    for perturb in BOUNDARIES + OBJECTS:
        strength, is_map = STRENGTHS[perturb], perturb in OBJECTS
        slices = maps if is_map else livers
        wide = slices.astype(np.int64)
        base = 2 * compare(np.copy, wide, floor, slices) if is_map else copies
        call = partial(lambda mask: perturb(mask, strength, rng=rng))
        row = [
            compare(call, slices, floor, slices),
            GOALS.get(perturb, ""),
            np.nan if is_map else compare(call, slices.astype(bool), floor, slices),
            compare(lambda mask: perturb(mask, strength, rng=7), slices, floor, slices),
            compare(call, wide, floor, slices) - base,
            np.mean([labelnoise.dice(mask, call(mask)) for mask in slices]),
        ]
        print(
            "{:15}{:7.2f}{:>7}{:7.2f}{:7.2f}{:22.2f}{:7.3f}".format(perturb.__name__, *row), end=""
        )
        reached = [] if is_map else [mask for mask in slices if matches(mask, perturb)]
        ratio = compare(partial(matches, perturb=perturb), reached, call, reached) if reached else 0
        print(f"{ratio:15.1f} ({len(reached)})" if reached else "", flush=True)

    ball = np.sqrt((np.square(np.indices((96, 96, 96)) - 48)).sum(axis=0)) < 40
    cells = masks.cells()
    classes = np.where(cells, cells % 3 + 1, 0)  # objects of three labels, not of 21,316
    others = {
        "96 x 96 x 96, in planes": (ball, ball, 1.0),
        "13 labels, 512 x 512": (masks.abdomen(), masks.abdomen(), 1.0),
        "21,316 cells, 2048 x 2048": (cells, classes, 0.2),
    }
    print("\nms            " + "".join(f"{name:>27}" for name in others))
    for perturb in BOUNDARIES + OBJECTS:
        row = []
        for instances, objects, scale in others.values():
            mask, amount = objects if perturb in OBJECTS else instances, scaled(perturb, scale)
            row.append(1e3 * clock(lambda mask: perturb(mask, amount, rng=rng), mask))
        print(f"{perturb.__name__:14}" + "".join(f"{ms:27.2f}" for ms in row), flush=True)

    volumes, steps = zip(*masks.volumes(folder), strict=True)
    print(
        f"\n{len(volumes)} volumes of {min(map(len, volumes))} to {max(map(len, volumes))} slices"
    )
    print("in space      ms for a volume   ratio to floor   Dice")
    for perturb in VOLUMES + OBJECTS:
        seconds, ratios, scores = [], [], []
        for volume, spacing in zip(volumes, steps, strict=True):
            call = partial(
                perturb, volume, STRENGTHS[perturb], axes=(0, 1, 2), spacing=spacing, rng=rng
            )
            seconds.append(clock(lambda _: call(), None))
            ratios.append(seconds[-1] / clock(lambda volume: [*map(floor, volume)], volume))
            scores.append(labelnoise.dice(volume, call()))
        print(
            f"{perturb.__name__:14}{1e3 * median(seconds):15.2f}{median(ratios):17.2f}"
            f"{np.mean(scores):7.3f}",
            flush=True,
        )
    print()
    for perturb in STRENGTHS:
        first_call(perturb.__name__)


def spread(stack: Any, count: int) -> Any:
    """Return so many of a stack, evenly spaced, or all of them."""
    return stack[np.linspace(0, len(stack) - 1, min(count, len(stack))).astype(int)]


if __name__ == "__main__":
    main()
