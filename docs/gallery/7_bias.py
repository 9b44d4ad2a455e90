"""
Too large or too small
======================

:func:`labelnoise.bias` moves every boundary by one distance, outwards or inwards.
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
    "out, 4 pixels": labelnoise.bias(organs, 4, rng=5),
    "in, 4 pixels": labelnoise.bias(organs, 4, direction="in", rng=5),
    "either, 4 pixels": labelnoise.bias(organs, 4, direction="either", rng=2),
}

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.1), layout="constrained")
for panel, (title, labels) in zip(axes, maps.items()):
    plot.contours(organs, labels, ax=panel, fill=0.8)
    panel.set_title(title)
plot.legend(figure, fill=0.8)
plt.show()

# %%
# The boundary between two labels moves once, with the label that comes later. With
# ``direction="either"`` each label of each patch moves out or in by chance.
#
# The distance may be a fraction of a pixel. The area of a disc grows nearly without jumps:

disc = np.hypot(rows - 63.3, columns - 79.6) < 40
distances = np.linspace(0, 4, 81)
areas = [labelnoise.bias(disc, distance, rng=5).sum() for distance in distances]

figure, panel = plt.subplots(figsize=(6, 3.2), layout="constrained")
panel.plot(distances, np.pi * (40 + distances) ** 2, color="0.6", label="π (40 + distance)²")
panel.plot(distances, areas, ".", label="bias")
panel.set(xlabel="distance in pixels", ylabel="area in pixels")
panel.legend(frameon=False)
plt.show()
