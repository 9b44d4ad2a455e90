"""The synthetic CT: repeatable, varied, and a volume like others."""

import re

import numpy as np
import pytest

import labelnoise
from labelnoise.data import phantom


def test_a_seed_is_a_patient():
    """The same one each time, and another for another seed."""
    one = phantom(4, 32, seed=3)
    again = phantom(4, 32, seed=3)
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.labels, again.labels)
    for other in (phantom(4, 32, seed=4), phantom(4, 32, seed=(3, 1))):
        assert (one.labels != other.labels).any()


@pytest.mark.parametrize(("slices", "size"), [(1, 64), (6, 64), (3, 300)])
def test_it_is_a_volume_like_others(slices, size):
    """Hounsfield units, liver in each slice on the left of the picture, mm."""
    image, labels, spacing = phantom(slices, size, seed=1)
    assert image.shape == labels.shape == (slices, size, size)
    assert (image.dtype, labels.dtype) == (np.int16, np.uint8)
    assert image[0, 0, 0] < -900
    assert 40 < np.median(image[labels == 1]) < 150
    assert ((labels == 1).sum(axis=(1, 2)) > 0).all()
    assert np.nonzero(labels)[2].mean() < size / 2
    assert spacing[1:] == (385 / size, 385 / size)
    assert spacing[0] > 0


def test_most_patients_have_lesions():
    """Surrounded by liver for the most part."""
    drawn = [phantom(12, 64, seed=seed).labels for seed in range(8)]
    assert sum((labels == 2).any() for labels in drawn) >= 6
    for labels in drawn:
        lesion = labels == 2
        around = np.zeros_like(lesion)
        for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
            around |= np.roll(lesion, step, axis)
        around &= ~lesion
        if lesion.any():
            assert (labels[around] == 1).mean() > 0.5


def test_the_size_of_the_array_does_not_change_the_patient():
    """The same liver, with larger pixels."""
    small, large = (phantom(3, size, seed=2).labels > 0 for size in (64, 128))
    shrunk = large.reshape(3, 64, 2, 64, 2).mean(axis=(2, 4)) >= 0.5
    assert labelnoise.dice(small, shrunk) > 0.98


@pytest.mark.parametrize(
    ("name", "value"),
    [("slices", 0), ("size", 2.5), ("seed", -1), ("seed", 0.5), ("seed", "a"), ("seed", (1, -1))],
)
def test_bad_input_is_named(name, value):
    """One line that tells argument, value and remedy."""
    with pytest.raises(ValueError, match=re.escape(f"{name}={value!r}: pass an integer")):
        phantom(**{name: value})
