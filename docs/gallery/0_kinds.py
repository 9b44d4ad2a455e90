"""
Twelve kinds of error
=====================

A liver with metastases (blue) and cysts (green), with each kind of error. The numbers are
strengths: pixels, slices or shares. :doc:`/kinds` tells what each kind imitates.
"""

import matplotlib.pyplot as plt
import numpy as np

import labelnoise
from labelnoise import plot

slices, rows, columns = np.indices((21, 112, 144))
angle, radius = np.arctan2(rows - 56, columns - 72), np.hypot(rows - 56, (columns - 72) / 1.2)
outline = 44 + 6 * np.cos(2 * angle + 0.6) + 4 * np.cos(3 * angle)
labels = (np.hypot(radius / outline, (slices - 10) / 9) < 1).astype(np.uint8)  # 1: liver
for label, row, column, size in [
    (2, 40, 62, 13), (2, 76, 62, 6.4), (2, 56, 36, 5), (2, 64, 80, 3.5), (3, 56, 101, 10),
    (3, 36, 90, 4.5), (3, 80, 92, 4.5),
]:  # fmt: skip
    depth = 5 * (slices - 10)
    labels[np.hypot(np.hypot(rows - row, columns - column), depth) < size] = label

plane, volume = labels[10], labelnoise.ends(labels, 1, axes=(0, 1, 2), rng=7)
drawn = {
    "bias 4": labelnoise.bias(plane, 4, rng=0),
    "wobble 3, length 20": labelnoise.wobble(plane, 3, length=20, rng=3),
    "natural 3": labelnoise.natural(plane, 3, rng=1),
    "coarse 4": labelnoise.coarse(plane, 4, rng=1),
    "choppy 3": labelnoise.choppy(plane, 3, rng=0),
    "ends 1, from the front": volume[:, 48],
    "shift 5": labelnoise.shift(plane, 5, rng=3),
    "elastic 4": labelnoise.elastic(plane, 4, rng=1),
    "omit 0.4": labelnoise.omit(plane, 0.4, of=[2, 3], rng=2),
    "invent 0.4": labelnoise.invent(plane, 0.4, of=[2, 3], rng=5),
    "confuse 0.5": labelnoise.confuse(plane, 0.5, into={2: 3, 3: 2}, rng=0),
    "random 0.1": labelnoise.random(plane, 0.1, rng=0),
}

figure, axes = plt.subplots(3, 4, figsize=(11, 7), layout="constrained")
for panel, (title, noisy) in zip(axes.flat, drawn.items()):
    clean, height = (plane, 1) if noisy.shape == plane.shape else (labels[:, 48], 5.3)
    plot.contours(clean, noisy, ax=panel, spacing=(height, 1), fill=0.8)
    panel.set_title(title)
plot.legend(figure, "true contour", fill=0.8)
plt.show()
