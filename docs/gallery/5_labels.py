"""
Label maps
==========

Two organs that touch have one boundary in common. It moves once, with the label that comes later.
So no gap opens, and no pixel gets a label that the map does not have.
"""

import matplotlib.pyplot as plt
import numpy as np

import labelnoise
from labelnoise import plot

rows, columns = np.indices((128, 160))
organs = np.zeros((128, 160), np.uint8)
organs[np.hypot((rows - 60) / 45, (columns - 55) / 48) < 1] = 1  # liver
organs[np.hypot((rows - 52) / 26, (columns - 112) / 36) < 1] = 2  # stomach
organs[np.hypot(rows - 100, columns - 82) < 18] = 3  # kidney
organs[np.hypot(rows - 62, columns - 38) < 13] = 4  # lesion in the liver

maps = {
    "as it is": organs,
    "natural, sigma 4": labelnoise.natural(organs, 4, rng=1),
    "choppy, sigma 4": labelnoise.choppy(organs, 4, rng=1),
    "random, rate 0.1": labelnoise.random(organs, 0.1, rng=1),
    "natural, lesion and liver": labelnoise.natural(organs, 4, labels=[1, 4], rng=1),
    "natural, left half": labelnoise.natural(organs, 4, within=columns < 80, rng=1),
}

figure, axes = plt.subplots(2, 3, figsize=(10.5, 6), layout="constrained")
for panel, (title, labels) in zip(axes.flat, maps.items()):
    plot.contours(organs, labels, ax=panel, fill=0.8)
    panel.set_title(title)
axes[1, 2].axvline(79.5, color="0.5", linestyle="--")
plot.legend(figure, fill=0.8)
plt.show()

# %%
# The Dice score of each label:

for title, labels in maps.items():
    scores = labelnoise.dice(organs, labels, per_label=True)
    print(f"{title:26}", {label: round(score, 2) for label, score in scores.items()})
