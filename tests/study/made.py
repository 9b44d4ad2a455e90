"""Slices, runs and results to test the study with."""

import numpy as np
from liver import data, store
from liver_study import Run

RUN = {
    "model": "unet", "noise": "control", "recipe": "", "target": 1.0, "repeat": 0, "data": "d",
    "size": 32, "window": (-128, 128), "folds": 2, "validation": 0.0, "train_fraction": 1.0,
    "draw": "fixed", "seed": 0, "sample": 0, "epochs": 1, "steps": 1, "batch": 4, "rate": "linear",
    "weigh": "classes", "filters": 2, "hidden": 0, "precision": "float32", "threads": 1,
    "device": "cpu",
}  # fmt: skip


def run(**changes):
    """Make a small run."""
    return Run(**RUN | changes)


def make(folder, patients, slices, size, seed=0):
    """Draw all slices of phantoms at once."""
    return data.load(data.phantoms(patients, slices, seed), size, data.WINDOW, folder)


def slices_of(counts):
    """Make blank slices of as many patients, with so many slices each."""
    patients = np.repeat([f"p{number}" for number in range(len(counts))], counts)
    blank = np.zeros((len(patients), 1, 1))
    names = tuple(f"{patient}/{index}" for index, patient in enumerate(patients))
    return data.Slices(blank.astype(np.float16), blank.astype(np.uint8), patients, names)


def keep(out, model, noise, target, repeat, dice, **changes):
    """Store a result in which each patient has one slice of some Dice."""
    clean = noise == "control"
    drawn = {"recipe": "" if clean else noise, "target": 1.0 if clean else target}
    minor = {"sample": 0 if clean else 9, "hidden": 8 if model == "fcn32" else 0}
    made = run(model=model, noise=noise, repeat=repeat, **drawn | minor | changes)
    count = len(dice)
    column = [None if np.isnan(each) else each for each in dice.values()]
    scores = {
        part: dict.fromkeys(("dice", "precision", "recall", "hd95"), column)
        | {"predicted": [110] * count, "true": [100] * count}
        for part in ("slices", "volumes")
    }
    masks = {"clean": np.ones((count, 8, 8), bool)}
    masks["predicted"] = masks["clean"].copy()
    names = ["clean"] if clean else ["clean", "noisy", "labels"]
    if not clean:
        masks["noisy"] = masks["clean"].copy()
        masks["noisy"][:, 4:] = False
    record = {
        "id": made.id,
        "labels": made.labels,
        "run": made.__dict__,
        "strength": 0.0 if clean else 2.5,
        "training_dice": drawn["target"],
        "test": {name: {"mean_dice": float(np.nanmean(column)), **scores} for name in names},
        "seconds": {"training": 1800.0},
        "hardware": "abacus",
    }
    for part in ("slices", "volumes"):
        record[f"test_{part}"] = {"patient": list(dice)}
    folder = out / "runs" / made.id
    folder.mkdir(parents=True)
    store.keep(folder, record, masks)
    return folder
