"""Several people draw the same masks, each label with an annotator, and are stored."""

import json

import numpy as np
import pytest

import labelnoise
from labelnoise import Annotator, Noise, PerLabel, raters, soft

READER = Annotator(radius=10, sigma=1.5, length=5, hand=0.3, severity=0.3)
ROWS, COLUMNS = np.indices((60, 60)) - 30
DISC = np.hypot(ROWS, COLUMNS) < 14
MAP = DISC + np.uint8(2) * (np.hypot(ROWS - 3, COLUMNS - 2) < 6)


def errors(person, seeds=150, radius=14):
    """Return one minus the Dice score of two people (seeds, people)."""
    found = []
    for seed in range(seeds):
        maps = raters(DISC, [person] * 2, rng=seed)
        found.append([1 - labelnoise.dice(DISC, each) for each in maps])
    return np.log(np.array(found) + 1e-3)


def test_people_share_what_is_difficult():
    """And draw independently otherwise."""
    for shared, low, high in ((0.0, -0.2, 0.25), (1.0, 0.6, 1.0)):
        person = Annotator(radius=14, sigma=1.5, length=2, hand=0, severity=0.8, shared=shared)
        assert low < np.corrcoef(errors(person).T)[0, 1] < high
    one, two = raters(DISC, [person] * 2, rng=0)
    assert (one != two).any()


@pytest.mark.parametrize("axes", [(1, 2), (0, 1, 2)])
def test_the_first_do_not_depend_on_how_many_follow(axes):
    """Nor on who they are; the same seed draws the same."""
    stack = np.stack([MAP] * 3)
    people = [READER, PerLabel({1: READER, 3: READER}), Noise("natural", 2.0), READER]
    every = raters(stack, people, axes=axes, rng=5)
    for count in (1, 2, 3):
        some = raters(stack, people[:count], axes=axes, rng=5)
        for one, other in zip(some, every, strict=False):
            np.testing.assert_array_equal(one, other)
    assert len({each.tobytes() for each in every}) == len(people)


def test_people_obey_the_laws_of_errors():
    """At strength 0 nothing changes; labels, dtype and the region around stay."""
    people = [READER, PerLabel({3: READER}), Noise("random", 0.2)]
    for each in raters(MAP, people, 0.0, rng=0):
        np.testing.assert_array_equal(each, MAP)
    within = COLUMNS < 0
    for each in raters(MAP, people, 2.0, within=within, labels=[3], rng=0):
        assert each.dtype == MAP.dtype
        np.testing.assert_array_equal(each[~within], MAP[~within])
    np.testing.assert_array_equal(
        raters(MAP, people, rng=np.random.default_rng(1))[0],
        raters(MAP, people, rng=np.random.default_rng(1))[0],
    )


def test_each_label_has_its_annotator():
    """Labels without one stay, and an annotator of one label draws as it would alone."""
    still = Annotator(radius=10, sigma=0, hand=0, severity=0, growth=0, ends=0)
    drawn = PerLabel({1: still, 3: READER})(MAP, rng=0)
    np.testing.assert_array_equal(drawn == 0, MAP == 0)
    assert ((drawn == 3) != (MAP == 3)).any()
    np.testing.assert_array_equal(PerLabel({3: READER})(MAP, rng=0), READER(MAP, labels=[3], rng=0))
    with pytest.raises(ValueError, match=r"labels=\[1\]: 1 has no noise; list some of \[3\]"):
        PerLabel({3: READER})(MAP, labels=[1], rng=0)


def test_soft_maps_are_means():
    """Of each label, as a slow loop finds them."""
    maps = raters(MAP, [READER] * 3, rng=0)
    share = soft(maps, labels=[0, 3])
    assert share.dtype == np.float32
    assert share.shape == (2, *MAP.shape)
    for number, label in enumerate((0, 3)):
        np.testing.assert_allclose(share[number], np.mean([each == label for each in maps], axis=0))
    masks = raters(DISC, [READER] * 4, rng=0)
    np.testing.assert_array_equal(soft(masks), np.mean(masks, axis=0, dtype=np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: raters(DISC, []), "annotators: an empty sequence; pass at least one annotator"),
        (lambda: raters(DISC, [3]), "error=3: pass a function of a mask"),
        (lambda: raters(DISC, [READER], -1), "strength=-1: pass a number"),
        (lambda: soft([]), "maps: an empty sequence; pass at least one map"),
        (lambda: soft([MAP]), "labels=None: the maps have several labels; list those you want"),
        (lambda: soft([DISC, DISC[1:]]), "shape"),
        (lambda: PerLabel({}), "labels="),
        (lambda: PerLabel({0: READER}), "0 is the background"),
        (lambda: PerLabel({1: "lidc-nodule"}), "annotators: label 1 has 'lidc-nodule'; pass an"),
        (lambda: Annotator.load("nobody"), "source='nobody': is neither a file nor one of kits23"),
    ],
)
def test_bad_input_is_refused(call, message):
    """In one sentence."""
    with pytest.raises(ValueError, match=message):
        call()


def test_annotators_are_stored(tmp_path):
    """With their cases and errors, one or several."""
    fitted = Annotator(radius=4, sigma=1, cases=12, spread={"sigma": 0.1})
    for each in (fitted, PerLabel({2: fitted, 7: READER})):
        each.save(tmp_path / "reader.json")
        again = Annotator.load(tmp_path / "reader.json")
        assert again == each
        assert str(again) == str(each)
        assert labelnoise.noise.from_dict(json.loads(json.dumps(each.to_dict()))) == each
    (tmp_path / "reader.json").write_text('{"annotator": {"radius": 1}}')
    with pytest.raises(ValueError, match="describes no annotator"):
        Annotator.load(tmp_path / "reader.json")


@pytest.mark.parametrize("name", ["kits23-kidney", "kits23-tumour", "lidc-nodule"])
def test_published_annotators_err_as_people_do(name):
    """Contours at a few tenths of a millimetre, found in many cases."""
    person = Annotator.load(name)
    assert person.cases > 50
    assert set(person.spread) > {"sigma", "length", "depth", "hand", "bias_spread", "ends"}
    radius = person.radius
    steps = np.arange(-1.5 * radius, 1.5 * radius, 0.7)
    ball = sum(x**2 for x in np.meshgrid(steps, steps, steps)) < radius**2
    scores = [
        labelnoise.dice(ball, person(ball, axes=(0, 1, 2), spacing=(0.7,) * 3, rng=seed))
        for seed in range(8)
    ]
    assert 0.3 < (1 - np.median(scores)) * radius / person.sigma < 3
