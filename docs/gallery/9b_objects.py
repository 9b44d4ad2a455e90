"""
Missed, invented, confused
==========================

A map of cells of two classes, orange (1) and blue (2). :func:`labelnoise.omit` misses a share of
them, small ones more often. :func:`labelnoise.invent` adds a share that is not there.
:func:`labelnoise.confuse` gives a share the other class.
"""

import matplotlib.pyplot as plt
import numpy as np

import labelnoise
from labelnoise import plot

rng = np.random.default_rng(2)
rows, columns = np.indices((150, 190))
cells = np.zeros(rows.shape, np.uint8)
while np.count_nonzero(cells) < 0.3 * cells.size:
    row, column, turn, radius, stretch = rng.uniform([8, 8, 0, 3, 1], [142, 182, 3.14, 11, 1.4])
    along = (rows - row) * np.sin(turn) + (columns - column) * np.cos(turn)
    across = (rows - row) * np.cos(turn) - (columns - column) * np.sin(turn)
    distance = np.hypot(along / stretch, across * stretch)
    if not cells[distance < radius + 3].any():
        cells[distance < radius] = rng.choice([1, 2], p=[0.65, 0.35])

maps = {
    "omit 0.2": labelnoise.omit(cells, 0.2, rng=0),
    "omit 0.5": labelnoise.omit(cells, 0.5, rng=0),
    "invent 0.2": labelnoise.invent(cells, 0.2, rng=0),
    "invent 0.2, of class 2": labelnoise.invent(cells, 0.2, of=[2], rng=0),
    "confuse 0.2": labelnoise.confuse(cells, 0.2, rng=0),
    "confuse 0.5, class 1 into 2": labelnoise.confuse(cells, 0.5, into={1: 2}, rng=0),
}

figure, axes = plt.subplots(2, 3, figsize=(11, 6.2), layout="constrained")
for panel, (title, labels) in zip(axes.T.flat, maps.items()):
    plot.contours(cells, labels, ax=panel, fill=0.8)
    panel.set_title(title)
plot.legend(figure, "true contour", fill=0.8)
plt.show()

# %%
# The numbers are exact: ``round(rate * objects)`` for each class in each patch. A higher rate
# changes the same objects and further ones.
