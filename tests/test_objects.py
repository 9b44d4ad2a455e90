"""Objects that are missed, invented or confused: how many, which, where and for what."""

import functools
import json

import numpy as np
import pytest
from helpers import crowds, fewer
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label as find_components

import labelnoise

SEEDS = st.integers(0, 2**32)
RATES = st.floats(0, 1)


def scatter(seed, count=40, side=160, labels=(1,), largest=7):
    """Discs that do not touch; on a grid, with some left out."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((side, side), np.uint8)
    pitch = 2 * largest + 3
    places = rng.permutation((side // pitch) ** 2)[:count]
    for place in places.tolist():
        row, column = (pitch * (i + 0.5) for i in divmod(place, side // pitch))
        disc = np.hypot(*np.ogrid[-row : side - row, -column : side - column])
        mask[disc[:side, :side] < rng.integers(2, largest)] = rng.choice(labels)
    return mask


def objects(mask, label=1):
    """List the pixels of each object, as scikit-image finds them."""
    found = find_components(mask == label, connectivity=mask.ndim)
    return [found == number for number in range(1, found.max() + 1)]


@given(rate=RATES, seed=SEEDS)
def test_omit_misses_so_many_objects(rate, seed):
    """Exactly round(rate * objects) of each label; the others stay as they are."""
    mask = scatter(seed, labels=(1, 2))
    result = labelnoise.omit(mask, rate, rng=seed)
    for label in (1, 2):
        gone = [each for each in objects(mask, label) if not (result[each] == label).any()]
        assert len(gone) == round(rate * len(objects(mask, label)))
        for each in objects(mask, label):
            assert len(np.unique(result[each])) == 1
    assert not result[mask == 0].any()


@given(drawn=crowds(), seed=SEEDS)
def test_all_objects_are_missed_in_crowds(drawn, seed):
    """Of maps with background all round, also where objects are taken for missed ones."""
    stack, labels = drawn
    padded = np.pad(stack[0], 1)
    assert not labelnoise.omit(padded, 1.0, rng=seed).any()
    result = labelnoise.omit(padded, 0.5, rng=seed)
    for label in labels:
        before, after = objects(padded, label), objects(result, label)
        missed = [each for each in before if (result[each] != label).any()]
        joined = len(before) - len(missed) - len(after)  # also what becomes a part of another one
        assert round(0.5 * len(before)) - joined <= len(missed) <= round(0.5 * len(before))


def test_small_objects_are_missed_first():
    """Ten times as likely if they are ten times as small."""
    mask = np.zeros((30, 60), np.uint8)
    mask[2:12, 2:12] = mask[20:22, 20:25] = 1  # 100 pixels and 10
    small = sum(
        not labelnoise.omit(mask, 0.5, rng=seed)[20:22, 20:25].any() for seed in range(1000)
    )
    assert small / 1000 == pytest.approx(10 / 11, abs=0.03)


def test_a_missed_object_is_taken_for_what_surrounds_it():
    """A lesion for liver, and for background if the liver is missed too, whatever comes first."""
    mask = np.zeros((30, 30), np.uint8)
    mask[5:25, 5:25] = 1
    mask[9:12, 9:12] = mask[5:8, 15:18] = 2  # the second lies at the edge of the liver
    for labels in (None, [1, 2], [2, 1]):
        missed = labelnoise.omit(mask, 1.0, of=[2], labels=labels, rng=0)
        np.testing.assert_array_equal(missed[9:12, 9:12], 1)
        np.testing.assert_array_equal(missed[5:8, 15:18], labels != [2, 1])  # earlier ones first
        assert not labelnoise.omit(mask, 1.0, labels=labels, rng=0).any()
        missed = labelnoise.omit(mask, 1.0, of=[1], labels=labels, rng=0)
        np.testing.assert_array_equal(missed, np.where(mask == 2, 2, 0))
    alone = labelnoise.omit(mask, 1.0, labels=[2], rng=0)  # what is not listed cannot grow
    np.testing.assert_array_equal(alone[9:12, 9:12], 2)
    np.testing.assert_array_equal(alone[5:8, 15:18], 0)


@given(rate=RATES, seed=SEEDS)
def test_invent_adds_so_many_objects(rate, seed):
    """Exactly round(rate * objects) of each label, and touches none that is there."""
    mask = scatter(seed, count=15, labels=(1, 2), side=200)
    result = labelnoise.invent(mask, rate, rng=seed)
    for label in (1, 2):
        before, after = objects(mask, label), objects(result, label)
        assert len(after) == len(before) + round(rate * len(before))
        same = sum(any(np.array_equal(new, old) for new in after) for old in before)
        assert same == len(before)
        sizes = [each.sum() for each in before]
        for new in after:
            assert new.sum() <= 1.35 * max(sizes)


def test_invented_objects_look_like_the_others():
    """They have their sizes, and are turned and mirrored."""
    mask = np.zeros((200, 200), np.uint8)
    mask[20:50, 20:26] = mask[44:50, 20:40] = 1  # an L
    shapes = []
    for seed in range(30):
        new = labelnoise.invent(mask, 1.0, rng=seed) != mask
        assert new.sum() == pytest.approx(mask.sum(), rel=0.1)
        rows, columns = (np.ptp(axis) + 1 for axis in np.nonzero(new))
        assert 20 <= min(rows, columns) <= max(rows, columns) <= 37
        shapes.append(new[np.ix_(new.any(axis=1), new.any(axis=0))].tobytes())
    assert len(set(shapes)) == 30


def test_of_copies_that_fall_into_pieces_the_largest_is_drawn():
    """A thin line that is turned does."""
    mask = np.eye(120, dtype=np.uint8)
    mask[60:] = mask[:20] = 0
    for seed in range(20):
        result = labelnoise.invent(mask, 1.0, rng=seed)
        assert len(objects(result)) == 2
        assert (result != mask).sum() >= 5


def test_invented_lesions_lie_in_the_liver():
    """What surrounds the model surrounds the copy."""
    mask = np.zeros((100, 100), np.uint8)
    mask[30:70, 20:80] = 1
    mask[40:44, 30:36] = 2
    for seed in range(20):
        result = labelnoise.invent(mask, 1.0, of=[2], rng=seed)
        assert len(objects(result, 2)) == 2
        assert ((result == 2) <= (mask > 0)).all()
        assert ((result == 1) <= (mask == 1)).all()


def test_invent_makes_do_with_the_room_that_there_is():
    """Copies become smaller, down to a pixel, and then there are fewer."""
    mask = np.ones((1, 20, 20), np.uint8)
    mask[0, 18:] = 0
    sizes = [(labelnoise.invent(mask[0], 1.0, rng=seed) > mask[0]).sum() for seed in range(20)]
    assert 0 < max(sizes) <= 20
    mask[0, :19] = 1  # the row that is left touches the label
    np.testing.assert_array_equal(labelnoise.invent(mask[0], 1.0, rng=0), mask[0])


def test_objects_of_volumes_are_invented_in_their_spacing():
    """A disc that fills one slice stays in one, and is turned in millimetres."""
    volume = np.zeros((9, 80, 120), np.uint8)
    volume[4, 20:28, 20:60] = 1
    for seed in range(10):
        noise = functools.partial(labelnoise.invent, axes=(0, 1, 2), spacing=(5.0, 1.0, 0.5))
        new = noise(volume, 1.0, rng=seed) != volume
        assert new.any(axis=(1, 2)).sum() == 1
        assert new.sum() == pytest.approx(320, rel=0.12)


@given(rate=RATES, seed=SEEDS)
def test_confuse_takes_so_many_objects_for_others(rate, seed):
    """Exactly round(rate * objects) of each label, whole ones, for all others alike."""
    mask = scatter(seed, count=80, labels=(1, 2, 3), side=200)
    result = labelnoise.confuse(mask, rate, rng=seed)
    np.testing.assert_array_equal(result != 0, mask != 0)
    for label in (1, 2, 3):
        taken_for = [np.unique(result[each]).tolist() for each in objects(mask, label)]
        assert all(len(labels) == 1 for labels in taken_for)
        counts = [taken_for.count([other]) for other in (1, 2, 3)]
        own = counts.pop(label - 1)
        assert len(taken_for) - own == round(rate * len(taken_for))
        assert max(counts) - min(counts) <= 1


MATRIX = [[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [0.0, 0.3, 0.7]]


@fewer(3)
@given(rate=RATES, seed=SEEDS)
def test_confuse_meets_a_matrix(rate, seed):
    """Each share to the rounding, in the order of labels."""
    mask = scatter(seed, count=100, labels=(1, 2, 3), side=240)
    for labels in ([1, 2, 3], [3, 1, 2]):
        result = labelnoise.confuse(mask, rate, into=MATRIX, labels=labels, rng=seed)
        for row, label in zip(MATRIX, labels, strict=True):
            taken_for = [int(result[each].max()) for each in objects(mask, label)]
            for share, other in zip(row, labels, strict=True):
                if other != label:
                    wanted = rate * share * len(taken_for)
                    assert abs(taken_for.count(other) - wanted) < 1.5


def test_shares_are_met_on_average_by_single_objects():
    """Also where a patch has one object: of many, each label gets its share."""
    mask = np.zeros((900, 3, 3), np.uint8)
    mask[:, 1, 1] = 1
    result = labelnoise.confuse(mask, 1.0, into={1: {2: 0.6, 3: 0.3, 4: 0.1}}, rng=0)[:, 1, 1]
    found = [(result == label).mean() for label in (1, 2, 3, 4)]
    assert found == pytest.approx([0, 0.6, 0.3, 0.1], abs=0.05)


def test_what_is_taken_for_what():
    """As a mapping: labels that it does not name stay, and others may appear."""
    mask = scatter(0, labels=(1, 2))
    result = labelnoise.confuse(mask, 1.0, into={1: 5}, rng=0)
    np.testing.assert_array_equal(result, np.where(mask == 1, 5, mask))
    for short, other in ((mask.astype(np.int8), 300), (mask > 0, 2)):
        with pytest.raises(ValueError, match=rf"into=.*{other}.* holds no label {other}; pass a"):
            labelnoise.confuse(short, 1.0, into={1: other})
    swapped = labelnoise.confuse(mask, 1.0, into={1: 2, 2: 1}, rng=0)
    np.testing.assert_array_equal(swapped, np.array([0, 2, 1])[mask])


def test_confusion_goes_through_json():
    """Keys of a mapping are text there."""
    noise = labelnoise.Noise("confuse", 0.5, into={1: {2: 0.6, 3: 0.4}})
    again = labelnoise.noise.from_dict(json.loads(json.dumps(noise.to_dict())))
    assert again == noise
    mask = scatter(1, labels=(1, 2, 3))
    np.testing.assert_array_equal(again(mask, rng=0), noise(mask, rng=0))


@pytest.mark.parametrize(
    ("into", "labels", "message"),
    [
        (MATRIX, None, "into: a matrix has a row for each of labels; list them"),
        (MATRIX, [1, 2], r"into=.*: pass a mapping, or a matrix with a row .* labels=\[1, 2\]"),
        ("2", [1, 2], "into='2': pass a mapping"),
        ({1: "two"}, None, "into={1: 'two'}: pass the label that each is taken for"),
        ({1: [2, 3]}, None, "pass the label that each is taken for"),
        ({}, None, "into={}: pass the label that each is taken for"),
        ({1: {2: "all"}}, None, "pass the label that each is taken for"),
        ({1: {2: 0.7, 3: 0.7}}, None, "of label 1; pass shares of at least 0 that sum to 1"),
        ({1: {2: -0.7}}, None, "of label 1; pass shares of at least 0"),
        ({1: {2: float("nan")}}, None, "of label 1; pass shares of at least 0"),
        ({1: 0}, None, "into={1: 0}: 0 is the background; name labels of objects"),
        ({1: 3}, [1, 2], r"names label 3, but labels=\[1, 2\]; list it too"),
        ({3: 1}, [1, 2], r"names label 3, but labels=\[1, 2\]; list it too"),
    ],
)
def test_bad_confusions_are_refused(into, labels, message):
    """One sentence, whatever the mask, also when a Noise is made."""
    for call in (
        lambda: labelnoise.confuse(np.zeros((4, 4), int), 0.5, into=into, labels=labels),
        lambda: labelnoise.Noise("confuse", 0.5, into=into, labels=labels),
    ):
        with pytest.raises(ValueError, match=message) as raised:
            call()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("error", [labelnoise.omit, labelnoise.invent])
def test_labels_of_objects_are_checked(error):
    """They are drawn, and the data set may have others than the mask."""
    mask = scatter(0)
    for of in ([], 1, [1.5], "1"):
        with pytest.raises(ValueError, match=r"of=.*: list integers, at least one, the labels"):
            error(mask, 0.5, of=of)
    with pytest.raises(ValueError, match=r"of=\[3\]: names label 3, but labels=\[1\]; list it too"):
        error(mask, 0.5, of=[3], labels=[1])
    with pytest.raises(ValueError, match=r"of=\[0\]: 0 is the background; name labels of objects"):
        error(mask, 0.5, of=[0])
    np.testing.assert_array_equal(error(mask, 1.0, of=[3, 300], rng=0), mask)
    np.testing.assert_array_equal(error(mask, 0.5, of=[1, 3], rng=0), error(mask, 0.5, rng=0))
    for of in ([1], {1}, {1: 2}.keys(), (label for label in [1])):
        noise = labelnoise.Noise(error, 0.5, of=of)
        assert noise.to_dict()["of"] == [1]
        np.testing.assert_array_equal(noise(mask, rng=0), error(mask, 0.5, rng=0))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_shifted_keeps_its_size(seed):
    """However far it goes, as long as it stays inside."""
    disc = np.hypot(*np.indices((400, 400)) - 200) < 20
    result = labelnoise.shift(disc, 60.0, rng=seed)
    assert result.sum() == pytest.approx(disc.sum(), rel=0.02)
    bent = labelnoise.elastic(disc, 60.0, length=1000.0, rng=seed)
    assert bent.sum() == pytest.approx(disc.sum(), rel=0.2)
    ball = np.zeros((40, 60, 60), bool)
    ball[18:24, 28:34, 28:34] = True
    result = labelnoise.shift(ball, 8.0, axes=(0, 1, 2), rng=seed)
    assert result.sum() == pytest.approx(216, rel=0.1)


def test_shift_and_elastic_have_the_spread_asked_for():
    """The standard deviation of the centre, along each axis, in millimetres."""
    disc = np.hypot(*np.indices((90, 90)) - 45) < 12
    spacing = (2.0, 0.5)
    for noise in (labelnoise.shift, functools.partial(labelnoise.elastic, length=400.0)):
        moves = []
        for seed in range(300):
            result = noise(disc, 4.0, spacing=spacing, rng=seed)
            moves.append((np.mean(np.nonzero(result), axis=1) - 45) * spacing)
        assert np.abs(np.mean(moves, axis=0)).max() < 0.8
        assert np.std(moves, axis=0) == pytest.approx([4, 4], rel=0.15)
        assert abs(np.corrcoef(np.transpose(moves))[0, 1]) < 0.2


@pytest.mark.parametrize("tolerance", [30.0, 40.0, 60.0])
def test_polygons_of_few_corners_enclose_something(tolerance):
    """Also where those that are kept run the other way round."""
    rows, columns = np.indices((90, 90)) - 45
    away = np.hypot(rows, columns)
    open_ring = (away < 35) & (away > 29) & (abs(np.arctan2(rows, columns)) > 0.4)
    for seed in range(60):
        assert labelnoise.coarse(open_ring, tolerance, rng=seed).sum() > 100


def test_ends_have_the_spread_asked_for():
    """In slices, or in millimetres, without bias; planes are refused with the remedy."""
    column = np.zeros((60, 40, 40), bool)
    for row in range(0, 40, 4):
        for place in range(0, 40, 4):
            column[20:40, row : row + 2, place : place + 2] = True
    for sigma, spacing in ((4.0, None), (10.0, (2.5, 1.0, 1.0))):
        result = labelnoise.ends(column, sigma, axes=(0, 1, 2), spacing=spacing, rng=0)
        starts = result.argmax(axis=0)[::4, ::4] - 20
        stops = 60 - result[::-1].argmax(axis=0)[::4, ::4] - 40
        for moved in (starts, stops):
            assert abs(moved.mean()) < 1.2
            assert moved.std() == pytest.approx(4, abs=0.9)
        assert abs(np.corrcoef(starts.ravel(), stops.ravel())[0, 1]) < 0.3
    with pytest.raises(ValueError, match=r"axes=\(-2, -1\): ends are those of volumes; name three"):
        labelnoise.ends(column, 1.0)


def test_thousands_of_objects_that_touch_are_missed():
    """One after the other taken for its neighbour, in bounded time."""
    cells = np.arange(1, 10001).reshape(100, 100)
    assert len(np.unique(labelnoise.omit(cells, 1.0, rng=0))) == 1
