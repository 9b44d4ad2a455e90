"""Label noise for nnU-Net v2: a transform of batchgeneratorsv2."""

from typing import Any

import numpy as np

try:
    import torch
    from batchgeneratorsv2.transforms.base.basic_transform import SegOnlyTransform
except ImportError as error:
    raise ImportError(
        'labelnoise.hooks.batchgenerators needs batchgeneratorsv2; install the extra "nnunet"'
    ) from error


from ._noise import Perturb, check_perturb, perturb_labels


class LabelNoiseTransform(SegOnlyTransform):
    """Resampled noise: segmentations with errors that are drawn anew each time.

    The seed of each call comes from NumPy's global random state, like those of the other
    transforms. For noise that is the same in each epoch, nnU-Net needs noisy labels on disk. Wrap
    it in ``RandomTransform(..., apply_probability=0.5)`` for noise in half of the patches.

    Parameters
    ----------
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It
        gets the segmentation of shape (channels, x, y) or (channels, x, y, z). nnU-Net puts the
        axis of the lowest resolution first, so the last two are the planes that an annotator draws
        in, the default of `axes`. List the `labels` that are drawn where there are an ignore label
        or -1 (outside of the image).

    Raises
    ------
    ValueError
        If labels are not integers.

    Examples
    --------
    >>> import labelnoise, numpy, torch
    >>> noise = labelnoise.Noise("choppy", 1)
    >>> label = torch.zeros(1, 4, 6, dtype=torch.int16)
    >>> label[..., 2:4] = 1
    >>> numpy.random.seed(0)
    >>> LabelNoiseTransform(noise)(segmentation=label)["segmentation"]
    tensor([[[0, 0, 1, 1, 0, 0],
             [0, 0, 1, 1, 0, 0],
             [0, 0, 1, 1, 1, 1],
             [0, 0, 0, 1, 0, 0]]], dtype=torch.int16)
    """

    def __init__(self, perturb: Perturb) -> None:
        super().__init__()
        self.perturb = check_perturb(perturb)

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw the seed of one call."""
        return {"seed": int.from_bytes(np.random.bytes(8), "little")}  # noqa: NPY002

    def _apply_to_segmentation(self, segmentation: torch.Tensor, seed: int) -> torch.Tensor:
        return perturb_labels(self.perturb, segmentation, seed)
