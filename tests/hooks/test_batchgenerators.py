"""Label noise in nnU-Net's pipeline of batchgeneratorsv2."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from samples import NOISE, different, label_map, own
from torch.utils.data import DataLoader

pytest.importorskip("batchgeneratorsv2")
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import (
    DownsampleSegForDSTransform,
)
from batchgeneratorsv2.transforms.utils.random import RandomTransform

import labelnoise
from labelnoise.hooks.batchgenerators import LabelNoiseTransform


def sample(dims=2):
    """Return an image and a segmentation of two channels, (C, X, Y) or (C, X, Y, Z)."""
    labels = np.stack([label_map(), label_map()])
    if dims == 3:
        labels = np.stack([labels] * 3, axis=1)
    image = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    return {"image": torch.from_numpy(image), "segmentation": torch.from_numpy(labels)}


class Patches:
    """Eight samples, transformed when they are asked for."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.transform(**sample())["segmentation"]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("noise", [NOISE, labelnoise.Noise("natural", 2, labels=[1, 2])])
def test_only_the_segmentation_changes(dims, noise):
    """Its shape, dtype and what lies outside of the image (-1) stay."""
    clean = sample(dims)
    noisy = LabelNoiseTransform(noise)(**clean)
    assert torch.equal(noisy["image"], sample(dims)["image"])
    assert noisy["segmentation"].dtype == torch.int16
    assert noisy["segmentation"].shape == clean["segmentation"].shape
    assert (noisy["segmentation"] != clean["segmentation"]).any()
    assert torch.equal(noisy["segmentation"] == -1, clean["segmentation"] == -1)
    assert torch.equal(clean["segmentation"], sample(dims)["segmentation"])


def test_noise_follows_numpy_and_a_pickled_round_trip():
    """The random state of the other transforms, before deep supervision."""
    transform = ComposeTransforms(
        [
            RandomTransform(LabelNoiseTransform(NOISE), apply_probability=1),
            DownsampleSegForDSTransform([1, 0.5]),
        ]
    )
    results = []
    for pipeline in transform, pickle.loads(pickle.dumps(transform)):
        np.random.seed(3)  # noqa: NPY002
        results.append(pipeline(**sample())["segmentation"])
    assert [tuple(one.shape) for one in results[0]] == [(2, 32, 40), (2, 16, 20)]
    for first, second in zip(*results, strict=True):
        assert torch.equal(first, second)
    assert (transform(**sample())["segmentation"][0] != results[0][0]).any()


def test_noise_differs_between_epochs_and_workers():
    """No two segmentations of two epochs with two workers are the same."""
    loader = DataLoader(Patches(LabelNoiseTransform(NOISE)), 2, num_workers=2)
    drawn = [one for _ in range(2) for batch in loader for one in batch]
    assert different(drawn) == 16


def test_nothing_to_do_without_a_segmentation():
    """As at inference."""
    assert LabelNoiseTransform(NOISE)(image=None) == {"image": None}


def test_the_documented_trainer_draws_noise(monkeypatch):
    """nnU-Net's own pipeline, with the trainer of docs/hooks/nnunet.md and without."""
    trainers = pytest.importorskip("nnunetv2.training.nnUNetTrainer.nnUNetTrainer")
    page = Path(__file__).parents[2] / "docs" / "hooks" / "nnunet.md"
    scope = {"__name__": "page"}
    for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.S):
        exec(code, scope)
    spatial = "batchgeneratorsv2.transforms.spatial.spatial.SpatialTransform.apply"
    monkeypatch.setattr(spatial, lambda self, data_dict, **_: data_dict)
    arguments = ((32, 40), 0, [[1, 1]], (), False, [False, False])
    results = []
    for trainer in trainers.nnUNetTrainer, scope["NoisyTrainer"]:
        pipeline = trainer.get_training_transforms(*arguments)
        results.append(pipeline(**sample())["segmentation"][0].numpy())
    clean, noisy = results
    assert set(np.unique(noisy)) == set(np.unique(clean))
    assert 0 < labelnoise.dice(clean, noisy, labels=[1]) < 1
    assert ((noisy == 2) == (clean == 2)).all()


def test_perturbations_get_a_generator():
    """Not the seed that it comes from."""
    LabelNoiseTransform(own)(**sample())


def test_patches_full_of_foreground_pass():
    """Random noise flips what it can, which is nothing."""
    full = torch.ones(1, 8, 32, 32, dtype=torch.int16)
    noise = LabelNoiseTransform(labelnoise.Noise("random", 0.1))
    assert torch.equal(noise(segmentation=full)["segmentation"], full)
