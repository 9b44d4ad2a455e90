"""What holds for every mask, strength and seed."""

import functools
import random as python_random

import numpy as np
import pytest
from helpers import DTYPES, maps, stacks
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import labelnoise


def random(mask, strength, **options):
    """Flip at most 100 % for strengths up to 8, in every plane."""
    return labelnoise.random(mask, strength / 8, prevalence=0.2, **options)


PERTURBATIONS = [
    labelnoise.natural,
    functools.partial(labelnoise.natural, knots=2, spacing=(0.7, 3.0)),
    labelnoise.choppy,
    functools.partial(labelnoise.choppy, spacing=(5.0, 0.5)),
    random,
]
STRENGTHS = st.floats(0, 8)
SEEDS = st.integers(0, 2**32)
each_perturbation = pytest.mark.parametrize(
    "perturb", PERTURBATIONS, ids=["natural", "natural mm", "choppy", "choppy mm", "random"]
)


@each_perturbation
@given(stack=stacks(dtypes=DTYPES), seed=SEEDS)
def test_strength_0_changes_nothing(perturb, stack, seed):
    """The mask comes back, exactly."""
    np.testing.assert_array_equal(perturb(stack, 0, rng=seed), stack)


@each_perturbation
@given(stack=stacks(dtypes=DTYPES), strength=STRENGTHS, seed=SEEDS)
def test_results_are_new_masks_of_the_same_kind(perturb, stack, strength, seed):
    """Shape, dtype and label stay; input and global random state are left alone."""
    before = stack.tobytes(), python_random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    stack.flags.writeable = False
    result = perturb(stack, strength, rng=seed)
    after = stack.tobytes(), python_random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    assert before == after
    assert type(result) is np.ndarray
    assert (result.shape, result.dtype) == (stack.shape, stack.dtype)
    assert not np.shares_memory(result, stack)
    assert result.flags.writeable
    if stack.any():
        assert set(np.unique(result)) <= {0, *np.unique(stack)}


@each_perturbation
@given(stack=stacks(max_planes=5), strength=STRENGTHS, seed=SEEDS, data=st.data())
def test_a_plane_has_its_own_noise(perturb, stack, strength, seed, data):
    """It depends on the seed and the plane's index alone."""
    label = int(stack.max()) or 1
    perturb = functools.partial(perturb, labels=[label])
    whole = perturb(stack, strength, rng=seed)
    count = data.draw(st.integers(0, len(stack)))
    np.testing.assert_array_equal(perturb(stack[:count], strength, rng=seed), whole[:count])
    np.testing.assert_array_equal(perturb(stack[0], strength, rng=seed), whole[0])
    generator = np.random.default_rng(seed)
    np.testing.assert_array_equal(perturb(stack, strength, rng=generator), whole)


@each_perturbation
@given(stack=stacks(max_planes=4, dtypes=DTYPES), strength=STRENGTHS, seed=SEEDS)
def test_order_of_axes_and_memory_does_not_matter(perturb, stack, strength, seed):
    """Transposed, reversed and strided views give what a contiguous copy gives."""
    expected = perturb(stack, strength, rng=seed)
    nifti = perturb(stack.transpose(2, 1, 0), strength, plane=(1, 0), rng=seed)
    np.testing.assert_array_equal(nifti.transpose(2, 1, 0), expected)
    fortran = perturb(np.asfortranarray(stack), strength, rng=seed)
    np.testing.assert_array_equal(fortran, expected)
    strided = np.repeat(np.repeat(stack, 2, axis=0), 3, axis=2)[::-2, :, ::3]
    copied = perturb(strided.copy(), strength, rng=seed)
    np.testing.assert_array_equal(perturb(strided, strength, rng=seed), copied)
    deep = perturb(stack[:, np.newaxis, np.newaxis], strength, rng=seed)
    np.testing.assert_array_equal(deep[:, 0, 0], expected)


@each_perturbation
@given(stack=stacks(), strength=STRENGTHS, seed=SEEDS)
def test_dtype_does_not_matter(perturb, stack, strength, seed):
    """Every dtype and label has the same noise."""
    expected = perturb(stack != 0, strength, rng=seed)
    for dtype in DTYPES:
        label = -3 if dtype.kind == "i" else 2
        mask = np.where(stack != 0, np.array(label, dtype), np.array(0, dtype)).astype(dtype)
        result = perturb(mask, strength, labels=[int(np.array(label, dtype))], rng=seed)
        np.testing.assert_array_equal(result != 0, expected)


def half(mask, rate, **options):
    """Flip few enough pixels for most maps."""
    return labelnoise.random(mask, rate / 32, **options)


each_of_maps = pytest.mark.parametrize(
    "perturb",
    [*PERTURBATIONS[:-1], half],
    ids=["natural", "natural mm", "choppy", "choppy mm", "random"],
)
ORDERS = st.randoms(use_true_random=False)


def perturbed(perturb, stack, strength, **options):
    """Perturb a map; random noise needs background to swap pixels with."""
    try:
        return perturb(stack, strength, **options)
    except ValueError as error:
        assume("negative pixels" not in str(error))
        raise


@each_of_maps
@given(drawn=maps(dtypes=DTYPES[1:]), seed=SEEDS, shuffle=ORDERS)
def test_strength_0_changes_no_map(perturb, drawn, seed, shuffle):
    """Whatever the order of labels, and however they touch."""
    stack, labels = drawn
    shuffle.shuffle(labels)
    for listed in (None, labels, labels[:1]):
        np.testing.assert_array_equal(perturb(stack, 0, labels=listed, rng=seed), stack)


@each_of_maps
@given(drawn=maps(dtypes=DTYPES[1:]), strength=STRENGTHS, seed=SEEDS, data=st.data())
def test_labels_that_are_not_listed_stay(perturb, drawn, strength, seed, data):
    """They lose no pixel and gain none, and no label appears that a plane did not have."""
    stack, labels = drawn
    stack.flags.writeable = False
    listed = data.draw(st.lists(st.sampled_from(labels), min_size=1, unique=True))
    result = perturbed(perturb, stack, strength, labels=listed, rng=seed)
    assert (result.dtype, result.shape) == (stack.dtype, stack.shape)
    for label in set(labels) - set(listed):
        np.testing.assert_array_equal(result == label, stack == label)
    for before, after in zip(stack, result, strict=True):
        assert set(np.unique(after)) <= {0, *np.unique(before)}


@each_of_maps
@given(drawn=maps(), strength=STRENGTHS, seed=SEEDS, shuffle=ORDERS)
def test_values_of_labels_do_not_matter(perturb, drawn, strength, seed, shuffle):
    """Their order does: other values in the same order have the same noise, in every dtype."""
    stack, labels = drawn
    shuffle.shuffle(labels)
    expected = perturbed(perturb, stack, strength, labels=labels, rng=seed)
    others = labels[1:] + labels[:1]
    for dtype, values in (
        (np.uint8, others),
        (np.int16, [-value for value in others]),
        (">i8", [1000 * value for value in others]),
    ):
        table = np.zeros(256, dtype)
        table[labels] = values
        result = perturb(table[stack], strength, labels=values, rng=seed)
        np.testing.assert_array_equal(result, table[expected])
    ascending = perturb(stack, strength, labels=sorted(labels), rng=seed)
    np.testing.assert_array_equal(perturb(stack, strength, rng=seed), ascending)


@each_of_maps
@given(drawn=maps(max_planes=4), strength=STRENGTHS, seed=SEEDS, data=st.data())
def test_a_plane_of_a_map_has_its_own_noise(perturb, drawn, strength, seed, data):
    """It depends on the seed, the plane's index and what the plane holds."""
    stack, _ = drawn
    whole = perturbed(perturb, stack, strength, rng=seed)
    count = data.draw(st.integers(0, len(stack)))
    np.testing.assert_array_equal(perturb(stack[:count], strength, rng=seed), whole[:count])
    np.testing.assert_array_equal(perturb(stack, strength, rng=seed, workers=3), whole)
    nifti = perturb(stack.transpose(2, 1, 0), strength, plane=(1, 0), rng=seed)
    np.testing.assert_array_equal(nifti.transpose(2, 1, 0), whole)


@given(drawn=maps(), rate=st.floats(0, 0.4), seed=SEEDS)
def test_random_keeps_the_size_of_every_label(drawn, rate, seed):
    """And gives each its Dice."""
    stack, _ = drawn
    result = perturbed(labelnoise.random, stack[0], rate, rng=seed)
    for label, score in labelnoise.dice(stack[0], result, per_label=True).items():
        area = np.count_nonzero(stack[0] == label)
        assert np.count_nonzero(result == label) == area
        assert score == pytest.approx(1 - round(rate * area) / area)


@pytest.mark.parametrize("perturb", [labelnoise.natural, labelnoise.choppy])
@given(drawn=maps(max_planes=1), strength=STRENGTHS, seed=SEEDS)
def test_background_comes_from_beside(perturb, drawn, strength, seed):
    """A label loses pixels to the background only if it touches that, or the plane's border."""
    (plane,), _ = drawn
    result = perturb(plane, strength, rng=seed)
    padded = np.pad(plane, 1)
    lost = np.unique(plane[(plane != 0) & (result == 0)])
    for label in lost:
        beside = [np.roll(padded == label, step, axis) for step in (1, -1) for axis in (0, 1)]
        assert (np.logical_or.reduce(beside) & (padded == 0)).any()


@pytest.mark.parametrize("perturb", [labelnoise.natural, labelnoise.choppy])
@given(seed=SEEDS, labels=st.permutations([1, 2]))
def test_labels_that_touch_do_not_come_apart(perturb, seed, labels):
    """Far from the background, none appears between two labels."""
    plane = np.zeros((60, 80), np.uint8)
    plane[10:50, 10:40] = 1
    plane[10:50, 40:70] = 2
    result = perturb(plane, 1.5, labels=labels, rng=seed)
    assert (result != plane).any()
    assert result[22:38, 22:58].all()


@pytest.mark.parametrize("labels", [[1, 2], [2, 1]])
def test_a_shared_boundary_is_drawn_once(labels):
    """It moves by sigma, without bias, whichever label draws it; outer ends have their own."""
    plane = np.zeros((4000, 200), np.uint8)
    plane[:, 40:100] = 1
    plane[:, 100:160] = 2
    noisy = labelnoise.choppy(plane, 6.0, labels=labels, rng=0)
    starts = (noisy != 0).argmax(axis=1) - 40
    boundary = (noisy == 2).argmax(axis=1) - 100
    stops = 40 - (noisy[:, ::-1] != 0).argmax(axis=1)
    for moved in (starts, boundary, stops):
        assert abs(moved.mean()) < 0.3
        assert abs(moved.std() - 6) < 0.25
    assert np.abs(np.corrcoef([starts, boundary, stops]) - np.eye(3)).max() < 0.06
    assert ((noisy == 1).sum(axis=1) == 60 + boundary - starts).all()


@each_of_maps
@given(drawn=maps(dtypes=DTYPES[1:]), strength=STRENGTHS, seed=SEEDS, data=st.data())
def test_nothing_changes_outside_a_region(perturb, drawn, strength, seed, data):
    """What is outside counts as a label that is not listed."""
    stack, labels = drawn
    within = data.draw(hnp.arrays(bool, stack.shape, elements=st.booleans()))
    other = data.draw(st.integers(1, 99).filter(lambda value: value not in labels))
    result = perturbed(perturb, stack, strength, labels=labels, within=within, rng=seed)
    np.testing.assert_array_equal(result[~within], stack[~within])
    fixed = np.where(within, stack, np.array(other, stack.dtype))
    expected = perturbed(perturb, fixed, strength, labels=labels, rng=seed)
    np.testing.assert_array_equal(result[within], expected[within])
    everywhere = perturbed(perturb, stack, strength, within=np.ones(stack.shape, bool), rng=seed)
    np.testing.assert_array_equal(everywhere, perturb(stack, strength, rng=seed))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.5, 0.25)])
def test_millimetres_mean_the_same_on_every_grid(spacing):
    """A disc that two scanners sample differently is drawn with errors of one size."""
    rows, columns = (np.arange(-60, 60, step) for step in spacing)
    disc = np.hypot(rows[:, np.newaxis], columns) < 40
    areas, edges = [], []
    for seed in range(60):
        noisy = labelnoise.natural(disc, 4.0, spacing=spacing, rng=seed)
        areas.append(noisy.sum() * np.prod(spacing))
        noisy = labelnoise.choppy(disc, 4.0, spacing=spacing, rng=seed)
        edges.append(noisy[len(rows) // 2, len(columns) // 2 :].sum() * spacing[1] - 40)
    assert np.std(areas) == pytest.approx(390, rel=0.1)
    assert np.mean(edges) == pytest.approx(0, abs=1.2)
    assert np.std(edges) == pytest.approx(4, abs=1)


@each_perturbation
def test_workers_and_blocks_do_not_matter(perturb):
    """Many planes, in several blocks and threads, have the noise that each has alone."""
    rows, columns = np.indices((300, 257))
    radii = np.linspace(0, 160, 70)[:, np.newaxis, np.newaxis]
    rings = (np.hypot(rows - 140, columns - 130) < radii) & (rows % 37 > 5)
    strength = 6.0
    expected = perturb(rings, strength, rng=5)
    assert (expected != rings).any(axis=(1, 2))[1:].all()
    for workers in (2, 3, 7):
        np.testing.assert_array_equal(perturb(rings, strength, rng=5, workers=workers), expected)
    np.testing.assert_array_equal(perturb(rings[0], strength, rng=5), expected[0])


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (3, 0, 4), (0, 4, 4), (2, 3, 0, 1)])
@each_perturbation
def test_masks_without_pixels_stay(perturb, shape):
    """There is nothing to perturb, and nothing breaks."""
    result = perturb(np.zeros(shape, np.int16), 0.5, rng=0)
    assert (result.shape, result.dtype) == (shape, np.int16)


@given(stack=stacks(), rate=st.floats(0, 1), seed=SEEDS)
def test_random_keeps_area_and_gives_its_dice(stack, rate, seed):
    """Dice is 1 - rate, but for rounding, in every plane."""
    area = np.count_nonzero(stack[0])
    flips = round(rate * area)
    if area and flips <= stack[0].size - area:
        result = labelnoise.random(stack[0], rate, rng=seed)
        assert np.count_nonzero(result) == area
        assert labelnoise.dice(stack[0], result) == pytest.approx(1 - flips / area)


@given(stack=stacks(), rates=st.lists(st.floats(0, 0.5), min_size=2, max_size=2), seed=SEEDS)
def test_random_flips_more_at_higher_rates(stack, rates, seed):
    """A higher rate flips the same pixels and further ones."""
    low, high = (
        labelnoise.random(stack, rate, prevalence=0.3, rng=seed) != stack for rate in sorted(rates)
    )
    assert (high | ~low).all()


def test_random_picks_every_pixel_alike():
    """Over many seeds all pixels of a kind flip equally often."""
    mask = np.zeros((6, 7), bool)
    mask[1:4, 2:6] = True
    flips = np.zeros(mask.shape)
    for seed in range(6000):
        flips += labelnoise.random(mask, 0.25, rng=seed) != mask
    expected = np.where(mask, 3 / 12, 3 / 30)
    deviation = (flips / 6000 - expected) / np.sqrt(expected * (1 - expected) / 6000)
    assert np.abs(deviation).max() < 4


def test_shifts_have_the_standard_deviation_asked_for():
    """Edges of a wide bar move by sigma, in pixels or in millimetres, without bias."""
    bar = np.zeros((4000, 200), bool)
    bar[:, 60:140] = True
    for perturb in (
        functools.partial(labelnoise.choppy, sigma=6.0),
        functools.partial(labelnoise.choppy, sigma=4.5, spacing=(9.0, 0.75)),
    ):
        noisy = perturb(bar, rng=0)
        starts, stops = noisy.argmax(axis=1), 200 - noisy[:, ::-1].argmax(axis=1)
        for moved in (starts - 60, stops - 140):
            assert abs(moved.mean()) < 0.3
            assert abs(moved.std() - 6) < 0.25
        assert abs(np.corrcoef(starts, stops)[0, 1]) < 0.06


def test_radii_have_the_standard_deviation_asked_for():
    """At a knot, the radius of a disc changes by sigma, without bias."""
    rows, columns = np.indices((161, 161))
    disc = np.hypot(rows - 80, columns - 80) < 50
    radii = [
        labelnoise.natural(disc, 6.0, rng=seed)[80, 80:].sum() - disc[80, 80:].sum()
        for seed in range(400)
    ]
    assert abs(np.mean(radii)) < 1
    assert 4 < np.std(radii) < 6.6


@each_perturbation
def test_bool_is_what_is_not_0(perturb):
    """A view of bytes other than 0 and 1 as bool is a mask like any other."""
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    expected = perturb(mask, 2.0, rng=0) != 0
    result = perturb(mask.view(bool), 2.0, rng=0)
    np.testing.assert_array_equal(result.view(np.uint8), expected)
