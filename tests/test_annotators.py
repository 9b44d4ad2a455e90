"""Annotators: each number does what it says."""

import dataclasses
import json
import pickle

import numpy as np
import pytest

import labelnoise
from labelnoise import Annotator

STILL = Annotator(
    radius=30, sigma=0, growth=0, severity=0, slices=0, tails=0, hand=0, bias=0, ends=0
)
VOLUME = {"axes": (0, 1, 2)}


def person(**numbers):
    """Make an annotator who differs in nothing but these numbers."""
    return dataclasses.replace(STILL, **numbers)


def disc(radius, spacing=(1.0, 1.0)):
    """Draw a disc in the middle of a plane."""
    half = radius + 25
    rows, columns = (np.arange(-half, half, step) for step in spacing)
    return np.hypot(rows[:, np.newaxis], columns) < radius


def moves(annotator, radius=30, spacing=(1.0, 1.0), seeds=40):
    """Return how far the boundary of a disc moves along rays (seeds, angles)."""
    clean, half = disc(radius, spacing), radius + 25
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    way = np.arange(radius / 2, radius + 20, 0.1)[:, np.newaxis]
    rays = tuple(
        np.rint((way * f(angles) + half) / step).astype(int)
        for f, step in zip((np.sin, np.cos), spacing, strict=True)
    )
    drawn = [annotator(clean, spacing=spacing, rng=seed)[rays].sum(axis=0) for seed in range(seeds)]
    return 0.1 * (np.array(drawn) - clean[rays].sum(axis=0))


def test_a_person_without_errors_draws_the_same():
    """Nearly: a boundary between pixels that nobody moves."""
    mask = disc(30)
    np.testing.assert_array_equal(STILL(mask, rng=0), mask)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.7)])
@pytest.mark.parametrize("name", ["sigma", "hand"])
def test_boundaries_have_the_spread_asked_for(name, spacing):
    """Of judgement or of the hand, in millimetres, without bias."""
    lengths = {"length": 12.0, "hand_length": 12.0, "smoothing": 0.0}
    found = moves(person(**{name: 3.0}, **lengths), spacing=spacing)
    assert found.std() == pytest.approx(3, rel=0.15)
    assert found.mean() == pytest.approx(0, abs=0.5)


def test_judgement_agrees_along_the_boundary():
    """Over the length that is asked for, with a tail."""
    for length in (6.0, 15.0):
        found = moves(person(sigma=3.0, length=length))
        found -= found.mean()
        steps = np.arange(1, 180)
        falls = np.array([(found * np.roll(found, step, axis=1)).mean() for step in steps])
        fall = steps[(falls < np.exp(-1) * found.var()).argmax()] * 30 * np.pi / 180
        assert fall == pytest.approx(length, rel=0.4)


def test_bias_is_that_of_a_person_and_of_a_case():
    """In millimetres, and in parts of sigma."""
    found = moves(person(bias=2.0), seeds=3)
    assert found.mean() == pytest.approx(2, abs=0.15)
    cases = moves(person(sigma=2.0, length=4.0, bias_spread=1.5), seeds=80).mean(axis=1)
    assert cases.std() == pytest.approx(3, rel=0.25)


def test_larger_structures_have_larger_errors():
    """By the growth, from the radius on."""
    for radius in (15, 60):
        found = moves(person(sigma=2.0, growth=1.0, length=8.0), radius)
        assert found.std() == pytest.approx(2 * radius / 30, rel=0.2)


def test_tails_are_heavier_and_severity_differs():
    """Kurtosis along contours, and spread from case to case."""

    def kurtosis(x):
        return ((x - x.mean()) ** 4).mean() / x.var() ** 2

    assert kurtosis(moves(person(sigma=2.0, tails=0.7))) > 1.3 * kurtosis(moves(person(sigma=2.0)))
    even, uneven = (
        np.log(moves(person(sigma=2.0, length=3.0, severity=s)).std(axis=1)).std() for s in (0, 0.5)
    )
    assert even < 0.25
    assert uneven == pytest.approx(0.5, rel=0.35)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [({"depth": 0.01}, 0.0), ({"depth": 100.0}, 1.0), ({"depth": 0.01, "slices": 0.9}, 0.0)],
)
def test_slices_agree_by_the_depth(numbers, expected):
    """Not at all, or fully."""
    tube = np.repeat(disc(30)[np.newaxis], 8, axis=0)
    products = []
    for seed in range(25):
        drawn = person(sigma=2.0, **numbers)(tube, **VOLUME, rng=seed)
        moved = drawn[:, 55, 55:].sum(axis=1) - tube[:, 55, 55:].sum(axis=1)
        products.append((moved[1:] * moved[:-1]).mean() / 4)
    assert np.mean(products) == pytest.approx(expected, abs=0.3)


def test_ends_move_across_slices():
    """By so many times the displacement within."""
    tube = np.repeat(disc(30)[np.newaxis], 12, axis=0)
    tube = np.pad(tube, ((10, 10), (0, 0), (0, 0)))
    firsts = []
    for seed in range(120):
        drawn = person(sigma=2.0, length=3.0, ends=1.0)(
            tube, **VOLUME, spacing=(2.0, 1.0, 1.0), rng=seed
        )
        firsts.append(drawn.any(axis=(1, 2)).argmax() - 10)
    assert np.mean(firsts) == pytest.approx(0, abs=0.35)
    assert np.std(firsts) == pytest.approx(1, rel=0.25)


def test_objects_are_missed_by_chance():
    """Each with the probability, and more often at a larger strength."""
    mask = np.zeros((200, 200), bool)
    mask[5::20, 5::20] = mask[6::20, 5::20] = mask[5::20, 6::20] = mask[6::20, 6::20] = True
    for strength, share in ((1.0, 0.2), (2.0, 0.36)):
        drawn = person(missed=0.2)(mask, strength, rng=0)
        assert drawn.sum() / mask.sum() == pytest.approx(1 - share, abs=0.1)
    full = np.ones((20, 20), bool)  # nothing lies around it
    assert person(missed=1.0)(full, rng=0).all()


def test_annotators_can_be_calibrated():
    """Dice falls smoothly with the strength."""
    discs = [disc(radius) for radius in range(12, 30)]
    reader = Annotator(radius=20, sigma=0.8)
    found = labelnoise.calibrate(discs, reader, 0.9, rng=0)
    assert found.score == pytest.approx(0.9, abs=0.005)
    assert labelnoise.match(discs[-1], reader, 0.9, rng=0).score == pytest.approx(0.9, abs=0.005)


def test_annotators_are_values():
    """Equal, hashable, picklable, and stored as JSON, in chains too."""
    reader = Annotator(radius=4, sigma=0.8, missed=0.1)
    assert pickle.loads(pickle.dumps(reader)) == reader
    assert {reader: 1}[Annotator(radius=4.0, sigma=0.8, missed=0.1)] == 1
    for noise in (reader, labelnoise.Chain(labelnoise.Noise("omit", 0.1), reader)):
        described = json.loads(json.dumps(noise.to_dict()))
        assert labelnoise.noise.from_dict(described) == noise


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"sigma": -1}, "sigma=-1: pass a number from 0"),
        ({"radius": 0}, "radius=0: pass a number from 1e-09"),
        ({"slices": 1.5}, "slices=1.5: pass a number from 0 to 1"),
        ({"missed": float("nan")}, "missed=nan: pass a number"),
        ({"length": "9"}, "length='9': pass a number"),
    ],
)
def test_bad_numbers_are_refused(numbers, message):
    """One sentence with the number's name."""
    with pytest.raises(ValueError, match=message):
        Annotator(**{"radius": 4, "sigma": 1, **numbers})
    with pytest.raises(ValueError, match="strength=-1: pass a number"):
        Annotator(radius=4, sigma=1)(disc(9), -1)
    with pytest.raises(ValueError, match="describes no noise"):
        labelnoise.noise.from_dict({"annotator": {"radius": 4, "skill": 1}})
