"""
A liver, drawn wrongly
======================

One slice of a synthetic CT with its true contour, and with three that a hurried annotator might
have left, each at Dice 0.90. The phantom is that of :doc:`the liver study </study>`.
"""

import matplotlib.pyplot as plt
from liver.phantom import Phantom, patient

import labelnoise

volume = patient(0, Phantom(patients=1, slices=5, seed=4), size=256)
image, liver = volume.images[3].astype(float), volume.labels[3]
masks = {"as it is": liver}
for perturb in labelnoise.natural, labelnoise.choppy, labelnoise.random:
    found = labelnoise.match(liver, perturb, 0.90, rng=2)
    masks[f"{perturb.__name__}, Dice {found.score:.2f}"] = found.mask

figure, axes = plt.subplots(1, 4, figsize=(12, 2.8), layout="constrained")
for panel, (title, mask) in zip(axes, masks.items()):
    panel.imshow(image, cmap="gray")
    panel.contour(mask, [0.5], colors="#ffb000", linewidths=1)
    panel.set(title=title, xlim=(15, 225), ylim=(215, 45))
    panel.axis("off")
plt.show()
