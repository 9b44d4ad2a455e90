"""Slices and results to test the study with."""

import numpy as np
from liver.data import WINDOW, Slices
from liver.phantom import Phantom


def make(patients, slices, size, seed=0):
    """Draw all slices of a phantom at once."""
    parts = list(Phantom(patients, slices, seed).draw(size, WINDOW))
    return Slices(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.patients for part in parts]),
        sum((part.names for part in parts), ()),
    )


def result(model, noise, target, repeat, dice, *, patients="ab", draw="fixed", size=64):
    """Make the part of a run's result that statistics read."""
    control = noise == "control"
    dice = dice if isinstance(dice, list) else [dice] * len(patients)
    return {
        "id": f"{model}-{noise}-{target}-{repeat}-{draw}-{size}",
        "labels": noise if control else f"{noise} {float(target):.2f}",
        "run": {
            "model": model,
            "noise": noise,
            "target": 1.0 if control else float(target),
            "repeat": repeat,
            "size": size,
            "draw": "fixed" if control else draw,
            "sample": 0 if control else 9,
            "hidden": 8 if model == "fcn32" else 0,
        },
        "slices": {"train": 5, "test": len(dice)},
        "patients": {"train": ["c"], "test": list(dict.fromkeys(patients))},
        "strength": 0.0 if control else 2.5,
        "training_dice": 1.0 if control else float(target),
        "validation_dice": [0.5],
        "test": {"dice": float(np.mean(dice)), "precision": 0.5, "recall": 0.5},
        "test_of_slices": {"patient": list(patients), "dice": dice},
        "seconds": 1800.0,
        "hardware": "abacus",
    }
