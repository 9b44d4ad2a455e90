"""
Five kinds, three levels
========================

A circle, drawn with each kind of error at Dice 0.95, 0.90 and 0.85, as in Figure 2 of Heller et al.
(2018). :func:`labelnoise.match` finds, for one mask, the strength that gives the wanted score.
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

figure, axes = plt.subplots(5, 3, figsize=(7.5, 13), layout="constrained")
for line, kind, name in zip(axes, kinds, ["natural", "choppy", "random", "bias", "wobble"]):
    for panel, target in zip(line, [0.95, 0.90, 0.85]):
        found = labelnoise.match(circle, kind, target, rng=3)
        plot.contours(circle, found.mask, ax=panel, margin=0.25, fill=0.8)
        panel.set_title(f"{name} {found.strength:.3g}: Dice {found.score:.3f}")
plt.show()

# %%
# The dark contour is that of the clean circle. Natural noise moves whole stretches of it, choppy
# noise each row on its own, and random noise pixels wherever they lie. Bias moves the whole
# boundary by one distance. Wobble moves it by a smooth random process. The same seed gives the same
# draws at each level, so the errors grow from left to right.
