"""
Equal Dice, other scores
========================

Dice counts the pixels that are wrong and ignores where they are. Here are sixty slices of synthetic
livers with each kind of error at a mean Dice of 0.90, scored with IoU, normalised surface Dice
(NSD, tolerance 2 pixels) and the 95th percentile of the Hausdorff distance (HD95).
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

import labelnoise
from labelnoise.data import phantom

livers = np.concatenate([phantom(slices=15, seed=(0, i)).labels > 0 for i in range(4)])


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
for kind in "natural", "choppy", "random", "bias", "wobble":
    noise = labelnoise.Noise(kind, 0.1 if kind == "random" else 1)
    found = labelnoise.calibrate(livers, noise, 0.90, rng=0)
    noisy = [
        noise(liver, found.strength, rng=labelnoise.sample_rng(0, index))
        for index, liver in enumerate(livers)
    ]
    table[kind] = scores(np.stack(noisy))

figure, axes = plt.subplots(2, 2, figsize=(10, 6.4), layout="constrained")
for panel, metric in zip(axes.flat, table["natural"]):
    panel.boxplot([table[kind][metric] for kind in table], tick_labels=list(table), widths=0.6)
    panel.set_title(metric)
    panel.grid(axis="y", alpha=0.3)
plt.show()

# %%
# The means:

for kind, row in table.items():
    print(f"{kind:8}", {metric: f"{values.mean():.2f}" for metric, values in row.items()})
