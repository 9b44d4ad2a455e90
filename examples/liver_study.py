"""How much do label errors matter to liver segmentation? Heller et al. (2018), once more.

Three networks learn from ten training sets: the clean labels, and labels made wrong in
three ways (natural, choppy, random) to a Dice of 0.95, 0.90 and 0.85. All are tested on
clean labels of patients whom they have not seen.

    python liver_study.py                      # synthetic CT, 2 minutes on 2 cores
    python liver_study.py --data LITS          # the same on volumes of yours
    python liver_study.py --data LITS --preset paper    # 150 runs at 512 x 512, for a GPU
    python liver_study.py report               # tables and figures of what is done so far

Without options it trains U-Net and SegNet at 64 x 64 pixels. Natural and choppy errors cost
both more the lower the Dice of the labels is, random errors cost next to nothing.

Every run has a folder in DIR/runs. A study that was stopped, by whatever, goes on when the
same command is given again, and does not repeat what is done.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import itertools
import json
import logging
import math
import os
import platform
import re
import sys
import threading
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import dask
import numpy as np
import torch
from distributed import Client, as_completed
from filelock import FileLock, Timeout
from liver import data, kinds, report, store
from liver.data import Slices
from liver.networks import NETWORKS
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

import labelnoise
from labelnoise.hooks.dataset import NoisyLabels
from labelnoise.noise import from_dict

Mask = NDArray[Any]
Labels = Callable[[NDArray[np.int64], int], NDArray[np.uint8]]
PACKAGES = ("torch", "numpy", "numba", "scipy", "scikit-image", "nibabel")
BUSY = "another process is at it"

# ---- Settings -------------------------------------------------------------------------------

SHARED = {"targets": (0.95, 0.90, 0.85), "patients": 30, "slices": 16, "models": tuple(NETWORKS)}
PRESETS = {  # the defaults of options
    "smoke": SHARED | {"size": 32, "epochs": 2, "steps": 1, "batch": 4, "repeats": 1, "hidden": 16,
                       "rate": "linear", "sample": 50, "patients": 6, "slices": 6,
                       "targets": (0.85,)},
    "quick": SHARED | {"size": 64, "epochs": 9, "steps": 24, "batch": 12, "repeats": 1,
                       "hidden": 512, "rate": "linear", "sample": 300,
                       "models": ("unet", "segnet")},
    "paper": SHARED | {"size": 512, "epochs": 100, "steps": 35, "batch": 20, "repeats": 5,
                       "hidden": 4096, "rate": "constant", "sample": 1000, "patients": 40,
                       "slices": 48},
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Everything that determines a run's result, but for the software and the processor."""

    model: str  # unet, segnet or fcn32
    noise: str  # its name, or control
    recipe: str  # what describes the noise, as JSON; nothing for control
    target: float  # mean Dice of the training labels
    repeat: int  # which fold is tested; also other weights, batches and draws of the noise
    data: str  # what the slices are, by a digest of their pixels
    size: int  # pixels along a slice
    window: tuple[int, int]  # Hounsfield units between which the networks see
    folds: int  # of the patients
    validation: float  # share of the patients outside the tested fold
    train_fraction: float  # share of the patients for training
    draw: str  # fixed: the same errors in each epoch; resampled: drawn at each load
    seed: int  # of everything random
    sample: int  # slices on which a strength is calibrated
    epochs: int
    steps: int  # in an epoch
    batch: int  # slices in a step
    rate: str  # linear: falls to 0, and the last network is tested; constant: the best one is
    weigh: str  # what weighs the same in the loss: classes or pixels
    filters: int  # of a network's first level
    hidden: int  # features of FCN32's widest layers, 0 for others
    precision: str  # in which convolutions multiply
    threads: int  # of the processor
    device: str  # cpu or cuda

    @property
    def labels(self) -> str:
        """The training set's name."""
        return f"{self.noise} {self.target:.2f}" if self.recipe else self.noise

    @property
    def id(self) -> str:
        """The name of the run's folder, the same in any process and on any machine."""
        text = json.dumps(asdict(self), sort_keys=True).encode()
        labels = re.sub(r"[^\w.=-]+", "-", self.labels)
        return f"{self.model}-{labels}-{self.repeat}-{hashlib.sha256(text).hexdigest()[:10]}"


def grid(given: argparse.Namespace, common: dict[str, Any]) -> list[Run]:
    """List the runs of a study: whole repeats one after another, so that early ends are fair."""
    described = [(name, json.dumps(recipe, sort_keys=True)) for name, recipe in given.recipes]
    sets = [((report.CONTROL, ""), 1.0), *itertools.product(described, given.targets)]
    axes = range(given.repeats), given.train_fraction, given.filters, sets, given.models
    runs = []
    for repeat, fraction, filters, ((noise, recipe), target), model in itertools.product(*axes):
        cell = {"model": model, "noise": noise, "recipe": recipe, "target": target}
        run = Run(**common, **cell, repeat=repeat, train_fraction=fraction, filters=filters)
        # What makes no difference makes no other run.
        if model != "fcn32":
            run = replace(run, hidden=0)
        if not recipe:
            run = replace(run, draw="fixed", sample=0)
        runs.append(run)
    return list(dict.fromkeys(runs))


# ---- Data: one fold is for the test, the others for training --------------------------------


@dataclass(frozen=True)
class Place:
    """Where runs are done, and where their slices come from."""

    out: Path
    cache: Path
    device: str
    source: tuple[Any, ...]  # a function of `data` that lists the volumes, and its arguments

    def load(self, size: int, window: data.Window) -> Slices:
        """Load the slices."""
        cases = getattr(data, self.source[0])(*self.source[1:])
        return data.load(cases, size, window, self.cache)


@functools.lru_cache(maxsize=1)
def slices_of(place: Place, size: int, window: data.Window, origin: str) -> Slices:
    """Load the slices, which the runs of a process mostly share, if they are what they were."""
    slices = place.load(size, window)
    if slices.origin != origin:
        raise ValueError(
            f"The slices are {slices.origin!r} now, but were {origin!r} when the study began: "
            "start it again."
        )
    return slices


def parts_of(run: Run, place: Place) -> dict[str, Slices]:
    """Divide the patients for a run: repeat k is tested on fold k."""
    slices = slices_of(place, run.size, run.window, run.data)
    test = data.folds(slices, run.folds, run.seed)[run.repeat % run.folds]
    return data.divide(slices, test, run.validation, run.train_fraction, run.seed)


# ---- Noisy labels ---------------------------------------------------------------------------


def noisy(run: Run, slices: Slices, noise: Any, epoch: int | None = None) -> NoisyLabels:
    """Make the labels of slices wrong: fixed ones, or those of an epoch."""
    moment = run.repeat if epoch is None else f"{run.repeat}/{epoch}"
    keys = [f"{name}/{moment}" for name in slices.names]
    return NoisyLabels(slices, noise, run.seed, key=keys)


def calibrated(run: Run, slices: Slices) -> tuple[Any, float]:
    """Find the noise that leaves the wanted mean Dice of the training labels, and its strength."""
    pixel = kinds.FIELD / run.size
    noise = functools.partial(from_dict(json.loads(run.recipe)), spacing=(pixel, pixel))
    settings = {"sample": run.sample, "keys": noisy(run, slices, noise).key, "rng": run.seed}
    found = labelnoise.calibrate(slices.labels, noise, run.target, tol=0.002, **settings)
    return functools.partial(noise, strength=found.strength), found.strength


def labels_of(dataset: Any, indices: Iterable[int]) -> NDArray[np.uint8]:
    """Stack labels of a dataset."""
    return np.stack([dataset[index][1] for index in indices])


# ---- Training -------------------------------------------------------------------------------


def train(
    run: Run, slices: Slices, labels: Labels, device: str
) -> Iterator[tuple[nn.Module, float]]:
    """Train a network from scratch by Adam with its default settings.

    The slices come in random order, each once before any comes again. `labels` gives what is
    learnt from the chosen slices in an epoch, from 0; the clean labels only say how rare the
    liver is. After each epoch it yields the network and the mean loss.
    """
    images = torch.from_numpy(slices.images).to(device)
    share = float(slices.labels.mean())
    chance = share / (1 - share) if run.weigh == "classes" else 1.0
    hidden = {"hidden": run.hidden} if run.hidden else {}
    count = run.steps * run.batch
    with torch.random.fork_rng([device] if torch.device(device).type == "cuda" else []):
        # The same for all training sets, so that they differ by their labels alone.
        torch.manual_seed(int(np.random.SeedSequence([run.seed, run.repeat]).generate_state(1)[0]))
        model = NETWORKS[run.model](filters=run.filters, **hidden).train()
        # Channels last: on CPUs up to a third faster with so few filters.
        model = model.to(device, memory_format=torch.channels_last)
        adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        order = torch.empty(0, dtype=torch.int64)
        for epoch in range(run.epochs):
            while len(order) < count:
                order = torch.cat([order, torch.randperm(len(slices))])
            chosen, order = order[:count], order[count:]
            marks = torch.from_numpy(labels(chosen.numpy(), epoch)).to(device) > 0
            losses = torch.zeros(run.steps, device=device)
            for step in range(run.steps):
                if run.rate == "linear":  # it falls over the second half
                    rate = 1e-3 * min(1, 2 - 2 * (epoch + step / run.steps) / run.epochs)
                    adam.param_groups[0]["lr"] = rate
                part = slice(step * run.batch, (step + 1) * run.batch)
                scores = forward(model, images[chosen[part].to(device)], run.precision)
                losses[step] = learn(adam, scores, marks[part], chance)
            yield model, float(losses.mean())


def forward(model: nn.Module, images: Tensor, precision: str) -> Tensor:
    """Score both classes at every pixel; convolutions multiply in the wanted type."""
    half = torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16")
    channels = images.float().unsqueeze(1).contiguous(memory_format=torch.channels_last)
    with half:
        return model(channels).float()


def learn(adam: torch.optim.Optimizer, scores: Tensor, target: Tensor, chance: float) -> Tensor:
    """Take a step by the mean cross-entropy of the liver and of a random part of the rest.

    Each pixel of the rest counts with the given chance, so that both classes can weigh the same, by
    expectation. The cross-entropy of two classes is that of their scores' difference.
    """
    counts = (target | (torch.rand(target.shape, device=target.device) < chance)).float()
    losses = binary_cross_entropy_with_logits(
        scores[:, 1] - scores[:, 0], target.float(), weight=counts, reduction="sum"
    )
    loss = losses / counts.sum().clamp_min(1)
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.detach()


def predict(run: Run, model: nn.Module, slices: Slices, device: str) -> NDArray[np.bool_]:
    """Outline the liver in each slice."""
    model.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(slices), run.batch):
            images = torch.from_numpy(slices.images[start : start + run.batch]).to(device)
            found.append((forward(model, images, run.precision).argmax(1) > 0).cpu().numpy())
    model.train()
    return np.concatenate(found)


# ---- Scores ---------------------------------------------------------------------------------


def scores(slices: Slices, predicted: Mask, true: Mask) -> dict[str, Any]:
    """Score each slice, and each volume as the stack of its slices."""
    volumes = np.array([name.rsplit("/", 1)[0] for name in slices.names])
    stacks = [volumes == name for name in dict.fromkeys(volumes.tolist())]
    of_slices = list(map(overlap, predicted, true))
    of_volumes = [overlap(predicted[one], true[one]) for one in stacks]
    mean = float(np.mean([each["dice"] for each in of_slices]))
    return {"mean_dice": mean, "slices": columns(of_slices), "volumes": columns(of_volumes)}


def columns(rows: list[dict[str, float]]) -> dict[str, list[float | None]]:
    """Turn rows into columns of rounded numbers, for JSON, which has none for infinity."""
    return {
        name: [round(row[name], 6) if math.isfinite(row[name]) else None for row in rows]
        for name in rows[0]
    }


def overlap(predicted: Mask, true: Mask) -> dict[str, float]:
    """Scores and counts of pixels; nothing predicted is a precision of 0.

    HD95 is in pixels; the slices of a volume count as one pixel apart.
    """
    masks = predicted & true, predicted, true
    both, inside, real = (float(np.count_nonzero(mask)) for mask in masks)
    return {
        "dice": labelnoise.dice(predicted, true),
        "precision": both / max(inside, 1),
        "recall": both / max(real, 1),
        "predicted": inside,
        "true": real,
        "hd95": labelnoise.hd95(predicted, true),
    }


def mean_dice(masks: Mask, others: Mask) -> float:
    """Mean Dice of pairs of masks."""
    return float(np.mean(list(map(labelnoise.dice, masks, others))))


# ---- A run ----------------------------------------------------------------------------------


def execute(run: Run, place: Place) -> tuple[dict[str, Any], dict[str, Mask]]:
    """Calibrate the noise, draw it, train the network; give all that was measured, and masks."""
    moments = [perf_counter()]
    torch.set_num_threads(run.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 means it
    parts = parts_of(run, place)
    learnt, held, tested = parts.values()
    strength, drawn = 0.0, learnt.labels
    masks = {"clean": tested.labels > 0}
    if run.recipe:
        noise, strength = calibrated(run, learnt)
        drawn = labels_of(noisy(run, learnt, noise), range(len(learnt)))
        masks["noisy"] = labels_of(noisy(run, tested, noise), range(len(tested))) > 0

    def labels(chosen: NDArray[np.int64], epoch: int) -> NDArray[np.uint8]:
        if run.draw == "fixed":
            return drawn[chosen]
        return labels_of(noisy(run, learnt, noise, epoch), chosen.tolist())

    moments.append(perf_counter())
    losses: list[float] = []
    validation: list[float] = []
    best: dict[str, Tensor] = {}
    for model, loss in train(run, learnt, labels, place.device):
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss} in epoch {len(losses) + 1}")
        losses.append(loss)
        if len(held):
            found = predict(run, model, held, place.device)
            validation.append(mean_dice(held.labels > 0, found))
            if run.rate == "constant" and validation[-1] == max(validation):
                best = {name: value.clone() for name, value in model.state_dict().items()}
    if best:
        model.load_state_dict(best)
    moments.append(perf_counter())
    masks["predicted"] = predict(run, model, tested, place.device)
    pairs = {"clean": ("predicted", "clean")}
    if run.recipe:
        pairs |= {"noisy": ("predicted", "noisy"), "labels": ("noisy", "clean")}
    test = {name: scores(tested, *map(masks.get, pair)) for name, pair in pairs.items()}
    moments.append(perf_counter())
    patients = tested.patients.tolist()
    volumes = dict(zip((name.rsplit("/", 1)[0] for name in tested.names), patients, strict=True))
    record = {
        "id": run.id,
        "labels": run.labels,
        "run": asdict(run),
        "slices": {name: len(each) for name, each in parts.items()},
        "patients": {name: list(each.counts()) for name, each in parts.items()},
        "strength": strength,
        "training_dice": mean_dice(learnt.labels > 0, drawn > 0),
        "loss": losses,
        "validation_dice": validation,
        "test_slices": {"name": tested.names, "patient": patients},
        "test_volumes": {"name": list(volumes), "patient": list(volumes.values())},
        "test": test,
        "seconds": dict(zip(("labels", "training", "test"), np.diff(moments), strict=True)),
        "hardware": hardware(place.device),
        "versions": {
            "python": platform.python_version(),
            "labelnoise": labelnoise.__version__,
            **{package: version(package) for package in PACKAGES},
        },
    }
    return record, masks


def hardware(device: str) -> str:
    """Name the processor."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        if found := re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()):
            return found[1]
    return platform.processor() or platform.machine()


# ---- Dask does the runs: each once, by one process at a time --------------------------------


def attempt(run: Run, place: Place) -> str | None:
    """Do a run if nobody has done it or is at it; tell in one line what went wrong.

    The error lies in full in the run's folder, and a later attempt starts anew.
    """
    folder = place.out / "runs" / run.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The operating system releases the lock when its process dies, however that may be.
        with FileLock(folder / store.LOCK, timeout=0):
            if store.read(folder) is None:
                store.keep(folder, *execute(run, place))
                (folder / store.ERROR).unlink(missing_ok=True)
    except Timeout:
        return BUSY
    except Exception as error:
        with contextlib.suppress(OSError):
            (folder / store.ERROR).write_text(traceback.format_exc())
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


one = threading.Lock()  # a run at a time in a process: PyTorch's random state is one


def submit(client: Client, runs: Sequence[Run], place: Place) -> dict[Any, Run]:
    """Give the runs to the workers, which must see the same folders as this process."""

    def remote(here: str, run: dict[str, Any], place: dict[str, Any]) -> str | None:
        import sys  # this function travels as code: it must not need what is around it

        if here not in sys.path:
            sys.path.insert(0, here)
        import liver_study as study

        with study.one:
            return study.attempt(study.Run(**run), study.Place(**place))

    futures = {}
    for position, run in enumerate(runs):
        key = f"liver-{run.id}-{uuid.uuid4().hex}"  # two studies share no keys
        work = str(Path(__file__).resolve().parent), asdict(run), asdict(place)
        future = client.submit(remote, *work, key=key, priority=-position, pure=False)
        futures[future] = run
    return futures


def connect(address: str | None, count: int) -> Client:
    """Reach a Dask cluster, or start one on this machine: a process and a thread a run."""
    if address:
        try:
            return Client(address, timeout=20)
        except (OSError, ValueError) as error:
            raise ValueError(f"--scheduler {address} does not answer: {error}") from error
    # A worker that is too busy to be heard of is not dead. Dask's workers give freed memory back
    # at once, and training waits for new pages.
    trim = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
    dask.config.set({"distributed.scheduler.worker-ttl": None, trim: None})
    local = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    return Client(n_workers=count, **local, silence_logs=logging.ERROR)


def study(given: argparse.Namespace) -> int:
    """Do the runs that are not done, and report."""
    kind = torch.device(given.device).type
    out = given.out.absolute()
    source: tuple[Any, ...] = ("phantoms", given.patients, given.slices, given.seed)
    if given.data:
        same = None if given.same is None else tuple(given.same)
        source = ("volumes", given.data.absolute(), same)
    place = Place(out, (given.cache or out / "cache").absolute(), given.device, source)
    names = {*Run.__annotations__} & {*vars(given)} - {"model", "train_fraction", "filters"}
    common = {name: getattr(given, name) for name in names} | {
        "data": place.load(given.size, tuple(given.window)).origin,
        "window": tuple(given.window),
        "validation": given.validation or (0.1 if given.rate == "constant" else 0.0),
        "precision": given.precision or ("bfloat16" if kind == "cuda" else "float32"),
        "device": kind,
    }
    runs = grid(given, common)
    if given.shard:
        runs = runs[given.shard[0] - 1 :: given.shard[1]]
    for part, slices in parts_of(runs[0], place).items():
        print(f"{part:<11}{len(slices):>6} slices of {len(slices.counts())} patients")

    def done(run: Run) -> bool:
        return store.read(out / "runs" / run.id) is not None

    left = [run for run in runs if not done(run)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = given.workers or ((cores or 1) // given.threads if kind == "cpu" else 1)
    workers = max(1, min(workers, len(left)))
    pace = f"on {given.scheduler}" if given.scheduler else f"{workers} at a time"
    print(f"{len(runs)} runs, {len(runs) - len(left)} of them done, {pace}, in {out / 'runs'}")
    problems: dict[Run, str] = {}
    stopped = False
    if left:
        with connect(given.scheduler, workers) as client, tqdm(total=len(left), unit="run") as bar:
            futures = submit(client, left, place)
            try:
                for future in as_completed(futures):
                    run = futures[future]
                    if future.status == "finished":
                        problem = future.result()
                    else:
                        problem = f"{future.status} by the cluster"
                    if problem:
                        problems[run] = problem
                    bar.set_description(f"{run.model}, {run.labels}", refresh=False)
                    bar.update()
            except KeyboardInterrupt:
                stopped = True
                client.cancel(list(futures))
    found = sum(map(done, runs))
    if found:
        text, path = report.write(out)
        print(f"{text}\nKept, with figures and CSV, beside {path}")
    if found < len(runs):
        print(f"{found} of {len(runs)} runs are done: give the same command again for the rest")
    for run, problem in problems.items():
        print(f"{run.id}: {problem}", file=sys.stderr)
    return 130 if stopped else 1 if set(problems.values()) - {BUSY} else 0


# ---- The command ----------------------------------------------------------------------------


def options() -> argparse.ArgumentParser:
    """Name everything that can be asked for."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form, allow_abbrev=False)
    parser.add_argument("command", nargs="?", choices=("run", "report"), default="run")
    number = {"type": positive, "metavar": "N"}
    several = {"nargs": "+", "type": share}

    add = parser.add_argument_group("where").add_argument
    add("--out", type=Path, default=Path("liver-study"), metavar="DIR")
    add("--cache", type=Path, metavar="DIR", help="shrunk slices (DIR/cache)")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--threads", **number, default=1, help="of a run, on a CPU (1)")
    add("--workers", **number, help="runs at a time (all cores)")
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster that sees the same folders")
    add("--shard", type=shard, metavar="I/N", help="only every N-th run, from I")

    add = parser.add_argument_group("what the networks see").add_argument
    add("--data", type=Path, metavar="DIR", help="LiTS, MSD or nnU-Net layout")
    add(
        "--same", nargs="*", type=span, metavar="N-M", help="volumes of one person (LiTS: 0-1 6-10)"
    )
    add("--patients", **number, help="synthetic ones")
    add("--slices", **number, help="of a synthetic patient")
    add("--size", **number, help="pixels along a slice")
    ends = {"nargs": 2, "type": int, "metavar": ("LOW", "HIGH")}
    add("--window", **ends, default=data.WINDOW, help="Hounsfield units (-128 128)")
    add("--folds", **number, default=5, help="of the patients (5)")
    held = "of the patients outside the tested fold (0.1 with a constant rate, else none)"
    add("--validation", type=share, metavar="SHARE", help=held)

    add = parser.add_argument_group("the grid").add_argument
    add("--models", nargs="+", choices=NETWORKS)
    usual = ("natural", "choppy", "random")
    add("--noises", nargs="*", default=usual, metavar="NOISE", help=kinds.written.__doc__)
    add("--targets", **several, metavar="DICE", help="of noisy labels")
    add("--repeats", **number, help="of each cell: as many folds are tested")
    part = {"default": (1.0,), "metavar": "SHARE"}
    add("--train-fraction", **several, **part, help="of the training patients (1)")
    add("--filters", **number, nargs="+", default=(6,), help="of a network's first level (6)")

    add = parser.add_argument_group("a run").add_argument
    add("--preset", choices=PRESETS, default="quick", help="the other defaults")
    fixed = {"dest": "draw", "choices": ("fixed", "resampled"), "default": "fixed"}
    add("--noise", **fixed, help="errors of the data set, or drawn at each load")
    add("--sample", **number, help="slices to calibrate on")
    add("--epochs", **number)
    add("--steps", **number, help="in an epoch")
    add("--batch", **number, help="slices in a step")
    add("--hidden", **number, help="widest layers of FCN32")
    rate = "Adam's: constant, and the best epoch is tested, or falling, and the last one is"
    add("--rate", choices=("constant", "linear"), help=rate)
    precisions = {"choices": ("float32", "bfloat16")}
    add("--precision", **precisions, help="of convolutions (bfloat16 on CUDA, else float32)")
    weigh = {"choices": ("classes", "pixels"), "default": "classes"}
    add("--weigh", **weigh, help="what weighs the same in the loss: classes (default), or pixels")
    add("--seed", type=int, default=0, metavar="N", help="of everything random")
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
    first, last = map(int, text.split("-"))
    return range(first, last + 1)


def shard(text: str) -> tuple[int, int]:
    """Read shard I of N, counted from 1."""
    index, count = map(int, text.split("/"))
    if not 1 <= index <= count:
        raise argparse.ArgumentTypeError(f"{text} is not between 1/{count} and {count}/{count}")
    return index, count


def check(given: argparse.Namespace) -> None:
    """Fill in the preset, and refuse options that do not go together."""
    synthetic = given.patients or given.slices
    for name, value in PRESETS[given.preset].items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    low, high = given.window
    for wrong, message in (
        (given.data and synthetic, "--patients and --slices are of phantoms: leave out --data"),
        (given.same is not None and not given.data, "--same names volumes: give --data, too"),
        (given.workers and given.scheduler, f"--workers {given.workers}: leave out --scheduler"),
        (given.size % 32, f"--size {given.size}: give a multiple of 32"),
        (low >= high, f"--window {low} {high} is empty: give LOW < HIGH"),
        (given.folds == 1, "--folds 1 leaves nothing to train on: give at least 2"),
        (given.validation == 1, "--validation 1 leaves nothing to train on: give less"),
        (1 in given.targets, "--targets 1 is the control: give Dice below 1"),
    ):
        if wrong:
            raise ValueError(message)
    given.recipes = [kinds.written(word) for word in given.noises]
    try:
        torch.empty(1, device=given.device)
    except (RuntimeError, AssertionError):
        raise ValueError(f"--device {given.device} is not to be had here: give cpu") from None


def main(arguments: list[str] | None = None) -> int:
    """Run the study and print its table."""
    parser = options()
    given = parser.parse_args(arguments)
    try:
        if given.command == "report":
            print(report.write(given.out)[0], end="")
            return 0
        check(given)
        return study(given)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: stopped; what is done is kept in {given.out}\n")


if __name__ == "__main__":
    sys.exit(main())
