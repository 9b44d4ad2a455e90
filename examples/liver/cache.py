"""Shrunk slices kept on disk, so that a study's runs and processes share one reading."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock

from liver.data import Slices, Window


class Source(Protocol):
    """Where slices come from: `Folder` or `Phantom`."""

    def stamp(self) -> list[tuple[str, int, int]]:
        """List name, size and date of every file read."""

    def identity(self) -> str:
        """Name what the slices are, wherever they lie."""

    def draw(self, size: int, window: Window) -> Iterator[Slices]:
        """Make the slices, a volume at a time."""


def load(
    source: Source,
    size: int,
    window: Window,
    folder: Path,
    say: Callable[[str], None] = lambda text: None,
) -> Slices:
    """Map the slices of a source into memory, reading it first if that has not been done.

    An entry is of one source, size, window, and one stamp of the source's files: when a file
    changes, the next call makes a new entry and removes the old one. Of two processes that
    need the same entry one makes it, and the other waits. An entry gets its name when it is
    whole.

    Parameters
    ----------
    source : Folder or Phantom
        What to read.
    size, window : int, (int, int)
        Pixels along each side of a slice, and the Hounsfield units that become -1 and 1.
    folder : path
        Where the entries lie.
    say : callable
        Told what takes long.
    """
    place = digest(repr(source), size, window)
    entry = folder / f"{place}-{digest(source.stamp())}"
    if not entry.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{place}.lock"):
            if not entry.is_dir():
                say(f"Reading {source.identity()} into {folder}")
                partial = folder / f"{place}.part"
                shutil.rmtree(partial, ignore_errors=True)
                write(source.draw(size, window), partial)
                for stale in folder.glob(f"{place}-*"):
                    shutil.rmtree(stale, ignore_errors=True)
                partial.rename(entry)
    index = json.loads((entry / "index.json").read_text())
    shape = (len(index["names"]), size, size)

    def mapped(name: str, dtype: type) -> Any:
        return np.memmap(entry / name, dtype, "r", shape=shape)

    return Slices(
        mapped("images", np.float16),
        mapped("labels", np.uint8),
        np.array(index["patients"]),
        tuple(index["names"]),
    )


def write(parts: Iterator[Slices], folder: Path) -> None:
    """Write slices as they come; only one volume's are in memory at a time."""
    folder.mkdir()
    patients: list[str] = []
    names: list[str] = []
    with open(folder / "images", "wb") as images, open(folder / "labels", "wb") as labels:
        for part in parts:
            images.write(part.images.tobytes())
            labels.write(part.labels.tobytes())
            patients += part.patients.tolist()
            names += part.names
    if not names:
        raise ValueError("The data hold no slice with liver: give --data other segmentations.")
    (folder / "index.json").write_text(json.dumps({"patients": patients, "names": names}))


def digest(*parts: object) -> str:
    """Shorten what tells entries apart to a name."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
