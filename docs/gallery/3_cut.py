"""
Through choppy slices
=====================

Annotators draw slice by slice, and so do the perturbations: errors in neighbouring slices do not
agree. An orthogonal cut shows it, as in Figure 1 of Heller et al. (2018).
"""

import matplotlib.pyplot as plt
from liver.phantom import Phantom, patient

import labelnoise

volume = patient(0, Phantom(patients=1, slices=72, seed=4), size=128)  # (slices, rows, columns)
livers = volume.labels
found = labelnoise.calibrate(labelnoise.choppy, livers, 0.90, rng=0)
noisy = labelnoise.choppy(livers, found.strength, rng=0)

level, row = livers.sum((1, 2)).argmax(), livers.sum((0, 2)).argmax()
figure, axes = plt.subplots(2, 3, figsize=(10, 6.6), layout="constrained")
for line, name, cut, options in [
    (axes[0], "axial", level, {"origin": "upper"}),
    (axes[1], "coronal", (slice(None), row), {"origin": "lower", "aspect": 1.4}),
]:
    for panel, title, mask in zip(line, ["image", "as it is", "choppy"], [None, livers, noisy]):
        panel.imshow(volume.images[cut].astype(float), cmap="gray", **options)
        if mask is not None:
            alpha = 0.6 * mask[cut]
            panel.imshow(mask[cut], alpha=alpha, cmap="autumn", vmin=0, vmax=2, **options)
        panel.set_title(f"{name}: {title}")
        panel.axis("off")
plt.show()

# %%
# The volume is an array of slices here. One in (x, y, z) order, as NIfTI files have it, is
# perturbed with ``plane=(1, 0)``; for coronal drawings one would name other axes.
