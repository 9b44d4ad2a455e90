"""
Smooth displacements of a boundary
==================================

:func:`labelnoise.wobble` moves the boundary along its normal by a smooth Gaussian process.
``sigma`` is the standard deviation of the displacement, and ``length`` the distance along the
boundary over which displacements are similar.
"""

import matplotlib.pyplot as plt

import labelnoise
from labelnoise import plot
from labelnoise.data import phantom

image, labels, spacing = phantom(slices=5, size=256, seed=(4, 0))
image, liver, millimetres = image[3], labels[3] > 0, spacing[1:]

figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), layout="constrained")
for line, sigma in zip(axes, [2, 5]):
    for panel, length in zip(line, [4, 9, 30]):
        noisy = labelnoise.wobble(liver, sigma, length=length, spacing=millimetres, rng=2)
        plot.contours(liver, noisy, image, panel, margin=0.15, linewidth=1.2)
        score = labelnoise.dice(liver, noisy)
        panel.set_title(f"{sigma} mm, length {length} mm: Dice {score:.2f}")
plot.legend(figure)
plt.show()

# %%
# Three annotators of the same kidneys differed with a standard deviation of about 0.84 pixels and a
# correlation length of about 9 mm, see :doc:`/explanation/model`. Stronger noise of that length is
# rougher than real contours. For a low Dice score use a larger ``length``.
#
# In a volume, neighbouring slices agree in part: :doc:`/generated/gallery/3_cut` shows it.
