"""
The first and the last slice
============================

Annotators of a volume disagree about the slices in which a structure begins and ends.
:func:`labelnoise.ends` adds slices at both ends of each object, or removes some. The pictures are
coronal cuts of two kidneys with a tumour, in slices of 5 mm.
"""

import matplotlib.pyplot as plt
import numpy as np

import labelnoise
from labelnoise import plot

spacing = (5.0, 1.0, 1.0)  # mm between slices, rows and columns
slices, rows, columns = np.indices((36, 60, 150)) * np.reshape(spacing, (3, 1, 1, 1))
kidneys = np.zeros(rows.shape, np.uint8)
for column, level, tilt in (42, 85, 0.25), (108, 95, -0.25):
    long, wide = slices - level, columns - column - tilt * (slices - level)
    kidneys[(long / 58) ** 2 + (wide / 24) ** 2 + ((rows - 30) / 26) ** 2 < 1] = 1
kidneys[np.hypot(np.hypot(slices - 65, rows - 30), columns - 34) < 17] = 2  # a tumour

volumes = {"axes": (0, 1, 2), "spacing": spacing}
ends = labelnoise.Noise("ends", 8, **volumes)
both = labelnoise.Chain(ends, labelnoise.Noise("wobble", 2, length=15, **volumes))
maps = {
    "ends 8 mm": ends(kidneys, rng=5),
    "ends 8 mm, another seed": ends(kidneys, rng=8),
    "ends 8 mm and wobble 2 mm": both(kidneys, rng=8),
}

figure, axes = plt.subplots(1, 3, figsize=(11, 4.6), layout="constrained")
for panel, (title, labels) in zip(axes, maps.items()):
    plot.contours(kidneys[:, 30], labels[:, 30], ax=panel, spacing=spacing[::2], fill=0.8)
    panel.set_title(title)
plot.legend(figure, fill=0.8)
plt.show()

# %%
# Ends move by whole slices. Added slices repeat the first or the last one. An end at the border of
# the array stays. Wobble moves boundaries across slices too, by about as many millimetres as within
# them.
