"""Label noise in Albumentations' pipelines."""

import json
import pickle
from functools import partial

import numpy as np
import pytest
from samples import NOISE, different, label_map, own

import labelnoise

pytest.importorskip("albumentations")
import albumentations as A  # noqa: N812
from torch.utils.data import DataLoader

from labelnoise.hooks.albumentations import LabelNoise

IMAGE = np.random.default_rng(0).integers(0, 255, (32, 40, 3), np.uint8)
NATURAL = labelnoise.Noise("natural", 2, labels=[1, 2])
CHAIN = labelnoise.Chain(labelnoise.Noise("bias", 1), NATURAL)


def pipeline(noise=NOISE, p=1, **settings):
    """Compose the noise alone."""
    return A.Compose([LabelNoise(noise, p=p)], **settings)


class Samples:
    """Eight samples, transformed when they are asked for."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.transform(image=IMAGE, mask=label_map())["mask"]


def test_only_masks_change():
    """Images, boxes and keypoints stay; so does what is not listed."""
    transform = pipeline(
        bbox_params=A.BboxParams("pascal_voc", label_fields=["classes"]),
        keypoint_params=A.KeypointParams("xy"),
        additional_targets={"second": "mask"},
    )
    labels = label_map()
    noisy = transform(
        image=IMAGE,
        mask=labels,
        second=labels,
        bboxes=np.array([[8.0, 8, 32, 24]]),
        classes=[1],
        keypoints=np.array([[3.0, 4.0]]),
    )
    np.testing.assert_array_equal(noisy["image"], IMAGE)
    np.testing.assert_allclose(noisy["bboxes"], [[8, 8, 32, 24]], rtol=1e-6)
    np.testing.assert_array_equal(noisy["keypoints"], [[3, 4]])
    for name in "mask", "second":
        assert noisy[name].dtype == labels.dtype
        assert (noisy[name] != labels).any()
        np.testing.assert_array_equal(noisy[name] == -1, labels == -1)
    np.testing.assert_array_equal(labels, label_map())


@pytest.mark.parametrize("noise", [NOISE, NATURAL])
def test_every_kind_of_mask(noise):
    """Masks, channels, lists and volumes: each plane has noise of its own."""
    labels = label_map()
    planes = np.stack([labels] * 3)
    transform = pipeline(noise)
    volume = np.stack([IMAGE] * 3)
    channels = transform(image=IMAGE, mask=np.moveaxis(planes, 0, -1))["mask"]
    assert channels.shape == (32, 40, 3)
    several = {
        "channels": np.moveaxis(channels, -1, 0),
        "list": transform(image=IMAGE, masks=[labels] * 3)["masks"],
        "stack": transform(image=IMAGE, masks=planes)["masks"],
        "volume": transform(volume=volume, mask3d=planes)["mask3d"],
        "volumes": transform(volumes=volume[None], masks3d=planes[None])["masks3d"][0],
    }
    for name, noisy in several.items():
        assert len(noisy) == 3, name
        assert different([*noisy, labels]) == 4, name
    deep = transform(volume=volume, mask3d=planes[..., None])["mask3d"]
    assert deep.shape == (3, 32, 40, 1)
    np.testing.assert_array_equal(transform(volume=volume, mask3d=planes)["volume"], volume)


@pytest.mark.parametrize("noise", [NATURAL, CHAIN, partial(labelnoise.choppy, sigma=3)])
def test_a_saved_pipeline_gives_the_same_noise(noise):
    """As JSON, and pickled."""
    transform = A.Compose([LabelNoise(noise, p=0.7), A.HorizontalFlip(p=0.5)], seed=5)
    assert transform.transforms[0].p == 0.7
    saved = json.loads(json.dumps(A.to_dict(transform)))
    loaded, copied = A.from_dict(saved), pickle.loads(pickle.dumps(transform))
    assert A.to_dict(loaded) == saved
    loaded.set_random_seed(5)
    for _ in range(5):
        masks = [t(image=IMAGE, mask=label_map())["mask"] for t in (transform, loaded, copied)]
        assert different(masks) == 1


def test_noise_follows_the_seed_of_the_pipeline():
    """The same seed, the same sequence of different noise."""
    sequences = [
        [transform(image=IMAGE, mask=label_map())["mask"] for _ in range(4)]
        for transform in (pipeline(seed=1), pipeline(seed=1), pipeline(seed=2))
    ]
    np.testing.assert_array_equal(sequences[0], sequences[1])
    assert different(sequences[0] + sequences[2]) == 8


def test_noise_differs_between_epochs_and_workers():
    """Although the pipeline's own state is the same in all workers."""
    loader = DataLoader(Samples(pipeline(seed=1)), 2, num_workers=2)
    drawn = [one for _ in range(2) for batch in loader for one in batch]
    assert different(drawn) == 16


def test_the_recipe_without_a_hook():
    """A Lambda on masks, seeded by PyTorch."""
    torch = pytest.importorskip("torch")

    def noisy(mask, **_):
        return NOISE(mask, rng=int(torch.randint(2**62, ())))

    transform = A.Compose([A.Lambda(mask=noisy, p=1)])
    first, second = (transform(image=IMAGE, mask=label_map()) for _ in range(2))
    np.testing.assert_array_equal(first["image"], IMAGE)
    assert different([first["mask"], second["mask"], label_map()]) == 3


def test_what_cannot_be_serialised_is_told():
    """And so is a noise that does not exist."""
    with pytest.raises(ValueError, match=r"^perturb=<function .*: cannot be stored"):
        A.to_dict(pipeline(lambda mask, rng: mask))
    with pytest.raises(ValueError, match=r"^error='loud': pass one of .*natural"):
        LabelNoise({"error": "loud", "strength": 1})
    with pytest.raises(ValueError, match=r"^{'noise': 'natural'}: describes no noise"):
        LabelNoise({"noise": "natural"})


def test_perturbations_get_a_generator():
    """Whatever the target."""
    transform = A.Compose([LabelNoise(own, p=1)], seed=0)
    transform(image=IMAGE, mask=label_map())
    transform(image=IMAGE, masks=[label_map()] * 2)
