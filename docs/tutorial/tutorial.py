"""
From a mask to a training
=========================

In ten minutes: perturb a mask, look at the result, find the strength that gives a wanted Dice
score, and train a network on labels of that quality.

The script runs as it is, in any folder: ``python tutorial.py``. It needs the library with the extra
``study``. In a clone, ``python -m pip install ".[study]"`` installs both.

Perturb
-------

A mask is a NumPy array of booleans or integers. Every kind of error takes a mask and a strength,
and returns a new array of the same shape and dtype.
"""

import numpy as np

import labelnoise

rows, columns = np.indices((11, 21))
mask = ((rows - 5) / 4.5) ** 2 + ((columns - 10) / 8) ** 2 < 1
noisy = labelnoise.natural(mask, 1.5, rng=5)

for before, after in zip(mask, noisy):
    print("  ".join("".join(row) for row in np.where([before, after], "█", "·")))

# %%
# ``rng=5`` is a seed. The same seed gives the same noise each time, ``rng=None`` gives new noise.
# Strength 0 changes nothing:

print((labelnoise.natural(mask, 0, rng=5) == mask).all())

# %%
# Look
# ----
#
# Real masks come in stacks. These are slices of two synthetic patients, with the liver as mask;
# ``livers`` has the shape (slices, rows, columns). Each slice has noise of its own.

import matplotlib.pyplot as plt

from labelnoise import plot
from labelnoise.data import phantom

patients = [phantom(size=64, seed=(0, i)) for i in range(2)]
hounsfield = np.concatenate([patient.image for patient in patients]).clip(-128, 128)
images = hounsfield.astype(np.float32) / 256 + 0.5
livers = (np.concatenate([patient.labels for patient in patients]) > 0).astype(np.uint8)
print(livers.shape, livers.dtype)

noises = {
    "natural": labelnoise.natural(livers, 2.0, rng=0),  # contours off by 2 pixels
    "choppy": labelnoise.choppy(livers, 2.0, rng=0),  # rows off by 2 pixels
    "random": labelnoise.random(livers, 0.1, rng=0),  # 10 % of the pixels flip
    "bias": labelnoise.bias(livers, 2.0, rng=0),  # livers too large by 2 pixels
    "wobble": labelnoise.wobble(livers, 2.0, rng=0),  # boundaries off by 2 pixels, smoothly
    "coarse": labelnoise.coarse(livers, 2.0, rng=0),  # few clicks, lines off by up to 2 pixels
}
figure, axes = plt.subplots(2, 3, figsize=(9, 4.6), layout="constrained")
for panel, (name, noisy) in zip(axes.flat, noises.items()):
    plot.contours(livers[16], noisy[16], images[16], panel, margin=0.2)
    panel.set_title(f"{name}, Dice {labelnoise.dice(livers[16], noisy[16]):.2f}")
plot.legend(figure)
plt.show()

# %%
# There are twelve kinds of error. Some need objects or volumes. :doc:`/kinds` shows all of them and
# says what each imitates.
#
# Calibrate
# ---------
#
# Which strength gives labels with a mean Dice of 0.80? This depends on the masks, because two
# pixels matter more on a small one. ``calibrate`` searches for the strength. The mean is then
# within 0.005 of the wanted score:

found = labelnoise.calibrate(livers, labelnoise.wobble, 0.80, rng=0)
print(f"sigma {found.strength:.2f} gives Dice {found.score:.3f}, after {found.nfev} evaluations")

# %%
# ``Noise`` is a kind of error with its strength and its options, as one value. It can be called,
# compared, stored and calibrated. ``calibrate`` finds a factor for its strength. With strength 1
# the factor is the new strength:

wavy = labelnoise.Noise("wobble", 1.0, length=4.0)
print(f"with a length of 4: sigma {labelnoise.calibrate(livers, wavy, 0.80, rng=0).strength:.2f}")

# %%
# ``Chain`` applies several errors, one after another:

hurried = labelnoise.Chain(labelnoise.Noise("bias", 1.0), labelnoise.Noise("choppy", 0.5))
print(labelnoise.dice(livers, hurried(livers, rng=0)))

# %%
# Train
# -----
#
# ``NoisyLabels`` wraps a dataset and perturbs its labels. Each sample has noise of its own, the
# same in every epoch and with any number of workers. Images stay as they are. Here is the first
# patient twice, once with clean and once with noisy labels:

from labelnoise.hooks.dataset import NoisyLabels

clean = [(images[i][None], livers[i][None]) for i in range(24)]
noisy = NoisyLabels(clean, labelnoise.Noise("wobble", found.strength), seed=0)
print(np.mean([labelnoise.dice(clean[i][1], noisy[i][1]) for i in range(24)]).round(3))

# %%
# The rest is your own training loop. This one is small: five convolutions, two images at a time.
# The second patient, with clean labels, is the test set.

import torch
from torch import nn
from torch.utils.data import DataLoader


def train(dataset):
    """Train a small network; return its mean Dice on the second patient."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # enough for so small a network
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
# One small network and two synthetic patients prove nothing. :doc:`The liver study </study>` trains
# on real volumes, with repeats. Next: hooks for :doc:`MONAI, TorchIO, nnU-Net and others </hooks>`,
# noisy copies of a data set :doc:`on disk </disk>`, :doc:`volumes and millimetres </volumes>`, and
# :doc:`the noise model </explanation/model>`.
