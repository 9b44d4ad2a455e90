"""How much do label errors matter to liver segmentation? Heller et al. (2018), once more.

Three networks learn from ten training sets: the clean labels, and labels made wrong in
three ways (natural, choppy, random) to a Dice of 0.95, 0.90 and 0.85. All are tested on
clean labels, and the table stands beside the paper's.

    python liver_study.py                      # synthetic CT, 30 runs, 5 minutes on 2 cores
    python liver_study.py --data LITS          # the same on volumes of yours
    python liver_study.py --data LITS --preset paper    # 150 runs at 512 x 512, for a GPU
    python liver_study.py report               # tables and figures of what is done so far

The quick preset keeps the paper's design an eighth as large: 64 x 64 pixels, 512 instead
of 4096 features in FCN32, one repeat, and a fraction of the steps, so that its numbers lie
below the paper's, SegNet's and FCN32's by far; compare the rows, not the columns.

Every run has a folder in DIR/runs. A study that was stopped, by whatever, goes on when the
same command is given again, and does not repeat what is done. Several commands may share
DIR, on one machine or on many: none does what another is doing.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from liver import cache, data, models, noise, phantom, report, runs, store, workers
from tqdm import tqdm


@dataclass(frozen=True)
class Preset:
    """How large a study is; every field is an option of the command."""

    size: int
    epochs: int
    steps: int
    batch: int
    repeats: int
    hidden: int
    rate: str
    sample: int = 1000
    patients: int = 30
    slices: int = 16
    targets: tuple[float, ...] = noise.TARGETS


PRESETS = {
    "smoke": Preset(32, 2, 1, 4, 1, 16, "linear", 50, 6, 6, targets=(0.85,)),
    "quick": Preset(64, 9, 24, 12, 1, 512, "linear", 300),
    "paper": Preset(512, 100, 35, 20, 5, 4096, "constant", 1000, 40, 48),
}


def options() -> argparse.ArgumentParser:
    """Name everything that can be asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", nargs="?", choices=("run", "report"), default="run")

    place = parser.add_argument_group("where")
    place.add_argument("--out", type=Path, default=Path("liver-study"), metavar="DIR")
    place.add_argument("--cache", type=Path, metavar="DIR", help="shrunk slices (DIR/cache)")
    place.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    place.add_argument("--threads", type=positive, metavar="N", help="of one run, on a CPU (1)")
    place.add_argument("--jobs", type=positive, metavar="N", help="runs at a time (all cores)")
    place.add_argument("--shard", type=shard, metavar="I/N", help="only every N-th run, from I")

    place.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that sees the same folders; "
        "or local, to start one of --workers",
    )  # fmt: skip
    place.add_argument("--workers", type=positive, metavar="N", help="of a local Dask cluster")

    what = parser.add_argument_group("what the networks see")
    what.add_argument("--data", type=Path, metavar="DIR", help="LiTS, MSD or nnU-Net layout")
    what.add_argument(
        "--same", nargs="*", type=span, metavar="N-M",
        help="volumes that show one person, never split (LiTS: 0-1 6-10)",
    )  # fmt: skip
    what.add_argument("--patients", type=positive, metavar="N", help="synthetic ones")
    what.add_argument("--slices", type=positive, metavar="N", help="of a synthetic patient")
    what.add_argument("--size", type=positive, metavar="N", help="pixels along a slice")
    what.add_argument(
        "--window", nargs=2, type=int, default=data.WINDOW, metavar=("LOW", "HIGH"),
        help="Hounsfield units (-128 128)",
    )  # fmt: skip
    what.add_argument(
        "--split", nargs=2, type=share, default=(0.1, 0.2), metavar=("VALIDATION", "TEST"),
        help="shares of the slices (0.1 0.2)",
    )  # fmt: skip

    axes = parser.add_argument_group("the grid")
    axes.add_argument("--models", nargs="+", choices=models.MODELS, default=tuple(models.MODELS))
    axes.add_argument(
        "--noises", nargs="*", choices=noise.PERTURBATIONS, default=noise.PERTURBATIONS
    )
    axes.add_argument("--targets", nargs="+", type=share, metavar="DICE", help="of noisy labels")
    axes.add_argument("--repeats", type=positive, metavar="N", help="of each cell")
    axes.add_argument(
        "--train-fraction", nargs="+", type=share, default=(1.0,), metavar="SHARE",
        help="of the training patients; several shares are compared",
    )  # fmt: skip
    axes.add_argument(
        "--filters", nargs="+", type=positive, default=(6,), metavar="N",
        help="of a network's first level (6); several are compared",
    )  # fmt: skip

    training = parser.add_argument_group("a run")
    training.add_argument("--preset", choices=PRESETS, default="quick", help="the other defaults")
    training.add_argument(
        "--noise", choices=("fixed", "resampled"), default="fixed",
        help="errors of the data set (the paper's text), or drawn at each load (its code)",
    )  # fmt: skip
    training.add_argument("--sample", type=positive, metavar="N", help="slices to calibrate on")
    training.add_argument("--epochs", type=positive, metavar="N")
    training.add_argument("--steps", type=positive, metavar="N", help="in an epoch")
    training.add_argument("--batch", type=positive, metavar="N", help="slices in a step")
    training.add_argument("--hidden", type=positive, metavar="N", help="widest layers of FCN32")
    training.add_argument(
        "--rate", choices=("constant", "linear"),
        help="Adam's: constant, and the best validation epoch is tested (the paper preset), or "
        "falling along a line over the second half, and the last network is",
    )  # fmt: skip
    training.add_argument(
        "--precision", choices=("float32", "bfloat16"),
        help="of convolutions (bfloat16 on CUDA, float32 else)",
    )  # fmt: skip
    training.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random")
    return parser


def positive(text: str) -> int:
    """Read a number from 1."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1: give a positive number")
    return value


def share(text: str) -> float:
    """Read a share of 1."""
    if not 0 < (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def span(text: str) -> range:
    """Read the numbers N to M from N-M."""
    first, last = text.split("-")
    return range(int(first), int(last) + 1)


def shard(text: str) -> tuple[int, int]:
    """Read shard I of N, counted from 1."""
    index, count = map(int, text.split("/"))
    if not 1 <= index <= count:
        raise argparse.ArgumentTypeError(f"{text} is not between 1/{count} and {count}/{count}")
    return index, count


def main(arguments: list[str] | None = None) -> int:
    """Run the study and print its table."""
    parser = options()
    given = parser.parse_args(arguments)
    if given.data and (given.patients or given.slices):
        parser.error("--patients and --slices are of the synthetic CT: leave them out, or --data")
    if given.same is not None and not given.data:
        parser.error("--same names volumes of --data: give that, too")
    if given.jobs and given.scheduler:
        parser.error(f"--jobs {given.jobs} is for this machine alone: leave it out, or --scheduler")
    for name, value in asdict(PRESETS[given.preset]).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    if given.size % 32:
        parser.error(f"--size {given.size} is not divisible by 32: give 64, 96, 128, ...")
    if given.window[0] >= given.window[1]:
        parser.error(f"--window {given.window[0]} {given.window[1]} is empty: give LOW < HIGH")
    if sum(given.split) >= 1:
        parser.error(f"--split {given.split[0]} {given.split[1]} leaves nothing to train on")
    if given.workers and given.scheduler != "local":
        parser.error(f"--workers {given.workers} is for --scheduler local; else give --jobs")
    if 1 in given.targets:
        parser.error("--targets 1 is the control: give Dice below 1")
    try:
        torch.empty(1, device=given.device)
    except (RuntimeError, AssertionError):
        parser.error(f"--device {given.device!r} is not to be had here: give cpu, or no --device")
    try:
        if given.command == "report":
            print(report.write(given.out)[0], end="")
            return 0
        return study(given)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: stopped; what is done is kept in {given.out}\n")


def study(given: argparse.Namespace) -> int:
    """Do the runs that are not done, and report."""
    kind = torch.device(given.device).type
    source: cache.Source = phantom.Phantom(given.patients, given.slices, given.seed)
    if given.data:
        same = None if given.same is None else tuple(given.same)
        source = data.Folder(given.data.absolute(), same)
    out = given.out.absolute()
    place = runs.Place(out, (given.cache or out / "cache").absolute(), source, given.device)
    common = {name: getattr(given, name) for name in ("size", "seed", "sample", "epochs", "steps")}
    common |= {
        "data": cache.load(source, given.size, tuple(given.window), place.cache, print).origin,
        "window": tuple(given.window),
        "split": tuple(given.split),
        "draw": given.noise,
        "batch": given.batch,
        "rate": given.rate,
        "hidden": given.hidden,
        "precision": given.precision or ("bfloat16" if kind == "cuda" else "float32"),
        # One thread a run, as many runs as cores: much faster than one run on all.
        "threads": given.threads or 1,
        "device": kind,
    }
    grid = runs.grid(
        common,
        models=given.models,
        noises=given.noises,
        targets=given.targets,
        repeats=given.repeats,
        fractions=given.train_fraction,
        filters=given.filters,
    )
    if given.shard:
        grid = grid[given.shard[0] - 1 :: given.shard[1]]
    for part, slices in runs.parts_of(grid[0], place).items():
        print(f"{part:<11}{len(slices):>6} slices, liver {slices.labels.mean():.1%} of the pixels")
    left = [run for run in grid if not store.done(place.out, run)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    jobs = given.jobs or ((cores or 1) // common["threads"] if kind == "cpu" else 1)
    jobs = max(1, min(jobs, len(left)))
    pace = f"on {given.scheduler}" if given.scheduler else f"{jobs} at a time"
    print(
        f"{len(grid)} runs, {len(grid) - len(left)} of them done, {pace}, in {given.out / 'runs'}",
        flush=True,
    )
    failed: dict[runs.Run, str] = {}
    busy = 0
    stopped = False
    with tqdm(total=len(left) * given.epochs * given.steps, unit="step", smoothing=0.01) as bar:

        def tick(run: runs.Run, steps: int, loss: float, dice: float) -> None:
            bar.set_description(f"{run.model}, {run.labels}", refresh=False)
            if not math.isnan(loss):
                bar.set_postfix_str(f"loss {loss:.3f}, Dice {dice:.3f}", refresh=False)
            bar.update(steps)

        with contextlib.ExitStack() as stack:
            if given.scheduler:
                client = stack.enter_context(connect(given.scheduler, given.workers or jobs))
                outcomes = workers.cluster(left, place, tick, client)
            elif jobs == 1:
                outcomes = workers.alone(left, place, tick)
            else:
                outcomes = workers.processes(left, place, tick, jobs)
            try:
                for run, problem in outcomes:
                    if problem == store.BUSY:
                        busy += 1
                    elif problem:
                        failed[run] = problem
            except KeyboardInterrupt:
                stopped = True
                outcomes.close()
    found = sum(store.done(out, run) for run in grid)
    if found:
        text, path = report.write(given.out)
        print(f"{text}\nKept, with figures and CSV, beside {path}")
    if found < len(grid):
        print(f"{found} of {len(grid)} runs are done: give the same command again for the rest")
    if busy:
        print(f"{busy} runs are in the hands of other processes: wait for them")
    for run, problem in failed.items():
        print(f"{run.id}: {problem}", file=sys.stderr)
    return 130 if stopped else 1 if failed else 0


def connect(address: str, count: int) -> Any:
    """Reach a Dask cluster, or start one on this machine."""
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            "--scheduler needs Dask: python -m pip install distributed, here and on the workers."
        ) from None
    if address == "local":
        return Client(n_workers=count, threads_per_worker=1, dashboard_address=None)
    try:
        return Client(address, timeout=20)
    except OSError as error:
        raise ValueError(f"--scheduler {address!r} does not answer: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
