"""The study's table beside the paper's, and its record on disk."""

from __future__ import annotations

import itertools
import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

# Mean Dice in Heller et al. (2018): U-Net, SegNet, FCN32.
PAPER = {
    "control": (0.9134, 0.8993, 0.8870),
    "natural 0.95": (0.8880, 0.8640, 0.8587),
    "natural 0.90": (0.8193, 0.8265, 0.8250),
    "natural 0.85": (0.7521, 0.7717, 0.7581),
    "choppy 0.95": (0.8928, 0.8799, 0.8660),
    "choppy 0.90": (0.8321, 0.8268, 0.8202),
    "choppy 0.85": (0.8058, 0.7823, 0.7782),
    "random 0.95": (0.9124, 0.9050, 0.8881),
    "random 0.90": (0.9213, 0.9013, 0.8751),
    "random 0.85": (0.9182, 0.9068, 0.8676),
}
TITLES = {"unet": "U-Net", "segnet": "SegNet", "fcn32": "FCN32"}


def table(results: Iterable[dict[str, Any]], models: Iterable[str], labels: Iterable[str]) -> str:
    """Lay out the mean test Dice of each cell over its repeats, the paper's value beside it."""
    means: dict[tuple[str, str], list[float]] = {}
    for result in results:
        means.setdefault((result["labels"], result["model"]), []).append(result["test_dice"])
    models = list(models)
    lines = [
        f"{'Mean test Dice':<16}" + "".join(f"{TITLES[model]:^18}" for model in models),
        f"{'':<16}" + "".join(f"{'here':>9}{'paper':>7}  " for _ in models),
    ]
    for row in labels:
        line = f"{row:<16}"
        for model in models:
            here = means.get((row, model))
            paper = PAPER.get(row, ())[list(TITLES).index(model) :][:1]
            line += f"{np.mean(here):>9.3f}" if here else f"{'-':>9}"
            line += f"{paper[0]:>7.3f}  " if paper else f"{'-':>7}  "
        lines.append(line)
    return "\n".join(line.rstrip() for line in lines)


def versions() -> dict[str, str]:
    """Name the versions that decide the numbers."""
    found = {"python": platform.python_version()}
    for package in ("labelnoise", "torch", "numpy", "numba", "scipy", "scikit-image", "nibabel"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def free(path: Path) -> Path:
    """Return the path, or the first numbered one beside it, where no file is yet."""
    paths = itertools.chain(
        [path], (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    )
    return next(candidate for candidate in paths if not candidate.exists())


def save(path: Path, record: dict[str, Any]) -> None:
    """Write the record whole or not at all, whenever the power goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    os.replace(temporary, path)
