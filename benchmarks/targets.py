"""Calibrate every kind of error to nine targets on maps of livers and lesions.

    python benchmarks/targets.py --data FOLDER [--slices 120] [--volumes 3]

Three targets for each of the mean Dice score of both labels, their mean IoU, and the Dice score of
the lesions alone. Planes are slices with a lesion, evenly spaced, lengths being pixels; volumes are
some of those with lesions, lengths being mm. `ends` needs volumes, and gets all of them; errors in
objects are shown in both. A line has the strength, the scores of the bounds and the number of
evaluations, or what the library says of a target that it cannot reach. Takes about seven
minutes.
"""

from argparse import ArgumentParser
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import masks
import numpy as np
from speed import BOUNDARIES, OBJECTS, VOLUMES, spread

import labelnoise

TARGETS = (0.95, 0.90, 0.85)
SCORES: dict[str, dict[str, Any]] = {
    "Dice": {},
    "IoU": {"metric": labelnoise.iou},
    "lesion": {"labels": [2]},
}


def main() -> None:
    """Print a line for each kind and target."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder in LiTS' layout (default: phantom)")
    parser.add_argument("--slices", type=int, default=120)
    parser.add_argument("--volumes", type=int, default=3)
    given = parser.parse_args()
    volumes = [
        (labels, {"spacing": spacing})
        for labels, spacing in masks.volumes(given.data)
        if (labels == 2).any()
    ]
    planes = np.concatenate([labels[(labels == 2).any(axis=(1, 2))] for labels, _ in volumes])
    planes = spread(planes, given.slices)
    few = [volumes[index] for index in spread(np.arange(len(volumes)), given.volumes)]
    print(f"{len(planes)} slices; {len(volumes)} volumes for ends, {len(few)} for objects")
    print("noise            target         strength   bounds' scores   evaluations   seconds")
    samples: list[tuple[Any, Any, dict[str, Any]]] = [
        (perturb, planes, {}) for perturb in BOUNDARIES + OBJECTS
    ]
    samples += [(perturb, volumes, {"axes": (0, 1, 2)}) for perturb in VOLUMES]
    samples += [(perturb, few, {"axes": (0, 1, 2)}) for perturb in OBJECTS]
    reached = 0
    for (perturb, sample, options), (name, score), target in product(
        samples, SCORES.items(), TARGETS
    ):
        where = "space" if options else "plane"
        start = perf_counter()
        try:
            result = labelnoise.calibrate(
                sample, partial(perturb, **options), target, rng=0, **score
            )
        except ValueError as error:
            what = str(error)
        else:
            reached += 1
            low, high = result.bracket_scores
            what = f"{result.strength:8.4g}   {low:.4f}, {high:.4f}   {result.nfev}"
        seconds = perf_counter() - start
        print(
            f"{perturb.__name__:8} {where}   {name:6} {target:.2f}   {what}   {seconds:.1f} s",
            flush=True,
        )
    print(f"{reached} of {len(samples) * len(SCORES) * len(TARGETS)} reached")


if __name__ == "__main__":
    main()
