"""How much do label errors matter to liver segmentation? Heller et al. (2018), once more.

Three networks learn from ten training sets: the clean labels, and labels made wrong in
three ways (natural, choppy, random) to a Dice of 0.95, 0.90 and 0.85. All are tested on
clean labels, and the table stands beside the paper's.

    python liver_study.py                      # synthetic CT, 30 runs, 5 minutes on 2 cores
    python liver_study.py --data LITS          # the same on LiTS' volumes
    python liver_study.py --data LITS --preset paper --device cuda    # 150 runs at 512 x 512

The quick preset keeps the paper's design an eighth as large: 64 x 64 pixels, 512 instead
of 4096 features in FCN32, one repeat, and a fraction of the steps, so that its numbers lie
below the paper's, SegNet's and FCN32's by far; compare the rows, not the columns. The
record, DIR/study.json or, if that exists, the next free number, is whole after every run;
Ctrl-C loses the unfinished one only.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from liver import data, models, phantom, report, runs
from tqdm import tqdm


@dataclass(frozen=True)
class Preset:
    """How large a study is; every field is an option of the command."""

    size: int
    epochs: int
    steps: int
    repeats: int
    batch: int
    hidden: int
    patients: int
    slices: int
    models: tuple[str, ...] = ("unet", "segnet", "fcn32")
    noises: tuple[str, ...] = runs.PERTURBATIONS
    targets: tuple[float, ...] = runs.TARGETS
    sample: int = 1000


PRESETS = {
    "smoke": Preset(32, 1, 2, 1, 4, 16, 6, 12, targets=(0.85,)),
    "quick": Preset(64, 12, 21, 1, 12, 512, 30, 16, sample=300),
    "paper": Preset(512, 100, 35, 5, 20, 4096, 40, 48),
}
HELP = {
    "size": "pixels along a slice, divisible by 32",
    "epochs": "epochs of a run; that of the best validation Dice is tested",
    "steps": "Adam's steps in an epoch",
    "repeats": "runs of each cell, each from other weights",
    "batch": "slices in a step",
    "hidden": "features of FCN32's two widest layers",
    "patients": "synthetic patients, without --data",
    "slices": "slices of each synthetic patient",
    "models": "networks: unet, segnet, fcn32",
    "noises": "perturbations: natural, choppy, random",
    "targets": "Dice of the noisy training labels",
    "sample": "slices on which a strength is calibrated",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder in LiTS' layout (default: synthetic slices)")
    parser.add_argument(
        "--same",
        nargs="*",
        type=span,
        default=data.SAME,
        metavar="N-M",
        help="volumes that show one person, never split (default: 0-1 6-10, as in LiTS)",
    )
    parser.add_argument("--preset", choices=PRESETS, default="quick")
    parser.add_argument("--out", type=Path, default=Path("liver-study"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--jobs", type=int, help="runs at a time (default: one a core, or GPU)")
    parser.add_argument(
        "--draw",
        choices=("fixed", "resampled"),
        default="fixed",
        help="noise drawn once for each slice (the paper's text) or at each load (its code)",
    )
    choices = {"models": models.MODELS, "noises": runs.PERTURBATIONS}
    for name, value in asdict(PRESETS["quick"]).items():
        many = isinstance(value, tuple)
        parser.add_argument(
            f"--{name}",
            type=type(value[0]) if many else int,
            nargs="+" if many else None,
            choices=choices.get(name),
            metavar=name.upper().rstrip("S") if many else "N",
            help=HELP[name],
        )
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in [*HELP, "jobs"]}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if isinstance(value, int) and value < 1:
            parser.error(f"--{name} {value} is less than 1: give a positive number")
        if name == "targets" and not all(0 < target < 1 for target in value):
            parser.error(f"--targets {' '.join(map(str, value))} must lie between 0 and 1")
    given.pop("jobs", None)
    preset = replace(PRESETS[options.preset], **given)
    if preset.size % 32:
        parser.error(f"--size {preset.size} is not divisible by 32: give 64, 96, 128, ...")
    try:
        torch.empty(1, device=options.device)
    except (RuntimeError, AssertionError):
        parser.error(f"--device {options.device!r} is not to be had here: give cpu, or no --device")
    try:
        return study(options, preset)
    except (FileNotFoundError, ValueError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: stopped before the first run\n")


def span(text: str) -> range:
    """Read the numbers N to M from N-M."""
    first, last = text.split("-")
    return range(int(first), int(last) + 1)


def study(options: argparse.Namespace, preset: Preset) -> int:
    """Load, make the training sets, run the grid, report."""
    if options.data:
        slices = data.load(options.data, preset.size, options.same)
    else:
        slices = phantom.make(preset.patients, preset.slices, preset.size, options.seed)
    parts = dict(zip(("train", "validation", "test"), data.split(slices), strict=True))
    print(
        f"{options.data or 'Synthetic CT'} at {preset.size} x {preset.size}: "
        + ", ".join(f"{name} {len(part)} slices" for name, part in parts.items())
        + f"; liver {parts['train'].labels.mean():.1%} of the pixels"
    )
    cores = os.cpu_count() or 1
    sets = {}
    for name, made in runs.training_sets(
        parts["train"],
        preset.noises,
        preset.targets,
        sample=preset.sample,
        seed=options.seed,
        workers=cores,
    ):
        sets[name] = made
        print(f"  {name:<13} strength {made.strength:7.3f}  training Dice {made.dice:.3f}")

    setup = runs.Setup(
        **parts,
        sets=sets,
        epochs=preset.epochs,
        steps=preset.steps,
        batch=preset.batch,
        hidden=preset.hidden,
        seed=options.seed,
        device=options.device,
        resampled=options.draw == "resampled",
    )
    cells = [
        runs.Cell(model, name, repeat)
        for repeat in range(preset.repeats)
        for name in sets
        for model in preset.models
    ]
    jobs = options.jobs or (min(cores, len(cells)) if options.device == "cpu" else 1)
    path = report.free(options.out / "study.json")
    record = {
        "configuration": {
            **asdict(preset),
            "data": options.data,
            "draw": options.draw,
            "jobs": jobs,
        },
        "seed": options.seed,
        "device": options.device,
        "patients": {name: sorted(set(part.patients.tolist())) for name, part in parts.items()},
        "versions": report.versions(),
        "runs": [],
    }
    report.save(path, record)
    print(f"{len(cells)} runs, {jobs} at a time, recorded in {path}", flush=True)
    stopped = False
    with tqdm(total=len(cells) * preset.epochs * preset.steps, unit="step", smoothing=0.01) as bar:

        def tick(cell: runs.Cell, loss: float, validation: float) -> None:
            bar.set_description(f"{cell.model}, {cell.labels}", refresh=False)
            dice = "-" if math.isnan(validation) else f"{validation:.3f}"
            bar.set_postfix_str(f"loss {loss:.3f}, Dice {dice}", refresh=False)
            bar.update()

        try:
            for result in runs.run_all(cells, setup, tick, jobs):
                record["runs"].append(result)
                report.save(path, record)
        except KeyboardInterrupt:
            stopped = True
    print(report.table(record["runs"], preset.models, sets))
    if stopped:
        print(f"Stopped after {len(record['runs'])} of {len(cells)} runs, kept in {path}")
    return 130 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
