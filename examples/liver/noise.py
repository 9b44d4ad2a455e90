"""Label noise of a known Dice, on the slices and at the size at which the networks train."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import labelnoise
from liver.data import Slices

PERTURBATIONS = ("natural", "choppy", "random")
TARGETS = (0.95, 0.90, 0.85)
CONTROL = "control"


class Noise(NamedTuple):
    """One of ``labelnoise``'s perturbations with the strength that a calibration found."""

    name: str
    strength: float

    def draw(
        self,
        slices: Slices,
        seed: int,
        repeat: int,
        indices: NDArray[np.int64] | None = None,
        epoch: int | None = None,
    ) -> NDArray[np.uint8]:
        """Perturb slices' labels.

        Each slice's noise hangs on its own name, the study's seed, the repeat and the
        epoch, whatever the other slices.
        """
        perturb = getattr(labelnoise, self.name)
        return np.stack(
            [
                perturb(
                    slices.labels[index],
                    self.strength,
                    rng=labelnoise.sample_rng(seed, f"{slices.names[index]}/{repeat}", epoch),
                )
                for index in (range(len(slices)) if indices is None else indices.tolist())
            ]
        )


def calibrated(name: str, target: float, slices: Slices, *, sample: int, seed: int) -> Noise:
    """Find the strength at which a perturbation leaves a mean Dice on the slices' labels."""
    found = labelnoise.calibrate(
        getattr(labelnoise, name), slices.labels, target, sample=sample, rng=seed
    )
    return Noise(name, found.strength)


def reached(labels: NDArray[np.uint8], noisy: NDArray[np.uint8]) -> float:
    """Mean Dice of perturbed labels against the clean ones."""
    return float(np.mean([labelnoise.dice(*pair) for pair in zip(labels, noisy, strict=True)]))
