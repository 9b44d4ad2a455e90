"""What the tests of hooks share: a label map, its noise, and datasets that workers can copy."""

from typing import NamedTuple

import numpy as np

import labelnoise

NOISE = labelnoise.Noise("choppy", 3, labels=[1, 2])


def label_map(dtype=np.int16):
    """Draw two labels that touch, and a corner to be ignored (-1, or 255)."""
    labels = np.zeros((32, 40), np.int16)
    labels[8:24, 8:20] = 1
    labels[8:24, 20:32] = 2
    labels[:4, :4] = -1
    return labels.astype(dtype)


def own(labels, *, rng, axes=(-2, -1)):
    """Perturb as a user's own function does: one generator for two errors, which differ."""
    assert isinstance(rng, np.random.Generator)
    first, second = (labelnoise.choppy(labels, 3, axes=axes, rng=rng) for _ in range(2))
    assert (first != second).any()
    return second


class Pair(NamedTuple):
    """A sample of named items."""

    image: np.ndarray
    mask: np.ndarray


class Pairs:
    """Eight samples: the same label map, images that tell their index."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if not -8 <= index < 8:
            raise IndexError(index)
        return np.full((1, 32, 40), index % 8, np.float32), label_map()


class Named(Pairs):
    """The same as dictionaries with names, in another order."""

    def __getitem__(self, index):
        image, mask = super().__getitem__(index)
        return {"image": image, "mask": mask, "name": f"case {7 - index}"}


def different(labels):
    """Tell how many of some label maps are different."""
    return len({np.asarray(one).tobytes() for one in labels})
