"""Every fast path equals its definition in plain Python, draw for draw."""

import functools
import itertools

import naive
import numpy as np
import pytest
from helpers import maps, stacks
from hypothesis import assume, given
from hypothesis import strategies as st

import labelnoise
from labelnoise._contours import trace_contours
from labelnoise._labels import order_of
from labelnoise._runs import trace_runs

SEEDS = st.integers(0, 2**64)
SIGMAS = st.floats(0, 8)


@given(stacks(max_side=24), SIGMAS, SEEDS)
def test_choppy_is_its_definition(stack, sigma, seed):
    """Runs shift by the same draws, round, merge, vanish and clip alike."""
    expected = naive.per_plane(naive.choppy, stack, sigma, seed)
    np.testing.assert_array_equal(labelnoise.choppy(stack, sigma, rng=seed), expected)


def assert_natural(stack, sigma, seed, **options):
    """Compare with the definition; either is right where a contour meets the centre of a pixel."""
    found = labelnoise.natural(stack, sigma, rng=seed, **options)
    agree = found == naive.per_plane(naive.natural, stack, sigma, seed, **options)
    if not agree.all():
        for nudge in itertools.product((-1e-9, 1e-9), repeat=2):
            near = naive.per_plane(naive.natural, stack, sigma, seed, nudge=nudge, **options)
            agree |= found == near
    assert agree.all()


@given(stacks(), SIGMAS, SEEDS, st.integers(1, 7))
def test_natural_is_its_definition(stack, sigma, seed, knots):
    """Contours move by the same splines and fill alike."""
    assert_natural(stack, sigma, seed, knots=knots)


@given(stacks(), SIGMAS, SEEDS)
def test_natural_in_millimetres_is_its_definition(stack, sigma, seed):
    """Spacing stretches rays and displacements alike."""
    assert_natural(stack, sigma, seed, spacing=(2.5, 0.5))


@given(stacks(), st.floats(0, 1), SEEDS)
def test_random_is_its_definition(stack, rate, seed):
    """The same words flip the same pixels, or both find too few to flip."""
    planes = stack.reshape(len(stack), -1) != 0
    positives = planes.sum(axis=1)
    if any(round(rate * n) > planes.shape[1] - n for n in positives.tolist()):
        with pytest.raises(ValueError, match="negative pixels"):
            labelnoise.random(stack, rate, rng=seed)
    else:
        expected = naive.per_plane(naive.random, stack, rate, seed)
        np.testing.assert_array_equal(labelnoise.random(stack, rate, rng=seed), expected)


@given(stacks(dtypes=("bool",)), st.floats(0, 1), SEEDS, st.floats(0.01, 0.5))
def test_random_with_prevalence_is_its_definition(stack, rate, seed, prevalence):
    """Negative pixels flip at their own rate, in empty planes too."""
    expected = naive.per_plane(naive.random, stack, rate, seed, prevalence=prevalence)
    found = labelnoise.random(stack, rate, prevalence=prevalence, rng=seed)
    np.testing.assert_array_equal(found, expected)


@given(maps(), st.data(), SIGMAS, SEEDS)
def test_choppy_maps_are_their_definition(drawn, data, sigma, seed):
    """Each boundary moves once, and what is lost goes to what lay across."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    expected = naive.per_plane(naive.choppy, stack, sigma, seed, labels=labels)
    np.testing.assert_array_equal(
        labelnoise.choppy(stack, sigma, labels=labels, rng=seed), expected
    )


@given(maps(), st.data(), SIGMAS, SEEDS, st.sampled_from([(1.0, 1.0), (2.5, 0.5)]))
def test_natural_maps_are_their_definition(drawn, data, sigma, seed, spacing):
    """Parts of contours stay, and what is lost goes to the nearest class across."""
    stack, labels = drawn
    assert_natural(stack, sigma, seed, labels=data.draw(orders(labels)), spacing=spacing)


@given(maps(), st.data(), st.floats(0, 0.4), SEEDS)
def test_random_maps_are_their_definition(drawn, data, rate, seed):
    """Every label swaps pixels with the background."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    expected = []
    for index, plane in enumerate(stack):
        present = np.unique(plane) if labels is None else labels
        swaps = sum(round(rate * int((plane == label).sum())) for label in present if label)
        if swaps > (plane == 0).sum():
            with pytest.raises(ValueError, match="negative pixels"):
                labelnoise.random(stack, rate, labels=labels, rng=seed)
            return
        streams = functools.partial(naive.stream, seed, index)
        expected.append(naive.random(plane, rate, streams, labels=labels))
    np.testing.assert_array_equal(labelnoise.random(stack, rate, labels=labels, rng=seed), expected)


def orders(labels):
    """Draw some of the labels in some order, or leave the choice to the function."""
    some = st.lists(st.sampled_from(labels), min_size=1, unique=True)
    return st.one_of(st.none(), st.permutations(labels), some)


@given(maps(max_side=30), st.data())
def test_traces_are_the_naive_ones(drawn, data):
    """Runs and contours, whatever the alignment of rows in memory."""
    stack, labels = drawn
    order = order_of(np.arange(256), data.draw(orders(labels)))
    runs = trace_runs(stack, order)
    contours = trace_contours(stack, runs, order)
    regions, rows, points = [], [], []
    for plane, pixels in enumerate(stack):
        for label in order.drawn.tolist():
            if (pixels == label).any():
                rows += [(*run, label) for run in naive.find_runs(pixels == label)]
                points += naive.find_contours(pixels == label)
                regions.append((plane, label, len(rows), len(points)))
    assert list(map(tuple, runs.table)) == rows
    both = zip(runs.regions.tolist(), contours.regions[:, 2].tolist(), strict=True)
    assert [(*region, stop) for region, stop in both] == regions
    found = np.split(contours.points, contours.stops.astype(int))[:-1]
    assert [list(map(tuple, contour)) for contour in found] == points


def test_crowded_planes_outgrow_first_buffers():
    """Noise has more runs, points and crossings than the first guess has room for."""
    noise = np.random.default_rng(0).random((1, 40, 301)) < 0.5
    for perturb, slow in ((labelnoise.choppy, naive.choppy), (labelnoise.natural, naive.natural)):
        stack = noise[:, :12, :40] if perturb is labelnoise.natural else noise
        np.testing.assert_array_equal(
            perturb(stack, 6.0, rng=3), naive.per_plane(slow, stack, 6.0, 3)
        )
    for perturb in (labelnoise.choppy, labelnoise.natural):
        np.testing.assert_array_equal(perturb(noise, 0.0, rng=3), noise)


@given(maps(dtypes=("uint8", "int8", "int16", "uint64")), st.data())
def test_scores_are_their_definitions(drawn, data):
    """Dice by counting pairs of pixels; IoU from it; of all labels or of some."""
    stack, labels = drawn
    dtype = np.dtype(data.draw(st.sampled_from([stack.dtype, np.dtype(">i8")])))
    assume(max(labels) <= np.iinfo(dtype).max)
    other = data.draw(st.permutations(stack.ravel().tolist()))
    other = np.array(other, dtype).reshape(stack.shape)
    if data.draw(st.booleans()):
        other[other == data.draw(st.sampled_from(labels))] = 0
    expected = naive.dice(stack, other)
    found = labelnoise.dice(stack, other, per_label=True)
    assert found == pytest.approx(expected)
    assert labelnoise.dice(stack, other) == pytest.approx(np.mean(list(found.values() or [1])))
    ious = {label: score / (2 - score) for label, score in expected.items()}
    assert labelnoise.iou(stack, other, per_label=True) == pytest.approx(ious)
    some = data.draw(st.lists(st.sampled_from([*labels, 77]), min_size=1, unique=True))
    found = labelnoise.dice(stack, other, labels=some, per_label=True)
    assert found == pytest.approx({k: expected.get(k, np.nan) for k in some}, nan_ok=True)
    present = [expected[k] for k in some if k in expected]
    assert labelnoise.dice(stack, other, labels=some) == pytest.approx(np.mean(present or [1]))
