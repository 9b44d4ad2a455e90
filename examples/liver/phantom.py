"""Synthetic patients, for a study that needs no download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelnoise.data import phantom
from liver.data import WINDOW, Slices, Window, unit


@dataclass(frozen=True)
class Phantom:
    """Patients drawn by a seed; the same seed draws the same ones, whatever their number."""

    patients: int
    slices: int
    seed: int = 0

    def stamp(self) -> list[tuple[str, int, int]]:
        """Nothing on disk that could change."""
        return []

    def describe(self) -> str:
        """Tell who the patients are, for people."""
        return f"phantom {self.patients} patients {self.slices} slices seed {self.seed}"

    def draw(self, size: int, window: Window = WINDOW) -> Iterator[Slices]:
        """Draw the patients, one by one."""
        for number in range(self.patients):
            yield patient(number, self, size, window)


def patient(number: int, source: Phantom, size: int, window: Window = WINDOW) -> Slices:
    """Draw one patient's slices."""
    drawn = phantom(source.slices, size, seed=(source.seed, number))
    name = f"phantom-{number}"
    return Slices(
        unit(drawn.image.astype(np.float32), window).astype(np.float16),
        (drawn.labels > 0).view(np.uint8),
        np.full(source.slices, name),
        tuple(f"{name}/{index}" for index in range(source.slices)),
    )
