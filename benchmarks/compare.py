"""Time labelnoise beside its peers, and how its cost grows.

    python benchmarks/compare.py [--data FOLDER] [--out docs/benchmarks.md]

Prints the page, and writes it with --out. Needs the packages of ".[benchmark]"; takes about eight
minutes.
"""

import os
import platform
import sys
import zlib
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

# One thread for PyTorch and ITK; no look for a newer version when Albumentations is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import cv2
import masks
import numpy as np
import peers
import scaling
from numpy.typing import NDArray
from speed import clock, floor

import labelnoise

PAGE = """# Timings

This page is what a program printed:

```sh
{command}
```

{machine}, one thread. {versions}.

## Beside other packages

{count} {masks}, each 512 x 512 pixels of uint8 ({share:.1%} of them positive). Each method runs at
the strength at which these masks have a mean Dice of 0.90, found by `labelnoise.calibrate` with
frozen seeds; where strengths are whole numbers or scores jump, at the nearest one. `match`,
`calibrate` and `solve_severity` have no strength: they look for that of each mask, within 0.005 of
Dice 0.90. All times are those of the documented call on what the package takes (tensors, say, are
made before the clock starts), with its output as it comes.

- **ms**: median over the masks of the median time of a call.
- **floor**: the same in units of tracing and filling the mask with OpenCV (`findContours`,
  `fillPoly`), {floor:.3f} ms.
- **copies**: in units of `numpy.copy` of the mask, {copy:.4f} ms.
- **Dice**: mean and standard deviation over the masks.

{peers}

The packages do different things: morphology makes a mask larger or smaller everywhere, deformations
move the image along (Albumentations deforms one that is not needed here, as its calls ask for it),
and none but labelnoise and roottrait knows of a score. "Plain Python" is the paper's description
written down without much thought of speed, in `benchmarks/plain.py`; OpenCV, scipy, scikit-image
and shapely are asked by a few lines of ours. OpenCV's shift takes the nearest pixel, of masks of
one label. `calibrate` is made for data sets; of a single mask it wants both ends of its bracket
near the target, `match` one.

## Objects

{count} drawn maps, 512 x 512, of 12 ellipses on average that have one of three labels, or, where
"one label" is said and for roottrait, their foreground. Strengths, times and scores as above; the
Dice score is the mean over labels. `omit` misses small objects rather than large ones, the others
any. batchgeneratorsv2 changes one object of a label. No other package here confuses objects, and
none that installs beside these moves end slices.{missing}

{objects}

## Image size

A disc with a wavy border, and strengths that grow with the image; times in units of the floor.

{sizes}

## Contour length

The same area within longer and longer contours, at 512 x 512; times in units of the floor.

{contours}

## Number of objects

Maps of three labels at 512 x 512, with ellipses at three of four places; times in units of the
floor.

{places}

## Labels

A drawn abdomen of 13 organs at 512 x 512, the last ones merged to fewer labels; milliseconds.

{labels}
"""


def main() -> None:
    """Print and write the page."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder in LiTS' layout (default: phantom)")
    parser.add_argument("--out", type=Path, help="file for the page")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    slices = masks.read(given.data)
    some = slices[np.linspace(0, len(slices) - 1, 60).astype(int)]
    base, copy = (median(clock(call, mask) for mask in some) for call in (floor, np.copy))
    maps = np.stack([masks.objects(seed=seed) for seed in range(len(some))])
    rows, missing = measure(some, peers.PACKAGES)
    objects, few = measure(maps, peers.OBJECTS)
    additions, _ = measure((maps > 0).view(np.uint8), peers.ADDITIONS)
    missing += few
    command = "python benchmarks/compare.py" + (" --data LITS" if given.data else "")
    page = PAGE.format(
        command=command + (f" --out {given.out}" if given.out else ""),
        machine=machine(),
        versions=", ".join(versions()),
        count=len(some),
        masks="slices of real livers" if given.data else "slices of synthetic livers",
        share=some.mean(),
        floor=1e3 * base,
        copy=1e3 * copy,
        peers=table(rows),
        objects=table(objects + additions[1:]),
        places=table(scaling.objects()),
        missing=f"\n\nNot installed, and so not timed: {', '.join(missing)}." if missing else "",
        sizes=table(scaling.sizes()),
        contours=table(scaling.contours()),
        labels=table(scaling.labels()),
    )
    print(page)
    if given.out:
        part = given.out.with_suffix(".part")
        part.write_text(page)
        part.replace(given.out)


def measure(some: NDArray[np.uint8], packages: Any) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return a row for each method, and the packages that are not there."""
    rows: list[tuple[str, ...]] = [("method", "strength", "ms", "floor", "copies", "Dice")]
    missing = []
    for package, methods in packages.items():
        try:
            for method in methods():
                rows.append((method.name, *time(method, some)))
                print("|", *rows[-1], file=sys.stderr, sep=" | ")
        except ImportError:
            missing.append(package)
    return rows, missing


def time(method: peers.Method, some: NDArray[np.uint8]) -> Iterator[str]:
    """Return the strength of one method, its times and scores."""
    strength = strength_of(method, some) if method.setting else 0.0
    yield f"{method.setting} {strength:.3g}".strip() if method.setting else "its own"
    scores = [score(method, mask, strength) for mask in some]
    call = method.build(strength, 0)
    times = []
    for mask in some:
        prepared = method.prepare(mask)
        seconds = clock(call, prepared)
        times.append((seconds, seconds / clock(floor, mask), seconds / clock(np.copy, mask)))
        if sum(first for first, *_ in times) > 3:
            break
    for value, digits in zip(map(median, zip(*times, strict=True)), (3, 2, 0), strict=True):
        yield f"{1e3 * value:.3f}" if digits == 3 else f"{value:.{digits}f}"
    yield f"{np.mean(scores):.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{np.std(scores):.3f}"


def strength_of(method: peers.Method, some: NDArray[np.uint8]) -> float:
    """Find the strength that gives a mean Dice of 0.90, or the nearest that is tried."""

    def perturb(mask: NDArray[np.uint8], strength: float, *, rng: Any) -> Any:
        return made(method, mask, strength) if strength else mask

    if not method.whole:
        tried: list[tuple[float, float]] = []
        with suppress(ValueError):  # the score jumps
            labelnoise.calibrate(
                some,
                perturb,
                peers.TARGET,
                tol=peers.TOL,
                rng=0,
                progress=lambda *point: tried.append(point),
            )
        return min(tried, key=lambda point: abs(point[1] - peers.TARGET))[0]

    def distance(strength: int) -> float:
        scores = [score(method, mask, strength) for mask in some]
        return abs(float(np.mean(scores)) - peers.TARGET)

    return min(range(1, 40), key=distance)


def score(method: peers.Method, mask: NDArray[np.uint8], strength: float) -> float:
    """Return the Dice score of what a method makes of a mask."""
    noisy = made(method, mask, strength)
    return noisy if isinstance(noisy, float) else labelnoise.dice(mask, noisy)


def made(method: peers.Method, mask: NDArray[np.uint8], strength: float) -> Any:
    """Return what a method makes of a mask, with a seed that belongs to the mask."""
    call = method.build(strength, zlib.crc32(mask))
    result = method.restore(call(method.prepare(mask)))
    return result if isinstance(result, float) else result.astype(np.uint8)


def table(rows: Any) -> str:
    """Write rows, the first of which is the head, as Markdown."""
    head, *rows = rows
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Tell what this runs on."""
    names = []
    if (cpus := Path("/proc/cpuinfo")).exists():
        names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
    name = names[0].split(":")[1].strip() if names else platform.machine()
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def versions() -> Iterator[str]:
    """Yield the version of each package that has a part in it."""
    for package in ["numpy", "numba", "scipy", "torch", *peers.PACKAGES]:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


if __name__ == "__main__":
    main()
