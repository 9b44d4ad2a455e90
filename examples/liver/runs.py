"""Runs as data: what a run is, the grid of them, and how one is done."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from liver import cache, data
from liver.models import MODELS
from liver.noise import CONTROL, calibrated, draw, reached
from liver.training import counts, scores, train


@dataclass(frozen=True)
class Run:
    """Everything that determines a run's result, but for the software and the processor.

    Attributes
    ----------
    model : str
        unet, segnet or fcn32.
    noise, target : str, float
        A perturbation of ``labelnoise`` and the Dice that it leaves; or control and 1.
    repeat : int
        Runs that differ by this alone have other weights, other batches and other draws of
        the same noise.
    data : str
        What the slices are, by a digest of their pixels.
    size, window : int, (int, int)
        Pixels along a slice, Hounsfield units between which the networks see.
    split : (float, float)
        Shares of the slices for validation and test.
    train_fraction : float
        Share of the training patients used.
    draw : str
        fixed: the same errors in each epoch; resampled: drawn whenever a slice is loaded.
    seed, sample : int
        Of all randomness; slices on which a strength is calibrated.
    epochs, steps, batch : int
        As for `training.train`.
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
    target: float
    repeat: int
    data: str
    size: int
    window: tuple[int, int]
    split: tuple[float, float]
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
        if self.noise == CONTROL:
            return CONTROL
        shown = f"{self.target:.2f}" if round(self.target, 2) == self.target else f"{self.target:g}"
        return f"{self.noise} {shown}"

    @property
    def id(self) -> str:
        """The name of the run's folder, the same in any process and on any machine."""
        text = json.dumps(asdict(self), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{self.model}-{self.labels.replace(' ', '-')}-{self.repeat}-{digest}"


@dataclass(frozen=True)
class Place:
    """Where runs are done, which does not change their results.

    Attributes
    ----------
    out, cache : path
        Where results and shrunk slices are kept.
    source : Folder or Phantom
        Where the slices come from.
    device : str
        As PyTorch names it.
    """

    out: Path
    cache: Path
    source: cache.Source
    device: str


def grid(
    common: dict[str, Any],
    *,
    models: Sequence[str],
    noises: Sequence[str],
    targets: Sequence[float],
    repeats: int,
    fractions: Sequence[float] = (1.0,),
    filters: Sequence[int] = (6,),
) -> list[Run]:
    """List the runs of a study: whole repeats one after another, so that early ends are fair."""
    sets = [(CONTROL, 1.0), *itertools.product(noises, targets)]
    runs = []
    for repeat, share, width, (noise, target), model in itertools.product(
        range(repeats), fractions, filters, sets, models
    ):
        run = Run(
            model=model,
            noise=noise,
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


@functools.lru_cache(maxsize=1)
def parts(
    source: cache.Source,
    folder: Path,
    origin: str,
    size: int,
    window: data.Window,
    split: tuple[float, float],
    fraction: float,
    seed: int,
) -> dict[str, data.Slices]:
    """Load the slices and divide them; the runs of a process mostly share them."""
    slices = cache.load(source, size, window, folder)
    if slices.origin != origin:
        raise ValueError(
            f"The slices are {slices.origin!r} now, but were {origin!r} when the study began: "
            "start it again."
        )
    train, validation, test = data.split(slices, *split)
    return {
        "train": data.fraction(train, fraction, seed),
        "validation": validation,
        "test": test,
    }


def parts_of(run: Run, place: Place) -> dict[str, data.Slices]:
    """Load a run's slices."""
    shares = (run.split, run.train_fraction)
    return parts(place.source, place.cache, run.data, run.size, run.window, *shares, run.seed)


def execute(
    run: Run, place: Place, tick: Callable[[float, float], None] = lambda loss, dice: None
) -> dict[str, Any]:
    """Do a run: calibrate its noise, draw it, train the network and test it on clean labels.

    Parameters
    ----------
    run, place : Run, Place
        What to do, and where.
    tick : callable
        Called after each step with the last epoch's mean loss and validation Dice, NaN in
        the first one.

    Returns
    -------
    dict
        The configuration and all that was measured, for JSON.
    """
    began = time.perf_counter()
    torch.set_num_threads(run.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 means it
    part = parts_of(run, place)
    noisy: Any = part["train"].labels
    strength, dice = 0.0, 1.0
    if run.noise != CONTROL:
        noise = calibrated(run.noise, run.target, part["train"], sample=run.sample, seed=run.seed)
        strength = noise.strength
        noisy = draw(noise, part["train"], run.seed, run.repeat)
        dice = reached(part["train"].labels, noisy)
        if run.draw == "resampled":
            noisy = functools.partial(draw, noise, part["train"], run.seed, run.repeat)
    build = functools.partial(MODELS[run.model], filters=run.filters)
    if run.hidden:
        build = functools.partial(build, hidden=run.hidden)
    evaluate = functools.partial(
        counts, batch=run.batch, device=place.device, precision=run.precision
    )
    losses: list[float] = []
    validation: list[float] = []
    best: dict[str, Any] = {}

    def report(model: torch.nn.Module, loss: float) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss} in epoch {len(losses) + 1}")
        losses.append(loss)
        validation.append(float(scores(evaluate(model, part["validation"]))["dice"].mean()))
        if run.rate == "constant" and validation[-1] == max(validation):
            best.update({name: value.clone() for name, value in model.state_dict().items()})

    model = train(
        build,
        part["train"],
        noisy,
        epochs=run.epochs,
        steps=run.steps,
        batch=run.batch,
        # The same for all training sets, so that they differ by their labels alone.
        seed=int(np.random.SeedSequence([run.seed, run.repeat]).generate_state(1)[0]),
        device=place.device,
        precision=run.precision,
        decay=run.rate == "linear",
        tick=lambda: tick(*(each[-1] if each else float("nan") for each in (losses, validation))),
        report=report,
    )
    if best:
        model.load_state_dict(best)
    tested = scores(evaluate(model, part["test"]))
    patients = part["test"].patients
    return {
        "id": run.id,
        "labels": run.labels,
        "run": asdict(run),
        "slices": {name: len(each) for name, each in part.items()},
        "patients": {
            name: list(dict.fromkeys(each.patients.tolist())) for name, each in part.items()
        },
        "strength": strength,
        "training_dice": dice,
        "loss": losses,
        "validation_dice": validation,
        "test": {name: float(values.mean()) for name, values in tested.items()},
        "test_of_patients": {
            patient: {
                name: float(values[patients == patient].mean()) for name, values in tested.items()
            }
            for patient in dict.fromkeys(patients.tolist())
        },
        "test_of_slices": {
            "name": list(part["test"].names),
            "patient": patients.tolist(),
            **{name: values.round(6).tolist() for name, values in tested.items()},
        },
        "seconds": time.perf_counter() - began,
        "hardware": hardware(place.device),
        "versions": versions(),
    }


def hardware(device: str) -> str:
    """Name the processor."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Name the versions that decide the numbers."""
    found = {"python": platform.python_version()}
    for package in ("labelnoise", "torch", "numpy", "numba", "scipy", "scikit-image", "nibabel"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found
