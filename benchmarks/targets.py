"""Calibrate every kind of error to nine targets on maps of livers and lesions.

    python benchmarks/targets.py --data FOLDER [--slices 120] [--volumes 3] [--surface]

Three targets for each of the mean Dice score of both labels, their mean IoU, and the Dice score of
the lesions alone. Planes are slices with a lesion, evenly spaced, lengths being pixels; volumes are
some of those with lesions, lengths being mm. `ends` needs volumes, and gets all of them; errors in
objects are shown in both. A line has the strength, the scores of the bounds and the number of
evaluations, or what the library says of a target that it cannot reach. Takes about seven
minutes. With --surface, nine targets of ASSD and of NSD at 2 mm instead, for `wobble` and `bias` on
the livers, in planes and in mm.
"""

from argparse import ArgumentParser
from collections.abc import Iterable
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
SURFACE: dict[str, tuple[Any, tuple[float, ...]]] = {
    "ASSD": (labelnoise.assd, (0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)),
    "NSD": (
        partial(labelnoise.nsd, tolerance=2.0),
        (0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4),
    ),
}


def surface(volumes: Iterable[tuple[Any, tuple[float, ...]]]) -> None:
    """Print a line for each score of the boundary and target."""
    livers = [
        (labels > 0, {"spacing": spacing[1:]}, {"spacing": spacing}) for labels, spacing in volumes
    ]
    for perturb, (name, (metric, targets)) in product(
        (labelnoise.wobble, labelnoise.bias), SURFACE.items()
    ):
        for target in targets:
            print(f"{perturb.__name__:8} {name:4} {target:4.2f}   ", end="", flush=True)
            print(searched(livers, perturb, target, metric=metric), flush=True)


def searched(sample: Any, perturb: Any, target: float, **score: Any) -> str:
    """Return what a search finds, and how long it takes."""
    start = perf_counter()
    try:
        result = labelnoise.calibrate(sample, perturb, target, rng=0, **score)
    except ValueError as error:
        return f"{error}   {perf_counter() - start:.1f} s"
    low, high = result.bracket_scores
    found = f"{result.strength:8.4g}   {low:.4f}, {high:.4f}   {result.nfev}"
    return f"{found}   {perf_counter() - start:.1f} s"


def main() -> None:
    """Print a line for each kind and target."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder in LiTS' layout (default: phantom)")
    parser.add_argument("--slices", type=int, default=120)
    parser.add_argument("--volumes", type=int, default=3)
    parser.add_argument("--surface", action="store_true", help="targets of ASSD and NSD instead")
    given = parser.parse_args()
    if given.surface:
        surface(masks.volumes(given.data))
        return
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
    for (perturb, sample, options), (name, score), target in product(
        samples, SCORES.items(), TARGETS
    ):
        where = "space" if options else "plane"
        what = searched(sample, partial(perturb, **options), target, **score)
        print(f"{perturb.__name__:8} {where}   {name:6} {target:.2f}   {what}", flush=True)


if __name__ == "__main__":
    main()
