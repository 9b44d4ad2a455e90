"""
How a strength is found
=======================

The upper row shows the mean Dice score of 60 synthetic slices of livers against the strength of
three kinds of error. The dots are the strengths that :func:`labelnoise.calibrate` tried on the way
to 0.85. In the lower row, the orange line is the bracket after each evaluation.
"""

import matplotlib.pyplot as plt
import numpy as np

import labelnoise
from labelnoise.data import phantom

livers = np.concatenate([phantom(slices=15, seed=(0, i)).labels > 0 for i in range(4)])

figure, axes = plt.subplots(
    2, 3, figsize=(11, 5.6), height_ratios=[2, 1], sharex="col", sharey="row", layout="constrained"
)
for column, perturb in zip(axes.T, [labelnoise.natural, labelnoise.choppy, labelnoise.random]):
    found = labelnoise.calibrate(livers, perturb, 0.85, rng=0)
    strengths, scores = np.transpose(found.history)

    curve = np.linspace(0, 1.1 * strengths.max(), 40)
    noisy = [perturb(livers, strength, rng=1) for strength in curve]
    means = [np.mean([labelnoise.dice(*pair) for pair in zip(livers, some)]) for some in noisy]
    column[0].axhspan(0.845, 0.855, color="tab:green", alpha=0.25, label="0.85 ± 0.005")
    column[0].plot(curve, means, color="0.6", label="with another seed")
    column[0].plot(strengths, scores, "o", label="evaluations")
    column[0].set_title(f"{perturb.__name__}, {found.strength:.3g}")

    for number in range(1, found.nfev + 1):
        so_far, good = strengths[:number], scores[:number] >= 0.85
        low, high = so_far[good].max(), so_far[~good].min(initial=curve[-1])
        column[1].plot([low, high], [number, number], color="tab:orange", linewidth=3)
        column[1].plot(strengths[number - 1], number, "o", color="tab:blue")
    column[1].set_xlabel("rate" if perturb is labelnoise.random else "sigma in pixels")
axes[0, 0].set_ylabel("mean Dice")
axes[0, 0].legend(frameon=False, loc="lower left")
axes[1, 0].set(ylabel="evaluation", yticks=range(1, 8, 2))
axes[1, 0].invert_yaxis()
plt.show()

# %%
# Every evaluation uses the same draws, so the score is a smooth function of the strength and the
# bracket closes in a few steps. The search ends when the scores of both its bounds are within 0.005
# of the target. :doc:`/explanation/calibration` explains why this works.
