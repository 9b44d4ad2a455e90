"""The arguments of the command line, and its help."""

import argparse
import ast
import inspect
import json
import re
import shlex
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any, Literal, get_args, get_origin

from .. import __version__
from .._patch import ERRORS, Options
from ..annotators.annotator import _PUBLISHED
from ..noise import strength_name

TARGETS = {  # options for wanted scores, and the functions of these
    "dice": "dice",
    "iou": "iou",
    "nsd": "nsd",
    "hd95": "hd95",
    "assd": "assd",
    "volume": "volume_difference",
}
TOLERANCE = 2.0
_EXPLAINED = {
    "dice": "mean Dice score of the noisy labels, between 0 and 1, to which all strengths are "
    "scaled together; with --per-case also a range, LOW:HIGH, in which each case has its own; or "
    "LABEL=SCORE for each label, which then has a strength of its own",
    "iou": "mean IoU, instead of Dice",
    "nsd": "mean normalised surface distance at --tolerance, instead of Dice",
    "hd95": "mean 95th percentile of the Hausdorff distance, instead of Dice; in mm, or in pixels "
    "where files have no mm and with --spacing=pixel",
    "assd": "mean average symmetric surface distance, instead of Dice; unit as of --hd95",
    "volume": "mean share by which noisy labels are larger, instead of Dice; smaller ones: "
    "--volume=-0.1",
}
PUBLISHED = tuple(json.loads(_PUBLISHED.read_text(encoding="utf-8")))

_WHERE = (
    "is a label map or a folder of them: NIfTI, NRRD, MetaImage, TIFF, PNG, NumPy or DICOM files; "
    "or a raw dataset of nnU-Net (with dataset.json and labelsTr), whose labelsTr is meant."
)
_PERTURB = f"""\
Write a noisy copy of the labels in SRC to DST, with a manifest of what was done.

{fill(f"SRC {_WHERE}", 100)}
Nothing but labels differs; what cannot be written without loss is refused. SRC may also be a COCO
file (DST is one, too) or a folder of YOLO's polygons, whose objects err one by one.
A case's noise depends on --seed and its name alone: not on the number of workers, the order or the
other cases. SRC is only read. DST appears when it is whole."""
_COMPARE = """\
Print the scores of each label of each case that A and B have, with their means and standard
deviations: Dice, IoU, NSD at --tolerance, HD95 and ASSD in mm (in pixels where a file has no mm),
the volume of B less that of A as a share of that of A, the share of the case's pixels that differ
(changed), and their number as a share of its foreground (errors)."""
_PREVIEW = """\
Draw one case before and after, to choose a noise before a data set is copied: the planes with the
worst, the median and the best Dice score, clean contours behind noisy ones. Its scores are printed.
The noise is the one that perturb gives the file; a score is reached in this case."""
_PREVIEW_EXAMPLES = """\
examples:
  labelnoise preview labels/case_7.nii.gz --noise wobble --dice 0.90 --image images/case_7.nii.gz
  labelnoise preview labels/case_7.nii.gz --annotator kits23-kidney -o case_7.png"""
_REPORT = f"""\
Write one page of HTML, which needs no network: what was done, all scores of all cases, histograms,
and the worst, median and best slices with clean and noisy contours over the image.

{fill(f"Each of CLEAN and NOISY {_WHERE}", 100)}
NOISY/manifest.json, which labelnoise perturb writes, tells what was done. If it tells of several
raters, each of them is compared."""
_REPORT_EXAMPLES = """\
examples:
  labelnoise report labels noisy --images images -o report.html
      what labelnoise perturb labels noisy did, over the images
  labelnoise report first second -o report.html
      how the labels of two people differ
  labelnoise report lits noisy --images lits -o report.html
      images may lie beside labels: volume-7.nii belongs to segmentation-7.nii"""
_FIT = f"""\
Find how a person draws, from cases that someone else has drawn too. A few numbers are printed, with
standard errors, and written to FILE, which labelnoise perturb --annotator takes.

{fill(f"Each of REFERENCE and OTHER {_WHERE}", 100)}
A case has the same name in all of them. It is used if REFERENCE and at least one OTHER have it; an
empty label map counts as none. The NIfTI files of a case may have different orientations, but must
lie in the same place.

An annotator of NIfTI files draws volumes and is in mm, one of pictures draws planes and is in
pixels. If you pass --plane, --volumes or --spacing, pass the same to perturb."""
_FIT_EXAMPLES = """\
examples:
  labelnoise fit labels second_reader -o reader.json
  labelnoise perturb labels noisy --annotator reader.json
      all cases as the second reader might have drawn them
  labelnoise fit consensus reader1 reader2 reader3 -o readers.json
      what three readers have in common
  labelnoise fit labels second_reader -o lesions.json --labels 2
      the lesions (label 2) alone; perturb then leaves other labels as they are"""
_EXAMPLES = """\
examples:
  labelnoise perturb labels noisy --noise natural --dice 0.90
      one strength for all, so that the mean Dice score of the cases is 0.90
  labelnoise perturb labels noisy --noise natural --dice 0.90 --per-case
      a strength for each case, so that each has Dice 0.90
  labelnoise perturb labels noisy --noise natural --dice 0.70:0.95 --per-case
      a Dice score of its own for each case, to train a network for quality control
  labelnoise perturb labels noisy --noise choppy --strength 3 --spacing mm
      row ends off by 3 mm (standard deviation)
  labelnoise perturb labels noisy --noise omit:0.3 bias:2 --of 2 --volumes --spacing mm --dice 0.85
      someone who misses small lesions (label 2) and draws the rest 2 mm too large, both to such a
      degree that the mean Dice score is 0.85; without --dice, just as written
  labelnoise perturb labels noisy --annotator reader.json
      as the person might have drawn them whom "labelnoise fit" wrote to reader.json; with --dice
      0.85, so much worse or better that the mean Dice score is 0.85
  labelnoise perturb nodules noisy --annotator lidc-nodule --raters 4 --soft
      four readers of each case, and the share of them that marked each voxel
  labelnoise perturb Dataset003_Liver Dataset503_LiverNoisy --noise natural --dice 0.85
      a dataset for nnU-Net with noisy training labels

kinds of noise:
{kinds}

exit codes: 0 all done; 1 some cases failed, and are listed; 2 unusable arguments"""


def as_written(name: str, value: Any) -> str:
    """Return an option as it is written on the command line."""
    flag = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return f"no {flag}"
    if value is True:
        return flag
    if name in TARGETS and isinstance(value, list | tuple):
        value = ":".join(str(score) for score in value)
    if name in TARGETS and isinstance(value, dict):
        value = [f"{label}={score}" for label, score in value.items()]
    if isinstance(value, list | tuple):
        return " ".join([flag, *map(str, value)])
    return f"{flag}={shlex.quote(str(value).removesuffix('.0'))}"


def say(error: Exception, score: str = "dice") -> str:
    """Return the message of an error in one line, with arguments as on the command line.

    A target is one of a score.
    """
    flag = partial(_flag, names={**_OPTIONS, "target": score})
    message = " ".join(str(error).split()) or type(error).__name__
    if message.startswith("target="):
        message = re.sub(r"\b(target|tol|rng)\b(?!=)", flag, message)
    return re.sub(_ARGUMENT, flag, re.sub(r"^masks:", "SRC:", message))


def _flag(found: re.Match[str], names: dict[str, str]) -> str:
    """Return an argument of a function, with or without its value, as an option."""
    name, *values = found.groups()
    name = names.get(name, name)
    if not values:
        return f"--{name}"
    try:
        return as_written(name, ast.literal_eval(values[0]))
    except (SyntaxError, ValueError):
        return f"--{name}={values[0]}"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        "labelnoise",
        description="Make segmentation labels wrong as annotators do, repeatably.",
        formatter_class=partial(argparse.HelpFormatter, indent_increment=1),  # a line a command
    )
    top.add_argument("--version", action="version", version=f"labelnoise {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter

    perturb = commands.add_parser(
        "perturb",
        usage="labelnoise perturb SRC DST (--noise KIND[:STRENGTH] ... | --annotator FILE | "
        "--recipe FILE) [options]",
        help="write a noisy copy of a dataset",
        description=_PERTURB,
        epilog=_EXAMPLES.format(kinds="\n".join(map(_summary, ERRORS))),
        formatter_class=raw,
    )
    _add_source(perturb)
    perturb.add_argument("dst", metavar="DST", type=Path, help="new folder for the noisy copy")
    _add_kinds(perturb, "KIND[:STRENGTH]", "how labels err; several kinds one after the other")
    _add_amount(perturb)
    perturb.add_argument(
        "--per-case", action="store_true", help="reach the score in each case, not on average"
    )
    perturb.add_argument(
        "--strict",
        action="store_true",
        help="with --per-case, fail cases in which the score cannot be reached; without, they get "
        "the nearest score",
    )
    perturb.add_argument(
        "--size",
        nargs=2,
        type=int,
        metavar=("WIDTH", "HEIGHT"),
        help="YOLO: pixels of the images, if these are not there",
    )
    perturb.add_argument(
        "--raters",
        metavar="N",
        type=int,
        help="so many people draw each case, into DST/rater1, DST/rater2, ...; annotators share "
        "what makes a case difficult",
    )
    perturb.add_argument(
        "--soft",
        action="store_true",
        help="with --raters, write to DST/soft too which share of them gave a label, in DST/soft/"
        "label1, ... if there are several; float32, in TIFF (.tif) for PNG, which cannot hold it",
    )
    perturb.add_argument(
        "--resume",
        action="store_true",
        help="finish DST after an interruption; verify what is done",
    )
    perturb.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an earlier copy of labelnoise in DST, or one that was not finished",
    )
    perturb.add_argument(
        "--copy-images", action="store_true", help="nnU-Net: copy images instead of linking them"
    )
    perturb.add_argument(
        "--report",
        action="store_true",
        help="write DST/report.html at the end, as labelnoise report does",
    )
    _add_images(perturb)
    _add_noise(perturb)
    _add_search(perturb)
    _add_work(perturb)

    preview = commands.add_parser(
        "preview",
        usage="labelnoise preview FILE (--noise KIND[:STRENGTH] ... | --annotator FILE | "
        "--recipe FILE) [options]",
        help="look at one case before and after",
        description=_PREVIEW,
        epilog=_PREVIEW_EXAMPLES,
        formatter_class=raw,
    )
    preview.add_argument("src", metavar="FILE", type=Path, help="a label map")
    preview.add_argument("--image", metavar="FILE", type=Path, help="the image of the labels")
    preview.add_argument(
        "-o", dest="output", metavar="FILE", type=Path, help="new file (PNG); without, a browser "
        "shows the picture",
    )  # fmt: skip
    _add_kinds(preview, "KIND[:STRENGTH]", "how labels err; several kinds one after the other")
    _add_amount(preview)
    _add_noise(preview)
    _add_search(preview)

    calibrate = commands.add_parser(
        "calibrate",
        usage="labelnoise calibrate SRC [--noise KIND ... | --annotator FILE | --recipe FILE] "
        "[options]",
        help="print the strengths that give wanted scores",
        description="Print the strength at which the mean score of the cases in SRC is as wanted."
        f"\n\n{fill(f'SRC {_WHERE}', 100)}",
        formatter_class=raw,
    )
    _add_source(calibrate)
    _add_kinds(calibrate, "KIND", "how labels err, each on its own (all)")
    targets = calibrate.add_mutually_exclusive_group()
    for name, explained in _EXPLAINED.items():
        default = " (0.95 0.90 0.85)" if name == "dice" else ""
        targets.add_argument(
            f"--{name}",
            dest="target",
            const=name,
            metavar="SCORE",
            nargs="+",
            type=float,
            action=_Target,
            help=explained.split(",")[0] + default,
        )
    calibrate.set_defaults(target=[0.95, 0.9, 0.85], score="dice")
    calibrate.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _add_noise(calibrate)
    _add_search(calibrate)
    _add_work(calibrate)

    compare = commands.add_parser(
        "compare",
        help="score the labels of two folders",
        description=f"{_COMPARE}\n\n{fill(f'Each of A and B {_WHERE}', 100)}",
        formatter_class=raw,
    )
    compare.add_argument("a", metavar="A", type=Path, help="reference labels")
    compare.add_argument("b", metavar="B", type=Path, help="other labels of the same cases")
    form = compare.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    form.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _add_tolerance(compare)
    _add_pattern(compare)
    _add_work(compare)

    report = commands.add_parser(
        "report",
        usage="labelnoise report CLEAN NOISY [--images DIR] -o FILE [options]",
        help="show how the labels of two folders differ",
        description=_REPORT,
        epilog=_REPORT_EXAMPLES,
        formatter_class=raw,
    )
    report.add_argument("clean", metavar="CLEAN", type=Path, help="clean labels")
    report.add_argument("noisy", metavar="NOISY", type=Path, help="noisy labels of the same cases")
    report.add_argument(
        "-o", dest="output", metavar="FILE", type=Path, required=True, help="new file (HTML)"
    )
    _add_images(report)
    _add_together(report, "CLEAN")
    _add_tolerance(report)
    _add_pattern(report)
    _add_work(report)

    fit = commands.add_parser(
        "fit",
        usage="labelnoise fit REFERENCE OTHER [OTHER ...] -o FILE [options]",
        help="find how a person draws, as a few numbers",
        description=_FIT,
        epilog=_FIT_EXAMPLES,
        formatter_class=raw,
    )
    fit.add_argument("reference", metavar="REFERENCE", type=Path, help="folder of labels")
    fit.add_argument(
        "others", metavar="OTHER", nargs="+", type=Path, help="folder of someone else's labels"
    )
    fit.add_argument(
        "-o", dest="output", metavar="FILE", type=Path, required=True, help="new file (JSON)"
    )
    _add_pattern(fit)
    fit.add_argument(
        "--labels", nargs="+", help="labels that are fitted, each on its own (all but 0)"
    )
    _add_patches(fit)
    fit.add_argument("--seed", type=int, default=0, help="seed of the fit (0)")
    fit.set_defaults(annotator=None)
    return top


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("src", metavar="SRC", type=Path, help="clean labels, a folder or a file")
    _add_pattern(parser)
    _add_together(parser, "SRC")


def _add_together(parser: argparse.ArgumentParser, folder: str) -> None:
    parser.add_argument(
        "--together",
        action="store_true",
        help=f"{folder} has a folder for each case, and in it a file for each structure, which "
        "together make a label map: where structures touch, no gap opens; labels have the files' "
        "names",
    )


def _add_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images",
        metavar="DIR",
        type=Path,
        help="what the report shows behind contours: a folder of images that have the names of the "
        "cases, or the same numbers in their names (nnU-Net: imagesTr)",
    )


def _add_pattern(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pattern",
        default="*",
        help="which files, e.g. 'segmentation-*', or '**/*' for subfolders (*)",
    )


def _add_kinds(parser: argparse.ArgumentParser, metavar: str, explained: str) -> None:
    parser.add_argument("--noise", nargs="+", metavar=metavar, help=explained)
    parser.add_argument(
        "--annotator",
        metavar="FILE",
        help="labels err as a person does: a file that fit wrote, or a published annotator, "
        f"{', '.join(PUBLISHED)} (in mm)",
    )
    parser.add_argument(
        "--recipe",
        metavar="FILE",
        type=Path,
        help="how labels err, as to_dict of a labelnoise.Noise, Annotator or Chain tells in JSON",
    )


def _add_amount(parser: argparse.ArgumentParser) -> None:
    amount = parser.add_mutually_exclusive_group()
    for name, explained in _EXPLAINED.items():
        amount.add_argument(
            f"--{name}",
            dest="target",
            const=name,
            metavar="SCORE",
            nargs="+",
            type=_wanted,
            action=_One,
            help=explained,
        )
    parser.set_defaults(score="dice")
    amount.add_argument(
        "--strength",
        type=float,
        help="strength of one kind, or of an annotator, 1 being as fitted (1); "
        + "; ".join(f"{name}: {strength_name(error)}" for name, error in ERRORS.items()),
    )


def _add_noise(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("noise")
    group.add_argument(
        "--labels",
        nargs="+",
        help="labels that are drawn and scored, later ones over earlier ones; others stay "
        "(all but 0; of an nnU-Net dataset, those of dataset.json but the ignored one)",
    )
    group.add_argument(
        "--within",
        nargs="+",
        metavar="LABEL",
        help="labels inside which those of --labels change, as if these were the background: "
        "lesions (--labels 2) inside the liver (--within 1)",
    )
    _add_patches(group)
    for name, takers in OWN.items():
        option = next(iter(takers.values()))
        choices = get_args(option.annotation) if _type_of(option.annotation) is str else ()
        group.add_argument(
            f"--{name}",
            metavar="|".join(choices) or None,
            type=_type_of(option.annotation) or str,
            nargs="+" if _is_list(option.annotation) else None,
            help="; ".join(f"{error}: {_explained(error, takers[error])}" for error in takers),
        )
    group.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="share of noisy cases, chosen by --seed and name; others stay as they are (1)",
    )
    group.add_argument("--seed", type=int, default=0, help="another seed, other noise (0)")


def _add_patches(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--plane",
        choices=("axial", "sagittal", "coronal"),
        default="axial",
        help="planes of NIfTI volumes that annotators draw in (axial)",
    )
    group.add_argument(
        "--volumes",
        action=argparse.BooleanOptionalAction,
        help="label each NIfTI volume, or stack of TIFF pages, in one go, not each plane (planes; "
        "with annotators NIfTI: volumes)",
    )
    group.add_argument(
        "--spacing",
        choices=("mm", "pixel"),
        help="unit of lengths in NIfTI volumes (pixel; with annotators: mm)",
    )


def _add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("search for a strength")
    group.add_argument(
        "--tol", type=float, help="tolerance of the score (0.005; beyond 1, a hundredth of it)"
    )
    _add_tolerance(group)
    group.add_argument(
        "--sample", type=int, default=1000, help="at most so many cases, chosen by --seed (1000)"
    )


def _add_tolerance(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="NSD: largest distance of boundaries that agree, in mm, or in pixels where a file has "
        f"no mm ({TOLERANCE:g})",
    )


def _add_work(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("work")
    where = group.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=1, help="number of processes (1)")
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers see SRC and DST"
    )


class _Target(argparse.Action):
    """Take `target`, what is wanted, and `score`, of which score."""

    def __call__(self, parser: Any, options: Any, values: Any, flag: str | None = None) -> None:
        options.target, options.score = values, self.const


class _One(_Target):
    """Take one target, or one for each label."""

    def __call__(self, parser: Any, options: Any, values: Any, flag: str | None = None) -> None:
        target: Any = None
        if all(isinstance(value, dict) for value in values):
            target = {label: score for value in values for label, score in value.items()}
        elif len(values) == 1:
            target = values[0]
        if target is None or (isinstance(target, dict) and len(target) < len(values)):
            raise argparse.ArgumentError(
                self, "pass one score, or one for each label, e.g. 1=0.95 2=0.85"
            )
        super().__call__(parser, options, target, flag)


def _wanted(text: str) -> float | tuple[float, float] | dict[str, float]:
    """Return a score, the ends of a range, or the score of a label."""
    label, equals, score = text.rpartition("=")
    low, colon, high = score.partition(":")
    try:
        if equals:
            return {label: float(score)}
        return (float(low), float(high)) if colon else float(low)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: pass a number, e.g. 0.9, a range, e.g. 0.70:0.95, or LABEL=NUMBER"
        ) from None


def _type_of(annotation: Any) -> Callable[[str], Any] | None:
    """Return what reads an option from text, or None if one word cannot hold it."""
    if get_origin(annotation) is Literal:
        return str
    kinds = get_args(annotation) or (annotation,)
    if _is_list(annotation):
        return int
    return next((kind for kind in (int, float, str) if kind in kinds), None)


def _is_list(annotation: Any) -> bool:
    """Return whether an option takes several integers."""
    return Iterable[int] in get_args(annotation)


def _explained(error: str, option: inspect.Parameter) -> str:
    """Return the first sentence about an option in the docstring of an error, and its default."""
    found = re.search(
        rf"\n{option.name} : .*\n((?: {{4}}.*\n)+)", inspect.getdoc(ERRORS[error]) or ""
    )
    text = " ".join(found[1].split()).split(". ")[0].rstrip(".") if found else ""
    default = "" if option.default is None else f" ({option.default})"
    return f"{text}{default}".replace("%", "%%")


def _summary(name: str) -> str:
    lines = (ERRORS[name].__doc__ or "").split("\n\n")[0].split()
    return f"  {name:8} {' '.join(lines)}"


def _own_options() -> dict[str, dict[str, inspect.Parameter]]:
    """Return the options that errors have of their own: by option, then by the error's name."""
    found: dict[str, dict[str, inspect.Parameter]] = {}
    for name, error in ERRORS.items():
        for option in list(inspect.signature(error).parameters.values())[2:]:
            if option.name not in Options.__annotations__ and _type_of(option.annotation):
                found.setdefault(option.name, {})[name] = option
    return found


OWN = _own_options()  # what errors take besides the shared options
_OPTIONS = {"rng": "seed"}  # where the command line has another name
_OPTIONS |= {strength_name(error): "strength" for error in ERRORS.values()}
_SHARED = (
    "labels",
    "raters",
    "sample",
    "seed",
    "share",
    "strength",
    "tol",
    "tolerance",
    "within",
    "workers",
)
_NAMES = "|".join((*_OPTIONS, "target", *_SHARED, *OWN))
_ARGUMENT = rf"(?<!-)\b({_NAMES})=(\[.*?\]|\(.*?\)|\{{.*?\}}|'[^']*'|[^\s:;,]+)"
