"""Folders of labels: which cases they hold, and what is left out."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import Any
from unicodedata import normalize

from ..files import SUFFIXES, publish, suffix_of
from ._images import image_beside
from ._nnunet import (
    check_nnunet,
    copy_dataset,
    labels_elsewhere,
    located,
    names_of,
    placed,
    read_dataset,
)
from ._usage import UsageError

__all__ = [
    "Source",
    "UsageError",
    "check_apart",
    "check_nnunet",
    "copy_rest",
    "find",
    "is_file_name",
    "located",
    "placed",
]
_FEW = 5  # names that a message lists
_COMPANIONS = re.compile(
    r"(?:readme|licen[cs]e|changes|citation|notice|authors|version|thumbs\.db)"
    r"|.*\.(?:jsonl?|txt|md|rst|[ct]sv|xlsx?|xml|ya?ml|toml|ini|cfg|log|pdf|html?|py|ipynb|sh"
    r"|bvals?|bvecs?|tfw|tifw|pgw|pngw|wld|prj|raw|zraw|md5|sha\d+|lock)",
    re.IGNORECASE,
)
_OURS = "manifest.json", "dataset.json"
_POINTER = 1024  # bytes that a pointer to a file has at most
_POINTERS = {b"/annex/objects/": "git annex get", b"https://git-lfs.github": "git lfs pull"}


@dataclass(frozen=True)
class Source:
    """A folder of labels.

    Attributes
    ----------
    folder : path
        The folder that was named, or that of the file that was named.
    inner : str
        Where in it labels lie: ``labelsTr`` in a raw dataset of nnU-Net, else nothing.
    cases : dict of str to path
        The files by their names without ending, relative to `inner`, sorted. Names are in Unicode's
        composed form (NFC), files as they are called.
    dataset : dict or None
        nnU-Net's dataset.json.
    names : dict of str to list of int
        Labels by their names, as dataset.json tells them; a region has several.
    skipped : dict of str to str
        Files that match and are left out, each with the reason; none is called as a case.
    elsewhere : dict of str to path
        Files of cases that lie elsewhere than `cases` tells.
    structures : dict of str to dict of str to str
        The names of a case's files by their structures, if each has a file of its own; `cases` then
        has the folders of the files.
    single : bool
        Whether a file was named instead of a folder.
    """

    folder: Path
    inner: str
    cases: dict[str, Path]
    dataset: dict[str, Any] | None = None
    names: dict[str, list[int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[str, Path] = field(default_factory=dict)
    structures: dict[str, dict[str, str]] = field(default_factory=dict)
    single: bool = False

    def path(self, case: str) -> Path:
        """Return the label file of a case."""
        return self.elsewhere.get(case) or self.folder / self.inner / self.cases[case]

    def files(self) -> Iterator[tuple[Path, Path]]:
        """Yield each file, and its name in a copy."""
        for case, name in self.cases.items():
            path, result = self.path(case), self.inner / name
            names = self.structures.get(case)
            if names is None:
                yield path, result
            else:
                yield from ((path / each, result / each) for each in names.values())

    @property
    def endings(self) -> set[str]:
        """The endings of the files' names."""
        return {suffix_of(name.name) for _, name in self.files()}

    @property
    def drawn(self) -> list[int] | None:
        """The labels that annotators drew, if dataset.json tells: not the ignored one."""
        if self.dataset is None:
            return None
        drawn = (labels for name, labels in self.names.items() if name != "ignore")
        return sorted({label for labels in drawn for label in labels} - {0})

    def numbers(self, words: Iterable[str | int], option: str = "labels") -> list[int]:
        """Return labels that are given as integers or by their names."""
        found: list[int] = []
        for word in map(str, words):
            try:
                found.append(int(word))
            except ValueError:
                if word not in self.names:
                    raise UsageError(f"--{option} {word}: {self._unknown()}") from None
                found += self.names[word]
        return list(dict.fromkeys(found))

    def _unknown(self) -> str:
        if not self.names:
            return "is no integer, and SRC has no dataset.json with names; pass integers"
        few = ", ".join(list(self.names)[: 4 * _FEW])
        more = ", ..." if len(self.names) > 4 * _FEW else ""
        return f"is no label of SRC, which has {few}{more}; pass those"


def find(folder: Path, pattern: str) -> Source:
    """List the label files of a folder, or take the one that is named.

    Links to folders are followed, each folder once. What matches and is left out is listed, but for
    hidden files, and those that tables, texts and settings are in.

    Raises
    ------
    UsageError
        If there is no such folder, no label file, two of the same name, or images among labels.
    """
    folder = located(folder)
    if folder.is_file():
        return _single(folder)
    if not folder.is_dir():
        raise UsageError(
            f"{str(folder)!r} is no folder; pass one that holds labels, or a label file"
        )
    dataset = read_dataset(folder)
    inner = "" if dataset is None else "labelsTr"
    top = folder / inner
    parts = _parts(top, pattern)
    skipped: dict[str, str] = {}
    files = {} if dataset is None else labels_elsewhere(folder, dataset)
    names = files or _walk(top, parts, skipped)
    cases: dict[str, Path] = {}
    for name in sorted(names, key=PurePath):
        if not _matches(name.split("/"), parts) or _is_companion(name, pattern):
            continue
        ending = suffix_of(name) if dataset is None else dataset["file_ending"]
        reason = _fault(name, files.get(name, top / name), ending)
        if reason:
            skipped[name] = reason
            continue
        case = normalize("NFC", name[: -len(ending)])
        if case in cases:
            raise UsageError(
                f"{str(top)!r} holds {case!r} twice, as {str(cases[case])!a} and {name!a}; keep "
                "one of the files"
            )
        cases[case] = Path(name)
    if not cases:
        raise UsageError(
            f"{str(top)!r} holds no label file that matches {pattern!r} and ends in "
            f"{', '.join(SUFFIXES)}; pass another folder, or --pattern, e.g. '**/*' for "
            f"subfolders{_few(skipped)}"
        )
    _refuse_images(top, cases, pattern)
    return Source(
        folder,
        inner,
        cases,
        dataset,
        {} if dataset is None else names_of(dataset, folder / "dataset.json"),
        {f"./{name}" if name in cases else name: reason for name, reason in skipped.items()},
        {case: files[str(name)] for case, name in cases.items() if files},
    )


def _single(file: Path) -> Source:
    """Return a source of one file."""
    ending = suffix_of(file.name)
    reason = _fault(file.name, file, ending)
    if reason:
        raise UsageError(f"{str(file)!r} {reason}")
    case = normalize("NFC", file.name[: -len(ending)])
    return Source(file.parent, "", {case: Path(file.name)}, single=True)


def is_file_name(source: Source, target: Path) -> bool:
    """Return whether DST names a file, as SRC does, rather than a folder."""
    if not source.single or target.is_dir():
        return False
    [ending], new = source.endings, suffix_of(target.name)
    if new and new != ending:
        raise UsageError(f"DST={str(target)!r}: pass a name that ends in {ending}, or a folder")
    return bool(new)


def _parts(top: Path, pattern: str) -> tuple[str, ...]:
    """Return the parts of a pattern that stays in its folder."""
    pure = PurePath(pattern)
    odd = any("**" in part and part != "**" for part in pure.parts)
    if odd or pure.anchor or ".." in pure.parts or not pure.parts:
        raise UsageError(
            f"--pattern={pattern!r}: pass a pattern of files in {str(top)!r}, e.g. '**/*'"
        )
    return pure.parts


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the parts of a name match a pattern; ``**`` takes any number of them."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[at:], pattern[1:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatch(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _may_hold(folder: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether a folder may hold names that match."""
    for part, wanted in zip(folder, pattern, strict=False):
        if wanted == "**":
            return True
        if not fnmatch(part, wanted):
            return False
    return len(folder) < len(pattern)


def _walk(top: Path, pattern: Sequence[str], skipped: dict[str, str]) -> Iterator[str]:
    """Yield the names of files that may match; note folders that are left out."""
    seen: dict[str, str] = {}
    folders: list[str] = [""]
    links: list[str] = []
    while folders or links:
        inner = folders.pop(0) if folders else links.pop(0)
        real = os.path.realpath(top / inner)
        if real in seen:
            if not f"{inner}/".startswith(f"{seen[real]}/".lstrip("/")):  # no loop
                skipped[inner] = f"links to {seen[real]!r}, whose files are taken already"
            continue
        seen[real] = inner
        try:
            entries = sorted(os.scandir(top / inner), key=lambda entry: entry.name)
        except OSError as error:
            if not inner:
                raise
            skipped[inner] = f"cannot be listed ({error.strerror})"
            continue
        for entry in entries:
            name = f"{inner}/{entry.name}".lstrip("/")
            if entry.name.startswith("."):
                continue
            if not os.path.isdir(entry.path):
                yield name
            elif _may_hold(name.split("/"), pattern):
                (links if entry.is_symlink() else folders).append(name)


def _is_companion(name: str, pattern: str) -> bool:
    """Return whether a file is no label by its name, unless the pattern asks for such files."""
    file = PurePath(name)
    asked = file.suffix and pattern.lower().endswith(file.suffix.lower())
    return file.name in _OURS or (not asked and bool(_COMPANIONS.fullmatch(file.name)))


def _fault(name: str, path: Path, ending: str) -> str:
    """Return why a file cannot be taken, or nothing."""
    if not ending:
        return f"is in another format; convert it to one of {', '.join(SUFFIXES)}"
    if not path.name.lower().endswith(ending.lower()):
        return f"does not end in {ending}, the file_ending of dataset.json; convert it"
    try:
        name.encode()
        status = path.stat()
        if not S_ISREG(status.st_mode):
            return "is no file"
        with open(path, "rb") as file:
            head = file.read(_POINTER) if status.st_size <= _POINTER else b""
    except UnicodeEncodeError:
        return "has a name that is no text; rename it"
    except OSError as error:
        if path.is_symlink() and not isinstance(error, PermissionError):
            where = os.readlink(path)
            return f"is a link to {where!r}, which is not there; fetch it, e.g. by git annex get"
        return f"cannot be read ({error.strerror}); mend that"
    for begin, command in _POINTERS.items():
        if begin in head:
            return f"was not fetched yet; fetch it by {command}"
    return ""


def _refuse_images(top: Path, cases: Iterable[str], pattern: str) -> None:
    """Refuse a folder that seems to hold images too."""
    found = image_beside(cases)
    if found:
        image, label, remedy = found
        deep = "**/" if "/" in pattern or "/" in remedy else ""
        raise UsageError(
            f"{str(top)!r} holds {image!r}, which seems to be the image of {label!r}; pass "
            f"--pattern '{deep}{remedy}' to take labels alone"
        )


def _few(skipped: dict[str, str]) -> str:
    """Return the first files that were left out, a line each."""
    lines = [f"\n  {name}: {reason}" for name, reason in list(skipped.items())[:_FEW]]
    more = len(skipped) - _FEW
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")


def check_apart(source: Path, target: Path) -> None:
    """Refuse to write into the folder that is read."""
    try:
        one, other = source.resolve(), target.resolve()
    except RuntimeError as error:
        raise UsageError(f"{error}; pass other folders") from error
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(f"DST={str(target)!r} and SRC lie in each other; pass a folder elsewhere")


def copy_rest(source: Source, target: Path, copy_images: bool) -> dict[str, str]:
    """Copy what belongs to labels: files beside them, and what an nnU-Net dataset needs.

    Returns
    -------
    dict of str to str
        What could not be copied, and why.
    """
    folders: dict[Path, dict[str, Path]] = {}  # names without ending, and those of the results
    for path, result in source.files():
        stem = result.with_name(result.name[: -len(suffix_of(result.name))])
        folders.setdefault(path.parent, {})[path.name[: -len(suffix_of(path.name))]] = stem
    for folder, stems in folders.items():
        for path in sorted(folder.iterdir()):
            if not _is_companion(path.name, "") or not path.is_file():
                continue
            for dot in re.finditer(r"\.", path.name):
                new = stems.get(path.name[: dot.start()])
                if new is not None:
                    new = new.with_name(new.name + path.name[dot.start() :])
                    publish(target / new, path.read_bytes())
    return {} if source.dataset is None else copy_dataset(source, target, copy_images)
