"""The grid of runs: every network on every training set, clean and noisy."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from liver.data import Slices
from liver.models import MODELS
from liver.training import score, train

PERTURBATIONS = ("natural", "choppy", "random")
TARGETS = (0.95, 0.90, 0.85)
CONTROL = "control"

Tick = Callable[["Cell", float, float], None]


class Cell(NamedTuple):
    """One run of the grid."""

    model: str
    labels: str
    repeat: int


@dataclass(frozen=True)
class TrainingSet:
    """The training labels under one kind and amount of noise.

    Attributes
    ----------
    perturbation : str or None
        Its name in ``labelnoise``; None for the clean labels.
    target, strength, dice : float
        The Dice wanted, the strength that the calibration found for it, and the mean
        Dice over the training labels once perturbed.
    labels : array of uint8
        The training labels, with the noise that belongs to each slice.
    """

    perturbation: str | None
    target: float
    strength: float
    dice: float
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Setup:
    """What all runs of a study share."""

    train: Slices
    validation: Slices
    test: Slices
    sets: dict[str, TrainingSet]
    epochs: int
    steps: int
    batch: int
    hidden: int
    seed: int
    device: str
    resampled: bool


def training_sets(
    slices: Slices,
    perturbations: Sequence[str] = PERTURBATIONS,
    targets: Sequence[float] = TARGETS,
    *,
    sample: int = 1000,
    seed: int = 0,
    workers: int = 1,
) -> Iterator[tuple[str, TrainingSet]]:
    """Make the control and one noisy copy of the training labels for each noise and Dice.

    The strengths are found on these labels at this size: noise drawn at full size and
    shrunk afterwards would be weaker than its name.
    """
    import labelnoise

    yield CONTROL, TrainingSet(None, 1.0, 0.0, 1.0, slices.labels)
    for name in perturbations:
        perturb = getattr(labelnoise, name)
        for target in targets:
            found = labelnoise.calibrate(
                perturb, slices.labels, target, sample=sample, rng=seed, workers=workers
            )
            noisy = perturbed(name, found.strength, slices, seed)
            pairs = zip(slices.labels, noisy, strict=True)
            reached = float(np.mean([labelnoise.dice(*pair) for pair in pairs]))
            result = TrainingSet(name, target, found.strength, reached, noisy)
            shown = f"{target:.2f}" if round(target, 2) == target else f"{target:g}"
            yield f"{name} {shown}", result


def perturbed(
    name: str,
    strength: float,
    slices: Slices,
    seed: int,
    indices: NDArray[np.int64] | None = None,
    epoch: int | None = None,
) -> NDArray[np.uint8]:
    """Perturb slices' labels, each by the noise that its own name and the epoch draw."""
    import labelnoise

    perturb = getattr(labelnoise, name)
    return np.stack(
        [
            perturb(
                slices.labels[index],
                strength,
                rng=labelnoise.sample_rng(seed, slices.names[index], epoch),
            )
            for index in (range(len(slices)) if indices is None else indices)
        ]
    )


def run(cell: Cell, setup: Setup, tick: Tick) -> dict[str, Any]:
    """Train a network and test it as it was after the epoch of the best validation Dice.

    With the classes weighed alike the networks draw the liver too large, by an amount that
    sways from step to step; the last step alone would be a draw of lots. ``tick`` hears of
    each step's loss and of the best validation Dice so far.
    """
    began = time.perf_counter()
    chosen = setup.sets[cell.labels]
    labels: Any = chosen.labels
    if setup.resampled and chosen.perturbation:
        labels = functools.partial(
            redrawn, chosen.perturbation, chosen.strength, setup.train, setup.seed
        )
    build = MODELS[cell.model]
    if cell.model == "fcn32":
        build = functools.partial(build, hidden=setup.hidden)
    best, weights = float("nan"), {}
    evaluate = functools.partial(score, batch=setup.batch, device=setup.device)

    def report(step: int, loss: float, model: torch.nn.Module) -> None:
        nonlocal best, weights
        if step % setup.steps == 0:
            found = float(evaluate(model, setup.validation).mean())
            if not found <= best:
                best = found
                weights = {name: value.clone() for name, value in model.state_dict().items()}
        tick(cell, loss, best)

    model = train(
        build,
        setup.train,
        labels,
        steps=setup.epochs * setup.steps,
        batch=setup.batch,
        # The same for all training sets, so that they differ by their labels alone.
        seed=int(np.random.SeedSequence([setup.seed, cell.repeat]).generate_state(1)[0]),
        device=setup.device,
        report=report,
    )
    model.load_state_dict(weights)
    scores = evaluate(model, setup.test)
    return {
        **cell._asdict(),
        "target": chosen.target,
        "strength": chosen.strength,
        "training_dice": chosen.dice,
        "validation_dice": best,
        "test_dice": float(scores.mean()),
        "test_dice_of_patients": {
            str(patient): float(scores[setup.test.patients == patient].mean())
            for patient in np.unique(setup.test.patients)
        },
        "seconds": time.perf_counter() - began,
    }


def redrawn(
    name: str, strength: float, slices: Slices, seed: int, indices: NDArray[np.int64], step: int
) -> NDArray[np.uint8]:
    """Perturb a batch's labels anew."""
    return perturbed(name, strength, slices, seed, indices, epoch=step)


def run_all(cells: Sequence[Cell], setup: Setup, tick: Tick, jobs: int) -> Iterator[dict[str, Any]]:
    """Run the cells, ``jobs`` at a time in processes of their own, giving each as it ends."""
    if jobs == 1:
        for cell in cells:
            yield run(cell, setup, tick)
        return
    # Spawned: forking would carry the threads' locks of PyTorch along.
    context = multiprocessing.get_context("spawn")
    ticks, stop = context.SimpleQueue(), context.Event()
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, context, _begin, (setup, ticks, stop, threads)) as pool:
        pending = {pool.submit(_work, cell) for cell in cells}
        try:
            while pending:
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                while not ticks.empty():
                    tick(*ticks.get())
                for finished in done:
                    yield finished.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


_shared: tuple[Any, ...] = ()  # what a worker was started with


def _begin(setup: Setup, ticks: Any, stop: Any, threads: int) -> None:
    """Start a worker; Ctrl-C is the parent's to hear, which then sets ``stop``."""
    global _shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _shared = setup, ticks, stop


def _work(cell: Cell) -> dict[str, Any]:
    """Run one cell in a worker."""
    setup, ticks, stop = _shared
    parent: Any = multiprocessing.parent_process()

    def tick(*news: Any) -> None:
        if not parent.is_alive():
            os._exit(1)  # killed: nobody is left to stop this worker
        if stop.is_set():
            raise KeyboardInterrupt
        ticks.put(news)

    return run(cell, setup, tick)
