"""Label noise for Albumentations: a transform of masks."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from albumentations import DualTransform
    from albumentations.core.type_definitions import ALL_TARGETS
except ImportError as error:
    raise ImportError(
        'labelnoise.hooks.albumentations needs Albumentations; install the extra "albumentations"'
    ) from error


from ..noise import from_dict, to_dict
from ._noise import Perturb, check_perturb, perturb_labels


class LabelNoise(DualTransform):
    """Resampled noise: masks with errors that are drawn anew each time.

    Images, boxes and keypoints stay as they are. The seed of each call comes from the random state
    of the pipeline (``A.Compose(..., seed=...)``) and, in a worker of PyTorch's DataLoader, from
    the worker's seed, without which all workers would draw the same.

    Parameters
    ----------
    perturb : callable or mapping
        ``perturb(mask, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets
        (..., height, width), channels or slices first. Or the same as a mapping, as serialised
        pipelines hold it: ``{"error": "natural", "strength": 4}``.
    p : float, optional
        Probability of noise.

    Raises
    ------
    ValueError
        If a mapping describes no noise, a pipeline with a function of one's own is serialised, or
        labels are not integers.

    Examples
    --------
    >>> import labelnoise, numpy as np, albumentations as A
    >>> mask = np.zeros((6, 6), np.uint8)
    >>> mask[1:5, 1:5] = 1
    >>> noise = LabelNoise(labelnoise.Noise("choppy", 1), p=1)
    >>> A.Compose([noise], seed=0)(image=np.zeros((6, 6, 3), np.uint8), mask=mask)["mask"]
    array([[0, 0, 0, 0, 0, 0],
           [1, 1, 1, 1, 0, 0],
           [0, 1, 1, 1, 0, 0],
           [1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """

    _targets = ALL_TARGETS

    def __init__(self, perturb: Perturb | Mapping[str, Any], p: float = 0.5) -> None:
        super().__init__(p=p)
        self.perturb = check_perturb(
            from_dict(perturb) if isinstance(perturb, Mapping) else perturb
        )

    def get_params(self) -> dict[str, Any]:
        """Draw the seed of one call."""
        seed = [int(self.random_generator.integers(2**63))]
        torch = sys.modules.get("torch")
        worker = None if torch is None else torch.utils.data.get_worker_info()
        return {"seed": seed if worker is None else [*seed, worker.seed]}

    def get_transform_init_args(self) -> dict[str, Any]:
        """Return the arguments of the transform as a pipeline that is saved holds them."""
        return {"perturb": to_dict(self.perturb), "p": self.p}

    def apply(self, img: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Return the image as it is."""
        return img

    def apply_to_images(self, images: Any, **params: Any) -> Any:
        """Return the images as they are."""
        return images

    def apply_to_volume(self, volume: Any, **params: Any) -> Any:
        """Return the volume as it is."""
        return volume

    def apply_to_volumes(self, volumes: Any, **params: Any) -> Any:
        """Return the volumes as they are."""
        return volumes

    def apply_to_bboxes(self, bboxes: Any, **params: Any) -> Any:
        """Return the boxes as they are."""
        return bboxes

    def apply_to_keypoints(self, keypoints: Any, **params: Any) -> Any:
        """Return the keypoints as they are."""
        return keypoints

    def apply_to_mask(self, mask: NDArray[Any], seed: list[int], **params: Any) -> NDArray[Any]:
        """Perturb a mask of shape (height, width) or (height, width, channels)."""
        return self._perturb(mask, seed, stacked=0)

    def apply_to_masks(self, masks: Any, seed: list[int], **params: Any) -> Any:
        """Perturb several masks, each on its own."""
        if isinstance(masks, np.ndarray):
            return self._perturb(masks, seed, stacked=1)
        return type(masks)(self._perturb(mask, [*seed, i], 0) for i, mask in enumerate(masks))

    def apply_to_mask3d(self, mask3d: NDArray[Any], seed: list[int], **params: Any) -> NDArray[Any]:
        """Perturb the slices of a mask of shape (depth, height, width[, channels])."""
        return self._perturb(mask3d, seed, stacked=1)

    def apply_to_masks3d(self, masks3d: Any, seed: list[int], **params: Any) -> NDArray[Any]:
        """Perturb the slices of several masks."""
        return self._perturb(masks3d, seed, stacked=2)

    def _perturb(self, mask: NDArray[Any], seed: list[int], stacked: int) -> NDArray[Any]:
        rng = np.random.SeedSequence(seed)
        if mask.ndim == stacked + 2:
            return perturb_labels(self.perturb, mask, rng)
        noisy = perturb_labels(self.perturb, np.moveaxis(mask, -1, 0), rng)
        return np.ascontiguousarray(np.moveaxis(noisy, 0, -1))
