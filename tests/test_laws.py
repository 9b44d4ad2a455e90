"""What holds for every mask, kind of error, strength and seed."""

import functools
import random as python_random
import subprocess
import sys

import numpy as np
import pytest
from helpers import DTYPES, fewer, maps, stacks
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import labelnoise
from labelnoise._patch import ERRORS
from labelnoise.noise import limit_of

PLANES = (1, 2)
VOLUME = (0, 1, 2)
STRENGTHS = st.floats(0, 8)
SEEDS = st.integers(0, 2**32)
AXES = st.sampled_from([PLANES, VOLUME])
VARIANTS = {
    **{name: {} for name in ERRORS},
    "natural, 2 knots": {"knots": 2},
    "bias, either": {"direction": "either"},
    "bias, in": {"direction": "in"},
    "wobble, short": {"length": 1.0},
    "elastic, short": {"length": 2.0},
    "annotator": {},
    "chain": {},
}
READER = labelnoise.Annotator(radius=4, sigma=0.5, bias=0.1, bias_spread=0.5, hand=0.3)
HURRIED = labelnoise.Chain(
    labelnoise.Noise("natural", 0.6), labelnoise.Noise("choppy", 0.3), labelnoise.Noise("bias", 0.2)
)
OBJECTS = "omit", "invent", "confuse"  # these change whole objects, and nothing at low rates


def scaled(name, mask, strength, *, axes=PLANES, within=None, **options):
    """Call an error; strengths up to 8 are rates up to 1, and planes are volumes of one column."""
    error = {"annotator": READER, "chain": HURRIED}.get(name) or ERRORS[name.split(",")[0]]
    strength = min(strength / 8, 1.0) if limit_of(error) == 1 else strength
    options |= VARIANTS[name]
    if name == "ends" and len(axes) == 2:
        axes = (*(axis % mask.ndim for axis in axes), mask.ndim)
        within = within[..., np.newaxis] if isinstance(within, np.ndarray) else within
        return error(mask[..., np.newaxis], strength, axes=axes, within=within, **options)[..., 0]
    return error(mask, strength, axes=axes, within=within, **options)


each_error = pytest.mark.parametrize(
    "perturb", [functools.partial(scaled, name) for name in VARIANTS], ids=VARIANTS
)


def shuffled(data, labels):
    """Draw some of the labels in some order, or none."""
    some = st.lists(st.sampled_from(labels), min_size=1, unique=True)
    return data.draw(st.one_of(st.none(), st.permutations(labels), some))


@each_error
@given(drawn=maps(dtypes=DTYPES), seed=SEEDS, data=st.data(), axes=AXES)
def test_strength_0_changes_nothing(perturb, drawn, seed, data, axes):
    """Whatever the labels, their order, and how they touch."""
    stack, labels = drawn
    result = perturb(stack, 0, labels=shuffled(data, labels), axes=axes, rng=seed)
    np.testing.assert_array_equal(result, stack)


@each_error
@given(drawn=maps(dtypes=DTYPES), strength=STRENGTHS, seed=SEEDS, data=st.data(), axes=AXES)
def test_results_are_new_masks_of_the_same_kind(perturb, drawn, strength, seed, data, axes):
    """Shape, dtype and labels stay; input and global random state are left alone."""
    stack, labels = drawn
    listed = shuffled(data, labels)
    before = stack.tobytes(), python_random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    stack.flags.writeable = False
    result = perturb(stack, strength, labels=listed, axes=axes, rng=seed)
    after = stack.tobytes(), python_random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    assert before == after
    assert type(result) is np.ndarray
    assert (result.shape, result.dtype) == (stack.shape, stack.dtype)
    assert not np.shares_memory(result, stack)
    assert result.flags.writeable
    for label in set(labels) - set(listed or labels):
        np.testing.assert_array_equal(result == label, stack == label)
    for new, old in zip(result, stack, strict=True) if axes == PLANES else [(result, stack)]:
        assert set(np.unique(new)) <= set(np.unique(old))


@each_error
@given(drawn=maps(max_planes=4), strength=STRENGTHS, seed=SEEDS, data=st.data())
def test_a_patch_has_its_own_noise(perturb, drawn, strength, seed, data):
    """It depends on the seed, the index of the patch and what the patch holds."""
    stack, labels = drawn
    perturb = functools.partial(perturb, labels=labels)
    whole = perturb(stack, strength, rng=seed)
    count = data.draw(st.integers(0, len(stack)))
    np.testing.assert_array_equal(perturb(stack[:count], strength, rng=seed), whole[:count])
    alone = perturb(stack[0], strength, axes=(0, 1), rng=seed)
    np.testing.assert_array_equal(alone, whole[0])
    generator = np.random.default_rng(seed)
    np.testing.assert_array_equal(perturb(stack, strength, rng=generator), whole)
    two = perturb(np.stack([stack, stack]), strength, axes=(1, 2, 3), rng=seed)
    np.testing.assert_array_equal(two[0], perturb(stack, strength, axes=VOLUME, rng=seed))


@each_error
@given(drawn=maps(max_planes=4, dtypes=DTYPES), strength=STRENGTHS, seed=SEEDS)
def test_order_of_axes_and_memory_does_not_matter(perturb, drawn, strength, seed):
    """Transposed, reversed and strided views give what a contiguous copy gives."""
    stack, _ = drawn
    expected = perturb(stack, strength, rng=seed)
    nifti = stack.transpose(2, 1, 0)
    result = perturb(nifti, strength, axes=(1, 0), rng=seed)
    np.testing.assert_array_equal(result.transpose(2, 1, 0), expected)
    result = perturb(nifti, strength, axes=(2, 1, 0), rng=seed)
    volume = perturb(stack, strength, axes=VOLUME, rng=seed)
    np.testing.assert_array_equal(result.transpose(2, 1, 0), volume)
    fortran = perturb(np.asfortranarray(stack), strength, rng=seed)
    np.testing.assert_array_equal(fortran, expected)
    strided = np.repeat(np.repeat(stack, 2, axis=0), 3, axis=2)[::-2, :, ::3]
    copied = perturb(strided.copy(), strength, rng=seed)
    np.testing.assert_array_equal(perturb(strided, strength, rng=seed), copied)
    deep = perturb(stack[:, np.newaxis, np.newaxis], strength, axes=(3, 4), rng=seed)
    np.testing.assert_array_equal(deep[:, 0, 0], expected)


@each_error
@given(stack=stacks(), strength=STRENGTHS, seed=SEEDS)
def test_dtype_does_not_matter(perturb, stack, strength, seed):
    """Every dtype and label has the same noise."""
    expected = perturb(stack != 0, strength, rng=seed)
    for dtype in DTYPES:
        label = -3 if dtype.kind == "i" else 2
        mask = np.where(stack != 0, np.array(label, dtype), np.array(0, dtype)).astype(dtype)
        for listed in (None, [int(np.array(label, dtype))]):
            result = perturb(mask, strength, labels=listed, rng=seed)
            np.testing.assert_array_equal(result != 0, expected)


@each_error
@given(drawn=maps(), strength=STRENGTHS, seed=SEEDS, shuffle=st.randoms(use_true_random=False))
def test_values_of_labels_do_not_matter(perturb, drawn, strength, seed, shuffle):
    """Their order does: other values in the same order have the same noise, in every dtype."""
    stack, labels = drawn
    shuffle.shuffle(labels)
    expected = perturb(stack, strength, labels=labels, rng=seed)
    others = labels[1:] + labels[:1]
    for dtype, values in (
        (np.uint8, others),
        (np.int16, [-value for value in others]),
        (">i8", [10**15 * value for value in others]),
    ):
        table = np.zeros(256, dtype)
        table[labels] = values
        result = perturb(table[stack], strength, labels=values, rng=seed)
        np.testing.assert_array_equal(result, table[expected])
    ascending = perturb(stack, strength, labels=sorted(labels), rng=seed)
    np.testing.assert_array_equal(perturb(stack, strength, rng=seed), ascending)


@each_error
@given(drawn=maps(dtypes=DTYPES[1:]), strength=STRENGTHS, seed=SEEDS)
def test_labels_describe_the_data_set(perturb, drawn, strength, seed):
    """Those that a mask lacks, or cannot hold, are absent from it."""
    stack, labels = drawn
    expected = perturb(stack, strength, labels=labels, rng=seed)
    more = [*labels, *(other for other in (-7, 1035, 26001, 2**70) if other not in labels)]
    np.testing.assert_array_equal(perturb(stack, strength, labels=more, rng=seed), expected)
    np.testing.assert_array_equal(perturb(stack, strength, labels=[2**70], rng=seed), stack)
    np.testing.assert_array_equal(perturb(stack > 0, strength, labels=[2], rng=seed), stack > 0)


@each_error
@given(drawn=maps(dtypes=DTYPES[1:]), strength=STRENGTHS, seed=SEEDS, data=st.data(), axes=AXES)
def test_nothing_changes_outside_a_region(perturb, drawn, strength, seed, data, axes):
    """What is outside counts as a label that is not listed."""
    stack, labels = drawn
    perturb = functools.partial(perturb, axes=axes, labels=labels, rng=seed)
    within = data.draw(hnp.arrays(bool, stack.shape, elements=st.booleans()))
    other = data.draw(st.integers(1, 99).filter(lambda value: value not in labels))
    result = perturb(stack, strength, within=within)
    np.testing.assert_array_equal(result[~within], stack[~within])
    fixed = np.where(within, stack, np.array(other, stack.dtype))
    np.testing.assert_array_equal(result[within], perturb(fixed, strength)[within])
    everywhere = perturb(stack, strength, within=np.ones(stack.shape, bool))
    np.testing.assert_array_equal(everywhere, perturb(stack, strength))


@each_error
@given(drawn=maps(dtypes=DTYPES[1:]), strength=STRENGTHS, seed=SEEDS, data=st.data(), axes=AXES)
def test_labels_take_the_place_of_the_background(perturb, drawn, strength, seed, data, axes):
    """As if they were 0, and 0 lay outside the region; what is lost becomes the nearest one."""
    stack, labels = drawn
    perturb = functools.partial(perturb, axes=axes, rng=seed)
    inner = data.draw(st.lists(st.sampled_from(labels), min_size=1, unique=True))
    listed = [label for label in labels if label not in inner] or None
    result = perturb(stack, strength, labels=listed, within=inner)
    assert result.dtype.str == stack.dtype.str
    ground = np.isin(stack, inner)
    hidden = np.where(ground, stack.dtype.type(0), stack)
    expected = perturb(hidden, strength, labels=listed, within=stack != 0)
    lost = (expected == 0) & (stack != 0) & ~ground
    expected[ground & (expected == 0)] = stack[ground & (expected == 0)]
    np.testing.assert_array_equal(result[~lost], expected[~lost])
    for index, *place in np.argwhere(lost).tolist():
        plane = slice(None) if len(axes) == 3 else slice(index, index + 1)
        points = np.argwhere(ground[plane])
        steps = np.linalg.norm(points - [index * (len(axes) == 3), *place], axis=1)
        nearest = points[steps == steps.min()]
        assert result[index, *place] in stack[plane][tuple(nearest.T)]


@each_error
@given(strength=STRENGTHS, seed=SEEDS, shape=hnp.array_shapes(min_dims=3, max_dims=3, max_side=9))
@fewer(3)
def test_the_border_is_no_boundary(perturb, strength, seed, shape):
    """A patch inside an organ stays full, and so does one of several labels without background."""
    full = np.full(shape, 3, np.uint8)
    for axes in (PLANES, VOLUME):
        np.testing.assert_array_equal(perturb(full, strength, axes=axes, rng=seed), full)
    full[:, : shape[1] // 2] = 2
    assert set(np.unique(perturb(full, strength, rng=seed))) <= {2, 3}


@each_error
def test_structures_that_the_border_cuts_stay_cut(perturb):
    """Far from its boundary, an organ reaches the border as before."""
    organ = np.zeros((1, 80, 80), bool)
    organ[:, 40:, 10:70] = True
    if perturb.args[0] not in ("random", *OBJECTS):
        results = [perturb(organ, 2.0, rng=seed) for seed in range(20)]
        assert all(result[0, -1, 25:55].all() for result in results)
        assert any((result != organ).any() for result in results)


@each_error
@given(shift=st.tuples(st.integers(0, 9), st.integers(0, 9)), seed=SEEDS)
@fewer(4)
def test_place_does_not_matter(perturb, shift, seed):
    """The same structure elsewhere in a larger array has the same noise."""
    if perturb.args[0] in ("random", "invent"):
        return  # they pick pixels of the background wherever they lie
    rows, columns = np.indices((40, 44))
    ring = np.hypot(rows - 20, columns - 22) < 9
    ring &= np.hypot(rows - 18, columns - 24) > 4
    large = np.zeros((60, 70), bool)
    box = slice(shift[0], shift[0] + 40), slice(shift[1], shift[1] + 44)
    large[box] = ring
    perturb = functools.partial(perturb, axes=(0, 1), rng=seed)
    np.testing.assert_array_equal(perturb(large, 1.5)[box], perturb(ring, 1.5))


@each_error
@given(drawn=maps(max_side=16), strengths=st.tuples(STRENGTHS, STRENGTHS), seed=SEEDS)
def test_more_strength_changes_the_same_pixels_and_more(perturb, drawn, strengths, seed):
    """Of one label, or of several where objects are invented or confused."""
    if perturb.args[0].split(",")[0] not in ("bias", "wobble", "random", *OBJECTS):
        return
    several = perturb.args[0] in ("invent", "confuse")
    mask = drawn[0] if several else (drawn[0] > 0).astype(np.uint8)
    low, high = (perturb(mask, s, rng=seed) != mask for s in sorted(strengths))
    assert (high | ~low).all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (3, 0, 4), (0, 4, 4), (2, 3, 0, 1)])
@each_error
def test_masks_without_pixels_stay(perturb, shape):
    """There is nothing to perturb, and nothing breaks."""
    mask = np.zeros(shape, np.int16)
    result = perturb(mask, 0.5, axes=(0, 1), rng=0)
    assert (result.shape, result.dtype) == (shape, np.int16)
    assert result is not mask


@each_error
def test_bool_is_what_is_not_0(perturb):
    """A view of bytes other than 0 and 1 as bool is a mask like any other, however it lies."""
    odd = np.zeros((20, 20), np.uint8)
    odd[5:15, 5:15] = 255
    odd[8:10, 8:10] = 7
    views = {
        "owner": odd.view(bool),
        "reversed": odd.view(bool)[::-1],
        "transposed": odd.view(bool).T,
        "copy": odd.view(bool).copy(),
        "buffer": np.frombuffer(odd.tobytes(), bool).reshape(20, 20),
    }
    for name, view in views.items():
        clean = np.ascontiguousarray(view).view(np.uint8) != 0
        result = np.ascontiguousarray(perturb(view, 2.0, axes=(0, 1), rng=0)).view(np.uint8)
        expected = perturb(clean, 2.0, axes=(0, 1), rng=0).view(np.uint8)
        np.testing.assert_array_equal(result, expected, err_msg=name)
        assert labelnoise.dice(view, clean) == 1


@each_error
def test_thousands_of_objects_are_perturbed_one_by_one(perturb):
    """Each with noise of its own; bytes, two bytes and four bytes of codes."""
    cell = np.hypot(*np.indices((9, 9)) - 4) < 3.6
    for side in (15, 17) if perturb.args[0] == "annotator" else (15, 17, 257):
        count = side * side
        cells = np.arange(1, count + 1).reshape(side, 1, side, 1) * cell[np.newaxis, :, np.newaxis]
        cells = cells.reshape(9 * side, 9 * side)
        strength = 8.0 if perturb.args[0] in OBJECTS else 1.5
        result = perturb(cells, strength, axes=(0, 1), rng=0)
        assert set(np.unique(result)) <= set(range(count + 1))
        changed = np.unique(np.maximum(cells, result)[cells != result])
        assert len(changed) > 0.6 * count
        if side < 257 and perturb.args[0].split(",")[0] not in ("bias", "shift", *OBJECTS):
            some = sorted({*changed.tolist()} - {0})[::17]
            shapes = {(result == label)[cells_box(label, side)].tobytes() for label in some}
            assert len(shapes) > 5


def cells_box(label, side):
    """Return the place of a cell in a map of cells."""
    row, column = divmod(label - 1, side)
    return slice(9 * row, 9 * row + 9), slice(9 * column, 9 * column + 9)


LARGE = """
import numpy as np, labelnoise
mask = np.zeros((46400, 46400), np.uint8)
mask[-60:-20, -60:-20] = 1
noisy = labelnoise.random(mask, 0.5, rng=0)
assert np.count_nonzero(noisy[-60:-20, -60:-20]) == 800
assert np.count_nonzero(noisy) == 1600
"""


def test_planes_may_have_more_than_2_to_the_31_pixels():
    """Indices of pixels do not overflow."""
    done = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


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


@given(drawn=maps(), rate=st.floats(0, 1), seed=SEEDS)
def test_random_keeps_the_size_of_every_label(drawn, rate, seed):
    """And gives each its Dice, where the background has pixels enough."""
    stack, _ = drawn
    plane = stack[0]
    sizes = {label: int((plane == label).sum()) for label in np.unique(plane).tolist() if label}
    left = plane.size - sum(sizes.values())
    result = labelnoise.random(plane, rate, axes=(0, 1), rng=seed)
    scores = labelnoise.dice(plane, result, per_label=True)
    for label, size in sizes.items():
        flips = min(round(rate * size), left)
        left -= flips
        assert (result == label).sum() == size
        assert scores[label] == pytest.approx(1 - flips / size)


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


def test_prevalence_reaches_empty_patches_of_a_label_that_is_known():
    """If it is listed, if the array has it, or if the mask is bool; else nothing happens."""
    empty, known = np.zeros((40, 40), np.uint8), np.zeros((2, 40, 40), np.uint8)
    known[0, 5:9, 5:9] = 255
    noise = functools.partial(labelnoise.random, rate=0.5, prevalence=0.1, rng=0)
    assert np.count_nonzero(noise(empty, labels=[7]) == 7) == round(0.5 / 9 * 1600)
    assert np.count_nonzero(noise(known)[1] == 255) == round(0.5 / 9 * 1600)
    assert np.count_nonzero(noise(empty > 0)) == round(0.5 / 9 * 1600)
    assert not noise(empty).any()
    assert not noise(empty, labels=[300]).any()


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


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.5, 0.25)])
def test_millimetres_mean_the_same_on_every_grid(spacing):
    """A disc that two scanners sample differently is drawn with errors of one size."""
    rows, columns = (np.arange(-60, 60, step) for step in spacing)
    disc = np.hypot(rows[:, np.newaxis], columns) < 40
    areas, edges, wobbles = [], [], []
    for seed in range(60):
        noisy = labelnoise.natural(disc, 4.0, spacing=spacing, rng=seed)
        areas.append(noisy.sum() * np.prod(spacing))
        noisy = labelnoise.choppy(disc, 4.0, spacing=spacing, rng=seed)
        edges.append(noisy[len(rows) // 2, len(columns) // 2 :].sum() * spacing[1] - 40)
        noisy = labelnoise.wobble(disc, 4.0, length=20.0, spacing=spacing, rng=seed)
        wobbles.append(noisy.sum() * np.prod(spacing))
    assert np.std(areas) == pytest.approx(390, rel=0.25)
    assert np.std(wobbles) == pytest.approx(380, rel=0.25)
    assert np.mean(edges) == pytest.approx(0, abs=1.2)
    assert np.std(edges) == pytest.approx(4, abs=1)
    area = labelnoise.bias(disc, 3.0, spacing=spacing).sum() * np.prod(spacing)
    assert np.sqrt(area / np.pi) == pytest.approx(43, abs=0.1)


def test_radii_have_the_standard_deviation_asked_for():
    """At a knot, the radius of a disc changes by sigma, without bias, and knots lie anywhere."""
    rows, columns = np.indices((161, 161))
    disc = np.hypot(rows - 80, columns - 80) < 50
    noisy = [labelnoise.natural(disc, 6.0, knots=2, rng=seed) for seed in range(400)]
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    spreads = []
    for angle in angles:
        way = np.arange(80)
        ray = (np.rint(80 + way * f(angle)).astype(int) for f in (np.sin, np.cos))
        ray = tuple(ray)
        radii = np.array([mask[ray] for mask in noisy]).sum(axis=1)
        assert abs(radii.mean() - disc[ray].sum()) < 1.5
        spreads.append(radii.std())
    assert 3.6 < min(spreads) <= max(spreads) < 6.2
    assert max(spreads) < 1.2 * min(spreads)


@pytest.mark.parametrize("radius", [20.3, 40.3, 63.7])
@pytest.mark.parametrize("distance", [0.25, 0.5, 1.0, 3.0, -0.5, -3.0])
def test_bias_moves_discs_by_fractions_of_a_pixel(radius, distance):
    """A disc of radius r becomes one of r + d."""
    rows, columns = np.indices((150, 150))
    disc = np.hypot(rows - 74.87, columns - 75.31) < radius
    noisy = labelnoise.bias(disc, abs(distance), direction="out" if distance > 0 else "in")
    change = np.sqrt(noisy.sum() / np.pi) - np.sqrt(disc.sum() / np.pi)
    assert change == pytest.approx(distance, abs=0.1)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8)])
def test_bias_moves_balls_too(spacing):
    """In a volume boundaries move across slices as well."""
    axes = (np.arange(-30, 30, step) for step in spacing)
    away = np.sqrt(sum(np.square(x) for x in np.ix_(*axes)))
    ball = away < 20
    for distance in (1.5, -1.5, -4.0):
        direction = "out" if distance > 0 else "in"
        noisy = labelnoise.bias(
            ball, abs(distance), direction=direction, axes=VOLUME, spacing=spacing
        )
        radii = [np.cbrt(3 * m.sum() * np.prod(spacing) / (4 * np.pi)) for m in (ball, noisy)]
        assert radii[1] - radii[0] == pytest.approx(distance, abs=0.2)


@pytest.mark.parametrize("length", [5.0, 9.0, 20.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.8)])
def test_wobble_has_the_spread_and_the_length_asked_for(length, spacing):
    """On a disc: the standard deviation, and the distance over which correlation falls to 1/e."""
    radius, sigma = 60, 3.0
    rows, columns = (np.arange(-85, 85, step) for step in spacing)
    disc = np.hypot(rows[:, np.newaxis], columns) < radius
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    way = np.arange(36, 84, 0.1)[:, np.newaxis]
    rays = tuple(
        np.rint((way * f(angles) + 85) / step).astype(int)
        for f, step in zip((np.sin, np.cos), spacing, strict=True)
    )
    clean = disc[rays].sum(axis=0) * 0.1
    noise = functools.partial(labelnoise.wobble, length=length, spacing=spacing)
    moved = np.array([noise(disc, sigma, rng=seed)[rays].sum(axis=0) * 0.1 for seed in range(50)])
    moved -= clean
    assert np.sqrt((moved**2).mean()) == pytest.approx(sigma, rel=0.1)
    steps = np.arange(1, 360)
    falls = np.array([(moved * np.roll(moved, step, axis=1)).mean() for step in steps])
    fall = steps[(falls < np.exp(-1) * (moved**2).mean()).argmax()] * radius * angles[1]
    assert fall == pytest.approx(length, rel=0.25)


def test_wobble_correlates_between_slices():
    """To 1/e over 0.3 of the length, and not at all in planes."""
    rows, columns = np.indices((130, 130))
    tube = np.repeat((np.hypot(rows - 65, columns - 65) < 40)[np.newaxis], 12, axis=0)
    for axes, expected in ((VOLUME, np.exp(-1)), (PLANES, 0.0)):
        found = []
        for seed in range(40):
            spacing = (3.0, 1.0, 1.0)[-len(axes) :]
            noisy = labelnoise.wobble(tube, 3.0, length=10.0, axes=axes, spacing=spacing, rng=seed)
            moved = noisy[:, 65, 65:].sum(axis=1) - tube[:, 65, 65:].sum(axis=1)
            found.append((moved[1:] * moved[:-1]).mean() / 9)
        assert np.mean(found) == pytest.approx(expected, abs=0.15)


def test_a_large_label_between_two_others_is_lost_in_time():
    """What a region loses finds the nearest label beside it without trying all."""
    rows, columns = np.indices((1000, 1000))
    labels = (columns < 500).astype(np.uint8)
    labels[np.hypot(rows - 500, columns - 500) < 450] = 2
    result = labelnoise.natural(
        labels,
        1e6,
        knots=1,
        rng=next(
            seed
            for seed in range(20)
            if not (labelnoise.natural(labels[::50, ::50], 1e6, knots=1, rng=seed) == 2).any()
        ),
    )
    assert not (result == 2).any()
    lost = labels == 2
    inner = lost & (np.abs(columns - 500) > 3)
    np.testing.assert_array_equal(result[inner], columns[inner] < 500)
