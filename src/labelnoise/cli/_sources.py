"""Folders of labels: which cases they hold, and what a noisy copy needs besides."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._files import SUFFIXES, publish, suffix_of

_NNUNET = re.compile(r"Dataset(\d{3})_\w+")


class UsageError(Exception):
    """What was asked for cannot be done: one sentence with the argument and the remedy."""


@dataclass(frozen=True)
class Source:
    """A folder of labels.

    Attributes
    ----------
    folder : path
        The folder that was named.
    inner : str
        Where in it labels lie: ``labelsTr`` in a raw dataset of nnU-Net, else nothing.
    cases : dict of str to path
        The files by their names without ending, relative to `inner`, sorted.
    dataset : dict or None
        nnU-Net's dataset.json.
    """

    folder: Path
    inner: str
    cases: dict[str, Path]
    dataset: dict[str, Any] | None = None

    def path(self, case: str) -> Path:
        """Return the label file of a case."""
        return self.folder / self.inner / self.cases[case]

    @property
    def endings(self) -> set[str]:
        """The endings of the files' names."""
        return {suffix_of(path.name) for path in self.cases.values()}

    @property
    def drawn(self) -> list[int] | None:
        """The labels that annotators drew, if dataset.json tells: not the ignored one."""
        if self.dataset is None:
            return None
        drawn = set()
        for name, labels in self.dataset["labels"].items():
            if name != "ignore":
                drawn |= {int(label) for label in labels} if isinstance(labels, list) else {labels}
        return sorted(drawn - {0})


def find(folder: Path, pattern: str) -> Source:
    """List the label files of a folder.

    Raises
    ------
    UsageError
        If there is no such folder, no label file, or two of the same name.
    """
    if not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is no folder; pass one that holds labels")
    inner, dataset = "", None
    if (folder / "labelsTr").is_dir() and (folder / "dataset.json").is_file():
        inner, dataset = "labelsTr", _dataset(folder / "dataset.json")
    cases: dict[str, Path] = {}
    top = folder / inner
    try:
        paths = sorted(top.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise UsageError(
            f"--pattern={pattern!r}: pass a pattern relative to {str(top)!r}, e.g. '**/*'"
        ) from error
    for path in paths:
        ending = suffix_of(path.name)
        if not ending or path.name.startswith(".") or not path.is_file():
            continue
        name = path.relative_to(top).as_posix()
        case = name[: -len(ending)]
        if case in cases:
            raise UsageError(f"{str(top)!r} holds {case!r} twice; keep one of the files")
        cases[case] = Path(name)
    if not cases:
        raise UsageError(
            f"{str(top)!r} holds no label file that matches {pattern!r} and ends in "
            f"{', '.join(SUFFIXES)}; pass another folder or --pattern"
        )
    return Source(folder, inner, cases, dataset)


def _dataset(path: Path) -> dict[str, Any]:
    try:
        dataset = json.loads(path.read_text(encoding="utf-8"))
        for value in dataset["labels"].values():
            list(map(int, value if isinstance(value, list) else [value]))
        known = dataset["file_ending"]
    except (AttributeError, ValueError, KeyError, TypeError):
        known = ""
    if not known:
        raise UsageError(
            f"{str(path)!r} has no labels (integers by their names) or no file_ending; "
            "convert the dataset to nnU-Net 2"
        )
    if known not in SUFFIXES:
        raise UsageError(
            f"{str(path)!r} has file_ending {known!r}; convert the labels to one of "
            f"{', '.join(SUFFIXES)}"
        )
    if "dataset" in dataset:
        raise UsageError(
            f"{str(path)!r} lists files elsewhere; put them into imagesTr and labelsTr"
        )
    return dict(dataset)


def check_apart(source: Path, target: Path) -> None:
    """Refuse to write into the folder that is read."""
    try:
        one, other = source.resolve(), target.resolve()
    except RuntimeError as error:
        raise UsageError(f"{error}; pass other folders") from error
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(f"DST={str(target)!r} and SRC lie in each other; pass a folder elsewhere")


def check_nnunet(source: Source, target: Path) -> None:
    """Refuse names that nnU-Net would not find, or would take for another dataset."""
    if source.dataset is None:
        return
    name = _NNUNET.fullmatch(target.name)
    if not name:
        raise UsageError(f"DST={str(target)!r}: nnU-Net needs a name like Dataset501_LiverNoisy")
    for folder in {source.folder.resolve().parent, target.resolve().parent}:
        for other in folder.glob(f"Dataset{name[1]}_*"):
            if other.resolve() != target.resolve():
                raise UsageError(
                    f"DST={str(target)!r}: {other.name} has number {name[1]} already; "
                    "pass another number"
                )


def copy_rest(source: Source, target: Path, copy_images: bool) -> None:
    """Give a noisy nnU-Net dataset its images, its test set and its dataset.json."""
    if source.dataset is None:
        return
    for folder in "imagesTr", "imagesTs", "labelsTs":
        for path in sorted((source.folder / folder).glob("*")):
            new = target / folder / path.name
            if new.exists() or not path.is_file():
                continue
            new.parent.mkdir(parents=True, exist_ok=True)
            if copy_images:
                part = new.with_name(f".{new.name}.{os.getpid()}.part")
                shutil.copyfile(path, part)
                part.replace(new)
            else:
                new.symlink_to(path.resolve())
    for name in "dataset.json", "splits_final.json":
        if (source.folder / name).exists():
            publish(target / name, (source.folder / name).read_bytes())
