"""
Equal Dice, other scores
========================

Dice counts pixels; it does not tell where they are wrong. Sixty synthetic livers with each noise at
a mean Dice of 0.90, scored with IoU, normalised surface Dice (NSD, tolerance 2 pixels) and the 95th
percentile of the Hausdorff distance (HD95).
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from liver.phantom import Phantom, patient
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

import labelnoise

livers = np.concatenate(
    [patient(i, Phantom(patients=4, slices=15), size=128).labels for i in range(4)]
)


def scores(noisy):
    """Score every slice with each metric."""
    pairs = list(zip(livers, noisy))
    tensors = [torch.from_numpy(masks)[:, None] for masks in (noisy, livers)]
    nsd = compute_surface_dice(*tensors, [2.0], include_background=True)
    hd95 = compute_hausdorff_distance(*tensors, include_background=True, percentile=95)
    return {
        "Dice": np.array([labelnoise.dice(*pair) for pair in pairs]),
        "IoU": np.array([labelnoise.iou(*pair) for pair in pairs]),
        "NSD at 2 px": nsd[:, 0].numpy(),
        "HD95 in px": hd95[:, 0].numpy(),
    }


table = {}
for perturb in labelnoise.natural, labelnoise.choppy, labelnoise.random:
    found = labelnoise.calibrate(perturb, livers, 0.90, rng=0)
    table[perturb.__name__] = scores(perturb(livers, found.strength, rng=0))

figure, axes = plt.subplots(1, 4, figsize=(11, 3.6), layout="constrained")
for panel, metric in zip(axes, table["natural"]):
    panel.boxplot([table[noise][metric] for noise in table], tick_labels=list(table), widths=0.6)
    panel.set_title(metric)
    panel.grid(axis="y", alpha=0.3)
plt.show()

# %%
# The means:

for noise, row in table.items():
    print(f"{noise:8}", {metric: f"{values.mean():.2f}" for metric, values in row.items()})
