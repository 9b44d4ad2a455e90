"""Cases that have a file for each structure, read as one label map."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from ..files import Grid, LabelError, LabelFile, encoded, read, suffix_of
from ._sources import Source, find


def find_together(folder: Path, pattern: str) -> Source:
    """List the folders of cases; structures are numbered in the order of their names.

    A file's name without ending names its structure, in all cases. `Source.path` returns the folder
    of a case, and `Source.names` has the numbers.

    Raises
    ------
    UsageError
        As for `find`.
    """
    found = find(folder, "**/*" if pattern == "*" else pattern)
    cases: dict[str, Path] = {}
    structures: dict[str, dict[str, str]] = {}
    for name, file in found.cases.items():
        inner = PurePath(name).parent
        case = inner.as_posix() if inner.parts else normalize("NFC", found.folder.resolve().name)
        cases[case] = file.parent
        structures.setdefault(case, {})[PurePath(name).name] = file.name
    every = sorted({name for files in structures.values() for name in files})
    names = {name: [number] for number, name in enumerate(every, 1)}
    return replace(found, cases=cases, structures=structures, names=names)


class Together(LabelFile):
    """The files of a case as one label map; each structure has its number.

    Parameters
    ----------
    folder : path
        Folder of the case.
    names : dict of str to list of int
        The numbers of structures, by their files' names without ending.
    """

    def __init__(self, folder: Path, names: Mapping[str, Sequence[int]]) -> None:
        self._files: dict[int, tuple[Path, int]] = {}  # with the value of the structure in it
        for path in sorted(folder.iterdir()):
            ending = suffix_of(path.name)
            name = normalize("NFC", path.name[: -len(ending)]) if ending else ""
            for number in names.get(name, ()):
                try:
                    self._add(path, number, len(names))
                except ValueError as error:
                    raise LabelError(f"{path.name!r}: {error}") from error
        if not self._files:
            raise LabelError("has no file of a structure")

    def _add(self, path: Path, number: int, most: int) -> None:
        file = read(path)
        inside = file.labels != 0
        values = np.unique(file.labels[inside])
        if len(values) > 1:
            raise LabelError("has several labels, not one structure; leave it out by --pattern")
        if not self._files:
            self._first = copy(file)
            self.labels = np.zeros(file.labels.shape, np.min_scalar_type(most))
            self._first.labels = self.labels
        elif file.labels.shape != self.labels.shape or not file.lies_as(self._first):
            raise LabelError("lies elsewhere than the other structures; resample it")
        others = np.unique(self.labels[inside])
        if others.any():
            other = self._files[int(others[-1])][0].name
            raise LabelError(f"overlaps {other!r}; perturb them one by one, without --together")
        self.labels[inside] = number
        self._files[number] = path, int(values[0]) if len(values) else 0

    def contents(self, labels: NDArray[Any]) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each file with other labels; each is read again."""
        for number, (path, value) in self._files.items():
            file = read(path)
            new = np.where(labels == number, value, 0).astype(file.labels.dtype)
            yield path.name, encoded(file, path.name, new)

    @property
    def grid(self) -> Grid | None:
        """Where the pixels lie, if the files tell."""
        return getattr(self._first, "grid", None)

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        return self._first.axes(plane, volumes)

    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        return self._first.spacing(axes)

    def upright(self, axes: tuple[int, ...]) -> NDArray[Any]:
        return self._first.upright(axes)

    def lies_as(self, other: LabelFile) -> bool:
        return self._first.lies_as(other._first if isinstance(other, Together) else other)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Refuse to be one file."""
        raise LabelError("is stored in several files")

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a file like the first structure's, with a number for each pixel."""
        return self._first.encode_shares(shares)

    def kept(self) -> dict[str, Any]:
        """Return what stays in each file."""
        return {path.name: read(path).kept() for path, _ in self._files.values()}
