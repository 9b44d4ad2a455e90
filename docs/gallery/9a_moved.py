"""
Polygons, shifts and deformations
=================================

:func:`labelnoise.coarse` replaces each contour by a polygon, as if somebody had set few points.
:func:`labelnoise.shift` moves all labels together, as if they belonged to another image of the
patient. :func:`labelnoise.elastic` deforms them smoothly. The Dice score is the mean of liver and
lesions.
"""

import matplotlib.pyplot as plt

import labelnoise
from labelnoise import plot
from labelnoise.data import phantom

image, labels, spacing = phantom(slices=7, size=256, seed=(4, 0))
image, labels, millimetres = image[2], labels[2], spacing[1:]
kinds = [
    labelnoise.Noise("coarse", 1, spacing=millimetres),
    labelnoise.Noise("shift", 1, spacing=millimetres),
    labelnoise.Noise("elastic", 1, length=50, spacing=millimetres),
]

figure, axes = plt.subplots(2, 3, figsize=(11, 6.6), layout="constrained")
for line, strength in zip(axes, [3, 8]):
    for panel, noise in zip(line, kinds):
        noisy = noise(labels, strength, rng=1)
        plot.contours(labels, noisy, image, panel, margin=0.2, linewidth=1.2)
        score = labelnoise.dice(labels, noisy)
        panel.set_title(f"{noise.error.__name__}, {strength} mm: Dice {score:.2f}")
plot.legend(figure)
plt.show()

# %%
# With ``shift`` and ``elastic`` all labels of a patch move together. A patch is a plane, or with
# three ``axes`` a volume. The image stays as it is.
#
# ``coarse`` cuts off convex parts. With a larger tolerance structures become smaller.

for tolerance in 1, 3, 8, 12:
    noisy = labelnoise.coarse(labels > 0, tolerance, spacing=millimetres, rng=1)
    print(f"{tolerance:2} mm: {noisy.sum() / (labels > 0).sum():.2f} of the liver's area")
