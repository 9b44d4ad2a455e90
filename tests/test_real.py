"""The library on real masks, where they are at hand."""

import functools

import numpy as np
import pytest
from helpers import SHARED

import labelnoise
from labelnoise._patch import ERRORS

PAPER = [
    *(
        (labelnoise.natural, sigma, dice)
        for sigma, dice in ((3.74, 0.95), (7.21, 0.9), (11.75, 0.85))
    ),
    *((labelnoise.choppy, sigma, dice) for sigma, dice in ((5.0, 0.95), (10.5, 0.9), (15.5, 0.85))),
    *((labelnoise.random, rate, 1 - rate) for rate in (0.05, 0.1, 0.15)),
]


@pytest.mark.parametrize(("perturb", "strength", "dice"), PAPER)
def test_the_settings_of_the_paper_give_about_its_dice(livers, perturb, strength, dice):
    """Livers in the paper are like these, so are the scores: they were found by its calibration."""
    noisy = perturb(livers, strength, rng=0)
    scores = [labelnoise.dice(*pair) for pair in zip(livers, noisy, strict=True)]
    assert np.mean(scores) == pytest.approx(dice, abs=0.05)


BOUNDARIES = [name for name in ERRORS if name not in ("omit", "invent", "confuse", "ends")]
each = pytest.mark.parametrize("perturb", [ERRORS[name] for name in BOUNDARIES], ids=BOUNDARIES)


@each
def test_slices_calibrate_and_come_back_unharmed(livers, perturb):
    """No noise is the identity on real shapes, and every target is reached."""
    np.testing.assert_array_equal(perturb(livers, 0, rng=0), livers)
    for target in (0.95, 0.9, 0.85):
        found = labelnoise.calibrate(livers, perturb, target, rng=0, workers=2)
        assert np.abs(np.subtract(found.bracket_scores, target)).max() <= 0.005


@each
def test_lesions_calibrate_with_their_livers_and_alone(liver_maps, perturb):
    """No noise is the identity on real maps, and lesions stay in or at the liver."""
    np.testing.assert_array_equal(perturb(liver_maps, 0, rng=0), liver_maps)
    both = [labels for labels in liver_maps if np.count_nonzero(labels == 2) > 50]
    assert len(both) > 5
    for labels in (None, [2]):
        found = labelnoise.calibrate(both, perturb, 0.85, tol=0.01, labels=labels, rng=0)
        assert np.abs(np.subtract(found.bracket_scores, 0.85)).max() <= 0.01
    one = labelnoise.match(both[0], perturb, 0.85, tol=0.02, labels=[2], rng=0)
    assert labelnoise.dice(both[0], one.mask, per_label=True)[2] == one.score
    if perturb is not labelnoise.random:
        inner = (both[0] == 2) & (one.mask == 0)
        assert inner.sum() < 0.1 * (both[0] == 2).sum()


def test_volumes_in_nifti_order_match_their_own_score():
    """Three-dimensional annotations, as three raters drew them."""
    folder = SHARED / "kits23_raters"
    if not folder.is_dir():
        pytest.skip("LABELNOISE_DATA names no folder with kits23_raters")
    for file in sorted(folder.glob("*.npz"))[:3]:
        with np.load(file) as case:
            shape = case["kidney1_shape"]
            raters = np.unpackbits(case["kidney1"])[: np.prod(shape)].reshape(shape).astype(bool)
            spacing = tuple(case["kidney1_zooms"][1:])
        first, second = raters[0], raters[1]
        between = labelnoise.dice(first, second)
        assert 0.8 < between < 1
        noise = functools.partial(labelnoise.natural, axes=(1, 0), spacing=spacing)
        found = labelnoise.match(first.transpose(2, 1, 0), noise, between, tol=0.002, rng=0)
        assert labelnoise.dice(first, found.mask.transpose(2, 1, 0)) == found.score
