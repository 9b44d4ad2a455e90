"""Errors as values: called, compared, stored, chained, and made by oneself."""

import functools
import inspect
import json
import pickle

import numpy as np
import pytest

import labelnoise
from labelnoise import Chain, Noise
from labelnoise._patch import ERRORS
from labelnoise.noise import from_dict, to_dict

ROWS, COLUMNS = np.indices((40, 40))
DISC = np.hypot(ROWS - 20, COLUMNS - 20) < 12
HURRY = Noise("choppy", 1.0)
VALUES = [
    Noise("natural", 2.0, knots=7, axes=(0, 1)),
    Noise("random", 0.1, labels=[1, 2]),
    Noise("bias", 1.0, labels={1}, within={2, 3}),
    Noise("wobble", 1.5, length=4.0, spacing=np.array([1.0, 0.5])),
    Chain(Noise("bias", 1.0, direction="in"), Noise("choppy", 0.5)),
    Chain(Chain(Noise("choppy", np.float64(0.5))), Noise("bias", 1)),
]


@pytest.mark.parametrize("noise", VALUES, ids=repr)
def test_values_are_equal_to_their_copies(noise):
    """Pickled, or through JSON; and so are their drawings."""
    for copy in (
        pickle.loads(pickle.dumps(noise)),
        from_dict(json.loads(json.dumps(to_dict(noise)))),
    ):
        assert copy == noise
        assert hash(copy) == hash(noise)
        np.testing.assert_array_equal(copy(DISC, rng=1), noise(DISC, rng=1))
    assert noise != noise.scaled(2.0)


@pytest.mark.parametrize(
    "into",
    [{1: 2, -3: {1: 0.5, 2: np.float32(0.25)}}, {np.int16(1): 2}, [[0, 1], [0.5, 0.5]], np.eye(2)],
)
def test_options_that_are_mappings_or_matrices_go_through_json(into):
    """Though JSON has no names but texts."""

    @labelnoise.perturbation
    def swap(mask, rate, *, into=None, **options):
        assert not isinstance(into, dict) or all(isinstance(label, int) for label in into)
        return labelnoise.perturb(mask, lambda patch: patch.codes, **options)

    noise = Noise("swap", 0.5, into=into, labels=[1, 2])
    copy = from_dict(json.loads(json.dumps(noise.to_dict())))
    assert copy == noise
    assert hash(copy) == hash(noise)
    np.testing.assert_array_equal(copy(DISC, rng=0), DISC)


@pytest.mark.parametrize("noise", VALUES, ids=repr)
def test_strength_is_a_factor(noise):
    """0 changes nothing, and twice the noise is the noise of twice the strength."""
    np.testing.assert_array_equal(noise(DISC, 0, rng=1), DISC)
    twice = noise.scaled(2.0)
    np.testing.assert_array_equal(noise(DISC, 2.0, rng=1), twice(DISC, rng=1))


def test_a_noise_is_its_error():
    """With its own options, and those of the call."""
    expected = labelnoise.natural(DISC, 2.0, knots=7, spacing=(1.0, 0.5), rng=3)
    noise = Noise("natural", 2.0, knots=7)
    np.testing.assert_array_equal(noise(DISC, spacing=(1.0, 0.5), rng=3), expected)
    np.testing.assert_array_equal(
        Noise(labelnoise.natural, 1.0, knots=7)(DISC, 2.0, spacing=(1.0, 0.5), rng=3), expected
    )
    partial = functools.partial(labelnoise.natural, sigma=2.0, knots=7)
    assert to_dict(partial) == noise.to_dict()


def test_steps_of_a_chain_have_independent_streams():
    """Also under one integer seed; the same error twice does not draw the same twice."""
    seen = []

    def record(mask, strength, *, rng):
        assert isinstance(rng, np.random.Generator)
        seen.append(rng.standard_normal(2000))
        return mask

    for seed in (0, np.random.default_rng(0), np.random.Generator(np.random.Philox(key=5))):
        seen.clear()
        chain = Chain(record, record, Chain(record, record))
        chain(DISC, rng=seed)
        assert np.abs(np.corrcoef(seen) - np.eye(4)).max() < 0.1
    chain(DISC, rng=0)
    again = seen[-4:]
    chain(DISC, rng=0)
    np.testing.assert_array_equal(again, seen[-4:])


def test_chains_can_be_calibrated_and_matched():
    """A strength is a factor for all steps."""
    chain = Chain(Noise("bias", 1.0), Noise("choppy", 2.0))
    found = labelnoise.match(DISC, chain, 0.85, tol=0.01, rng=5)
    np.testing.assert_array_equal(chain(DISC, found.strength, rng=5), found.mask)
    np.testing.assert_array_equal(chain.scaled(found.strength)(DISC, rng=5), found.mask)


def test_what_cannot_be_stored_is_refused():
    """A function of one's own has no name that others know."""

    def mine(mask, strength, *, rng):
        return mask

    with pytest.raises(ValueError, match=r"error=.*mine.*register it"):
        Noise(mine, 1.0).to_dict()
    with pytest.raises(ValueError, match=r"perturb=.*: cannot be stored"):
        to_dict(functools.partial(mine))


def test_an_error_of_ones_own_is_like_all_others():
    """Registered, documented, in planes and volumes, with label maps and streams."""

    @labelnoise.perturbation
    def shrink(mask, distance, **options):
        """Draw everything too small.

        Parameters
        ----------
        distance : float
            How much.

        Notes
        -----
        By half of it.
        """

        def move(region):
            return region.move(region.boundary(), -distance / 2)

        return labelnoise.perturb(mask, labelnoise.redraw(move), **options)

    noise = Noise("shrink", 4.0, axes=(0, 1))
    assert from_dict(noise.to_dict()) == noise
    expected = labelnoise.bias(DISC, 2.0, direction="in")
    np.testing.assert_array_equal(noise(DISC, rng=0), expected)
    parameters = inspect.signature(shrink).parameters
    options = ["labels", "within", "axes", "spacing", "rng"]
    assert list(parameters) == ["mask", "distance", *options]
    assert "rng : None, int" in shrink.__doc__
    assert shrink.__doc__.index("mask :") < shrink.__doc__.index("distance :")
    assert shrink.__doc__.index("Raises") < shrink.__doc__.index("Notes")


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_help_shows_every_option(error):
    """What several functions share is written once, and shown by each."""
    parameters = list(inspect.signature(error).parameters)
    assert parameters[0] == "mask"
    assert parameters[-5:] == ["labels", "within", "axes", "spacing", "rng"]
    documented = error.__doc__.split("Parameters\n")[1].split("Returns\n")[0]
    for name in parameters:
        assert f"\n{name} : " in documented
    for section in ("Returns", "Raises", "Notes", "Examples"):
        assert error.__doc__.count(f"{section}\n---") == 1


def test_patches_tell_what_they_hold():
    """Codes in drawing order, and what stays."""
    seen = []

    def error(patch):
        seen.append((patch.codes.tolist(), patch.labels(), patch.drawn, patch.spacing))
        new = patch.codes.copy()
        new[:] = 1
        return new

    mask = np.array([[0, 7], [5, 9]], np.int16)
    result = labelnoise.perturb(mask, error, labels=[7, 3, 5], spacing=(2, 3))
    assert seen == [([[0, 1], [3, 4]], [1, 3], 3, (2.0, 3.0))]
    np.testing.assert_array_equal(result, [[7, 7], [7, 9]])


@pytest.mark.parametrize("name", ERRORS)
def test_labels_with_the_same_noise_are_drawn_as_by_one(name):
    """Whatever the kind, the seed and the order; labels without noise stay."""
    labels = np.zeros((6, 40, 40), np.int16)
    labels[1:5, 6:30, 4:32], labels[2:4, 10:20, 20:36], labels[2:5, 24:34, 8:14] = 1, 2, 7
    strength = 0.4 if labelnoise.noise.strength_name(ERRORS[name]) == "rate" else 2.0
    noise = Noise(name, strength, axes=(0, 1, 2))
    for listed in [1, 2, 7], [2, 1, 7], [2, 7]:
        each = labelnoise.PerLabel(dict.fromkeys(listed, noise))
        for seed in 0, 1:
            expected = noise(labels, rng=np.random.default_rng(seed), labels=listed)
            drawn = each(labels, rng=np.random.default_rng(seed), labels=listed)
            np.testing.assert_array_equal(drawn, expected)
    assert from_dict(json.loads(json.dumps(each.to_dict()))) == each
    np.testing.assert_array_equal(each(labels, 0.0, rng=0), labels)


@pytest.mark.parametrize("noise", [Noise("bias", 2.0), Chain(Noise("wobble", 2.0), HURRY)])
def test_noise_of_one_label_stays_within_others(noise):
    """Whether these are named by the call or by the noise; calibrated, too."""
    labels = np.full((40, 40), 5, np.uint8)
    labels[:, :10], labels[20:30, 8:24] = 3, 2
    expected = noise(labels, rng=0, labels=[2], within=[3, 5])
    assert ((expected == 2) & (labels == 5)).any()
    np.testing.assert_array_equal(
        labelnoise.PerLabel({2: noise})(labels, rng=0, within=[3, 5]), expected
    )
    steps = noise.steps if isinstance(noise, Chain) else [noise]
    inside = Chain(*(Noise(s.error, s.strength, labels=[2], within=[3, 5]) for s in steps))
    whole = inside if isinstance(noise, Chain) else inside.steps[0]
    np.testing.assert_array_equal(labelnoise.PerLabel({2: whole})(labels, rng=0), expected)
    found = labelnoise.match(labels, whole, {2: 0.8}, rng=0)
    assert abs(found.score[2] - 0.8) < 0.005
    unheard = labelnoise.PerLabel({2: lambda mask, strength, **options: np.full_like(mask, 2)})
    assert (unheard(labels, rng=0)[labels != 2] != 2).all()


def test_noise_of_one_label_takes_masks():
    """Of bool, as the noise itself does."""
    noise = Noise("wobble", 2.0)
    expected = noise(DISC, rng=0)
    assert (expected != DISC).any()
    np.testing.assert_array_equal(labelnoise.PerLabel({1: noise})(DISC, rng=0), expected)


def test_no_label_appears_within_labels_that_a_patch_lacks():
    """What an error of one's own loses then stays."""
    mask = np.array([[0, 2], [2, 2]], np.uint8)
    for within in [5], [300], [5, 6]:
        options = {"labels": [2], "within": within, "axes": (0, 1)}
        result = labelnoise.perturb(mask, lambda patch: np.zeros_like(patch.codes), **options)
        np.testing.assert_array_equal(result, mask)
    far = np.array([[7, 2**63 + 1], [2**63 + 2] * 2], np.uint64)
    result = labelnoise.perturb(
        far, lambda patch: np.zeros_like(patch.codes), labels=[2**63 + 2], within=[7, 2**63 + 1]
    )
    np.testing.assert_array_equal(result, far[[0, 0]])


def test_a_prevalence_is_that_of_the_label_inside_others():
    """Labels of the region are no labels that are drawn."""
    mask = np.ones((40, 40), np.uint8)
    mask[10:30, 10:30] = 2
    result = labelnoise.random(mask, 0.2, prevalence=0.25, within=[1], rng=0)
    assert ((result != mask) & (mask == 2)).sum() == 80


def test_labels_may_have_noise_of_different_kinds():
    """Each takes its own errors alone, and a generator is used once."""
    labels = np.zeros((40, 40), np.uint8)
    labels[4:30, 4:30], labels[8:12, 8:12], labels[20:26, 20:26] = 1, 2, 2
    rng = np.random.default_rng(0)
    noise = labelnoise.PerLabel({1: Noise("bias", 2.0), 2: Noise("omit", 0.5)})
    drawn = noise(labels, rng=rng)
    np.testing.assert_array_equal(drawn > 0, labelnoise.bias(labels > 0, 2.0, rng=0))
    assert 0 < np.count_nonzero(drawn == 2) < np.count_nonzero(labels == 2)
    after = np.random.default_rng(0)
    Noise("omit", 0.5)(labels, rng=after)
    assert rng.bit_generator.state == after.bit_generator.state
    assert noise.limit == 2.0
    assert len({noise(labels).tobytes() for _ in range(20)}) > 1
