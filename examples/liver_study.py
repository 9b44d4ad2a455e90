"""How much do label errors matter to liver segmentation? Heller et al. (2018), once more.

Three networks learn from ten training sets: the clean labels, and labels made wrong in
three ways (natural, choppy, random) to a Dice of 0.95, 0.90 and 0.85. All are tested on
clean labels of patients whom they have not seen.

    python liver_study.py                      # synthetic CT, 5 minutes on 2 cores
    python liver_study.py --data LITS          # the same on volumes of yours
    python liver_study.py --data LITS --preset paper    # 150 runs at 512 x 512, for a GPU
    python liver_study.py report               # tables and figures of what is done so far

Every run has a folder in DIR/runs. A study that was stopped, by whatever, goes on when the
same command is given again, and does not repeat what is done.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import io
import itertools
import json
import math
import os
import platform
import re
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from distributed import Client, LocalCluster, as_completed
from filelock import FileLock, Timeout
from liver import data, kinds, report
from liver.data import Slices
from liver.networks import NETWORKS
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

import labelnoise
from labelnoise.hooks.dataset import NoisyLabels

HERE = Path(__file__).resolve().parent
CONTROL = "control"
RESULT, MASKS, ERROR, LOCK = "result.json", "masks.npz", "error.txt", "lock"
BUSY = "another process is at it"

# ---- Settings -------------------------------------------------------------------------------


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
    targets: tuple[float, ...] = (0.95, 0.90, 0.85)


PRESETS = {
    "smoke": Preset(32, 2, 1, 4, 1, 16, "linear", 50, 6, 6, targets=(0.85,)),
    "quick": Preset(64, 9, 24, 12, 1, 512, "linear", 300),
    "paper": Preset(512, 100, 35, 20, 5, 4096, "constant", 1000, 40, 48),
}


@dataclass(frozen=True)
class Run:
    """Everything that determines a run's result, but for the software and the processor.

    Attributes
    ----------
    model : str
        unet, segnet or fcn32.
    noise, recipe : str, str
        Name of the noise, and its description as JSON; control has none.
    target : float
        Dice that the noise leaves of the training labels.
    repeat : int
        Runs that differ by this alone have another fold for the test, other weights, other
        batches and other draws of the same noise.
    data : str
        What the slices are, by a digest of their pixels.
    size, window : int, (int, int)
        Pixels along a slice, Hounsfield units between which the networks see.
    folds, validation, train_fraction : int, float, float
        Number of folds; share of the other folds' slices that is for validation; share of
        what is left of the patients that is for training.
    draw : str
        fixed: the same errors in each epoch; resampled: drawn whenever a slice is loaded.
    seed, sample : int
        Of all randomness; slices on which a strength is calibrated.
    epochs, steps, batch : int
        As for `train`.
    rate : str
        linear: Adam's rate falls to 0 and the last network is tested; constant: the network
        after the epoch of the best validation Dice is.
    filters, hidden : int
        Filters of a network's first level, features of FCN32's widest (0 for others).
    precision, threads, device : str, int, str
        Type in which convolutions multiply, threads of the processor, kind of device.
    """

    model: str
    noise: str
    recipe: str
    target: float
    repeat: int
    data: str
    size: int
    window: tuple[int, int]
    folds: int
    validation: float
    train_fraction: float
    draw: str
    seed: int
    sample: int
    epochs: int
    steps: int
    batch: int
    rate: str
    filters: int
    hidden: int
    precision: str
    threads: int
    device: str

    @property
    def labels(self) -> str:
        """The training set's name."""
        return CONTROL if self.noise == CONTROL else f"{self.noise} {self.target:.2f}"

    @property
    def id(self) -> str:
        """The name of the run's folder, the same in any process and on any machine."""
        text = json.dumps(asdict(self), sort_keys=True)
        labels = re.sub(r"[^\w.=-]+", "-", self.labels)
        return (
            f"{self.model}-{labels}-{self.repeat}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        )


def grid(
    common: dict[str, Any],
    *,
    models: Sequence[str],
    noises: Sequence[tuple[str, dict[str, Any]]],
    targets: Sequence[float],
    repeats: int,
    fractions: Sequence[float],
    filters: Sequence[int],
) -> list[Run]:
    """List the runs of a study: whole repeats one after another, so that early ends are fair."""
    described = [(name, json.dumps(recipe, sort_keys=True)) for name, recipe in noises]
    sets = [((CONTROL, ""), 1.0), *itertools.product(described, targets)]
    runs = []
    for repeat, share, width, ((noise, recipe), target), model in itertools.product(
        range(repeats), fractions, filters, sets, models
    ):
        run = Run(
            model=model,
            noise=noise,
            recipe=recipe,
            target=target,
            repeat=repeat,
            train_fraction=share,
            filters=width,
            **common,
        )
        # What makes no difference makes no other run.
        if model != "fcn32":
            run = replace(run, hidden=0)
        if noise == CONTROL:
            run = replace(run, draw="fixed", sample=0)
        runs.append(run)
    return list(dict.fromkeys(runs))


@dataclass(frozen=True)
class Place:
    """Where runs are done, and where their slices come from."""

    out: Path
    cache: Path
    device: str
    folder: Path | None
    same: tuple[range, ...] | None
    patients: int
    slices: int
    seed: int

    @property
    def source(self) -> data.Folder | data.Phantoms:
        """Where the slices come from."""
        if self.folder:
            return data.Folder(self.folder, self.same)
        return data.Phantoms(self.patients, self.slices, self.seed)


# ---- Data: one fold is for the test, the others for training ---------------------------------


@functools.lru_cache(maxsize=1)
def slices_of(source: Any, size: int, window: data.Window, folder: Path) -> Slices:
    """Load the slices; the runs of a process mostly share them."""
    return data.load(source, size, window, folder)


def parts_of(run: Run, place: Place) -> dict[str, Slices]:
    """Divide the patients for a run: repeat k is tested on fold k."""
    slices = slices_of(place.source, run.size, run.window, place.cache)
    if slices.origin != run.data:
        raise ValueError(
            f"The slices are {slices.origin!r} now, but were {run.data!r} when the study began: "
            "start it again."
        )
    test = data.folds(slices, run.folds, run.seed)[run.repeat % run.folds]
    return data.divide(slices, test, run.validation, run.train_fraction, run.seed)


# ---- Noisy labels -----------------------------------------------------------------------------


def noisy(slices: Slices, noise: Any, run: Run, epoch: int | None = None) -> NoisyLabels:
    """Make the labels of slices wrong.

    The noise of a slice depends on its name, the study's seed, the repeat and the epoch.
    """
    moment = str(run.repeat) if epoch is None else f"{run.repeat}/{epoch}"
    keys = [f"{name}/{moment}" for name in slices.names]
    return NoisyLabels(slices, noise, run.seed, key=keys)


def calibrated(run: Run, slices: Slices) -> tuple[Any, float]:
    """Find the noise that leaves the wanted mean Dice of the training labels."""
    noise = kinds.drawn(json.loads(run.recipe), run.size)
    found = labelnoise.calibrate(
        slices.labels,
        noise,
        run.target,
        tol=0.002,
        sample=run.sample,
        keys=noisy(slices, noise, run).key,
        rng=run.seed,
    )
    return functools.partial(noise, strength=found.strength), found.strength


def labels_of(dataset: Any) -> NDArray[np.uint8]:
    """Stack the labels of a dataset."""
    return np.stack([dataset[index][1] for index in range(len(dataset))])


# ---- Training ---------------------------------------------------------------------------------


def train(
    build: Callable[[], nn.Module],
    slices: Slices,
    labels: Callable[[NDArray[np.int64], int], NDArray[np.uint8]],
    *,
    epochs: int,
    steps: int,
    batch: int,
    seed: int,
    device: str = "cpu",
    precision: str = "float32",
    decay: bool = False,
    report: Callable[[nn.Module, float], None] = lambda model, loss: None,
) -> nn.Module:
    """Train a network from scratch by Adam with its default settings.

    Parameters
    ----------
    build : callable
        Makes the network, with random weights.
    slices : Slices
        The training set; its clean labels say how rare the liver is.
    labels : callable
        Gives the labels to learn from, by the indices of an epoch's slices and the epoch's
        number, from 0.
    epochs, steps, batch : int
        The number of epochs, of Adam's steps in each, and of the slices in a step. The
        slices come in random order, each once before any comes again.
    seed : int
        Decides the weights, the order, the dropout and the pixels that count.
    device, precision : str
        Where to train, and the type in which convolutions multiply.
    decay : bool
        Whether the learning rate falls to 0, along a line over the second half.
    report : callable
        Called after each epoch with the network and the mean loss.
    """
    images = torch.from_numpy(np.array(slices.images)).to(device)
    share = float(slices.labels.mean())
    with torch.random.fork_rng([device] if torch.device(device).type == "cuda" else []):
        torch.manual_seed(seed)
        # Channels last: on CPUs up to a third faster with so few filters.
        model = build().to(device, memory_format=torch.channels_last).train()
        adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        order = torch.empty(0, dtype=torch.int64)
        for epoch in range(epochs):
            while len(order) < steps * batch:
                order = torch.cat([order, torch.randperm(len(slices))])
            chosen, order = order[: steps * batch], order[steps * batch :]
            marks = torch.from_numpy(labels(chosen.numpy(), epoch)).to(device) > 0
            losses = torch.zeros(steps, device=device)
            for step in range(steps):
                if decay:
                    rate = 1e-3 * min(1, 2 - 2 * (epoch + step / steps) / epochs)
                    adam.param_groups[0]["lr"] = rate
                part = slice(step * batch, (step + 1) * batch)
                with cast(device, precision):
                    scores = model(batch_of(images[chosen[part].to(device)])).float()
                loss = loss_of(scores, marks[part], share / (1 - share))
                losses[step] = loss.detach()
                adam.zero_grad()
                loss.backward()
                adam.step()
            report(model, float(losses.mean()))
    return model


def loss_of(scores: Tensor, target: Tensor, chance: float) -> Tensor:
    """Mean cross-entropy in which both classes weigh the same.

    All of the liver counts, and of the rest as many pixels, by expectation, other ones in each
    step. The cross-entropy of two classes is that of their scores' difference.
    """
    counts = (target | (torch.rand(target.shape, device=target.device) < chance)).float()
    difference = scores[:, 1] - scores[:, 0]
    losses = binary_cross_entropy_with_logits(
        difference, target.float(), weight=counts, reduction="sum"
    )
    return losses / counts.sum().clamp_min(1)


def cast(device: str, precision: str) -> torch.autocast:
    """Let convolutions multiply in the wanted type."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=precision == "bfloat16")


def batch_of(images: Tensor) -> Tensor:
    """Images as a batch with one channel."""
    return images.float().unsqueeze(1).contiguous(memory_format=torch.channels_last)


def predict(
    model: nn.Module, slices: Slices, *, batch: int, device: str, precision: str
) -> NDArray[np.bool_]:
    """Outline the liver in each slice."""
    model.eval()
    found = []
    with torch.inference_mode(), cast(device, precision):
        for start in range(0, len(slices), batch):
            images = torch.from_numpy(np.array(slices.images[start : start + batch])).to(device)
            found.append((model(batch_of(images)).argmax(1) > 0).cpu().numpy())
    model.train()
    return np.concatenate(found)


# ---- Scores -----------------------------------------------------------------------------------


def overlap(predicted: NDArray[Any], true: NDArray[Any]) -> dict[str, Any]:
    """Dice, precision, recall and counts of pixels; nothing predicted is a precision of 0."""
    both, inside, real = (
        float(np.count_nonzero(mask)) for mask in (predicted & true, predicted, true)
    )
    return {
        "dice": 2 * both / (inside + real) if inside + real else 1.0,
        "precision": both / max(inside, 1),
        "recall": both / max(real, 1),
        "predicted": inside,
        "true": real,
        "hd95": hd95(predicted, true),
    }


def hd95(predicted: NDArray[Any], true: NDArray[Any]) -> float | None:
    """95th percentile of the distances from either boundary to the other, the greater one.

    In pixels; the slices of a volume count as one pixel apart. None if a mask is empty.
    """
    if not (predicted.any() and true.any()):
        return None
    inside = np.argwhere(predicted | true)
    box = tuple(map(slice, inside.min(0), inside.max(0) + 1))
    masks = predicted[box], true[box]
    boundaries = [np.argwhere(mask & ~binary_erosion(mask)) for mask in masks]
    trees = [KDTree(points) for points in boundaries]
    ways = zip(trees, reversed(boundaries), strict=True)
    return max(float(np.percentile(tree.query(points)[0], 95)) for tree, points in ways)


def scores(slices: Slices, predicted: NDArray[Any], true: NDArray[Any]) -> dict[str, Any]:
    """Score each slice, and each volume as the stack of its slices."""
    volumes = np.array([name.rsplit("/", 1)[0] for name in slices.names])
    names = list(dict.fromkeys(volumes.tolist()))
    of_slices = [overlap(*pair) for pair in zip(predicted, true, strict=True)]
    of_volumes = [overlap(predicted[volumes == name], true[volumes == name]) for name in names]
    return {
        "mean_dice": float(np.mean([each["dice"] for each in of_slices])),
        "slices": columns(of_slices),
        "volumes": columns(of_volumes),
    }


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns of rounded numbers."""
    return {
        name: [row[name] if row[name] is None else round(row[name], 6) for row in rows]
        for name in rows[0]
    }


# ---- A run ------------------------------------------------------------------------------------


def execute(run: Run, place: Place) -> tuple[dict[str, Any], dict[str, NDArray[np.bool_]]]:
    """Calibrate the noise, draw it, train the network and test it.

    Returns
    -------
    dict, dict
        The configuration and all that was measured, for JSON; and the masks of the test slices.
    """
    marks = [time.perf_counter()]
    torch.set_num_threads(run.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 means it
    part = parts_of(run, place)
    strength, drawn, tested = 0.0, part["train"].labels, None
    if run.noise != CONTROL:
        noise, strength = calibrated(run, part["train"])
        drawn = labels_of(noisy(part["train"], noise, run))
        tested = labels_of(noisy(part["test"], noise, run)) > 0

    def labels(chosen: NDArray[np.int64], epoch: int) -> NDArray[np.uint8]:
        if run.draw == "fixed":
            return drawn[chosen]
        now = noisy(part["train"], noise, run, epoch)
        return np.stack([now[index][1] for index in chosen.tolist()])

    marks.append(time.perf_counter())
    outline = functools.partial(
        predict, batch=run.batch, device=place.device, precision=run.precision
    )
    losses: list[float] = []
    validation: list[float] = []
    best: dict[str, Any] = {}

    def report(model: nn.Module, loss: float) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss} in epoch {len(losses) + 1}")
        losses.append(loss)
        if len(held := part["validation"]):
            validation.append(mean_dice(outline(model, held), held.labels > 0))
            if run.rate == "constant" and validation[-1] == max(validation):
                best.update({name: value.clone() for name, value in model.state_dict().items()})

    options = {"hidden": run.hidden} if run.hidden else {}
    model = train(
        functools.partial(NETWORKS[run.model], filters=run.filters, **options),
        part["train"],
        labels,
        epochs=run.epochs,
        steps=run.steps,
        batch=run.batch,
        # The same for all training sets, so that they differ by their labels alone.
        seed=int(np.random.SeedSequence([run.seed, run.repeat]).generate_state(1)[0]),
        device=place.device,
        precision=run.precision,
        decay=run.rate == "linear",
        report=report,
    )
    if best:
        model.load_state_dict(best)
    marks.append(time.perf_counter())
    masks = {"predicted": outline(model, part["test"]), "clean": part["test"].labels > 0}
    test = {"clean": scores(part["test"], masks["predicted"], masks["clean"])}
    if tested is not None:
        masks["noisy"] = tested
        test["noisy"] = scores(part["test"], masks["predicted"], tested)
        test["labels"] = scores(part["test"], tested, masks["clean"])
    marks.append(time.perf_counter())
    volumes = {name.rsplit("/", 1)[0]: patient for name, patient in
               zip(part["test"].names, part["test"].patients.tolist(), strict=True)}  # fmt: skip
    record = {
        "id": run.id,
        "labels": run.labels,
        "run": asdict(run),
        "slices": {name: len(each) for name, each in part.items()},
        "patients": {name: list(each.counts()) for name, each in part.items()},
        "strength": strength,
        "training_dice": mean_dice(drawn > 0, part["train"].labels > 0),
        "loss": losses,
        "validation_dice": validation,
        "test_slices": {"name": part["test"].names, "patient": part["test"].patients.tolist()},
        "test_volumes": {"name": list(volumes), "patient": list(volumes.values())},
        "test": test,
        "seconds": dict(zip(("labels", "training", "test"), np.diff(marks).tolist(), strict=True)),
        "hardware": hardware(place.device),
        "versions": versions(),
    }
    return record, masks


def mean_dice(masks: NDArray[np.bool_], others: NDArray[np.bool_]) -> float:
    """Mean Dice of pairs of masks."""
    return float(np.mean([labelnoise.dice(*pair) for pair in zip(others, masks, strict=True)]))


def hardware(device: str) -> str:
    """Name the processor."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Name the versions that decide the numbers."""
    found = {"python": platform.python_version(), "labelnoise": labelnoise.__version__}
    for package in ("torch", "numpy", "numba", "scipy", "scikit-image", "nibabel"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


# ---- Results: a folder for each run, done once, by one process at a time ----------------------


def read(folder: Path) -> dict[str, Any] | None:
    """Read a run's result, None if it is not there or damaged."""
    try:
        record = json.loads((folder / RESULT).read_bytes())
        masks = hashlib.sha256((folder / MASKS).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and record.get("id") == folder.name
    return record if whole and record.get("masks") == masks else None


def attempt(run: Run, place: Place) -> str | None:
    """Do a run if nobody has done it or is at it; tell what went wrong.

    Returns
    -------
    str or None
        None if the result is there now; `BUSY` if another process has the run; else the error
        in one line, which lies in full in the run's folder. A later attempt starts anew.
    """
    folder = place.out / "runs" / run.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The operating system releases the lock when its process dies, however that may be.
        with FileLock(folder / LOCK, timeout=0):
            if read(folder) is None:
                record, masks = execute(run, place)
                packed = io.BytesIO()
                np.savez_compressed(
                    packed,
                    shape=masks["clean"].shape,
                    **{name: np.packbits(mask) for name, mask in masks.items()},
                )
                record["masks"] = hashlib.sha256(packed.getvalue()).hexdigest()
                data.save(folder / MASKS, packed.getvalue())
                data.save(folder / RESULT, json.dumps(record, allow_nan=False).encode())
                (folder / ERROR).unlink(missing_ok=True)
    except Timeout:
        return BUSY
    except Exception as error:
        with contextlib.suppress(OSError):
            (folder / ERROR).write_text(traceback.format_exc())
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


# ---- Dask does the runs -----------------------------------------------------------------------

one = threading.Lock()


def on_worker(run: Run, place: Place) -> str | None:
    """Do a run in a worker, one at a time: PyTorch's random state is one."""
    with one:
        return attempt(run, place)


def submit(client: Client, runs: Sequence[Run], place: Place) -> dict[Any, Run]:
    """Give the runs to the workers, which must see the same folders as this process."""

    def remote(here: str, run: dict[str, Any], place: dict[str, Any]) -> str | None:
        import sys  # this function travels as code: it must not need what is around it

        if here not in sys.path:
            sys.path.insert(0, here)
        import liver_study

        return liver_study.on_worker(liver_study.Run(**run), liver_study.Place(**place))

    return {
        client.submit(
            remote,
            str(HERE),
            asdict(run),
            asdict(place),
            key=f"liver-{run.id}-{uuid.uuid4().hex}",  # two studies share no keys
            priority=-place_in_line,
            pure=False,
        ): run
        for place_in_line, run in enumerate(runs)
    }


def connect(given: argparse.Namespace, count: int) -> Any:
    """Reach a Dask cluster, or start one on this machine: a process and a thread a run."""
    if given.scheduler:
        try:
            return Client(given.scheduler, timeout=20)
        except OSError as error:
            raise ValueError(f"--scheduler {given.scheduler} does not answer: {error}") from error
    return LocalCluster(
        n_workers=count, threads_per_worker=1, memory_limit=0, dashboard_address=":0"
    ).get_client()


# ---- The command ------------------------------------------------------------------------------


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
    place.add_argument("--threads", type=positive, default=1, metavar="N", help="of a run (1)")
    place.add_argument("--workers", type=positive, metavar="N", help="runs at a time (all cores)")
    place.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that sees the same folders"
    )
    place.add_argument("--shard", type=shard, metavar="I/N", help="only every N-th run, from I")

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
    what.add_argument("--folds", type=positive, default=5, metavar="N", help="of the patients (5)")
    what.add_argument(
        "--validation", type=share, metavar="SHARE",
        help="of the slices outside the fold (0.1 with a constant rate, else 0)",
    )  # fmt: skip

    axes = parser.add_argument_group("the grid")
    axes.add_argument("--models", nargs="+", choices=NETWORKS, default=tuple(NETWORKS))
    axes.add_argument(
        "--noises", nargs="*", default=("natural", "choppy", "random"), metavar="NOISE",
        help="a kind of error, as in natural or bias,direction=in; several, as in "
        "bias:1+choppy:0.5; an annotator, as in kits23-kidney; or a JSON file of one of these",
    )  # fmt: skip
    axes.add_argument("--targets", nargs="+", type=share, metavar="DICE", help="of noisy labels")
    axes.add_argument("--repeats", type=positive, metavar="N", help="folds that are tested")
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
    if given.workers and given.scheduler:
        parser.error(
            f"--workers {given.workers} is for this machine alone: leave it out, or --scheduler"
        )
    for name, value in asdict(PRESETS[given.preset]).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    if given.size % 32:
        parser.error(f"--size {given.size} is not divisible by 32: give 64, 96, 128, ...")
    if given.window[0] >= given.window[1]:
        parser.error(f"--window {given.window[0]} {given.window[1]} is empty: give LOW < HIGH")
    if given.folds < 2:
        parser.error(f"--folds {given.folds} leaves nothing to train on: give at least 2")
    if given.validation == 1:
        parser.error("--validation 1 leaves nothing to train on: give a smaller share")
    if 1 in given.targets:
        parser.error("--targets 1 is the control: give Dice below 1")
    recipes = []
    for word in given.noises:
        try:
            recipes.append(kinds.written(word))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            parser.error(f"--noises {word} cannot be read: {error}")
    try:
        torch.empty(1, device=given.device)
    except (RuntimeError, AssertionError):
        parser.error(f"--device {given.device!r} is not to be had here: give cpu, or no --device")
    try:
        if given.command == "report":
            print(report.write(given.out)[0], end="")
            return 0
        return study(given, recipes)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: stopped; what is done is kept in {given.out}\n")


def study(given: argparse.Namespace, recipes: list[tuple[str, dict[str, Any]]]) -> int:
    """Do the runs that are not done, and report."""
    kind = torch.device(given.device).type
    out = given.out.absolute()
    place = Place(
        out,
        (given.cache or out / "cache").absolute(),
        given.device,
        given.data.absolute() if given.data else None,
        None if given.same is None else tuple(given.same),
        given.patients,
        given.slices,
        given.seed,
    )
    constant = given.rate == "constant"
    common = {name: getattr(given, name) for name in (
        "size", "folds", "seed", "sample", "epochs", "steps", "batch", "rate", "hidden", "threads"
    )}  # fmt: skip
    window = tuple(given.window)
    common |= {
        "data": slices_of(place.source, given.size, window, place.cache).origin,
        "window": window,
        "validation": given.validation or (0.1 if constant else 0.0),
        "draw": given.noise,
        "precision": given.precision or ("bfloat16" if kind == "cuda" else "float32"),
        "device": kind,
    }
    runs = grid(
        common,
        models=given.models,
        noises=recipes,
        targets=given.targets,
        repeats=given.repeats,
        fractions=given.train_fraction,
        filters=given.filters,
    )
    if given.shard:
        runs = runs[given.shard[0] - 1 :: given.shard[1]]
    for part, slices in parts_of(runs[0], place).items():
        print(f"{part:<11}{len(slices):>6} slices of {len(slices.counts())} patients")

    def done(run: Run) -> bool:
        return read(out / "runs" / run.id) is not None

    left = [run for run in runs if not done(run)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = given.workers or ((cores or 1) // given.threads if kind == "cpu" else 1)
    workers = max(1, min(workers, len(left)))
    pace = f"on {given.scheduler}" if given.scheduler else f"{workers} at a time"
    print(f"{len(runs)} runs, {len(runs) - len(left)} of them done, {pace}, in {out / 'runs'}")
    problems: dict[Run, str] = {}
    stopped = False
    if left:
        with connect(given, workers) as client, tqdm(total=len(left), unit="run") as bar:
            futures = submit(client, left, place)
            try:
                for future in as_completed(futures):
                    run = futures[future]
                    problem = repr(future.exception()) if future.exception() else future.result()
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


if __name__ == "__main__":
    sys.exit(main())
