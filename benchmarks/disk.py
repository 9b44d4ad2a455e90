"""Time noisy copies of a folder of NIfTI labels against nibabel alone, and check the targets.

    python benchmarks/disk.py --data FOLDER [--pattern 'segmentation-*']

Seconds for a case: nibabel reading and writing; `labelnoise perturb` with one and with two
processes at a fixed strength (medians of three runs), with --dice and with --per-case (one run).
The most memory of a process. Then a copy for three targets of each kind: how far its mean and its
worst case are off.
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import nibabel
import numpy as np

from labelnoise.cli import main

STRENGTHS = {"natural": "4", "choppy": "4", "random": "0.1", "bias": "2", "wobble": "2"}
PEAK = """
import resource, sys
from labelnoise.cli import main
main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def with_nibabel(files: list[Path], target: Path) -> None:
    """Read and write the files."""
    target.mkdir()
    for path in files:
        image: Any = nibabel.load(path)
        labels = np.asarray(image.dataobj)
        nibabel.save(nibabel.Nifti1Image(labels, image.affine, image.header), target / path.name)


def timed(call: Callable[[Path], Any], folder: Path, cases: int, runs: int = 3) -> float:
    """Return the median seconds for a case, each time into a new folder."""
    seconds = []
    for _ in range(runs):
        target = Path(tempfile.mkdtemp(dir=folder)) / "out"
        start = perf_counter()
        call(target)
        seconds.append((perf_counter() - start) / cases)
    return median(seconds)


def run() -> None:
    """Print what each way takes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pattern", default="*")
    options = parser.parse_args()
    files = sorted(options.data.glob(options.pattern))

    def perturb(target: Path, *arguments: str) -> dict[str, Any]:
        command = ["perturb", str(options.data), str(target), "--pattern", options.pattern]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = main([*command, *arguments])
        if code:
            raise SystemExit(f"labelnoise {' '.join(arguments)} gave {code}")
        manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text())
        return manifest

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for noise, strength in STRENGTHS.items():  # compiles
            perturb(folder / noise, "--noise", noise, "--strength", strength)
        base = timed(lambda target: with_nibabel(files, target), folder, len(files))
        print(f"{'seconds a case':32} {'1 process':>9} {'/ nibabel':>9} {'2':>7} {'faster':>6}")
        print(f"{'nibabel, read and write':32} {base:9.3f} {1:9.2f}")
        for noise, strength in STRENGTHS.items():
            ways = {
                noise: ["--strength", strength],
                f"{noise}, --dice 0.9": ["--dice", "0.9"],
                f"{noise}, --dice 0.9 --per-case": ["--dice", "0.9", "--per-case"],
            }
            for way, more in ways.items():
                arguments = ["--noise", noise, *more]
                one, two = (
                    timed(
                        lambda target: perturb(target, *arguments, "--workers", workers),
                        folder,
                        len(files),
                        3 if more[0] == "--strength" else 1,
                    )
                    for workers in "12"
                )
                print(f"{way:32} {one:9.3f} {one / base:9.2f} {two:7.3f} {one / two:6.2f}")
        command = ["perturb", str(options.data), str(folder / "peak"), "--pattern"]
        command += [options.pattern, "--noise", "natural", "--strength", "4"]
        peak = subprocess.run(
            [sys.executable, "-c", PEAK, *command], capture_output=True, text=True, check=True
        )
        print(f"\nmost memory of a process: {peak.stdout.split()[-1]} MiB")
        print(f"\n{'target':16} {'strength':>9} {'mean off by':>12} {'per case, worst':>16}")
        for noise in STRENGTHS:
            for target in 0.95, 0.9, 0.85:
                wanted = ["--noise", noise, "--dice", str(target)]
                whole = perturb(folder / f"{noise} {target}", *wanted, "--workers", "2")
                each = perturb(
                    folder / f"{noise} {target} each", *wanted, "--per-case", "--workers", "2"
                )
                off = mean(scores(whole)) - target
                worst = max(abs(score - target) for score in scores(each))
                strength = whole["found"]["strength"]
                print(f"{noise + ' ' + str(target):16} {strength:9.4g} {off:12.4f} {worst:16.4f}")


def scores(manifest: dict[str, Any]) -> list[float]:
    """Return the mean Dice score of each case that has labels."""
    return [mean(case["dice"].values()) for case in manifest["cases"] if case["dice"]]


if __name__ == "__main__":
    run()
