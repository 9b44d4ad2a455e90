"""How a report is made: cases are scored, planes chosen, pictures drawn, the page written."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..files import whole
from ..plot import choose
from ._arguments import say
from ._cases import Pair
from ._progress import progress
from ._record import MANIFEST, Entry
from ._report import Picture, Report, page
from ._scans import images_of
from ._sources import Source, UsageError, find
from ._spread import Spread
from ._together import find_together
from ._views import PICTURED, Drawn, Order, Planes, draw, review

Failed = dict[str, str]
REPORT = "report.html"
_FEW = 5  # cases that a sentence lists


def manifest_of(folder: Path) -> Any:
    """Return what a noisy copy tells of itself: nothing if it has no manifest, or a damaged one."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}


def pattern_of(folder: Path) -> str:
    """Return which files of its source a noisy copy was made of."""
    try:
        return str(manifest_of(folder)["settings"]["pattern"])
    except (KeyError, TypeError):
        return "*"


def paired(one: Source, other: Source, names: tuple[str, str]) -> tuple[list[Pair], Failed]:
    """Return the cases that two folders have, and why others are left out."""
    if one.single and other.single:
        other = replace(other, cases=dict(zip(one.cases, other.cases.values(), strict=True)))
    failed = one.skipped | other.skipped
    failed |= {
        name: f"is in {names[0 if name in one.cases else 1]!r} alone"
        for name in sorted(one.cases.keys() ^ other.cases.keys())
    }
    cases = [name for name in one.cases if name in other.cases]
    return [(name, one.path(name), other.path(name)) for name in cases], failed


def write_report(
    clean: Source,
    noisy: Path,
    output: Path,
    *,
    pattern: str,
    images: Path | None,
    tolerance: float,
    spread: Spread,
) -> Failed:
    """Write the report of two folders; return the cases that it lacks, and why.

    Raises
    ------
    UsageError
        If no case can be compared.
    """
    manifest, structures = manifest_of(noisy), clean.names if clean.structures else None
    pairs: dict[Pair, str] = {}  # with the names of the cases in the clean folder
    failed: Failed = {}
    for prefix, folder in _copies(noisy, manifest):
        other = (find if structures is None else find_together)(folder, pattern)
        several, lost = paired(clean, other, (str(clean.folder), str(folder)))
        failed |= {prefix + name: reason for name, reason in lost.items()}
        pairs |= {(prefix + name, first, second): name for name, first, second in several}
    rows: list[Entry] = []
    planes: dict[Pair, dict[int, Planes]] = {}
    scored = _scored(manifest)
    work = partial(review, tolerance=tolerance, structures=structures, scored=scored)
    with progress(len(pairs)) as tick:
        for pair, found in spread.each(work, pairs):
            if isinstance(found, Exception):
                failed[pair[0]] = say(found)
            else:
                rows += found[0]
                planes[pair] = found[1]
            tick(pair[0], failed.get(pair[0], ""))
    if not planes:
        listed = (f"\n  {name}: {reason}" for name, reason in sorted(failed.items()))
        raise UsageError(f"no case can be compared; pass other folders{''.join(listed)}")
    rows.sort(key=lambda row: (row["case"], row["label"]))
    unchanged = _unchanged(manifest)
    noisy_planes = {pair: each for pair, each in planes.items() if pairs[pair] not in unchanged}
    views = [
        view
        for label in sorted({label for each in planes.values() for label in each})[:PICTURED]
        for view in _chosen(label, noisy_planes)
    ]
    found_images = images_of(clean, images)
    orders = {
        pair: Order(pair, structures, found_images.get(pairs[pair]))
        for pair in dict.fromkeys(view.pair for view in views)
    }
    for view in views:
        orders[view.pair].wanted.append((view.label, view.place))
    drawn = {order.pair: result for order, result in spread.each(draw, orders.values())}
    report = Report(
        clean=clean.folder.resolve().name,
        noisy=noisy.resolve().name,
        rows=rows,
        failed=failed,
        manifest=manifest,
        names={numbers[0]: name for name, numbers in clean.names.items() if len(numbers) == 1},
        pictures=_pictures(views, drawn),
        scored=scored,
        unchanged=frozenset(pair[0] for pair, name in pairs.items() if name in unchanged),
        notes=list(_notes(clean, found_images, drawn)),
        tolerance=tolerance,
    )
    with whole(output) as part:
        part.write_bytes(page(report).encode("utf-8", "backslashreplace"))
    return failed


@dataclass(frozen=True)
class _View:
    """A plane that gets a picture."""

    group: str
    label: int
    pair: Pair
    place: int
    dice: float


def _copies(noisy: Path, manifest: Any) -> list[tuple[str, Path]]:
    """Return the folders of noisy labels, that of each rater if there are several."""
    try:
        several = manifest["settings"]["raters"]
    except (KeyError, TypeError):
        several = None
    raters = [path for path in noisy.glob("rater*") if re.fullmatch(r"rater\d+", path.name)]
    if not several or not raters:
        return [("", noisy)]
    return [(f"{path.name}/", path) for path in sorted(raters, key=lambda each: int(each.name[5:]))]


def _unchanged(manifest: Any) -> set[str]:
    """Return the cases that a noisy copy has as they were."""
    try:
        return {str(case["case"]) for case in manifest["cases"] if case["noisy"] is False}
    except (KeyError, TypeError):
        return set()


def _scored(manifest: Any) -> frozenset[int] | None:
    """Return the labels that were drawn and scored in a noisy copy, None for all."""
    try:
        return frozenset(map(int, manifest["settings"]["labels"]))
    except (KeyError, TypeError, ValueError):
        return None


def _chosen(label: int, planes: Mapping[Pair, Mapping[int, Planes]]) -> Iterator[_View]:
    """Yield the worst, median and best planes of a label, among all of all cases."""
    pairs = [pair for pair, each in planes.items() if label in each]
    every = [planes[pair][label] for pair in pairs]
    if not sum(map(len, every)):
        return
    owner = np.repeat(np.arange(len(every)), [len(each) for each in every])
    place, size, dice = np.concatenate(every).T
    for group, chosen in choose(dice, size, owner).items():
        for index in chosen:
            yield _View(group, label, pairs[owner[index]], int(place[index]), float(dice[index]))


def _pictures(views: Sequence[_View], drawn: Mapping[Pair, Drawn | Exception]) -> dict[int, Any]:
    """Return the pictures of each label."""
    found: dict[int, list[Picture]] = {}
    for view in views:
        result = drawn[view.pair]
        if isinstance(result, Drawn):
            url = result.pictures[view.label, view.place]
            where = view.pair[0], view.place, result.planes
            picture = Picture(view.group, *where, view.dice, url)
            found.setdefault(view.label, []).append(picture)
    return found


def _notes(
    clean: Source, images: Mapping[str, Path], drawn: Mapping[Pair, Drawn | Exception]
) -> Iterator[str]:
    """Yield what there is to say of the images."""
    if not images:
        yield "No images were found, so that contours stand alone; --images FOLDER names them."
    else:
        lacking = [case for case in clean.cases if case not in images]
        if lacking:
            few = ", ".join(lacking[:_FEW]) + (", ..." if len(lacking) > _FEW else "")
            yield f"{len(lacking):,} of {len(clean.cases):,} cases have no image: {few}."
    for pair, result in drawn.items():
        if isinstance(result, Exception):
            yield f"{pair[0]} has no pictures: {say(result)}."
        elif result.reason:
            yield f"The image of {pair[0]} is not shown: it {result.reason}."
