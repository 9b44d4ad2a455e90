"""Label noise of a known Dice, on the slices and at the size at which the networks train."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import labelnoise
from liver.data import Slices

PERTURBATIONS = ("natural", "choppy", "random")
TARGETS = (0.95, 0.90, 0.85)
CONTROL = "control"


def draw(
    noise: labelnoise.Noise,
    slices: Slices,
    seed: int,
    repeat: int,
    indices: NDArray[np.int64] | None = None,
    epoch: int | None = None,
) -> NDArray[np.uint8]:
    """Perturb the labels of slices.

    The noise of a slice depends on its name, the study's seed, the repeat and the epoch, whatever
    the other slices.
    """
    return np.stack(
        [
            noise(
                slices.labels[index],
                rng=labelnoise.sample_rng(seed, f"{slices.names[index]}/{repeat}", epoch),
            )
            for index in (range(len(slices)) if indices is None else indices.tolist())
        ]
    )


def calibrated(
    name: str, target: float, slices: Slices, *, sample: int, seed: int
) -> labelnoise.Noise:
    """Find the noise that leaves a mean Dice on the labels of the slices."""
    unit = labelnoise.Noise(name, 1.0)
    found = labelnoise.calibrate(slices.labels, unit, target, sample=sample, rng=seed)
    return unit.scaled(found.strength)


def reached(labels: NDArray[np.uint8], noisy: NDArray[np.uint8]) -> float:
    """Mean Dice of perturbed labels against the clean ones."""
    return float(np.mean([labelnoise.dice(*pair) for pair in zip(labels, noisy, strict=True)]))
