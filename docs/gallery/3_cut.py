"""
Across the slices
=================

Most annotators work slice by slice. The errors of neighbouring slices are then independent, and a
coronal cut looks rough, as in Figure 1 of Heller et al. (2018). With three ``axes``, wobble is
smooth in the volume, and neighbouring slices agree in part.
"""

import matplotlib.pyplot as plt

import labelnoise
from labelnoise import plot
from labelnoise.data import phantom

image, labels, spacing = phantom(slices=72, size=128, seed=(4, 0))  # (slices, rows, columns)
liver = labels > 0
kinds = {
    "choppy": labelnoise.Noise("choppy", 1, spacing=spacing[1:]),
    "wobble, planes": labelnoise.Noise("wobble", 1, length=20, spacing=spacing[1:]),
    "wobble, volume": labelnoise.Noise("wobble", 1, length=20, axes=(0, 1, 2), spacing=spacing),
}

level, row = liver.sum((1, 2)).argmax(), liver.sum((0, 2)).argmax()
figure, axes = plt.subplots(2, 3, figsize=(10, 4.6), height_ratios=[2, 1.15], layout="constrained")
for (axial, coronal), (name, noise) in zip(axes.T, kinds.items()):
    noisy = labelnoise.match(liver, noise, 0.90, rng=0).mask
    plot.contours(liver[level], noisy[level], image[level], axial, linewidth=1)
    axial.set(title=f"{name}: axial", ylim=(108, 20))
    cut = (array[::-1, row] for array in (liver, noisy, image))  # the head is above
    plot.contours(*cut, coronal, spacing=spacing[::2], linewidth=1)
    coronal.set_title(f"{name}: coronal")
plot.legend(figure)
plt.show()

# %%
# All three have a Dice score of 0.90 over the volume. The array here
# is (slices, rows, columns). For one in (x, y, z) order, as NIfTI files have it, planes are
# ``axes=(1, 0)`` and volumes ``axes=(2, 1, 0)``.
