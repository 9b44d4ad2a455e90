"""The commands, from parsed arguments to exit codes."""

import csv
import json
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, NoReturn

import numpy as np

from .. import __version__, calibration, in_share
from .._patch import ERRORS
from .._validate import (
    LARGEST,
    check_count,
    check_labels,
    check_number,
    check_seed,
    check_target,
    check_tol,
)
from ..annotators import Annotator, PerLabel
from ..noise import from_dict, strength_name
from . import _cases
from ._arguments import OWN, PUBLISHED, as_written, say
from ._cases import Job, Masks, Plan, results_of
from ._files import PICTURES, whole
from ._progress import progress
from ._recipe import (
    Described,
    annotator,
    filled,
    is_person,
    kind,
    misfit,
    name_of,
    recipe,
    steps,
    words,
    written,
)
from ._record import Record, clean_up
from ._sources import Source, UsageError, check_apart, check_nnunet, copy_rest, find
from ._spread import Spread

Failed = dict[str, str]


def perturb(options: Namespace, arguments: Sequence[str]) -> int:
    """Write a noisy copy of a dataset."""
    check_apart(options.src, options.dst)
    source = find(options.src, options.pattern)
    _check_raters(options, source)
    check_nnunet(source, options.dst)
    _check_per_case(options)
    _check(options)
    [plan] = _plans(options, source, [_described(options)])
    factor = 1.0 if options.annotator is None or options.strength is None else options.strength
    plan = replace(plan, factor=factor, raters=options.raters)
    noisy = _noisy(options, source)
    chosen = set(noisy)
    record = _open(options)
    failed: Failed = {}
    with Spread(options.workers, options.scheduler) as spread:
        searched = options.dice is not None and not options.per_case
        if plan.lacks_label or (searched and not record.found):
            [plan], names = _survey(source, noisy, [plan], spread, failed)
        if options.soft:
            plan = replace(plan, soft=_labels(source, plan, spread, failed))
        settings = _settings(options, plan)
        record.agree(settings)
        found = record.found
        if searched and not found:
            found = _search(source, names, plan, options.dice, options, spread)
        record.begin(shlex.join(["labelnoise", *arguments]), settings, found)
        if searched:
            plan = replace(plan, factor=found["factor"])
        copy_rest(source, options.dst, options.copy_images)
        jobs = [
            Job(
                name,
                source.path(name),
                options.dst,
                source.inner / source.cases[name],
                name in chosen,
                record.cases.get(name),
            )
            for name in source.cases
            if name not in failed
        ]
        target = options.dice if options.per_case else None
        work = partial(_cases.perturb, plan=plan, target=target, tol=options.tol)
        with progress(len(jobs)) as tick:
            for job, entry in spread.each(work, jobs):
                if isinstance(entry, Exception):
                    news = failed[job.name] = say(entry)
                else:
                    news = _dice(entry)
                    if job.done is None:
                        record.add(entry)
                tick(job.name, news)
    for name in record.cases.keys() - source.cases.keys():
        failed[name] = "was perturbed before, and is gone from SRC; put it back"
    record.finish(dict(sorted(failed.items())))
    _conclude(options, source, record, failed)
    return _list(failed)


def calibrate(options: Namespace, arguments: Sequence[str]) -> int:
    """Print the strengths that give wanted scores."""
    source = find(options.src, options.pattern)
    _check(options)
    _check_alone(options)
    if options.recipe is not None:
        titles, described = ["recipe"], [recipe(options.recipe)]
    elif options.annotator is not None:
        titles, described = ["annotator"], [annotator(options.annotator)]
    else:
        described = [kind(word) for word in options.noise or ERRORS]
        if options.noise is None:
            described = [step for step in described if not misfit(step, options.volumes)]
        titles = [step["error"] for step in described]
    plans = _plans(options, source, described)
    noisy = _noisy(options, source)
    failed: Failed = {}
    rows = []
    with Spread(options.workers, options.scheduler) as spread:
        plans, names = _survey(source, noisy, plans, spread, failed)
        for title, plan in zip(titles, plans, strict=True):
            for target in options.dice:
                try:
                    found = _search(source, names, plan, target, options, spread)
                except UsageError as error:
                    failed[f"{title} {target:g}"] = str(error)
                else:
                    rows.append({"noise": title, "dice": target, **found})
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{'noise':9} {'target':>7} {'strength':>9} {'Dice':>7} {'cases':>6}")
        for row in rows:
            print(
                f"{row['noise']:9} {row['dice']:7.4g} {row['strength']:9.5g} {row['score']:7.4f} "
                f"{row['cases']:6}"
            )
    code = _list(failed)
    return code if rows else 2


def compare(options: Namespace, arguments: Sequence[str]) -> int:
    """Print the scores of each label of each case of two folders."""
    one, other = (find(folder, options.pattern) for folder in (options.a, options.b))
    _check(options)
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
                failed[pair[0]] = say(found)
            else:
                rows += found
            tick(pair[0], failed.get(pair[0], ""))
    rows.sort(key=lambda row: (row["case"], row["label"]))
    columns = ["case", "label", "dice", "iou", "changed", "error_rate"]
    if options.csv:
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        width = max([4, *(len(row["case"]) for row in rows)])
        print(f"{'case':{width}} {'label':>6} {'Dice':>7} {'IoU':>7} {'changed':>8} {'errors':>8}")
        for row in rows:
            print(
                f"{row['case']:{width}} {row['label']:6} {row['dice']:7.4f} {row['iou']:7.4f} "
                f"{row['changed']:8.3%} {row['error_rate']:8.3%}"
            )
    return _list(failed)


def fit(options: Namespace, arguments: Sequence[str]) -> int:
    """Write how people draw, as a few numbers that are found from what they drew."""
    _check_output(options.output)
    reference = find(options.reference, options.pattern)
    others = [find(folder, options.pattern) for folder in options.others]
    _check(options)
    _settle(options, [reference, *others], people=True)
    failed = {
        name: f"is in {str(other.folder)!r}, but not in REFERENCE"
        for other in others
        for name in other.cases.keys() - reference.cases.keys()
    }
    cases = []
    for name in reference.cases:
        paths = [other.path(name) for other in others if name in other.cases]
        if paths:
            cases.append((name, (reference.path(name), *paths)))
    read = partial(
        _cases.pair,
        plane=options.plane,
        volumes=options.volumes,
        millimetres=options.spacing == "mm",
    )
    used = 0

    def pairs() -> Iterator[Any]:
        nonlocal used
        with Spread(1, None) as spread, progress(len(cases)) as tick:
            for (name, _), found in spread.each(read, cases):
                if isinstance(found, Exception):
                    failed[name] = say(found)
                else:
                    used += 1
                    yield found
                tick(name, failed.get(name, ""))

    labels = reference.drawn if options.labels is None else options.labels
    axes = (-3, -2, -1) if options.volumes else (-2, -1)
    try:
        found = Annotator.fit(pairs(), labels=labels, axes=axes, rng=options.seed)
    except ValueError as error:
        reason = re.sub("^pairs:", "REFERENCE and OTHER:", say(error))
        raise UsageError(reason if used else _without_cases(failed)) from error
    if options.labels is not None and isinstance(found, Annotator):
        found = PerLabel({options.labels[0]: found})
    print(found)
    with whole(options.output) as part:
        found.save(part)
    print(
        f"{used} of {len(reference.cases)} cases in {options.reference} were used; pass "
        f"{options.output} to labelnoise perturb --annotator"
    )
    return _list(failed)


def _check_output(path: Path) -> None:
    """Refuse a file that is there, and a folder that is not."""
    flag = f"-o {shlex.quote(str(path))}"
    if path.exists() or path.is_symlink():
        raise UsageError(f"{flag}: is there already; move it away, or pass another name")
    if not path.parent.is_dir():
        raise UsageError(f"{flag}: {str(path.parent)!r} is no folder; make it, or pass another")


def _settings(options: Namespace, plan: Plan) -> dict[str, Any]:
    """Return what the noisy copy depends on, as the manifest tells it."""
    return {
        "version": __version__,
        "noise": plan.noise.to_dict(),
        "annotator": options.annotator,
        "strength": options.strength,
        "labels": plan.labels,
        "dice": options.dice,
        "per_case": options.per_case,
        "tol": options.tol,
        "sample": options.sample,
        "share": options.share,
        "seed": plan.seed,
        "plane": plan.plane,
        "volumes": plan.volumes,
        "spacing": "mm" if plan.millimetres else "pixel",
        "pattern": options.pattern,
        "raters": plan.raters,
        "soft": list(plan.soft) or None,
    }


def _check_per_case(options: Namespace) -> None:
    """Refuse scores of single cases that cannot be."""
    if options.per_case and options.dice is None:
        raise UsageError("--per-case goes with --dice; pass the score that each case shall have")
    if isinstance(options.dice, tuple):
        flag = as_written("dice", options.dice)
        if not options.per_case:
            raise UsageError(
                f"{flag}: a range gives each case a score of its own; pass --per-case too, or "
                "one score"
            )
        if options.dice[0] > options.dice[1]:
            raise UsageError(f"{flag}: pass the lower score first")


def _check_raters(options: Namespace, source: Source) -> None:
    """Refuse raters where there can be none."""
    if options.raters is None:
        if options.soft:
            raise UsageError("--soft goes with --raters; pass how many people draw each case")
        return
    flag = as_written("raters", options.raters)
    if options.per_case:
        raise UsageError(f"{flag}: goes without --per-case; leave one out")
    if source.dataset is not None:
        raise UsageError(
            f"{flag}: a dataset of nnU-Net has one label map a case; pass SRC="
            f"{str(source.folder / source.inner)!r}"
        )


def _check(options: Namespace) -> None:
    """Refuse arguments that no command could use."""
    checks: dict[str, Callable[[Any], Any]] = {
        "workers": partial(check_count, "workers"),
        "seed": partial(check_seed, "seed"),
        "tol": check_tol,
        "share": lambda share: check_number("share", share, 0.0, 1.0),
        "sample": partial(check_count, "sample"),
        "raters": partial(check_count, "raters"),
        "labels": check_labels,
        "strength": lambda strength: (
            options.annotator is None or check_number("strength", strength, 0.0, LARGEST)
        ),
        "dice": lambda dice: [check_target(target) for target in np.atleast_1d(dice).tolist()],
    }
    try:
        for name, check in checks.items():
            if getattr(options, name, None) is not None:
                check(getattr(options, name))
    except ValueError as error:
        raise UsageError(say(error)) from error


def _described(options: Namespace) -> Described:
    """Return the noise as --noise, --annotator or --recipe describes it."""
    _check_alone(options)
    if options.annotator is not None:
        return annotator(options.annotator)
    if options.recipe is not None:
        if options.strength is not None:
            raise UsageError(
                f"{as_written('strength', options.strength)}: a recipe has strengths of its own; "
                "leave it out, or pass --dice to scale them"
            )
        return recipe(options.recipe)
    if options.noise is None:
        raise UsageError(
            "--noise: is missing; pass a kind of error, e.g. --noise natural, an --annotator or a "
            "--recipe"
        )
    return written(options.noise, options.strength, options.dice is not None)


def _check_alone(options: Namespace) -> None:
    """Refuse several descriptions of the noise."""
    given = [
        name for name in ("recipe", "annotator", "noise") if getattr(options, name) is not None
    ]
    if len(given) > 1:
        flag = as_written(given[0], getattr(options, given[0]))
        raise UsageError(f"{flag}: goes without --{given[1]}; leave one out")


def _settle(options: Namespace, sources: Sequence[Source], people: bool) -> None:
    """Settle what is labelled in one go, and in which unit, where the options do not tell.

    People draw volumes and are known in mm; pictures have neither.
    """
    endings = {ending for source in sources for ending in source.endings}
    pictures = endings & {*PICTURES}
    if people and pictures and pictures != endings:
        raise UsageError(
            f"{', '.join(repr(str(source.folder)) for source in sources)}: there are NIfTI files, "
            "whose annotators are in mm, and pictures; choose one of them by --pattern"
        )
    if pictures and (options.plane, options.spacing or "pixel") != ("axial", "pixel"):
        raise UsageError("--plane and --spacing go with NIfTI volumes; leave them out for pictures")
    if options.volumes and ".png" in endings:
        raise UsageError(
            "--volumes goes with NIfTI volumes and TIFF stacks; leave it out for PNG files"
        )
    if options.volumes is None:
        options.volumes = people and not pictures
    if options.spacing is None:
        if pictures and options.annotator in PUBLISHED:
            raise UsageError(
                f"{as_written('annotator', options.annotator)}: is in mm, which pictures do not "
                "tell; fit one to pictures, or pass --spacing=pixel if their pixels are 1 mm wide"
            )
        options.spacing = "mm" if people and not pictures else "pixel"


def _plans(options: Namespace, source: Source, noises: Sequence[Described]) -> list[Plan]:
    """Return what is done to every case, for each noise."""
    every = [step for noise in noises for step in steps(noise)]
    _settle(options, [source], any(map(is_person, every)))
    given = {name: getattr(options, name) for name in OWN if getattr(options, name) is not None}
    labels = source.drawn if options.labels is None else options.labels
    shared = {} if labels is None else {"labels": labels}

    def more(step: Described) -> Described:
        own = {name: value for name, value in given.items() if name_of(step) in OWN[name]}
        return shared | own

    for name, value in given.items():
        if not any(name in more(step) and name not in step for step in every):
            takers = " or ".join(OWN[name])
            own = f"{takers} steps that have none of their own"
            whose = f"--noise {takers}" if options.recipe is None else own
            raise UsageError(f"{as_written(name, value)}: goes with {whose}; leave it out")
    plans = []
    for noise in noises:
        try:
            made = from_dict(filled(noise, more))
        except (TypeError, ValueError) as error:
            if options.recipe is None:
                raise UsageError(say(error)) from error
            raise UsageError(f"{as_written('recipe', options.recipe)}: {error}") from error
        millimetres = options.spacing == "mm"
        plans.append(Plan(made, labels, options.plane, options.volumes, millimetres, options.seed))
    if options.spacing == "mm" and all(
        not is_person(step) and strength_name(ERRORS[step["error"]]) == "rate" for step in every
    ):
        raise UsageError(
            f"--spacing=mm: {every[0]['error']} noise has a rate, without unit; leave it out"
        )
    if labels is not None:
        _check_people(options, [step for step in every if is_person(step)], labels)
    for step in every:
        if misfit(step, options.volumes):
            _refuse_misfit(options, step["error"])
    return plans


def _check_people(options: Namespace, people: Sequence[Described], labels: Sequence[int]) -> None:
    """Refuse annotators of labels that are not listed, and an order in which none draws."""
    flag = as_written("labels", labels)
    if people and labels != sorted(labels):
        raise UsageError(f"{flag}: annotators draw labels in ascending order; list them so")
    name = "annotator" if options.recipe is None else "recipe"
    for label in (label for person in people for label in person.get("annotators", ())):
        if int(label) not in labels:
            raise UsageError(
                f"{as_written(name, getattr(options, name))}: draws label {label}, but {flag}; "
                "list it too"
            )


def _refuse_misfit(options: Namespace, error: str) -> NoReturn:
    """Say that an error is not one of planes, or not one of volumes."""
    if options.recipe is None:
        word = next(word for word in options.noise if word.partition(":")[0] == error)
        what = f"{as_written('noise', [word])}: works"
    else:
        what = f"{as_written('recipe', options.recipe)}: {error} works"
    kinds, remedy = (
        ("planes", "pass --no-volumes") if options.volumes else ("volumes", "pass --volumes")
    )
    raise UsageError(f"{what} on {kinds} only; {remedy}")


def _open(options: Namespace) -> Record:
    """Return the record of DST, with what an earlier run left."""
    folder = options.dst
    record = Record(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        folder.mkdir(parents=True, exist_ok=True)
    elif not options.resume:
        raise UsageError(f"DST={str(folder)!r} is not empty; pass another folder, or --resume")
    elif not folder.is_dir() or not record.load():
        raise UsageError(f"DST={str(folder)!r} was not begun by labelnoise; pass another folder")
    clean_up(folder)
    return record


def _noisy(options: Namespace, source: Source) -> list[str]:
    """Return the cases that are in the share."""
    names = [name for name in source.cases if in_share(options.seed, name, options.share)]
    if not names:
        raise UsageError(
            f"{as_written('share', options.share)}: chooses none of {len(source.cases)} cases; "
            "pass a larger share, or another --seed"
        )
    return names


def _survey(
    source: Source, noisy: Sequence[str], plans: Sequence[Plan], spread: Spread, failed: Failed
) -> tuple[list[Plan], list[str]]:
    """Read noisy cases once; return the plans with the label they lack, and the readable cases."""
    wanted = any(plan.lacks_label for plan in plans)
    labels = _look(source, noisy, plans[0], spread, failed, wanted)
    names = [name for name in noisy if name not in failed]
    if not names:
        raise UsageError(_without_cases(failed))
    if wanted and len(labels) != 1:
        several = f"several labels: {', '.join(map(str, sorted(labels)[:9]))}" if labels else "none"
        raise UsageError(
            f"--prevalence: is the share of one label, and SRC has {several}; pass one by --labels"
        )
    return [plan.with_labels(labels) if plan.lacks_label else plan for plan in plans], names


def _without_cases(failed: Failed) -> str:
    listed = (f"\n  {name}: {reason}" for name, reason in sorted(failed.items()))
    return f"no case can be used; mend one, or pass another folder{''.join(listed)}"


def _look(
    source: Source,
    names: Iterable[str],
    plan: Plan,
    spread: Spread,
    failed: Failed,
    wanted: bool = True,
) -> set[int]:
    """Read cases once, and note what is wrong with them; return their labels, if wanted."""
    paths = {source.path(name): name for name in names}
    labels: set[int] = set()
    for path, found in spread.each(partial(_cases.look, plan=plan, labels=wanted), paths):
        if isinstance(found, Exception):
            failed[paths[path]] = say(found)
        else:
            labels |= found
    return labels


def _labels(source: Source, plan: Plan, spread: Spread, failed: Failed) -> Sequence[int]:
    """Return the labels that are scored, those of all cases if none are named."""
    if plan.labels is not None:
        return plan.labels
    labels = sorted(_look(source, source.cases.keys() - failed.keys(), plan, spread, failed))
    if not labels:
        raise UsageError("--soft: SRC has no labels; pass another folder")
    return labels


def _search(
    source: Source,
    names: Sequence[str],
    plan: Plan,
    target: float,
    options: Namespace,
    spread: Spread,
) -> dict[str, Any]:
    """Find the strength at which the cases' mean Dice score is the target."""
    try:
        found = calibration.calibrate(
            Masks([source.path(name) for name in names], plan),
            plan.noise,
            target,
            tol=options.tol,
            sample=options.sample,
            labels=plan.labels,
            keys=names,
            rng=plan.seed,
            workers=spread.map,
        )
    except ValueError as error:
        raise UsageError(say(error)) from error
    return {
        "factor": found.strength,
        "strength": plan.strength(found.strength),
        "scaled": plan.noise.scaled(found.strength).to_dict(),
        "score": found.score,
        "bracket": [plan.strength(bound) for bound in found.bracket],
        "bracket_scores": found.bracket_scores,
        "cases": found.masks,
        "evaluations": found.nfev,
    }


def _dice(entry: dict[str, Any]) -> str:
    if not entry["noisy"]:
        return "as it was"
    scores = [score for each in results_of(entry) for score in each["dice"].values()]
    return f"Dice {fmean(scores):.4f}" if scores else "nothing to draw"


def _conclude(options: Namespace, source: Source, record: Record, failed: Failed) -> None:
    results = [each for case in record.cases.values() for each in results_of(case)]
    scores = [fmean(each["dice"].values()) for each in results if each["dice"]]
    people = "" if options.raters is None else f" by {options.raters} raters"
    done = len(source.cases.keys() - failed.keys())
    noisy = sum(case["noisy"] for name, case in record.cases.items() if name not in failed)
    some = f", {noisy} of them noisy" if options.share < 1 else ""
    mean = f", mean Dice {fmean(scores):.4f}" if scores else ""
    print(f"{done} of {len(source.cases)} cases{people} in {options.dst}{some}{mean}")
    if record.found:
        found = words(record.settings["noise"], record.found["factor"], 4)
        print(f"The strengths that were found: {' '.join(found)}")
    if noisy and not any(each["error_rate"] != 0 for each in results):
        print("labelnoise: no case changed; look at its labels and options", file=sys.stderr)
    if source.dataset is not None:
        print(
            "For clean validation, copy the clean labels over those that nnU-Net scores, after "
            f"nnUNetv2_plan_and_preprocess: {options.src}/labelsTr/* to "
            f"$nnUNet_preprocessed/{options.dst.name}/gt_segmentations/"
        )


def _list(failed: Failed) -> int:
    for name, reason in sorted(failed.items()):
        print(f"labelnoise: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0
