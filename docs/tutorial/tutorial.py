"""
From a mask to a training
=========================

In ten minutes: perturb a mask, look at what happened, find the strength that gives a wanted Dice
score, and train a network on labels of that quality. To follow it, clone the repository, install
it with ``python -m pip install ".[study]"``, and start Python in its folder ``examples``, where the
synthetic patients are.

Perturb
-------

A mask is a NumPy array of booleans or whole numbers. Every perturbation takes it with a strength,
and gives a new array of the same shape and type.
"""

import numpy as np

import labelnoise

rows, columns = np.indices((11, 21))
mask = ((rows - 5) / 4.5) ** 2 + ((columns - 10) / 8) ** 2 < 1
noisy = labelnoise.natural(mask, 1.5, rng=5)

for before, after in zip(mask, noisy):
    print("  ".join("".join(row) for row in np.where([before, after], "█", "·")))

# %%
# ``rng=5`` is a seed. The same seed gives the same noise on every machine, and ``rng=None`` another
# one each time. Strength 0 changes nothing at all:

print((labelnoise.natural(mask, 0, rng=5) == mask).all())

# %%
# Look
# ----
#
# Real masks come in stacks. These are slices of two synthetic patients, with the liver as mask;
# ``livers`` has the shape (slices, rows, columns). A perturbation treats each slice on its own.

import matplotlib.pyplot as plt
from liver.phantom import Phantom, patient

patients = [patient(i, Phantom(patients=2, slices=24), size=64) for i in range(2)]
images = np.concatenate([each.images for each in patients]).astype(np.float32)
livers = np.concatenate([each.labels for each in patients])
print(livers.shape, livers.dtype)

noises = {
    "natural": labelnoise.natural(livers, 2.0, rng=0),  # contours off by 2 pixels
    "choppy": labelnoise.choppy(livers, 2.0, rng=0),  # rows off by 2 pixels
    "random": labelnoise.random(livers, 0.1, rng=0),  # 10 % of the pixels flip
}
figure, axes = plt.subplots(1, 3, figsize=(9, 2.4), layout="constrained")
for panel, (name, noisy) in zip(axes, noises.items()):
    panel.imshow(images[16], cmap="gray")
    panel.imshow(noisy[16], alpha=0.5 * noisy[16], cmap="autumn", vmin=0, vmax=2)
    panel.contour(livers[16], [0.5], colors="white", linewidths=1)
    panel.set(title=f"{name}, Dice {labelnoise.dice(livers[16], noisy[16]):.2f}", ylim=(54, 12))
    panel.axis("off")

# %%
# Calibrate
# ---------
#
# Which strength makes labels with a mean Dice of 0.80? It depends on the masks: two pixels are much
# for a small one. ``calibrate`` searches it on a sample of them:

found = labelnoise.calibrate(labelnoise.natural, livers, 0.80, rng=0)
print(f"sigma {found.strength:.2f} gives Dice {found.score:.3f}, after {found.nfev} evaluations")

# %%
# It takes any function of a mask, a strength and ``rng``. Fix other arguments with ``partial``:

from functools import partial

wavy = partial(labelnoise.natural, knots=12)
print(f"with 12 knots: sigma {labelnoise.calibrate(wavy, livers, 0.80, rng=0).strength:.2f}")

# %%
# Train
# -----
#
# ``NoisyLabels`` wraps a dataset so that its labels are wrong, each sample in its own way and the
# same way in every epoch, in any number of workers. Images stay as they are. Here is the first
# patient twice, once with clean and once with noisy labels:

from labelnoise.hooks.dataset import NoisyLabels

clean = [(images[i][None], livers[i][None]) for i in range(24)]
noisy = NoisyLabels(clean, partial(labelnoise.natural, sigma=found.strength), seed=0)
print(np.mean([labelnoise.dice(clean[i][1], noisy[i][1]) for i in range(24)]).round(3))

# %%
# The rest is the training loop that you have. This one is a toy: five convolutions, two images at a
# time, and the second patient, with clean labels, to test on.

import torch
from torch import nn
from torch.utils.data import DataLoader


def train(dataset):
    """Train a small network; return its mean Dice on the second patient."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Sequential(nn.Conv2d(i, 16, 3, padding=d, dilation=d), nn.BatchNorm2d(16), nn.ReLU())
          for i, d in [(1, 1), (16, 2), (16, 4), (16, 8), (16, 16)]),
        nn.Conv2d(16, 1, 1),
    )  # fmt: skip
    adam = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(12):
        for image, label in DataLoader(dataset, batch_size=2, shuffle=True):
            loss = nn.functional.binary_cross_entropy_with_logits(network(image), label.float())
            adam.zero_grad()
            loss.backward()
            adam.step()
    with torch.no_grad():
        guesses = network.eval()(torch.from_numpy(images[24:, None])).numpy()[:, 0] > 0
    return np.mean([labelnoise.dice(*pair) for pair in zip(livers[24:], guesses)])


for name, dataset in {"clean": clean, "noisy": noisy}.items():
    print(f"trained on {name} labels: test Dice {train(dataset):.2f}")

# %%
# One small network and two synthetic patients prove nothing; :doc:`the liver study </study>` does
# it properly. From here: hooks for :doc:`MONAI, TorchIO, nnU-Net and others </hooks>`, a noisy copy
# of a data set :doc:`on disk </disk>`, :doc:`volumes and millimetres </volumes>`, and :doc:`what
# the noise is, and is not </explanation/model>`.
