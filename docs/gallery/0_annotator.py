"""
Four simulated readers
======================

A lesion of a synthetic CT, and the masks of four simulated readers. Each is the
:class:`labelnoise.Annotator` ``kits23-tumour``, which was fitted to people who outlined kidney
tumours. The pale line is the true contour.
"""

import matplotlib.pyplot as plt

import labelnoise
from labelnoise import plot
from labelnoise.data import phantom

image, labels, spacing = phantom(slices=46, size=384, seed=(7, 45))
box = slice(12, 30), slice(80, 200), slice(100, 230)
image, lesion = image[box], labels[box] == 2

reader = labelnoise.Annotator.load("kits23-tumour")
masks = labelnoise.raters(lesion, [reader] * 4, axes=(0, 1, 2), spacing=spacing, rng=1)

figure, axes = plt.subplots(1, 4, figsize=(10, 2.6), layout="constrained")
for number, (panel, mask) in enumerate(zip(axes, masks), 1):
    plot.contours(lesion[9], mask[9], image[9], panel, margin=0.3)
    panel.set_title(f"reader {number}, Dice {labelnoise.dice(lesion, mask):.2f}")
plot.legend(figure, "true", "simulated reader")
plt.show()

# %%
# The readers share what makes the lesion difficult, and nothing else. :doc:`/annotators` explains
# how to fit a reader to your own annotators. :doc:`/realism` measures how well a classifier can
# tell such readers from people.
