"""Every fast path equals its definition in plain Python, draw for draw."""

import naive
import numpy as np
import pytest
from helpers import stacks
from hypothesis import given
from hypothesis import strategies as st

import labelnoise
from labelnoise._contours import trace_contours
from labelnoise._runs import trace_runs

SEEDS = st.integers(0, 2**64)
SIGMAS = st.floats(0, 8)


@given(stacks(max_side=24), SIGMAS, SEEDS)
def test_choppy_is_its_definition(stack, sigma, seed):
    """Runs shift by the same draws, round, merge, vanish and clip alike."""
    expected = naive.per_plane(naive.choppy, stack, sigma, seed)
    np.testing.assert_array_equal(labelnoise.choppy(stack, sigma, rng=seed), expected)


@given(stacks(), SIGMAS, SEEDS, st.integers(1, 7))
def test_natural_is_its_definition(stack, sigma, seed, knots):
    """Contours move by the same splines and fill alike."""
    expected = naive.per_plane(naive.natural, stack, sigma, seed, knots=knots)
    np.testing.assert_array_equal(labelnoise.natural(stack, sigma, knots=knots, rng=seed), expected)


@given(stacks(), SIGMAS, SEEDS)
def test_natural_in_millimetres_is_its_definition(stack, sigma, seed):
    """Spacing stretches rays and displacements alike."""
    spacing = (2.5, 0.5)
    expected = naive.per_plane(naive.natural, stack, sigma, seed, spacing=spacing)
    found = labelnoise.natural(stack, sigma, spacing=spacing, rng=seed)
    np.testing.assert_array_equal(found, expected)


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


@given(stacks(max_side=30, dtypes=("uint8", "bool")))
def test_traces_are_the_naive_ones(stack):
    """Runs and contours, whatever the alignment of rows in memory."""
    label = int(stack.max()) or 1
    stack = stack.view(np.uint8)
    runs = trace_runs(stack, label)
    contours = trace_contours(stack, runs, np.zeros_like(stack))
    expected = [
        (plane, row, start, stop)
        for plane, pixels in enumerate(stack)
        for row, start, stop in naive.find_runs(pixels)
    ]
    rows = np.repeat(np.arange(runs.row_ends.size), np.diff(runs.row_ends.ravel(), prepend=0))
    found = [
        (*divmod(row, stack.shape[1]), *ends) for row, ends in zip(rows, runs.ends, strict=True)
    ]
    assert found == expected
    points = np.split(contours.points, contours.stops.astype(int))[:-1]
    expected = [contour for pixels in stack for contour in naive.find_contours(pixels)]
    assert [list(map(tuple, contour)) for contour in points] == expected


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


@given(stacks(), st.data())
def test_scores_are_their_definitions(stack, data):
    """Dice by counting pairs of pixels; IoU from it."""
    other = data.draw(st.permutations(stack.ravel().tolist()))
    other = np.array(other, stack.dtype).reshape(stack.shape)
    expected = naive.dice(stack, other)
    assert labelnoise.dice(stack, other) == pytest.approx(expected)
    assert labelnoise.iou(stack, other) == pytest.approx(expected / (2 - expected))
