"""
A liver, five kinds of error
============================

One slice of a synthetic CT. Each panel has one kind of error, at a Dice score of 0.90 within
0.005. Random noise is shown as an area.
"""

import matplotlib.pyplot as plt

import labelnoise
from labelnoise import plot
from labelnoise.data import phantom

image, labels, spacing = phantom(slices=5, size=256, seed=(4, 0))
image, liver = image[3], labels[3] > 0
kinds = [
    labelnoise.Noise("natural", 1, spacing=spacing[1:]),
    labelnoise.Noise("choppy", 1, spacing=spacing[1:]),
    labelnoise.Noise("random", 0.1),
    labelnoise.Noise("bias", 1, spacing=spacing[1:]),
    labelnoise.Noise("wobble", 1, length=30, spacing=spacing[1:]),
]

figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), layout="constrained")
panels = {"clean": None}
for noise in kinds:
    found = labelnoise.match(liver, noise, 0.90, rng=2)
    panels[noise.error.__name__] = found.mask
for panel, (title, mask) in zip(axes.flat, panels.items()):
    scattered = 0.8 if title == "random" else 0
    plot.contours(liver, mask, image, panel, margin=0.15, fill=scattered, linewidth=1.2)
    panel.set_title(title)
plot.legend(figure)
plt.show()
