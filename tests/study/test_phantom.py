"""The synthetic CT: repeatable, varied, and as hard as it should be."""

import numpy as np
import pytest
from made import make


@pytest.fixture(scope="module")
def slices():
    """Twelve patients at the quick preset's size."""
    return make(12, 6, 64, seed=3)


def test_same_seed_same_patients(slices):
    """A seed decides each patient, whatever the number of patients."""
    again = make(2, 6, 64, seed=3)
    np.testing.assert_array_equal(again.images, slices.images[:12])
    np.testing.assert_array_equal(again.labels, slices.labels[:12])
    assert again.names == slices.names[:12]
    assert (make(1, 6, 64, seed=4).images != slices.images[:6]).any()


def test_looks_like_what_the_loader_gives(slices):
    """Types, window, liver in each slice and 7 % of the pixels, on the left of the picture."""
    assert slices.images.dtype == np.float16
    assert slices.labels.dtype == np.uint8
    assert slices.images.min() == -1
    assert slices.images.max() == 1
    assert slices.labels.any((1, 2)).all()
    assert slices.labels.max() == 1
    assert 0.055 < slices.labels.mean() < 0.085
    assert np.nonzero(slices.labels)[2].mean() < 32
    assert list(dict.fromkeys(slices.patients)) == [f"phantom-{number}" for number in range(12)]


def test_brightness_alone_does_not_find_the_liver(slices):
    """No window of Hounsfield units tells the liver from its neighbours."""
    for patient in dict.fromkeys(slices.patients.tolist()):
        part = slices.of([patient])
        liver = part.images[part.labels > 0]
        low, high = np.percentile(liver, [5, 95])
        guess = (part.images >= low) & (part.images <= high)
        overlap = 2 * (guess & (part.labels > 0)).sum() / (guess.sum() + part.labels.sum())
        assert overlap < 0.85


def test_patients_differ_in_shape(slices):
    """No two patients share a liver."""
    middles = slices.labels[3::6] > 0
    for i, one in enumerate(middles):
        for other in middles[:i]:
            assert 2 * (one & other).sum() / (one.sum() + other.sum()) < 0.97
