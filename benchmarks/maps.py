"""Time label maps in units of binary masks, and calibrate noise on maps of liver and lesions.

    python benchmarks/maps.py [--data FOLDER]

Times are medians over slices of 512 x 512, warm, with one thread: slices of liver (1) and lesion
(2) in units of a call for the foreground alone, and a drawn abdomen with 13 organs likewise. The
folder has LiTS' layout, with slices last; without one, only the drawn map is timed. Then strengths
for three scores: the mean over both labels, and the lesion alone, in slices that have one, and the
whole set's pooled mean over both labels. Takes about a minute for 1,000 slices.
"""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path

import masks
import numpy as np
from numpy.typing import NDArray
from speed import BOUNDARIES, STRENGTHS, compare

import labelnoise

TARGETS = (0.95, 0.90, 0.85)
SCORES = {
    "mean of labels": {},
    "lesion alone": {"labels": [2]},
    "pooled, mean of labels": {"reduction": "pooled"},
}


def load(folder: Path) -> NDArray[np.uint8]:
    """Return the slices (n, rows, columns) of all label maps of a folder that hold a label."""
    return np.concatenate([labels[labels.any(axis=(1, 2))] for labels, _ in masks.volumes(folder)])


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder in LiTS' layout, with lesions as label 2")
    folder = parser.parse_args().data
    slices = load(folder) if folder else np.empty((0, 512, 512), np.uint8)
    lesions = [labels for labels in slices if (labels == 2).any()]
    abdomen = 50 * [masks.abdomen()]
    rng = np.random.default_rng(0)
    print("time of a map in units of its foreground's   two labels   13 labels")
    for perturb in BOUNDARIES:
        strength = STRENGTHS[perturb]
        call = partial(lambda perturb, strength, mask: perturb(mask, strength, rng=rng), perturb)
        row = [
            compare(partial(call, strength), some, partial(call, strength), binary(some))
            if some
            else np.nan
            for some in (lesions[:: max(1, len(lesions) // 100)], abdomen)
        ]
        print("{:40}{:14.2f}{:12.2f}".format(perturb.__name__, *row))
    if not folder:
        return
    print(f"\n{len(slices)} slices, {len(lesions)} with lesions")
    print("noise    target   score                    strength   bounds' scores   evaluations")
    for perturb in BOUNDARIES:
        for target in TARGETS:
            for name, options in SCORES.items():
                some = slices if "reduction" in options else lesions
                found = labelnoise.calibrate(some, perturb, target, rng=0, workers=2, **options)
                low, high = found.bracket_scores
                print(
                    f"{perturb.__name__:8} {target:.2f}     {name:24} {found.strength:8.4g}   "
                    f"{low:.4f}, {high:.4f}   {found.nfev}",
                    flush=True,
                )


def binary(maps: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return the foreground of maps."""
    return [(labels > 0).astype(np.uint8) for labels in maps]


if __name__ == "__main__":
    main()
