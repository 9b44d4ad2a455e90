"""
Five kinds, three levels
========================

A disc with five kinds of error at a Dice score of 0.95, 0.90 and 0.85, as in Figure 2 of Heller et
al. (2018). :func:`labelnoise.match` finds the strength that gives one mask the wanted score.
"""

import matplotlib.pyplot as plt
import numpy as np

import labelnoise
from labelnoise import plot

rows, columns = np.indices((256, 256))
circle = np.hypot(rows - 127.5, columns - 127.5) < 80
kinds = [
    labelnoise.natural,
    labelnoise.choppy,
    labelnoise.random,
    labelnoise.bias,
    labelnoise.Noise("wobble", 1, length=30),
]

figure, axes = plt.subplots(3, 5, figsize=(11, 7.4), layout="constrained")
for column, kind, name in zip(axes.T, kinds, ["natural", "choppy", "random", "bias", "wobble"]):
    for panel, target in zip(column, [0.95, 0.90, 0.85]):
        found = labelnoise.match(circle, kind, target, rng=3)
        plot.contours(circle, found.mask, ax=panel, margin=0.25, fill=0.8)
        panel.set_title(f"{name} {found.strength:.3g}: Dice {found.score:.2f}", fontsize="medium")
plot.legend(figure, "true contour", fill=0.8)
plt.show()

# %%
# Natural noise moves whole stretches of the contour. Choppy noise moves both ends of each row.
# Random noise flips single pixels anywhere. Bias moves the whole boundary by one distance. Wobble
# moves it by a smooth random process. The same seed gives the same draws at each level, so the
# errors grow from top to bottom.
