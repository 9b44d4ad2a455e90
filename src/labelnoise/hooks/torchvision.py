"""Label noise for torchvision: a transform (v2) of masks."""

from typing import Any

try:
    import torch
    from torchvision import tv_tensors
    from torchvision.transforms import v2
except ImportError as error:
    raise ImportError(
        "labelnoise.hooks.torchvision needs torchvision; install it with the PyTorch that it fits"
    ) from error


from ._noise import Perturb, check_perturb, perturb_labels
from .dataset import draw_seed


class LabelNoise(v2.Transform):
    """Resampled noise: masks with errors that are drawn anew each time.

    Only ``tv_tensors.Mask`` changes. The seed of each call comes from PyTorch's random state:
    ``torch.manual_seed`` holds, and each worker has a state of its own. Wrap it in
    ``v2.RandomApply([...], p=0.5)`` for noise in half of the samples.

    Parameters
    ----------
    perturb : callable
        ``perturb(mask, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets
        (..., height, width).

    Raises
    ------
    ValueError
        If labels are not integers.

    Examples
    --------
    >>> import labelnoise, torch
    >>> from torchvision import tv_tensors
    >>> mask = torch.zeros(4, 6, dtype=torch.uint8)
    >>> mask[:, 2:4] = 1
    >>> _ = torch.manual_seed(0)
    >>> noise = LabelNoise(labelnoise.Noise("choppy", 1))
    >>> image, noisy = noise(tv_tensors.Image(torch.zeros(3, 4, 6)), tv_tensors.Mask(mask))
    """

    def __init__(self, perturb: Perturb) -> None:
        super().__init__()
        self.perturb = check_perturb(perturb)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the seed of one call."""
        return {"seed": draw_seed()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Perturb a mask; return anything else as it is."""
        if not isinstance(inpt, tv_tensors.Mask):
            return inpt
        noisy = perturb_labels(self.perturb, inpt.as_subclass(torch.Tensor), params["seed"])
        return tv_tensors.wrap(noisy, like=inpt)
