"""Every fast path equals its definition in plain Python, draw for draw."""

import functools
import itertools
import tracemalloc

import naive
import numpy as np
import pytest
from helpers import crowds, fewer, maps, stacks
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

import labelnoise
from labelnoise import _chains, _distance
from labelnoise._codes import decode, encode
from labelnoise._contours import trace_contours
from labelnoise._distance import spread
from labelnoise._objects import find_objects
from labelnoise._runs import trace_runs
from labelnoise._strokes import drawn_again, frame_of

SEEDS = st.integers(0, 2**64)
SIGMAS = st.floats(0, 8)
RATES = st.integers(0, 20).map(lambda part: part / 20)
PLANES = (1, 2)
VOLUME = (0, 1, 2)
SPACINGS = st.sampled_from([(1.0, 1.0), (2.5, 0.5)])
some_examples = fewer(2)


def orders(labels):
    """Draw some of the labels in some order, or leave the choice to the function."""
    some = st.lists(st.sampled_from(labels), min_size=1, unique=True)
    return st.one_of(st.none(), st.permutations(labels), some)


def in_patches(slow, stack, strength, seed, axes, **options):
    """Call a naive function for each patch."""
    if axes == PLANES:
        return naive.per_plane(slow, stack, strength, seed, **options)
    return [slow(stack, strength, functools.partial(naive.stream, seed, 0), **options)]


def assert_may_be(found, allowed, axes):
    """Compare with the labels that each pixel may have."""
    for patch, sets in zip(found if axes == PLANES else [found], allowed, strict=True):
        values = patch if axes == VOLUME else patch[np.newaxis]
        wrong = {place: sets[place] for place in sets if values[place] not in sets[place]}
        assert not wrong


@given(maps(), st.data(), SIGMAS, SEEDS, st.sampled_from([PLANES, VOLUME]))
def test_choppy_is_its_definition(drawn, data, sigma, seed, axes):
    """Runs shift by the same draws, round, merge and vanish alike; what is lost lay across."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    expected = in_patches(naive.choppy, stack, sigma, seed, axes, labels=labels)
    found = labelnoise.choppy(stack, sigma, labels=labels, axes=axes, rng=seed)
    np.testing.assert_array_equal(found, np.concatenate(expected))


@given(
    maps(), st.data(), SIGMAS, SEEDS, st.integers(1, 7), SPACINGS, st.sampled_from([PLANES, VOLUME])
)
def test_natural_is_its_definition(drawn, data, sigma, seed, knots, spacing, axes):
    """Contours move by the same splines and fill alike, but where one meets a pixel's centre."""
    stack, labels = drawn
    options = {"labels": data.draw(orders(labels)), "knots": knots}
    steps = spacing if axes == PLANES else (1.0, *spacing)
    found = labelnoise.natural(stack, sigma, axes=axes, spacing=steps, rng=seed, **options)
    options["spacing"] = spacing
    tries = [
        in_patches(naive.natural, stack, sigma, seed, axes, nudge=nudge, **options)
        for nudge in itertools.chain([(0, 0)], itertools.product((-1e-9, 1e-9), repeat=2))
        if nudge == (0, 0) or sigma > 0
    ]
    union = [
        {place: set().union(*(sets[place] for sets in same)) for place in same[0]}
        for same in zip(*tries, strict=True)
    ]
    assert_may_be(found, union, axes)


@given(maps(max_side=30), SIGMAS, SEEDS, st.sampled_from([PLANES, VOLUME]), st.integers(1, 3))
def test_work_in_parts_gives_the_same(drawn, strength, seed, axes, most):
    """Noise is traced in parts, so that it needs little memory and can be interrupted."""
    stack, _ = drawn

    def noisy():
        kinds = labelnoise.natural, labelnoise.coarse, labelnoise.bias, labelnoise.wobble
        return [perturb(stack, strength, axes=axes, rng=seed) for perturb in kinds]

    expected = noisy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_chains, "_CONTOURS", most)
        patch.setattr(_chains, "_EDGES", 7)
        patch.setattr(_distance, "_RUNS", most)
        for found, whole in zip(noisy(), expected, strict=True):
            np.testing.assert_array_equal(found, whole)


@given(maps(), st.data(), st.floats(0, 1), SEEDS, st.sampled_from([PLANES, VOLUME]))
def test_random_is_its_definition(drawn, data, rate, seed, axes):
    """The same words flip the same pixels, as many as the background allows."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    expected = in_patches(naive.random, stack, rate, seed, axes, labels=labels)
    found = labelnoise.random(stack, rate, labels=labels, axes=axes, rng=seed)
    np.testing.assert_array_equal(found, np.concatenate(expected))


@given(stacks(dtypes=("bool",)), st.floats(0, 1), SEEDS, st.floats(0.01, 0.99))
def test_random_with_prevalence_is_its_definition(stack, rate, seed, prevalence):
    """The background flips at its own rate, in empty planes too."""
    options = {"prevalence": prevalence, "labels": [1]}
    expected = naive.per_plane(naive.random, stack, rate, seed, **options)
    found = labelnoise.random(stack, rate, axes=PLANES, rng=seed, **options)
    np.testing.assert_array_equal(found, np.concatenate(expected))


@some_examples
@given(
    maps(max_side=9),
    st.data(),
    st.floats(0, 4),
    SEEDS,
    st.sampled_from(["out", "in", "either"]),
    SPACINGS,
    st.sampled_from([PLANES, VOLUME]),
)
def test_bias_is_its_definition(drawn, data, distance, seed, direction, spacing, axes):
    """Boundaries are placed and moved alike, with the nearest point found by trying all."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    steps = spacing if axes == PLANES else (2.0, *spacing)

    def slow(volume, distance, streams, labels):
        def move(points, rng):
            side = {"out": 1, "in": -1}.get(direction) or rng.choice([-1.0, 1.0])
            return np.full(len(points), side * distance)

        return naive.moved(
            volume, streams, move, (1.0, *spacing) if axes == PLANES else steps, labels
        )

    options = {"direction": direction, "labels": labels, "axes": axes, "spacing": steps}
    found = labelnoise.bias(stack, distance, rng=seed, **options)
    assert_may_be(found, in_patches(slow, stack, distance, seed, axes, labels=labels), axes)


@some_examples
@given(
    maps(max_side=9), st.floats(0, 4), st.floats(0.1, 9), SEEDS, st.sampled_from([PLANES, VOLUME])
)
def test_wobble_is_its_definition(drawn, sigma, length, seed, axes):
    """The field is a sum of B-splines, and moves boundaries as bias does."""
    stack, _ = drawn
    steps = (0.8, 1.5) if axes == PLANES else (2.0, 0.8, 1.5)

    def slow(volume, sigma, streams):
        spacing = (1.0, 0.8, 1.5) if axes == PLANES else steps

        def move(points, rng):
            lengths = (0.3 * length, length, length)
            return sigma * naive.field(points, lengths, spacing, rng)

        return naive.moved(volume, streams, move, spacing)

    found = labelnoise.wobble(stack, sigma, length=length, axes=axes, spacing=steps, rng=seed)
    assert_may_be(found, in_patches(slow, stack, sigma, seed, axes), axes)


@given(
    st.one_of(maps(), crowds()),
    st.data(),
    st.floats(0, 4),
    SEEDS,
    SPACINGS,
    st.sampled_from([PLANES, VOLUME]),
)
def test_coarse_is_its_definition(drawn, data, tolerance, seed, spacing, axes):
    """The same corners are kept, and polygons fill alike, but where one meets a pixel's centre."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    steps = spacing if axes == PLANES else (1.0, *spacing)
    options = {"labels": labels, "axes": axes, "spacing": steps}
    found = labelnoise.coarse(stack, tolerance, rng=seed, **options)
    tries = [
        in_patches(
            naive.coarse, stack, tolerance, seed, axes, nudge=nudge, spacing=spacing, labels=labels
        )
        for nudge in ((0, 0), *itertools.product((-1e-9, 1e-9), repeat=2))
    ]
    union = [
        {place: set().union(*(sets[place] for sets in same)) for place in same[0]}
        for same in zip(*tries, strict=True)
    ]
    assert_may_be(found, union, axes)


@given(stacks(max_planes=1, max_side=30), st.floats(0, 5), SEEDS)
def test_polygons_are_near_their_contours(stack, tolerance, seed):
    """As scikit-image measures: it finds no corner to add within the tolerance."""
    plane = (stack[0] != 0).view(np.uint8)
    assume(plane.any())
    contours = trace_contours(plane[np.newaxis], 1, trace_runs(plane[np.newaxis], 1).table)
    phases = np.random.default_rng(seed).random(len(contours.stops))
    free = contours._replace(fixed=np.zeros_like(contours.fixed))
    polygons = free.simplified(tolerance, phases, (1.0, 1.0, 1.0))
    ends = [each.stops.astype(int)[:-1] for each in (contours, polygons)]
    for points, corners in zip(
        np.split(contours.points, ends[0]), np.split(polygons.points, ends[1]), strict=True
    ):
        assert len(corners) >= 3
        places = [points.tolist().index(corner) for corner in corners.tolist()]
        around = np.roll(points, -places[0], axis=0)
        around = np.append(around, around[:1], axis=0)
        cuts = sorted(around.tolist().index(corner) for corner in corners.tolist())  # either way
        cuts.append(len(points))
        for a, b in itertools.pairwise(cuts):
            piece = around[a : b + 1]
            assert len(approximate_polygon(piece, tolerance + 1e-6)) == 2


@some_examples
@given(
    crowds(),
    st.data(),
    st.floats(0, 4),
    st.sampled_from([None, 0.5, 3.0, 20.0]),
    SEEDS,
    SPACINGS,
    st.sampled_from([PLANES, VOLUME]),
)
def test_shift_and_elastic_are_their_definition(drawn, data, sigma, length, seed, spacing, axes):
    """Pixels come from the same places, and take the label of the largest share there."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    steps = spacing if axes == PLANES else (2.0, *spacing)
    error = labelnoise.shift if length is None else labelnoise.elastic
    more = {} if length is None else {"length": length}
    found = error(stack, sigma, axes=axes, spacing=steps, labels=labels, rng=seed, **more)
    more["spacing"] = (1.0, *spacing) if axes == PLANES else steps
    allowed = in_patches(naive.warp, stack, sigma, seed, axes, labels=labels, **more)
    assert_may_be(found, allowed, axes)


@given(crowds(), st.data(), RATES, SEEDS, SPACINGS, st.sampled_from([PLANES, VOLUME]))
def test_omit_is_its_definition(drawn, data, rate, seed, spacing, axes):
    """The same objects are missed, in the same order, and taken for the same."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    steps = spacing if axes == PLANES else (2.0, *spacing)
    found = labelnoise.omit(stack, rate, axes=axes, spacing=steps, labels=labels, rng=seed)
    spacing = (1.0, *spacing) if axes == PLANES else steps
    expected = in_patches(naive.omit, stack, rate, seed, axes, labels=labels, spacing=spacing)
    np.testing.assert_array_equal(found, np.concatenate(expected))


@given(crowds(), st.data(), st.floats(0, 4), SEEDS, st.sampled_from([1, 3.0]))
def test_ends_are_their_definition(drawn, data, sigma, seed, spacing):
    """Objects begin and end in the same slices; what is lost is the nearest earlier label's."""
    stack, labels = drawn
    labels = data.draw(orders(labels))
    options = {"labels": labels, "spacing": (spacing, 1.0, 1.0)}
    found = labelnoise.ends(stack, sigma, axes=VOLUME, rng=seed, **options)
    expected = in_patches(naive.ends, stack, sigma, seed, VOLUME, labels=labels, spacing=spacing)
    assert_may_be(found, expected, VOLUME)


@given(crowds(), st.data())
def test_objects_are_those_of_flooding_and_scipy(drawn, data):
    """Their runs, sizes, order and neighbours."""
    stack, labels = drawn
    drawn = data.draw(st.integers(1, len(labels)))
    codes = np.searchsorted(sorted({0, *labels}), stack).astype(np.uint8)
    objects = find_objects(codes, drawn)
    expected = [
        (code, each) for code in range(1, drawn + 1) for each in naive.find_objects(codes == code)
    ]
    assert objects.labels == [code for code, _ in expected]
    assert objects.sizes.tolist() == [len(each) for _, each in expected]
    numbers = np.full(codes.shape, -1)
    for (row, start, stop), owner in zip(objects.runs, objects.owners, strict=True):
        numbers.reshape(-1, codes.shape[2])[row, start:stop] = owner
    for number, (_, places) in enumerate(expected):
        assert list(map(tuple, np.argwhere(numbers == number))) == places
    for group in objects.groups:
        found, count = ndimage.label(codes == group.label, np.ones((3, 3, 3)))
        assert group.objects == count
        first = [numbers[found == each].min() for each in range(1, count + 1)]
        assert sorted(first) == list(range(group.start, group.stop))


@given(crowds(), st.sampled_from([0.0, 0.5, 3.0]), SEEDS, SPACINGS)
def test_strokes_are_their_definition(drawn, smooth, seed, spacing):
    """Points move along normals and are smoothed, but for those that stay; lengths and widths."""
    stack, labels = drawn
    codes = np.searchsorted(sorted({0, *labels}), stack).astype(np.uint8)
    steps = (1.0, *spacing)
    for label, start, stop, *_ in trace_runs(codes, len(labels)).regions:
        contours = trace_contours(codes, label, trace_runs(codes, len(labels)).table[start:stop])
        rng = np.random.default_rng(seed)
        moves, shares = rng.standard_normal(len(contours.points)), rng.random(len(contours.points))
        frame = frame_of(contours, steps)
        found = drawn_again(contours, frame, moves, smooth, shares, steps).points
        stays = contours.fixed.astype(bool)
        moves[stays] = 0.0
        first = 0
        for stop_, width, length in zip(
            contours.stops.tolist(), frame.widths, frame.lengths, strict=True
        ):
            own = slice(first, stop_)
            points = contours.points[own]
            expected = naive.drawn_again(points, moves[own], smooth, shares[own], spacing)
            expected = np.where(stays[own, np.newaxis], points, expected)
            np.testing.assert_allclose(found[own], expected, atol=1e-9)
            area = naive.area([tuple(point) for point in points.tolist()]) * np.prod(spacing)
            assert width * length == pytest.approx(area)
            first = stop_


@given(maps(max_side=30), st.data())
def test_traces_are_the_naive_ones(drawn, data):
    """Runs, boxes and contours, whatever the alignment of rows in memory."""
    stack, labels = drawn
    count = data.draw(st.integers(1, len(labels)))
    codes = np.searchsorted(sorted({0, *labels}), stack).astype(np.uint8)
    volume = data.draw(st.booleans())
    for patch in [codes] if volume else codes[:, np.newaxis]:
        runs = trace_runs(patch, count)
        assert runs.mixed == bool(set(np.unique(patch)) - {0, patch.max()} or patch.max() > count)
        rows = []
        for label, start, stop, size, box in runs.regions:
            expected = naive.find_runs(patch == label)
            rows += [(z * patch.shape[1] + row, *ends) for z, row, *ends in expected]
            assert (stop, size) == (len(rows), (patch == label).sum())
            where = np.argwhere(patch == label)
            assert list(box) == np.stack([where.min(0), where.max(0) + 1], axis=1).ravel().tolist()
            contours = trace_contours(patch, label, runs.table[start:stop])
            found = np.split(contours.points, contours.stops.astype(int))[:-1]
            points = [
                (z, contour)
                for z, plane in enumerate(patch == label)
                for contour in naive.find_contours(plane)
            ]
            assert contours.slices.tolist() == [z for z, _ in points]
            assert [list(map(tuple, contour)) for contour in found] == [c for _, c in points]
        assert list(map(tuple, runs.table)) == rows
        assert [region[0] for region in runs.regions] == [
            code for code in range(1, count + 1) if (patch == code).any()
        ]


@given(stacks(max_planes=1, max_side=20))
def test_contours_pass_where_scikit_image_finds_them(stack):
    """The same points half way between pixels, those at the border besides."""
    plane = (stack[0] != 0).view(np.uint8)
    assume(plane.any())
    runs = trace_runs(plane[np.newaxis], 1)
    points = set(map(tuple, trace_contours(plane[np.newaxis], 1, runs.table).points))
    padded = np.pad(plane, 1)
    expected = {tuple(p - 1) for line in find_contours(padded, 0.5) for p in line}
    assert points == expected


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(1, 12)),
    st.data(),
    st.sampled_from([(1.0, 1.0, 1.0), (3.0, 0.7, 1.3)]),
    st.sampled_from([np.inf, 3.0]),
)
def test_nearest_sites_are_those_of_scipy(shape, data, spacing, reach):
    """At the same distance, whichever of several is taken."""
    count = data.draw(st.integers(1, 6))
    flat = data.draw(
        st.lists(st.integers(0, int(np.prod(shape)) - 1), min_size=1, max_size=count, unique=True)
    )
    sites = np.full(shape, -1, np.int32)
    sites.reshape(-1)[flat] = flat
    expected = ndimage.distance_transform_edt(sites < 0, sampling=spacing)
    spread(sites, spacing, reach)
    near = expected <= reach * (1 - 1e-6)
    found = np.array(np.unravel_index(np.maximum(sites, 0), shape)) - np.indices(shape)
    distances = np.sqrt(((found * np.reshape(spacing, (3, 1, 1, 1))) ** 2).sum(axis=0))
    np.testing.assert_allclose(distances[near], expected[near], rtol=1e-5)
    assert (sites[expected > reach * (1 + 1e-6)] < 0).all()


def test_crowded_planes_outgrow_first_buffers():
    """Noise has more runs, points and crossings than the first guess has room for."""
    noise = np.random.default_rng(0).random((1, 40, 301)) < 0.5
    expected = np.concatenate(naive.per_plane(naive.choppy, noise, 6.0, 3))
    np.testing.assert_array_equal(labelnoise.choppy(noise, 6.0, axes=PLANES, rng=3), expected)
    for name in labelnoise.errors.__all__:
        axes = VOLUME if name == "ends" else PLANES
        perturb = getattr(labelnoise, name)
        np.testing.assert_array_equal(perturb(noise, 0.0, axes=axes, rng=3), noise)
    small = noise[:, :12, :40]
    found = labelnoise.natural(small, 6.0, axes=PLANES, rng=3)
    assert_may_be(found, naive.per_plane(naive.natural, small, 6.0, 3), PLANES)


@pytest.mark.parametrize("sigma", [1.0, 400.0])
@pytest.mark.parametrize("labels", [1, 2, 20])
def test_contours_of_noise_need_little_memory(labels, sigma):
    """At most 12 times the mask and 64 MiB, even if each pixel has a contour of its own."""
    rows, columns = np.ogrid[:1600, :1600]
    mask = ((rows + columns) % (labels + 1)).astype(np.uint8)
    labelnoise.natural(mask[:50, :50], sigma, rng=0)  # compiles
    tracemalloc.start()
    labelnoise.natural(mask, sigma, rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * mask.nbytes + 2**26


@pytest.mark.parametrize("lines", [3, 281])
def test_many_contours_may_cross_one_pixel(lines):
    """Winding numbers beyond those of a byte are counted too."""
    mask = np.zeros((9, 4 * lines), bool)
    mask[2:7, ::4] = True
    found = labelnoise.natural(mask, 1e6, knots=1, rng=0)
    assert found.any()
    expected = naive.per_plane(naive.natural, mask[np.newaxis], 1e6, 0, knots=1)
    assert_may_be(found[np.newaxis], expected, PLANES)


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


def test_thousands_of_labels_have_scores():
    """More than a byte can tell, each with its own."""
    labels = np.arange(3000).reshape(50, 60)
    other = np.where(labels % 3 == 0, 0, labels)
    found = labelnoise.dice(labels, other, per_label=True)
    assert found == {label: float(label % 3 > 0) for label in range(1, 3000)}


@given(maps(dtypes=("uint8", "int8", ">i2", "uint32", "int64"), most=6), st.data())
def test_codes_are_places_in_the_order_of_labels(drawn, data):
    """Ascending or as listed, and back to the same values."""
    stack, labels = drawn
    listed = data.draw(orders(labels))
    coded = encode(stack, listed)
    wanted = sorted(set(np.unique(stack).tolist()) - {0}) if listed is None else listed
    if coded.values is not None:
        assert coded.values.tolist() == [0, *wanted]
    codes = {0: 0, **{label: code for code, label in enumerate(wanted, 1)}}
    if coded.values is None and listed is None:
        codes = {value: value for value in range(256)}
    stay = coded.drawn + 1
    expected = [codes.get(value, stay) for value in stack.ravel().tolist()]
    assert coded.codes.ravel().tolist() == expected
    assert coded.stays == (stay in expected)
    np.testing.assert_array_equal(decode(coded, coded.codes.copy(), stack), stack)
