"""Annotators are found again from what they drew."""

import dataclasses

import numpy as np
import pytest

import labelnoise
from labelnoise import Annotator, PerLabel
from labelnoise.annotators._observe import difference

SPACING = (2.5, 0.8, 0.8)
READER = Annotator(
    radius=12,
    sigma=1.0,
    severity=0.3,
    length=5,
    depth=4,
    slices=0.25,
    tails=0.45,
    hand=0.4,
    hand_length=2,
    bias=0.6,
    bias_spread=0.4,
    ends=0.9,
)


def ellipsoid(radius, spacing=SPACING, stretch=(1.0, 1.0, 1.0)):
    """Draw one in the middle of a volume with room around it."""
    steps = [
        np.arange(-np.ceil((1.3 * radius + 8) / step), np.ceil((1.3 * radius + 8) / step) + 1)
        * step
        for step in spacing
    ]
    places = np.meshgrid(*steps, indexing="ij")
    return sum((x / (radius * by)) ** 2 for x, by in zip(places, stretch, strict=True)) < 1


def cases(reader, count, seed=0, low=8, high=18):
    """Return what a reader drew of ellipsoids of different sizes."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        mask = ellipsoid(rng.uniform(low, high), stretch=rng.uniform(0.8, 1.25, 3))
        yield mask, reader(mask, axes=(0, 1, 2), spacing=SPACING, rng=rng), SPACING


@pytest.fixture(scope="module")
def found():
    """Fit the reader to 30 cases."""
    return Annotator.fit(cases(READER, 30, seed=1))


FIFTH = "sigma", "growth", "severity", "length", "depth", "slices", "tails", "smoothing", "ends"


@pytest.mark.parametrize("name", [*FIFTH, "bias", "bias_spread", "hand", "hand_length"])
def test_numbers_are_found_again(found, name):
    """Within a fifth, those of the hand within a half, though slices are three pixels apart."""
    expected = getattr(READER, name)
    if name in ("sigma", "bias"):
        expected *= (found.radius / READER.radius) ** READER.growth
    share = 0.5 if name.startswith("hand") else 0.2
    assert getattr(found, name) == pytest.approx(expected, rel=share)


def test_numbers_tell_how_sure_they_are(found):
    """Cases, and an error of each number that comes near to the real one."""
    assert found.cases == 30
    off = abs(found.sigma - READER.sigma * (found.radius / READER.radius) ** READER.growth)
    assert off / 4 < found.spread["sigma"] < 0.3
    fewer = Annotator.fit(cases(READER, 6))
    assert fewer.spread["bias"] > found.spread["bias"]
    assert " +- " in str(found)
    assert str(found).endswith("30")


def test_the_fit_is_that_of_the_pairs_alone():
    """The same again, and not that of the unit or the place of the axes."""
    pairs = list(cases(READER, 2, low=4, high=6))
    first = Annotator.fit(pairs)
    assert Annotator.fit(pairs) == first
    turned = [(a.transpose(2, 1, 0), b.transpose(2, 1, 0), spacing) for a, b, spacing in pairs]
    assert Annotator.fit(turned, axes=(2, 1, 0)) == first
    channels = [(a[np.newaxis], b[np.newaxis], spacing) for a, b, spacing in pairs]
    assert Annotator.fit(channels) == first
    pairs = [(a, b, tuple(step / 10 for step in spacing)) for a, b, spacing in pairs]
    centimetres = Annotator.fit(pairs)
    for name in ("radius", "sigma", "length", "depth", "hand"):
        assert getattr(first, name) / getattr(centimetres, name) == pytest.approx(10, rel=0.1)


def test_few_cases_stay_near_the_defaults():
    """One tells the size of the error; what differs from case to case is as stated."""
    strange = dataclasses.replace(READER, severity=1.0, growth=1.2, ends=3.0)
    [pair] = cases(strange, 1)
    one = Annotator.fit([pair])
    assert one.cases == 1
    assert not one.spread
    assert 0.3 < one.growth < 0.7
    assert one.severity < 0.4
    real = 1 - labelnoise.dice(*pair[:2])
    drawn = one(pair[0], axes=(0, 1, 2), spacing=SPACING, rng=1)
    assert real / 3 < 1 - labelnoise.dice(pair[0], drawn) < 3 * real


def test_people_who_draw_the_same_have_no_errors():
    """Or nearly none."""
    mask = ellipsoid(8)
    found = Annotator.fit([(mask, mask, SPACING)])
    assert found.sigma < 0.1
    assert found.missed == 0


def test_labels_have_annotators_of_their_own():
    """Each with its own errors; one label is an annotator."""
    rough = dataclasses.replace(READER, sigma=2.5, hand=0.8)
    reader = PerLabel({1: dataclasses.replace(READER, sigma=0.5, hand=0.2), 4: rough})
    pairs = []
    for seed in range(8):
        mask = np.concatenate([ellipsoid(10 + seed / 3)] * 2, axis=2).astype(np.uint8)
        mask[:, :, mask.shape[2] // 2 :] *= 4
        pairs.append((mask, reader(mask, axes=(0, 1, 2), spacing=SPACING, rng=seed), SPACING))
    found = Annotator.fit(pairs)
    assert list(found) == [1, 4]
    assert 3 < found[4].sigma / found[1].sigma < 7
    assert isinstance(Annotator.fit(pairs[:2], labels=[4]), Annotator)


def test_planes_are_fitted_as_planes():
    """Each alone; what only slices show stays as it is by default."""
    mask = ellipsoid(12)
    drawn = READER(mask, axes=(1, 2), spacing=SPACING[1:], rng=0)
    found = Annotator.fit([(mask, drawn, SPACING[1:])], axes=(1, 2))
    assert found.sigma == pytest.approx(READER.sigma, rel=0.35)
    assert "depth" not in found.spread
    plane = Annotator.fit([(mask[7], drawn[7], SPACING[1:])])
    assert plane.radius < 12


def test_what_readers_share_is_found():
    """From several of one case."""
    for share in (0.1, 0.9):
        person = dataclasses.replace(READER, shared=share, severity=0.6)
        rng, pairs = np.random.default_rng(2), []
        for _ in range(12):
            mask = ellipsoid(rng.uniform(6, 9))
            people = labelnoise.raters(mask, [person] * 3, axes=(0, 1, 2), spacing=SPACING, rng=rng)
            pairs.append((mask, people, SPACING))
        found = Annotator.fit(pairs)
        assert found.cases == 12
        assert found.shared < 0.5 if share < 0.5 else found.shared > 0.5


def test_missed_structures_are_counted():
    """Those that one drew and another did not; a speck is none."""
    mask = np.zeros((1, 60, 200), bool)
    for column in range(0, 200, 25):
        mask[0, 20:34, column + 5 : column + 17] = True
    mask[0, 50, 50] = True
    drawn = mask.copy()
    drawn[..., :50] = drawn[0, 50, 50] = False
    drawn[0, 20, 55:170:3] = False
    assert Annotator.fit([(mask, drawn)], axes=(1, 2)).missed == pytest.approx(2 / (8 + 3))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "pairs: an empty sequence; pass at least one"),
        ([np.ones((5, 5), bool)], r"pairs\[0\]: pass \(reference, rater\) or"),
        ([(np.ones((5, 5)), np.ones((5, 5)))], r"pairs\[0\]: dtype float64 is neither"),
        (
            [(np.ones((9, 9), bool), np.ones((9, 9), bool)), (np.eye(4) > 0, np.eye(5) > 0)],
            r"pairs\[1\]: shapes \(4, 4\) and \(5, 5\); pass two masks of one grid",
        ),
        ([(np.eye(5) > 0, np.eye(5) > 2)], r"pairs\[0\]: the rater drew nothing; leave that pair"),
        ([(np.eye(5) > 2, np.eye(5) > 0)], r"pairs\[0\]: the reference drew nothing; leave"),
        ([(np.eye(5) > 0, [np.eye(5) > 0], (1, 1, 1))], r"pairs\[0\]: spacing=\(1, 1, 1\): pass 2"),
        (
            [(np.eye(50) > 0, np.eye(50, k=9) > 0)],
            "pairs: no structure of label 1 was drawn by both",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(pairs, message):
    """One sentence that names the pair and a remedy."""
    with pytest.raises((TypeError, ValueError), match=message):
        Annotator.fit(pairs)


def test_differences_are_those_of_the_boundary():
    """Of a disc that is drawn two pixels too large, in slices that are 3 mm apart."""
    spacing = (3.0, 0.5, 0.5)
    rows, columns = np.indices((60, 60)) - 30
    small, large = (np.repeat([np.hypot(rows, columns) < r], 6, axis=0) for r in (15.3, 19.3))
    large[0] = small[0] = False
    large[1] = False
    found = difference(small, large, spacing)
    assert found.mean == pytest.approx(2, abs=0.2)
    assert found.gain == pytest.approx(0.4, abs=0.4)
    assert found.sd < 0.3
    assert found.pixel == 0.5
    assert found.ends == 0.5  # one slice, of two ends
    assert found.unmoved == 0
    assert found.uneven == 0
    assert found.parts * found.points == pytest.approx(4.5)  # a ring in each of four slices
    assert difference(small, np.zeros_like(small), spacing) is None


@pytest.mark.parametrize("seed", range(3))
def test_displacements_are_those_of_a_slow_search(seed):
    """Nearest boundary points of the other mask, pixel by pixel, with its correlation."""
    rng = np.random.default_rng(seed)
    mask = ellipsoid(9)[6:11]
    other = READER(mask, axes=(1, 2), spacing=SPACING[1:], rng=rng)
    moves = []
    for one, two in zip(mask, other, strict=True):
        edges, sides = (boundary_of(each) for each in (one, two)), np.array(SPACING[1:])
        mine, others = edges
        away = np.hypot(*((mine[:, np.newaxis] - others) * sides).transpose(2, 0, 1)).min(axis=1)
        inside = np.array([two[tuple(point)] for point in np.floor(mine + 0.5).astype(int)])
        moves.extend(np.where(inside, away, -away))
    found = difference(mask, other, SPACING)
    assert found.sd == pytest.approx(np.std(moves), rel=0.1)
    assert found.mean == pytest.approx(np.mean(moves), abs=0.1)


def boundary_of(mask):
    """Return the middles of the pixel edges between foreground and background."""
    padded = np.pad(mask, 1)
    rows = np.argwhere(padded[1:] != padded[:-1]) - (0.5, 1)
    columns = np.argwhere(padded[:, 1:] != padded[:, :-1]) - (1, 0.5)
    return np.concatenate([rows, columns])
