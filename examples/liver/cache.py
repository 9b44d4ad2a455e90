"""Shrunk slices kept on disk, so that a study's runs and processes share one reading."""

from __future__ import annotations

import hashlib
import json
import os
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

    def describe(self) -> str:
        """Tell what it is, for people."""

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
    place = digest(FORMAT, repr(source), size, window)
    entry = folder / f"{place}-{digest(source.stamp())}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{place}.lock"):
        if not entry.is_dir():
            say(f"Reading {source.describe()} into {folder}")
            partial = folder / f"{place}.part"
            shutil.rmtree(partial, ignore_errors=True)
            write(source, size, window, partial)
            old = folder / f"{place}.old"
            for stale in folder.glob(f"{place}-*"):  # renamed first: a half of it never counts
                shutil.rmtree(old, ignore_errors=True)
                stale.rename(old)
            shutil.rmtree(old, ignore_errors=True)
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
            index["origin"],
        )


FORMAT = 1  # of the entries, and of what makes them: another number makes all anew


def write(source: Source, size: int, window: Window, folder: Path) -> None:
    """Write slices as they come; only one volume's are in memory at a time."""
    folder.mkdir()
    patients: list[str] = []
    names: list[str] = []
    content = hashlib.sha256()
    with open(folder / "images", "wb") as images, open(folder / "labels", "wb") as labels:
        for part in source.draw(size, window):
            for file, array in ((images, part.images), (labels, part.labels)):
                data = array.tobytes()
                file.write(data)
                content.update(data)
            patients += part.patients.tolist()
            names += part.names
        for file in (images, labels):
            file.flush()
            os.fsync(file.fileno())
    if not names:
        raise ValueError("The data hold no slice with liver: give --data other segmentations.")
    content.update(repr((patients, names)).encode())
    origin = f"{source.describe()} {content.hexdigest()[:12]}"
    index = {"patients": patients, "names": names, "origin": origin}
    with open(folder / "index.json", "w") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())


def digest(*parts: object) -> str:
    """Shorten what tells entries apart to a name."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
