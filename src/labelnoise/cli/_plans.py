"""What is done to every case, from the options of the command line."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np

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
from ..files import PICTURES
from ..noise import from_dict, strength_name
from . import _cases
from ._arguments import OWN, PUBLISHED, TARGETS, as_written, say
from ._cases import Plan
from ._recipe import (
    Described,
    annotator,
    filled,
    is_person,
    misfit,
    name_of,
    recipe,
    steps,
    written,
)
from ._sources import Source, UsageError


def check_per_case(options: Namespace) -> None:
    """Refuse scores of single cases that cannot be."""
    if options.per_case and options.target is None:
        raise UsageError("--per-case goes with --dice; pass the score that each case shall have")
    if isinstance(options.target, tuple):
        flag = as_written(options.score, options.target)
        if not options.per_case:
            raise UsageError(
                f"{flag}: a range gives each case a score of its own; pass --per-case too, or "
                "one score"
            )
        if options.target[0] > options.target[1]:
            raise UsageError(f"{flag}: pass the lower score first")


def check_by_label(options: Namespace, source: Source) -> None:
    """Take the labels that have targets of their own for those that are drawn."""
    if not isinstance(options.target, dict):
        return
    flag = as_written(options.score, options.target)
    targets = {tuple(source.numbers([name])): score for name, score in options.target.items()}
    if any(len(labels) > 1 for labels in targets):
        raise UsageError(f"{flag}: pass single labels, not regions of several")
    options.target = {label: score for (label,), score in targets.items()}
    if set(options.labels or options.target) != set(options.target):
        raise UsageError(
            f"{flag}: --labels {' '.join(map(str, options.labels))} must be the labels with a "
            "score; leave --labels out, or give each a score"
        )
    options.labels = options.labels or sorted(options.target)


def check_raters(options: Namespace, source: Source) -> None:
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
    if options.soft and source.structures:
        raise UsageError("--soft: goes without --together; leave one out")


def check(options: Namespace) -> None:
    """Refuse arguments that no command could use."""
    checks: dict[str, Callable[[Any], Any]] = {
        "workers": partial(check_count, "workers"),
        "seed": partial(check_seed, "seed"),
        "tol": lambda tol: check_tol(tol, 1.0),
        "tolerance": lambda tolerance: check_number("--tolerance", tolerance, 0.0, LARGEST),
        "share": lambda share: check_number("share", share, 0.0, 1.0),
        "sample": partial(check_count, "sample"),
        "raters": partial(check_count, "raters"),
        "labels": check_labels,
        "within": partial(check_labels, name="within"),
        "strength": lambda strength: (
            options.annotator is None or check_number("strength", strength, 0.0, LARGEST)
        ),
        "target": lambda targets: [
            check_target(target, _cases.SCORES[TARGETS[options.score]])
            for target in (
                targets.values() if isinstance(targets, dict) else np.atleast_1d(targets).tolist()
            )
        ],
    }
    try:
        for name, check in checks.items():
            if getattr(options, name, None) is not None:
                check(getattr(options, name))
    except ValueError as error:
        raise UsageError(say(error, getattr(options, "score", "dice"))) from error


def noise_of(options: Namespace) -> Described:
    """Return the noise as --noise, --annotator or --recipe describes it."""
    check_alone(options)
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
    return written(options.noise, options.strength, options.target is not None)


def check_alone(options: Namespace) -> None:
    """Refuse several descriptions of the noise."""
    given = [
        name for name in ("recipe", "annotator", "noise") if getattr(options, name) is not None
    ]
    if len(given) > 1:
        flag = as_written(given[0], getattr(options, given[0]))
        raise UsageError(f"{flag}: goes without --{given[1]}; leave one out")


def settle(options: Namespace, sources: Sequence[Source], people: bool) -> None:
    """Settle what is labelled in one go, and in which unit, where the options do not tell.

    People draw volumes and are known in mm; pictures have neither.
    """
    endings = {ending for source in sources for ending in source.endings}
    pictures = endings & {*PICTURES}
    options.score_unit = "pixel" if pictures or options.spacing == "pixel" else "mm"
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


def plans_of(options: Namespace, source: Source, noises: Sequence[Described]) -> list[Plan]:
    """Return what is done to every case, for each noise."""
    every = [step for noise in noises for step in steps(noise)]
    settle(options, [source], any(map(is_person, every)))
    own = own_of(options, every)
    _check_within(options, every)
    labels = source.drawn if options.labels is None else options.labels
    shared = {} if labels is None else {"labels": labels}

    def more(step: Described) -> Described:
        return shared | own(step)

    plans = []
    for noise in noises:
        try:
            made = from_dict(filled(noise, more))
        except (TypeError, ValueError) as error:
            if options.recipe is None:
                raise UsageError(say(error)) from error
            raise UsageError(f"{as_written('recipe', options.recipe)}: {error}") from error
        millimetres = options.spacing == "mm"
        plans.append(
            Plan(
                made,
                labels,
                options.plane,
                options.volumes,
                millimetres,
                options.seed,
                structures=source.names if source.structures else None,
                score=TARGETS[options.score],
                score_unit=options.score_unit,
                tolerance=options.tolerance,
                within=options.within,
            )
        )
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


def own_of(options: Namespace, every: Sequence[Described]) -> Callable[[Described], dict[str, Any]]:
    """Return what gives a step the options of its kind; refuse those that no step takes."""
    given = {name: getattr(options, name) for name in OWN if getattr(options, name) is not None}

    def own(step: Described) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name_of(step) in OWN[name]}

    for name, value in given.items():
        if not any(name in own(step) and name not in step for step in every):
            takers = " or ".join(OWN[name])
            others = f"{takers} steps that have none of their own"
            whose = f"--noise {takers}" if options.recipe is None else others
            raise UsageError(f"{as_written(name, value)}: goes with {whose}; leave it out")
    return own


def _check_within(options: Namespace, every: Sequence[Described]) -> None:
    """Refuse labels inside which nothing is drawn."""
    if options.within is None:
        return
    flag = as_written("within", options.within)
    if options.labels is None:
        raise UsageError(f"{flag}: goes with --labels; name those that are drawn inside")
    both = sorted({*options.labels} & {*options.within})
    if both:
        raise UsageError(f"{flag}: --labels has {both[0]}, too; leave it out of one of them")
    if any("within" in step or "labels" in step for step in every):
        raise UsageError(f"{flag}: the recipe has labels or within of its own; leave one out")


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
