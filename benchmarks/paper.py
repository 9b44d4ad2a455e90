"""Score the paper's own settings, and calibrate to its targets.

    python benchmarks/paper.py --data FOLDER

The paper found its settings on slices like these; the scores and strengths here should be near
its own. Two seeds show how far strengths depend on draws. Takes about a minute for 1,000 slices.
"""

import masks
import numpy as np

import labelnoise

SETTINGS = {
    labelnoise.natural: (3.74, 7.21, 11.75),
    labelnoise.choppy: (5.0, 10.5, 15.5),
    labelnoise.random: (0.05, 0.10, 0.15),
}
TARGETS = (0.95, 0.90, 0.85)


def main() -> None:
    """Print the table."""
    slices = masks.load(__doc__)
    print(f"{len(slices)} slices, foreground {slices.mean():.2%}")
    print(
        "noise    target | paper's strength gives | calibrated strength (bounds' scores), two seeds"
    )
    for perturb, strengths in SETTINGS.items():
        for strength, target in zip(strengths, TARGETS, strict=True):
            noisy = perturb(slices, strength, rng=0)
            mean = np.mean([labelnoise.dice(*pair) for pair in zip(slices, noisy, strict=True)])
            row = f"{perturb.__name__:8} {target:.2f}   | {strength:5.4g}: "
            row += f"mean {mean:.4f}, pooled {labelnoise.dice(slices, noisy):.4f} |"
            for seed in (0, 1):
                one, two = (
                    labelnoise.calibrate(slices, perturb, target, rng=seed, workers=workers)
                    for workers in (1, 2)
                )
                assert one == two
                low, high = one.bracket_scores
                row += f" {one.strength:7.4g} ({low:.4f}, {high:.4f})"
            print(row, flush=True)


if __name__ == "__main__":
    main()
