"""The commands, from parsed arguments to exit codes."""

import csv
import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import __version__
from .._validate import check_count, check_seed, check_target, check_tol
from ..calibration import Calibration, search
from . import _cases
from ._cases import Case, Job, Noise
from ._progress import progress
from ._record import Record, clean_up
from ._sources import Source, UsageError, check_apart, check_nnunet, copy_rest, find
from ._spread import Spread

Failed = dict[str, str]


def perturb(options: Namespace, arguments: Sequence[str]) -> int:
    """Write a noisy copy of a dataset."""
    check_apart(options.src, options.dst)
    source = find(options.src, options.pattern)
    check_nnunet(source, options.dst)
    if options.per_case and options.dice is None:
        raise UsageError("--per-case goes with --dice; pass the score that each case shall have")
    noise = _noise(options, source, options.noise)
    _try(noise, options, options.strength)
    settings = {
        "version": __version__,
        "noise": noise.name,
        **noise.options,
        "dice": options.dice,
        "per_case": options.per_case,
        "strength": options.strength,
        "tol": options.tol,
        "sample": options.sample,
        "seed": noise.seed,
        "labels": noise.labels,
        "plane": noise.plane,
        "spacing": options.spacing,
        "pattern": options.pattern,
    }
    record = _begin(options, shlex.join(["labelnoise", *arguments]), settings)
    copy_rest(source, options.dst, options.copy_images)
    failed: Failed = {}
    with Spread(options.workers, options.scheduler) as spread:
        strength = options.strength
        if options.dice is not None and not options.per_case:
            if not record.found:
                found = _search(source, noise, options.dice, options, spread, failed)
                record.add({"found": _described(found)})
            strength = record.found["strength"]
        jobs = [
            Job(
                Case(name, source.path(name)),
                options.dst / source.inner / source.cases[name],
                record.cases.get(name),
            )
            for name in source.cases
            if name not in failed
        ]
        work = partial(
            _cases.perturb,
            noise=noise,
            strength=strength,
            target=options.dice,
            tol=options.tol,
        )
        with progress(len(jobs)) as tick:
            for job, entry in spread.each(work, jobs):
                if isinstance(entry, Exception):
                    news = failed[job.case.name] = _say(entry)
                else:
                    news = _dice(entry)
                    if job.done is None:
                        record.add(entry)
                tick(job.case.name, news)
    for name in record.cases.keys() - source.cases.keys():
        failed[name] = "was perturbed before, and is gone from SRC; put it back"
    record.finish(dict(sorted(failed.items())))
    _conclude(options, source, record, failed)
    return _list(failed)


def calibrate(options: Namespace, arguments: Sequence[str]) -> int:
    """Print the strengths that give wanted scores."""
    source = find(options.src, options.pattern)
    noises = [_noise(options, source, name) for name in options.noise]
    for noise in noises:
        _try(noise, options, None)
    failed: Failed = {}
    rows = []
    with Spread(options.workers, options.scheduler) as spread:
        for noise in noises:
            for target in options.dice:
                found = _search(source, noise, target, options, spread, failed)
                rows.append({"noise": noise.name, "dice": target, **_described(found)})
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{'noise':8} {'target':>7} {'strength':>9} {'Dice':>7} {'cases':>6}")
        for row in rows:
            print(
                f"{row['noise']:8} {row['dice']:7.4g} {row['strength']:9.5g} {row['score']:7.4f} "
                f"{row['cases']:6}"
            )
    return _list(failed)


def compare(options: Namespace, arguments: Sequence[str]) -> int:
    """Print the scores of each label of each case of two folders."""
    one, other = (find(folder, options.pattern) for folder in (options.a, options.b))
    _check_work(options)
    failed = {
        name: f"is in {str(options.a if name in one.cases else options.b)!r} alone"
        for name in sorted(one.cases.keys() ^ other.cases.keys())
    }
    pairs = [(name, one.path(name), other.path(name)) for name in one.cases if name in other.cases]
    rows = []
    with (
        Spread(options.workers, options.scheduler) as spread,
        progress(len(pairs)) as tick,
    ):
        for pair, found in spread.each(_cases.compare, pairs):
            if isinstance(found, Exception):
                failed[pair[0]] = _say(found)
            else:
                rows += found
            tick(pair[0], failed.get(pair[0], ""))
    rows.sort(key=lambda row: (row["case"], row["label"]))
    columns = ["case", "label", "dice", "iou", "changed"]
    if options.csv:
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        width = max([4, *(len(row["case"]) for row in rows)])
        print(f"{'case':{width}} {'label':>6} {'Dice':>7} {'IoU':>7} {'changed':>8}")
        for row in rows:
            print(
                f"{row['case']:{width}} {row['label']:6} {row['dice']:7.4f} {row['iou']:7.4f} "
                f"{row['changed']:8.3%}"
            )
    return _list(failed)


def _noise(options: Namespace, source: Source, name: str) -> Noise:
    """Return the noise that was asked for."""
    if source.has_pictures and (options.plane, options.spacing) != ("axial", "pixel"):
        raise UsageError("--plane and --spacing go with NIfTI volumes; leave them out for pictures")
    millimetres = options.spacing == "mm"
    if millimetres and options.noise == "random":
        raise UsageError("--spacing=mm: random noise has a rate, without unit; leave it out")
    more = {}
    if name == "natural" and options.knots is not None:
        more["knots"] = options.knots
    if name == "random" and options.prevalence is not None:
        more["prevalence"] = options.prevalence
    labels = source.drawn if options.labels is None else options.labels
    return Noise(name, more, labels, options.plane, millimetres and name != "random", options.seed)


def _try(noise: Noise, options: Namespace, strength: float | None) -> None:
    """Refuse arguments that no case could use."""
    try:
        check_seed("seed", noise.seed)
        check_tol(options.tol)
        check_count("sample", options.sample)
        for target in np.atleast_1d(options.dice if options.dice is not None else 1.0).tolist():
            check_target(target)
        noise.try_out(0.01 if strength is None else strength)
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from error
    _check_work(options)


def _check_work(options: Namespace) -> None:
    try:
        check_count("workers", options.workers)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _begin(options: Namespace, command: str, settings: dict[str, Any]) -> Record:
    """Start a record, or go on with one."""
    folder = options.dst
    record = Record(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        folder.mkdir(parents=True, exist_ok=True)
    elif not options.resume:
        raise UsageError(f"DST={str(folder)!r} is not empty; pass another folder, or --resume")
    elif not folder.is_dir() or not record.load():
        raise UsageError(f"DST={str(folder)!r} was not begun by labelnoise; pass another folder")
    if not record.settings:
        record.add({"command": command, "settings": settings})
    for name, value in settings.items():
        if value != record.settings.get(name):
            raise UsageError(
                f"DST={str(folder)!r} was begun with {name}={record.settings.get(name)!r}, not "
                f"{value!r}; pass the same, or another folder"
            )
    clean_up(folder)
    return record


def _search(
    source: Source,
    noise: Noise,
    target: float,
    options: Namespace,
    spread: Spread,
    failed: Failed,
) -> Calibration:
    """Find the strength at which the cases' mean Dice score is the target."""
    order = np.random.default_rng(noise.seed).permutation(len(source.cases))
    names = [list(source.cases)[index] for index in order[: options.sample].tolist()]
    cases = [Case(name, source.path(name)) for name in names if name not in failed]

    def score_at(strength: float) -> float:
        found = spread.each(partial(_cases.score, noise=noise, strength=strength), cases)
        scores = dict(found)
        for case in list(cases):
            if isinstance(error := scores[case], Exception):
                failed[case.name] = _say(error)
            if not isinstance(scores[case], float):
                cases.remove(case)
        if not cases:
            raise UsageError(
                "no case can be calibrated: none can be read and has labels that are drawn"
                + "".join(f"\n  {name}: {reason}" for name, reason in failed.items())
            )
        return float(np.mean([scores[case] for case in cases]))

    try:
        return search(score_at, cases, target, options.tol)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _described(found: Calibration) -> dict[str, Any]:
    return {
        "strength": found.strength,
        "score": found.score,
        "bracket": found.bracket,
        "bracket_scores": found.bracket_scores,
        "cases": found.masks,
        "evaluations": found.nfev,
    }


def _dice(entry: dict[str, Any]) -> str:
    scores = " ".join(f"{label}: {dice:.4f}" for label, dice in entry["dice"].items())
    return f"Dice {scores}" if scores else "nothing to draw"


def _say(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _conclude(options: Namespace, source: Source, record: Record, failed: Failed) -> None:
    scores = [
        np.mean(list(case["dice"].values())) for case in record.cases.values() if case["dice"]
    ]
    done = len(source.cases.keys() - failed.keys())
    mean = f", mean Dice {np.mean(scores):.4f}" if scores else ""
    print(f"{done} of {len(source.cases)} cases in {options.dst}{mean}")
    if source.dataset is not None:
        print(
            "For clean validation, copy the clean labels over those that nnU-Net scores, after "
            f"nnUNetv2_plan_and_preprocess: {options.src}/labelsTr/* to "
            f"$nnUNet_preprocessed/{options.dst.name}/gt_segmentations/"
        )


def _list(failed: Failed) -> int:
    for name, reason in failed.items():
        print(f"labelnoise: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0
