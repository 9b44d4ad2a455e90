"""The commands, from parsed arguments to exit codes."""

import json
import re
import shlex
import sys
import webbrowser
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from .. import __version__, calibration, in_share
from .._patch import ERRORS
from ..annotators import Annotator, PerLabel
from ..files import suffix_of, whole
from ..noise import from_dict
from . import _cases, _polygons
from ._arguments import TARGETS, as_written, say
from ._cases import Job, Masks, Plan
from ._plans import (
    check,
    check_alone,
    check_by_label,
    check_per_case,
    check_raters,
    noise_of,
    own_of,
    plans_of,
    settle,
)
from ._preview import draw
from ._progress import progress
from ._recipe import (
    annotator,
    filled,
    kind,
    misfit,
    recipe,
    steps,
    words,
)
from ._record import Entry, Record, results_of
from ._reporting import REPORT, paired, pattern_of, write_report
from ._sources import (
    Source,
    UsageError,
    check_apart,
    check_nnunet,
    copy_rest,
    find,
    is_file_name,
    located,
    placed,
)
from ._spread import Spread
from ._staging import Staging
from ._table import TITLES, as_csv, as_json, as_table
from ._together import find_together

Failed = dict[str, str]
_MEMORY = 2**31  # bytes of label maps that a search holds
_FEW = 5  # names or labels that a message lists


def perturb(options: Namespace, arguments: Sequence[str]) -> int:
    """Write a noisy copy of a dataset."""
    if options.src.suffix.lower() == ".json" or _has_texts(options.src):
        return _perturb_objects(options, arguments)
    options.dst = placed(options.src, options.dst)
    options.src = located(options.src)
    check_apart(options.src, options.dst)
    source = _find(options)
    if is_file_name(source, options.dst):
        raise UsageError(f"DST={str(options.dst)!r}: pass a folder; the file keeps its name")
    check_raters(options, source)
    _check_images(options)
    check_by_label(options, source)
    check_nnunet(source, options.dst)
    check_per_case(options)
    check(options)
    [plan] = plans_of(options, source, [noise_of(options)])
    factor = 1.0 if options.annotator is None or options.strength is None else options.strength
    plan = replace(plan, factor=factor, raters=options.raters)
    noisy = _noisy(options, source)
    chosen = set(noisy)
    failed: Failed = dict(source.skipped)
    with (
        Staging(options.dst, options.resume, options.overwrite) as staging,
        Spread(options.workers, options.scheduler) as spread,
    ):
        record = staging.record
        searched = options.target is not None and not options.per_case
        if plan.lacks_label or (searched and not record.found):
            [plan], names = _survey(source, noisy, [plan], spread, failed)
        if options.soft and not source.structures:
            plan = replace(plan, soft=_labels(source, plan, spread, failed))
        settings = _settings(options, plan)
        record.agree(settings, f"DST={str(options.dst)!r}")
        found = record.found
        if searched and not found:
            found = _search(source, names, plan, options.target, options, spread)
        staging.begin()
        record.begin(shlex.join(["labelnoise", *arguments]), settings, found)
        if searched and isinstance(options.target, dict):
            plan = replace(plan, noise=from_dict(found["scaled"]))
        elif searched:
            plan = replace(plan, factor=found["factor"])
        for result in plan.results(Path()):
            failed |= copy_rest(source, staging.folder / result, options.copy_images)
        jobs = [
            Job(
                name,
                source.path(name),
                staging.folder,
                source.inner / source.cases[name],
                name in chosen,
                record.cases.get(name),
            )
            for name in source.cases
            if name not in failed
        ]
        target = options.target if options.per_case else None
        work = partial(
            _cases.perturb, plan=plan, target=target, tol=options.tol, strict=options.strict
        )
        with progress(len(jobs)) as tick:
            for job, entry in spread.each(work, jobs):
                if isinstance(entry, Exception):
                    news = failed[job.name] = say(entry, options.score)
                else:
                    news = _news(entry, options.score)
                    if job.done is None:
                        record.add(entry)
                tick(job.name, news)
        for name in record.cases.keys() - source.cases.keys():
            failed[name] = "was perturbed before, and is gone from SRC; put it back"
        if not record.cases:
            raise UsageError(_without_cases(failed))
        _check_listed(options, source, plan, record)
        record.finish(dict(sorted(failed.items())))
        staging.finish()
        _conclude(options, source, record, failed)
        if options.report:
            failed = _report(options, source, options.dst, options.dst / REPORT, spread) | failed
    return _list(failed)


def _find(options: Namespace) -> Source:
    """List the label files of SRC; labels may be told by their names."""
    source = (find_together if options.together else find)(options.src, options.pattern)
    if options.labels is not None:
        options.labels = source.numbers(options.labels)
    if options.within is not None:
        options.within = source.numbers(options.within, "within")
    return source


def _has_texts(folder: Path) -> bool:
    """Return whether a folder has YOLO's text files, and no label maps."""
    if not folder.is_dir() or (folder / "dataset.json").exists():
        return False
    inner = folder / "labels"
    places = [folder, inner] if inner.is_dir() else [folder]
    names = [path.name for place in places for path in place.iterdir() if path.name[0] != "."]
    texts = [name for name in names if name.endswith(".txt")]
    return bool(texts) and not any(map(suffix_of, names))


def _perturb_objects(options: Namespace, arguments: Sequence[str]) -> int:
    """Write a copy of a COCO file, or of YOLO's text files, whose objects err one by one."""
    _polygons.check_options(options)
    check_apart(options.src, options.dst)
    try:
        labels = None if options.labels is None else tuple(map(int, options.labels))
    except ValueError:
        raise UsageError(
            f"{as_written('labels', options.labels)}: pass the ids of categories"
        ) from None
    options.labels = None
    check(options)
    if options.score != "dice":
        raise UsageError(
            f"{as_written(options.score, options.target)}: objects have Dice alone; pass --dice"
        )
    if isinstance(options.target, tuple):
        check_per_case(options)
    described = noise_of(options)
    own = own_of(options, list(steps(described)))
    try:
        noise = from_dict(filled(described, own))
    except (TypeError, ValueError) as error:
        raise UsageError(say(error)) from error
    factor = 1.0 if options.annotator is None or options.strength is None else options.strength
    plan = _polygons.Plan(noise, options.seed, labels, options.share, factor)
    settings = {"version": __version__, "noise": noise.to_dict(), "labels": labels}
    told = {
        "command": shlex.join(["labelnoise", *arguments]),
        "settings": settings
        | {"seed": options.seed, "share": options.share, "dice": options.target},
    }
    more = {"dice": options.target, "tol": options.tol, "sample": options.sample, "told": told}
    perturb_all = _polygons.perturb_coco if options.src.is_file() else _polygons.perturb_yolo
    if options.size is not None and options.src.is_file():
        raise UsageError(f"{as_written('size', options.size)}: COCO tells it; leave it out")
    size = {} if options.src.is_file() else {"size": options.size}
    with Spread(options.workers, None) as spread:
        done = perturb_all(
            options.src,
            options.dst,
            plan,
            overwrite=options.overwrite,
            each=spread.map,
            **size,
            **more,
        )
    counts = done["counts"]
    print(
        f"{counts['objects']} objects in {options.dst}, {counts['changed']} of them changed, "
        f"{counts['removed']} removed, mean Dice {done['mean_dice']:.4f}"
    )
    return _list(done["failed"])


def calibrate(options: Namespace, arguments: Sequence[str]) -> int:
    """Print the strengths that give wanted scores."""
    source = _find(options)
    check(options)
    check_alone(options)
    if options.recipe is not None:
        titles, described = ["recipe"], [recipe(options.recipe)]
    elif options.annotator is not None:
        titles, described = ["annotator"], [annotator(options.annotator)]
    else:
        described = [kind(word) for word in options.noise or ERRORS]
        if options.noise is None:
            described = [step for step in described if not misfit(step, options.volumes)]
        titles = [step["error"] for step in described]
    plans = plans_of(options, source, described)
    noisy = _noisy(options, source)
    failed: Failed = dict(source.skipped)
    rows = []
    with Spread(options.workers, options.scheduler) as spread:
        plans, names = _survey(source, noisy, plans, spread, failed)
        for title, plan in zip(titles, plans, strict=True):
            for target in options.target:
                try:
                    found = _search(source, names, plan, target, options, spread)
                except UsageError as error:
                    failed[f"{title} {target:g}"] = str(error)
                else:
                    rows.append({"noise": title, options.score: target, **found})
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        name = TITLES[TARGETS[options.score]]
        print(f"{'noise':9} {'target':>7} {'strength':>9} {name:>7} {'cases':>6}")
        for row in rows:
            print(
                f"{row['noise']:9} {row[options.score]:7.4g} {row['strength']:9.5g} "
                f"{row['score']:7.4f} {row['cases']:6}"
            )
    code = _list(failed)
    return code if rows else 2


def compare(options: Namespace, arguments: Sequence[str]) -> int:
    """Print the scores of each label of each case of two folders."""
    one, other = (find(folder, options.pattern) for folder in (options.a, options.b))
    check(options)
    pairs, failed = paired(one, other, (str(options.a), str(options.b)))
    rows = []
    with (
        Spread(options.workers, options.scheduler) as spread,
        progress(len(pairs)) as tick,
    ):
        for pair, found in spread.each(partial(_cases.compare, tolerance=options.tolerance), pairs):
            if isinstance(found, Exception):
                failed[pair[0]] = say(found)
            else:
                rows += found
            tick(pair[0], failed.get(pair[0], ""))
    rows.sort(key=lambda row: (row["case"], row["label"]))
    show = as_csv if options.csv else as_json if options.json else as_table
    print(show(rows), end="")
    return _list(failed)


def preview(options: Namespace, arguments: Sequence[str]) -> int:
    """Draw one case before and after."""
    if options.output is not None:
        _check_output(options.output)
        if options.output.suffix.lower() != ".png":
            raise UsageError(f"-o {options.output}: pass a name that ends in .png")
    if options.image is not None and not options.image.is_file():
        raise UsageError(f"--image {options.image}: is no file; pass the image of the labels")
    source = find(options.src, "*")
    if not source.single:
        raise UsageError(f"{str(options.src)!r}: pass one file of its {len(source.cases)}")
    [name] = source.cases
    file = source.path(name)
    with TemporaryDirectory() as folder:
        whole_run = {
            "dst": Path(folder, "noisy"),
            "per_case": options.target is not None,
            "pattern": "*",
            "workers": 1,
            **dict.fromkeys(("scheduler", "raters", "images", "size")),
            **dict.fromkeys(
                ("together", "soft", "report", "resume", "overwrite", "copy_images"), False
            ),
            "strict": True,
        }
        with redirect_stdout(StringIO()):
            code = perturb(Namespace(**{**vars(options), **whole_run}), arguments)
        if code:
            return code
        output = options.output or Path(mkdtemp(), f"{file.name}.png")
        try:
            with whole(output) as part:
                rows = draw(
                    (name, file, Path(folder, "noisy", file.name)),
                    options.image,
                    options.tolerance,
                    part,
                )
        except ValueError as error:
            raise UsageError(f"--image {options.image}: {error}") from error
    print(as_table(rows), end="")
    print(f"Picture in {output}")
    if options.output is None:
        webbrowser.open(output.absolute().as_uri())
    return 0


def report(options: Namespace, arguments: Sequence[str]) -> int:
    """Write a page that shows how two folders of labels differ."""
    _check_output(options.output)
    check(options)
    _check_images(options)
    for name, folder in ("CLEAN", options.clean), ("NOISY", options.noisy):
        if folder.suffix.lower() == ".json" or _has_texts(folder):
            raise UsageError(
                f"{name}={str(folder)!r}: holds objects of COCO or YOLO, and a report shows label "
                "maps; pass a folder of those"
            )
    noisy = located(options.noisy)
    if options.pattern == "*":
        options.pattern = pattern_of(noisy)
    clean = (find_together if options.together else find)(options.clean, options.pattern)
    with Spread(options.workers, options.scheduler) as spread:
        failed = _report(options, clean, noisy, options.output, spread)
    return _list(failed)


def _report(options: Namespace, clean: Source, noisy: Path, output: Path, spread: Spread) -> Failed:
    """Write a report; return the cases that it lacks, and why."""
    failed = write_report(
        clean,
        noisy,
        output,
        pattern=options.pattern,
        images=options.images,
        tolerance=options.tolerance,
        spread=spread,
    )
    print(f"Report in {output}")
    return failed


def _check_images(options: Namespace) -> None:
    """Refuse images that are not there, or that nothing would show."""
    if options.images is None:
        return
    flag = as_written("images", options.images)
    if not getattr(options, "report", True):
        raise UsageError(f"{flag}: goes with --report; leave it out, or pass both")
    if not options.images.is_dir():
        raise UsageError(f"{flag}: is no folder; pass one that holds images")


def fit(options: Namespace, arguments: Sequence[str]) -> int:
    """Write how people draw, as a few numbers that are found from what they drew."""
    _check_output(options.output)
    reference = find(options.reference, options.pattern)
    if options.labels is not None:
        options.labels = reference.numbers(options.labels)
    others = [find(folder, options.pattern) for folder in options.others]
    check(options)
    settle(options, [reference, *others], people=True)
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
        "within": plan.within,
        "dice": options.target if options.score == "dice" else None,
        options.score: options.target,
        "score_unit": plan.score_unit,
        "tolerance": plan.tolerance,
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
    target: Any,
    options: Namespace,
    spread: Spread,
) -> dict[str, Any]:
    """Find the strength at which the cases' mean score is the target, or that of each label."""
    masks = Masks([source.path(name) for name in names], plan)
    several = not spread.alone or masks.size * min(options.sample, len(names)) > _MEMORY
    try:
        found: Any = calibration.calibrate(
            masks,
            plan.noise,
            target,
            metric=_cases.SCORES[plan.score],
            tol=options.tol,
            sample=options.sample,
            labels=None if isinstance(target, dict) else plan.labels,
            keys=names,
            rng=plan.seed,
            workers=spread.map if several else 1,
        )
    except ValueError as error:
        raise UsageError(say(error, options.score)) from error
    if not isinstance(target, dict):
        scaled = plan.noise.scaled(found.strength)
        return {"factor": found.strength, "scaled": scaled.to_dict(), **_told(found, plan)}
    strengths = {label: each.strength for label, each in found.items()}
    scaled = calibration.per_label(plan.noise, strengths)
    return {
        "scaled": scaled.to_dict(),
        "labels": {str(label): _told(each, plan) for label, each in found.items()},
    }


def _told(found: calibration.Calibration, plan: Plan) -> dict[str, Any]:
    """Return what the manifest tells of a search."""
    return {
        "strength": plan.strength(found.strength),
        "score": found.score,
        "bracket": [plan.strength(bound) for bound in found.bracket],
        "bracket_scores": found.bracket_scores,
        "cases": found.masks,
        "evaluations": found.nfev,
    }


def _news(entry: Entry, score: str) -> str:
    if not entry["noisy"]:
        return "as it was"
    name = TARGETS[score]
    scores = _known(entry, name)
    far = "" if entry.get("reached", True) else ", the nearest that can be reached"
    return f"{TITLES[name]} {fmean(scores):.4f}{far}" if scores else "nothing to draw"


def _known(entry: Entry, name: str) -> list[float]:
    """Return the finite scores of a case's labels, by all raters."""
    each = (score for result in results_of(entry) for score in result[name].values())
    return [score for score in each if score is not None]


def _check_listed(options: Namespace, source: Source, plan: Plan, record: Record) -> None:
    """Refuse labels that no case has."""
    noisy = [case for case in record.cases.values() if case["noisy"]]
    has = {int(label) for case in noisy for each in results_of(case) for label in each["dice"]}
    missing = sorted(set(options.labels or ()) - has)
    if missing and noisy:
        some = sorted(_cases.labels_of(source.path(noisy[0]["case"]), plan))
        few = ", ".join(map(str, some[:_FEW])) + (", ..." if len(some) > _FEW else "")
        raise UsageError(
            f"{as_written('labels', options.labels)}: none of {len(noisy)} cases has "
            f"{', '.join(map(str, missing))}; {noisy[0]['case']} has {few or 'no labels'}"
        )


def _conclude(options: Namespace, source: Source, record: Record, failed: Failed) -> None:
    cases = {name: case for name, case in record.cases.items() if name not in failed}
    every = {
        name: [fmean(each["dice"].values()) for each in results_of(case) if each["dice"]]
        for name, case in cases.items()
    }
    scores = {name: fmean(each) for name, each in every.items() if each}
    people = "" if options.raters is None else f" by {options.raters} raters"
    done = len(source.cases.keys() - failed.keys())
    noisy = sum(case["noisy"] for case in cases.values())
    some = f", {noisy} of them noisy" if options.share < 1 else ""
    mean = f", mean Dice {fmean(scores.values()):.4f}" if scores else ""
    if scores and options.score != "dice":
        name = TARGETS[options.score]
        every_score = [fmean(known) for case in cases.values() if (known := _known(case, name))]
        unit = f" {options.score_unit}" if name in ("hd95", "assd") else ""
        mean += f", mean {TITLES[name]} {fmean(every_score):.4f}{unit}" if every_score else ""
    labels = sorted(
        {int(at) for case in cases.values() for r in results_of(case) for at in r["dice"]}
    )
    if len(labels) > 1:
        few = ", ".join(map(str, labels[:_FEW])) + (", ..." if len(labels) > _FEW else "")
        mean += f", averaged over labels {few}"
    print(f"{done} of {len(source.cases)} cases{people} in {options.dst}{some}{mean}")
    if len(scores) > 1:
        worst = min(scores, key=lambda name: scores[name])
        spread = f"standard deviation {stdev(scores.values()):.4f}"
        print(f"Dice scores of the cases: {spread}, lowest {scores[worst]:.4f} ({worst})")
    if record.found:
        several = "labels" in record.found
        noise = record.found["scaled"] if several else record.settings["noise"]
        found = words(noise, record.found.get("factor", 1.0), 4)
        unit = "mm" if record.settings["spacing"] == "mm" else "pixels"
        print(f"The strengths that were found, lengths in {unit}: {' '.join(found)}")
    far = sorted(name for name, case in cases.items() if not case.get("reached", True))
    if far:
        print(
            f"labelnoise: {len(far)} of {len(cases)} cases have the nearest score that can be "
            f"reached: {', '.join(far[:_FEW])}{', ...' if len(far) > _FEW else ''}; --strict "
            "makes them fail",
            file=sys.stderr,
        )
    if noisy and not any(
        each["error_rate"] != 0 for case in cases.values() for each in results_of(case)
    ):
        where = "--labels and --within" if options.within else "its labels and options"
        print(f"labelnoise: no case changed; look at {where}", file=sys.stderr)
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
