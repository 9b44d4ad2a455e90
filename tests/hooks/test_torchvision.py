"""Label noise in torchvision's pipelines."""

import pickle

import pytest
import torch
from samples import NOISE, different, label_map, own

try:
    from torchvision import tv_tensors
    from torchvision.transforms import v2
except (ImportError, RuntimeError) as error:  # a build for another PyTorch fails while it loads
    pytest.skip(f"torchvision does not import here: {error}", allow_module_level=True)

from labelnoise.hooks.torchvision import LabelNoise


def test_only_masks_change_and_noise_follows_torch():
    """In a pipeline, before and after a pickled round trip."""
    image = tv_tensors.Image(torch.rand(3, 32, 40))
    target = {"masks": tv_tensors.Mask(torch.from_numpy(label_map())[None]), "classes": [1]}
    transform = v2.Compose([LabelNoise(NOISE), v2.Identity()])
    drawn = []
    for pipeline in transform, pickle.loads(pickle.dumps(transform)):
        torch.manual_seed(0)
        same, noisy = pipeline(image, target)
        assert torch.equal(same, image)
        assert noisy["classes"] == [1]
        assert isinstance(noisy["masks"], tv_tensors.Mask)
        assert noisy["masks"].dtype == torch.int16
        drawn.append(noisy["masks"])
    assert torch.equal(*drawn)
    assert different([*drawn, transform(image, target)[1]["masks"], target["masks"]]) == 3


def test_perturbations_get_a_generator():
    """Not the seed that was drawn."""
    mask = tv_tensors.Mask(torch.from_numpy(label_map()))
    assert (LabelNoise(own)(mask) != mask).any()
