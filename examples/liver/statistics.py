"""What a study's runs say: cells of the table, losses with intervals, rank correlations."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from liver.models import MODELS
from liver.noise import CONTROL, PERTURBATIONS

Results = Sequence[dict[str, Any]]
# Mean Dice in Heller et al. (2018), Table 1: U-Net, SegNet, FCN32.
PAPER = {
    "control": (0.9134, 0.8993, 0.8870),
    "natural 0.95": (0.8880, 0.8640, 0.8587),
    "natural 0.90": (0.8193, 0.8265, 0.8250),
    "natural 0.85": (0.7521, 0.7717, 0.7581),
    "choppy 0.95": (0.8928, 0.8799, 0.8660),
    "choppy 0.90": (0.8321, 0.8268, 0.8202),
    "choppy 0.85": (0.8058, 0.7823, 0.7782),
    "random 0.95": (0.9124, 0.9050, 0.8881),
    "random 0.90": (0.9213, 0.9013, 0.8751),
    "random 0.85": (0.9182, 0.9068, 0.8676),
}
# Strengths that its authors found, at 512 x 512: pixels, pixels, share of the liver's pixels.
STRENGTHS = {
    "natural 0.95": 14**0.5,
    "natural 0.90": 52**0.5,
    "natural 0.85": 138**0.5,
    "choppy 0.95": 5.0,
    "choppy 0.90": 10.5,
    "choppy 0.85": 15.5,
    "random 0.95": 0.05,
    "random 0.90": 0.10,
    "random 0.85": 0.15,
}
AXES = ("model", "noise", "target", "repeat")  # what differs within one table
MINOR = ("draw", "sample", "hidden")  # what not every run has


@dataclass(frozen=True)
class Cell:
    """One training set and one network, over its repeats.

    Attributes
    ----------
    model, labels : str
        The network, and the training set's name.
    dice, deviation, count : float, float, int
        Mean test Dice of the runs, their standard deviation (NaN for one), their number.
    loss, low, high : float
        How much lower the Dice is than the control's, over the repeats that both have, and
        the 95 % bootstrap interval over patients and repeats; NaN without a control, and the
        interval's with a single patient.
    paper : float
        The mean Dice in the paper, or NaN.
    """

    model: str
    labels: str
    dice: float
    deviation: float
    count: int
    loss: float
    low: float
    high: float
    paper: float


@dataclass(frozen=True)
class Study:
    """Runs of the same settings: one table.

    Attributes
    ----------
    settings : dict
        What the runs share.
    results : list of dict
        As `runs.execute` gives them.
    """

    settings: dict[str, Any]
    results: Results
    cells: dict[tuple[str, str], Cell] = field(init=False)

    def __post_init__(self) -> None:
        grouped: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        for result in sorted(self.results, key=order):
            key = (result["run"]["model"], result["labels"])
            grouped.setdefault(key, {})[result["run"]["repeat"]] = result
        made = {
            key: cell(*key, runs, grouped.get((key[0], CONTROL), {}))
            for key, runs in grouped.items()
        }
        object.__setattr__(self, "cells", made)

    @property
    def models(self) -> list[str]:
        """The networks, in the paper's order."""
        return [model for model in MODELS if any(key[0] == model for key in self.cells)]

    @property
    def labels(self) -> list[str]:
        """The training sets, the control first."""
        return list(dict.fromkeys(labels for _, labels in self.cells))

    def correlation(self, models: Iterable[str]) -> tuple[float, int]:
        """Spearman's rho between our cells' Dice and the paper's, and the number of cells."""
        pairs = [
            (cell.dice, cell.paper)
            for cell in self.cells.values()
            if cell.model in models and not np.isnan(cell.paper)
        ]
        if len(pairs) < 3 or any(len(set(side)) < 2 for side in zip(*pairs, strict=True)):
            return float("nan"), len(pairs)
        return float(spearmanr(*zip(*pairs, strict=True)).statistic), len(pairs)

    def strengths(self) -> dict[str, tuple[float, float]]:
        """Mean strength and mean Dice of each noisy training set."""
        found: dict[str, list[tuple[float, float]]] = {}
        for result in sorted(self.results, key=order):
            if result["labels"] != CONTROL:
                pair = (result["strength"], result["training_dice"])
                found.setdefault(result["labels"], []).append(pair)
        return {
            labels: (float(np.mean([p[0] for p in pairs])), float(np.mean([p[1] for p in pairs])))
            for labels, pairs in found.items()
        }


def order(result: dict[str, Any]) -> tuple[int, float, int, int]:
    """Sort results as the paper's table does."""
    run = result["run"]
    rows = (CONTROL, *PERTURBATIONS)
    models = list(MODELS)
    return rows.index(run["noise"]), -run["target"], models.index(run["model"]), run["repeat"]


def studies(results: Results) -> list[Study]:
    """Divide results into those that share their settings.

    Control runs know no draws of noise and only FCN32 has hidden features, so such runs
    belong to every table that agrees in all else.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        shared = {k: v for k, v in result["run"].items() if k not in (*AXES, *MINOR)}
        groups.setdefault(repr(shared), []).append(result)
    found = []
    for members in groups.values():
        runs = [member["run"] for member in members]
        draws = {(r["draw"], r["sample"]) for r in runs if r["noise"] != CONTROL}
        hidden = {r["hidden"] for r in runs if r["model"] == "fcn32"}
        for (draw, sample), width in itertools.product(
            sorted(draws) or [("fixed", 0)], sorted(hidden) or [0]
        ):
            chosen = [
                member
                for member in members
                if member["run"]["noise"] == CONTROL
                or (member["run"]["draw"], member["run"]["sample"]) == (draw, sample)
                if member["run"]["hidden"] in (0, width)
            ]
            settings = {k: v for k, v in runs[0].items() if k not in AXES}
            settings |= {"draw": draw, "sample": sample, "hidden": width}
            found.append(Study(settings, chosen))
    return sorted(found, key=lambda study: [str(value) for value in study.settings.values()])


def cell(
    model: str,
    labels: str,
    runs: dict[int, dict[str, Any]],
    controls: dict[int, dict[str, Any]],
) -> Cell:
    """Summarise a cell's runs and compare them with the control's."""
    dice = [run["test"]["dice"] for run in runs.values()]
    both = sorted(runs.keys() & controls.keys())
    loss, low, high = (float("nan"),) * 3
    if both and labels != CONTROL:
        loss, low, high = interval([runs[r] for r in both], [controls[r] for r in both])
    position = list(MODELS).index(model)
    return Cell(
        model=model,
        labels=labels,
        dice=float(np.mean(dice)),
        deviation=float(np.std(dice, ddof=1)) if len(dice) > 1 else float("nan"),
        count=len(dice),
        loss=loss,
        low=low,
        high=high,
        paper=PAPER[labels][position] if labels in PAPER else float("nan"),
    )


def interval(
    runs: Results, controls: Results, *, resamples: int = 5000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean loss of Dice against the control, and its 95 % bootstrap interval.

    Patients and repeats are drawn with replacement, the same ones for both sides: all
    networks see the same test patients, and a repeat's networks start from the same weights
    and see the same batches. Slices of one patient are no independent witnesses and stay
    together.
    """
    names = runs[0]["test_of_slices"]["patient"]
    patients, member, counts = np.unique(names, return_inverse=True, return_counts=True)
    sums = np.array(
        [fall(*pair, member, len(patients)) for pair in zip(runs, controls, strict=True)]
    )
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(patients), [1 / len(patients)] * len(patients), resamples)
    repeats = rng.multinomial(len(runs), [1 / len(runs)] * len(runs), resamples)
    means = np.einsum("br,rp,bp->b", repeats, sums, drawn) / (len(runs) * (drawn @ counts))
    low, high = np.quantile(means, [0.025, 0.975]) if len(patients) > 1 else (np.nan, np.nan)
    return float(sums.sum() / (len(runs) * counts.sum())), float(low), float(high)


def fall(
    run: dict[str, Any], control: dict[str, Any], member: NDArray[np.int64], patients: int
) -> NDArray[np.float64]:
    """Sum up, for each patient, how much lower the slices' Dice is than the control's."""
    sides = [np.array(side["test_of_slices"]["dice"]) for side in (control, run)]
    return np.bincount(member, sides[0] - sides[1], patients)
