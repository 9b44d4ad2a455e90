"""
Look at your own data
=====================

:func:`labelnoise.plot.curve` shows what a search has tried, and :func:`labelnoise.plot.grid` the
planes with the worst, the median and the best Dice score. Clean contours are wide and pale, noisy
ones narrow and on top. Each label has a hue.
"""

import matplotlib.pyplot as plt

import labelnoise
from labelnoise import plot
from labelnoise.data import phantom

image, labels, spacing = phantom(slices=40, size=192, seed=(4, 0))
noise = labelnoise.Noise("wobble", 1, length=30, axes=(0, 1, 2), spacing=spacing)
found = labelnoise.match(labels, noise, 0.80, rng=0)

figure, panel = plt.subplots(figsize=(6, 3.2), layout="constrained")
plot.curve(found, panel)
panel.set(xlabel="sigma in mm", ylabel="Dice, mean of liver and lesions")
plt.show()

# %%

plot.grid(labels, found.mask, image, axes=(0, 1, 2), spacing=spacing)
plt.show()
