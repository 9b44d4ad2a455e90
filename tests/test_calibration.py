"""The strength that gives a wanted score, for many masks or for one."""

import functools
import re
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from helpers import fewer, maps
from hypothesis import given
from hypothesis import strategies as st

import labelnoise
from labelnoise._patch import ERRORS

ROWS, COLUMNS = np.indices((96, 96))
DISCS = np.stack([np.hypot(ROWS - 48, COLUMNS - 48) < radius for radius in range(12, 36)])
CROWDS = np.zeros((24, 120, 120), np.uint8)
for seed, crowd in enumerate(CROWDS):
    for row, column, radius, label in np.random.default_rng(seed).integers(
        [5, 5, 1, 1], [116, 116, 6, 4], (60, 4)
    ):
        crowd[np.hypot(*np.ogrid[-row : 120 - row, -column : 120 - column]) < radius] = label
FAR = np.square(np.indices((25, 96, 96)) - np.reshape([12, 48, 48], (3, 1, 1, 1)))
BALLS = np.stack([5 * FAR[0] + FAR[1] + FAR[2] < radius**2 for radius in range(12, 24)])
KINDS = {name: (error, DISCS) for name, error in ERRORS.items()}
KINDS |= {name: (ERRORS[name], CROWDS) for name in ("omit", "invent", "confuse")}
KINDS |= {"ends": (functools.partial(labelnoise.ends, axes=(0, 1, 2)), BALLS)}
FINE = [name for name in ERRORS if name not in ("coarse", "ends", "omit", "invent", "confuse")]
each_kind = pytest.mark.parametrize(("perturb", "masks"), KINDS.values(), ids=KINDS)
each = pytest.mark.parametrize("perturb", [ERRORS[name] for name in FINE], ids=FINE)


@each_kind
@pytest.mark.parametrize("target", [0.95, 0.85, 0.7])
def test_both_bounds_end_near_the_target(perturb, masks, target):
    """The paper's rule, and what it says is what a new evaluation gives."""
    tol = 0.005 if perturb in [ERRORS[name] for name in FINE] else 0.025
    found = labelnoise.calibrate(masks, perturb, target, tol=tol, rng=0)
    low, high = found.bracket_scores
    assert target <= low <= target + tol
    assert target - tol <= high <= target
    assert found.strength in found.bracket
    assert found.score in found.bracket_scores
    assert found.masks == len(masks)
    assert found.nfev == len(found.history) <= 15
    noisy = [
        perturb(mask, found.strength, rng=labelnoise.sample_rng(0, index))
        for index, mask in enumerate(masks)
    ]
    again = [labelnoise.dice(*pair) for pair in zip(masks, noisy, strict=True)]
    assert np.mean(again) == pytest.approx(found.score)


@each_kind
@given(
    drawn=maps(max_planes=5, max_side=16, dtypes=("uint8", ">i2")),
    target=st.floats(0.1, 0.999),
    seed=st.integers(0, 2**32),
)
@fewer(2)
def test_any_mask_comes_near_the_target_or_is_refused(perturb, masks, drawn, target, seed):
    """Noise, single pixels, full and empty masks; one mask and many."""
    stack, _ = drawn
    for some in (stack, stack[:1]) if masks is not BALLS else ([stack], [stack[:1]]):
        try:
            found = labelnoise.calibrate(some, perturb, target, tol=0.05, rng=seed)
        except ValueError as error:
            if not re.match(r"target=|masks: all", str(error)):
                raise
            continue
        low, high = found.bracket_scores
        assert high <= target <= low
        assert abs(found.score - target) <= 0.05
        scores = [
            labelnoise.dice(mask, perturb(mask, found.strength, rng=labelnoise.sample_rng(seed, i)))
            for i, mask in enumerate(some)
            if np.any(mask)
        ]
        assert np.mean(scores) == pytest.approx(found.score)


def test_scores_of_single_objects_jump():
    """What can be reached is said."""
    with pytest.raises(
        ValueError, match=r"jumps from 1.0000 to 0.0000 at strength 0.5; pass a tol"
    ):
        labelnoise.calibrate(DISCS, labelnoise.omit, 0.9, rng=0)
    with pytest.raises(
        ValueError, match=r"strength 1 still scores 1.0000; it changes nothing there"
    ):
        labelnoise.calibrate(DISCS, labelnoise.confuse, 0.9, rng=0)
    other = labelnoise.Noise("confuse", 1.0, into={1: 2})
    with pytest.raises(
        ValueError, match=r"jumps from 1.0000 to 0.0000 at strength 0.5; pass a tol"
    ):
        labelnoise.calibrate(DISCS.astype(np.uint8), other, 0.9, rng=0)


def test_random_has_its_strength_in_closed_form():
    """Dice is 1 - rate."""
    found = labelnoise.calibrate(DISCS, labelnoise.random, 0.9, rng=0)
    assert found.strength == pytest.approx(0.1, abs=0.005)


@each
def test_scores_fall_as_strength_grows(perturb):
    """One set of draws for all strengths makes the search well-behaved."""
    scores = []
    labelnoise.calibrate(DISCS, perturb, 0.6, rng=3, progress=lambda *pair: scores.append(pair))
    strengths, scores = zip(*sorted(scores), strict=True)
    assert (np.diff(scores) <= 0).all()
    assert scores[0] == 1
    assert strengths[0] == 0


@each_kind
def test_workers_do_not_matter(perturb, masks):
    """Threads, processes or a map of one's own change the time, not the result."""
    run = functools.partial(labelnoise.calibrate, masks, perturb, 0.9, tol=0.01, rng=1)
    results = [run(workers=n) for n in (1, 5, map)]
    assert results[0] == results[1] == results[2]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_work_can_be_sent_to_processes():
    """Masks, perturbation and metric are pickled together."""
    noise = labelnoise.Chain(labelnoise.Noise("bias", 1.0), labelnoise.Noise("choppy", 1.0))
    with ProcessPoolExecutor(2) as pool:
        there = labelnoise.calibrate(DISCS, noise, 0.9, rng=1, workers=pool.map)
    assert there == labelnoise.calibrate(DISCS, noise, 0.9, rng=1)


def test_a_mask_has_the_noise_of_its_key():
    """That of every transform with the same seed; by default the key is the index."""
    for keys in (None, [f"case {index}" for index in range(len(DISCS))]):
        seen = {}

        def chop(mask, sigma, *, rng, seen=seen):
            result = labelnoise.choppy(mask, sigma, rng=rng)
            seen[int(mask.sum())] = sigma, result
            return result

        labelnoise.calibrate(DISCS, chop, 0.9, rng=7, keys=keys)
        for index, mask in enumerate(DISCS):
            sigma, result = seen[int(mask.sum())]
            rng = labelnoise.sample_rng(7, index if keys is None else keys[index])
            np.testing.assert_array_equal(result, labelnoise.choppy(mask, sigma, rng=rng))


def test_masks_may_have_options_of_their_own():
    """Discs of one size in mm that were sampled differently."""
    spacings = [(1.0, 1.0), (0.5, 0.5), (2.0, 2.0)]
    discs = [np.hypot(*np.indices((100, 100)) - 50) < 15 / step for step, _ in spacings]
    pairs = [
        (disc, {"spacing": spacing}) for disc, spacing in zip(discs, spacings, strict=True)
    ] * 20
    found = labelnoise.calibrate(pairs, labelnoise.bias, 0.8, rng=0)
    assert found.masks == 60
    assert found.strength == pytest.approx(15 * (np.sqrt(1.5) - 1), abs=0.2)
    kwargs = [{"spacing": spacing} for spacing in spacings]
    scores = [
        labelnoise.dice(disc, labelnoise.bias(disc, found.strength, **more))
        for disc, more in zip(discs, kwargs, strict=True)
    ]
    assert np.mean(scores) == pytest.approx(found.score)


@pytest.mark.parametrize("limit", [0.6, 2.0, 3.1])
def test_strengths_that_fail_bound_the_search(limit):
    """The error is shown only where the target cannot be reached without them."""

    def brittle(mask, sigma, *, rng):
        if sigma >= limit:
            raise ValueError("too strong")
        return labelnoise.choppy(mask, sigma, rng=rng)

    free = labelnoise.calibrate(DISCS, labelnoise.choppy, 0.5, rng=0)
    scores = dict(labelnoise.calibrate(DISCS, labelnoise.choppy, 0.99, rng=0).history)
    assert free.strength > limit
    with pytest.raises(ValueError, match=r"target=0.5: not reached, .* fails \(too strong\)"):
        labelnoise.calibrate(DISCS, brittle, 0.5, rng=0)
    target = 1 - 0.9 * (1 - min(scores.values())) * min(1, limit)
    found = labelnoise.calibrate(DISCS, brittle, target, rng=0)
    assert found.score == pytest.approx(target, abs=0.005)
    assert found.strength < limit


def test_a_perturbation_that_always_fails_ends_the_search():
    """With its own message, after some tries."""

    def broken(mask, sigma, *, rng):
        if sigma:
            raise ValueError("out of order")
        return mask

    with pytest.raises(ValueError, match=r"target=0.9: not reached, .* fails \(out of order\)"):
        labelnoise.calibrate(DISCS, broken, 0.9, rng=0)


def test_the_search_begins_at_a_pixel_or_at_the_wanted_loss():
    """Lengths begin at 1, rates and what is unknown at 1 less the target."""
    for perturb, first in (
        (labelnoise.choppy, 1.0),
        (functools.partial(labelnoise.natural, knots=7), 1.0),
        (labelnoise.Noise("choppy", 4.0), 0.25),
        (labelnoise.Noise("random", 0.5), 0.4),
        (labelnoise.random, 0.2),
        (lambda mask, sigma, *, rng: labelnoise.choppy(mask, sigma, rng=rng), 0.2),
    ):
        history = labelnoise.calibrate(DISCS, perturb, 0.8, rng=0).history
        assert [strength for strength, _ in history[:2]] == pytest.approx([0.0, first])


def test_rates_stop_at_1():
    """A Noise of half the rate can be doubled, and no more."""
    noise = labelnoise.Noise("random", 0.5)
    found = labelnoise.calibrate(DISCS, noise, 0.01, tol=0.02, rng=0)
    assert max(strength for strength, _ in found.history) <= 2
    assert found.strength == pytest.approx(1.98, abs=0.05)
    assert noise.scaled(found.strength).strength == pytest.approx(0.99, abs=0.025)


def test_rates_with_any_prevalence_can_be_calibrated():
    """Also where the whole background could not flip at the largest rate."""
    noise = labelnoise.Noise("random", 1.0, prevalence=0.6)
    assert labelnoise.calibrate(DISCS, noise, 0.9, rng=0).score == pytest.approx(0.9, abs=0.005)


def test_bisection_closes_brackets_of_steep_scores():
    """Interpolation alone would creep towards a score that falls late."""

    def late(mask, strength, *, rng):
        return mask & (np.indices(mask.shape)[1] > 96 * strength**40)

    def kept(reference, other):
        return np.count_nonzero(other) / np.count_nonzero(reference)

    full = np.ones((4, 2, 96), bool)
    found = labelnoise.calibrate(full, late, 0.6, tol=0.02, metric=kept, upper=30, rng=0)
    assert found.score == pytest.approx(0.6, abs=0.02)
    assert found.nfev < 30


def test_match_returns_the_nearest_of_all_that_it_tried():
    """Mask, strength and score belong together."""
    for seed in range(30):
        for perturb in (labelnoise.natural, labelnoise.choppy):
            seen = {}

            def noise(mask, strength, *, rng, seen=seen, perturb=perturb):
                seen[strength] = perturb(mask, strength, rng=rng)
                return seen[strength]

            found = labelnoise.match(DISCS[0], noise, 0.9, tol=0.02, rng=seed)
            scores = {s: labelnoise.dice(DISCS[0], mask) for s, mask in seen.items()}
            assert found.score == min(scores.values(), key=lambda score: abs(score - 0.9))
            assert scores[found.strength] == found.score
            assert found.mask is seen[found.strength]


def test_perturbations_get_generators():
    """One at the same state for all strengths, which may spawn others."""

    def noise(mask, sigma, *, rng):
        assert isinstance(rng, np.random.Generator)
        return labelnoise.choppy(mask, sigma, rng=rng.spawn(1)[0])

    for rng in (3, None, np.random.SeedSequence(3), np.random.default_rng(3)):
        found = labelnoise.match(DISCS[-1], noise, 0.9, rng=rng)
        if not isinstance(rng, np.random.Generator) and rng is not None:
            again = noise(DISCS[-1], found.strength, rng=np.random.default_rng(rng))
            np.testing.assert_array_equal(found.mask, again)
        labelnoise.calibrate(DISCS, noise, 0.9, rng=rng)


def test_the_same_seed_gives_the_same_strength():
    """Another seed gives another sample and other noise."""
    run = functools.partial(labelnoise.calibrate, DISCS, labelnoise.choppy, 0.9, sample=8)
    assert run(rng=4) == run(rng=4)
    assert run(rng=np.random.default_rng(4)) == run(rng=np.random.default_rng(4))
    assert run(rng=4).history != run(rng=5).history


class Folder:
    """Masks of several shapes that are made when they are asked for."""

    def __init__(self):
        self.loaded = []

    def __len__(self):
        return 60

    def __getitem__(self, index):
        self.loaded.append(index)
        mask = np.zeros((40 + index, 50), np.int16)
        mask[5:30, 5 : 5 + index % 3 * 15] = 4
        return mask


def test_masks_may_be_loaded_when_needed():
    """Each is asked for once, empty ones do not count, and no more are loaded than needed."""
    folder = Folder()
    found = labelnoise.calibrate(folder, labelnoise.choppy, 0.9, sample=10, rng=0)
    assert found.masks == 10
    assert len(folder.loaded) == len(set(folder.loaded)) < 40
    listed = labelnoise.calibrate(list(DISCS), labelnoise.choppy, 0.9, rng=0)
    assert listed == labelnoise.calibrate(DISCS, labelnoise.choppy, 0.9, rng=0)


def test_masks_may_share_one_buffer():
    """What a sequence loads next does not change what it loaded before."""

    class Reader:
        buffer = np.empty_like(DISCS[0])

        def __len__(self):
            return len(DISCS)

        def __getitem__(self, index):
            self.buffer[:] = DISCS[index]
            return self.buffer

    results = [
        labelnoise.calibrate(masks, labelnoise.choppy, 0.9, rng=0) for masks in (Reader(), DISCS)
    ]
    assert results[0] == results[1]


def test_masks_cannot_be_written_on():
    """A perturbation that works in place is stopped, and harms nothing."""

    def erase(mask, strength, *, rng):
        mask[:] = 0
        return mask

    with pytest.raises(ValueError, match="read-only"):
        labelnoise.calibrate(DISCS, erase, 0.9)
    with pytest.raises(ValueError, match="read-only"):
        labelnoise.match(DISCS[0], erase, 0.9)
    assert DISCS.flags.writeable
    assert DISCS.any(axis=(1, 2)).all()


@pytest.mark.parametrize("metric", [labelnoise.dice, labelnoise.iou])
def test_pooled_scores_count_all_pixels_together(metric):
    """Large masks weigh more than in the mean."""
    seen = []

    def chop(mask, sigma, *, rng):
        result = labelnoise.choppy(mask, sigma, rng=rng)
        seen.append((mask, result))
        return result

    found = labelnoise.calibrate(DISCS, chop, 0.9, metric=metric, reduction="pooled", rng=0)
    last = seen[-len(DISCS) :]
    pooled = metric(*(np.stack(masks) for masks in zip(*last, strict=True)))
    assert found.history[-1][1] == pytest.approx(pooled, abs=1e-12)
    mean = labelnoise.calibrate(DISCS, chop, 0.9, metric=metric, rng=0)
    assert found.strength > mean.strength


def test_any_score_can_be_the_target():
    """A metric of one's own, and IoU."""

    def area_kept(reference, other):
        return np.count_nonzero(reference & other) / np.count_nonzero(reference)

    found = labelnoise.calibrate(DISCS, labelnoise.natural, 0.8, metric=area_kept, rng=0)
    assert found.score == pytest.approx(0.8, abs=0.005)
    found = labelnoise.match(DISCS[-1], labelnoise.natural, 0.8, metric=labelnoise.iou, rng=0)
    assert labelnoise.iou(DISCS[-1], found.mask) == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize(
    ("metric", "target"),
    [
        (labelnoise.nsd, 0.8),
        (functools.partial(labelnoise.nsd, tolerance=1), 0.7),
        (labelnoise.hd95, 4.0),
        (labelnoise.assd, 1.5),
        (functools.partial(labelnoise.assd, spacing=(0.5, 0.5)), 0.7),
        (labelnoise.volume_difference, 0.2),
    ],
)
def test_scores_may_fall_or_rise(metric, target):
    """The target lies between those of the bounds, near to both."""
    found = labelnoise.calibrate(DISCS, labelnoise.natural, target, metric=metric, rng=0)
    noise = functools.partial(labelnoise.natural, sigma=found.strength)
    scores = [
        metric(disc, noise(disc, rng=labelnoise.sample_rng(0, index)))
        for index, disc in enumerate(DISCS)
    ]
    assert np.mean(scores) == pytest.approx(found.score, abs=1e-12)
    tol = max(0.005, 0.01 * (target > 1) * target)
    assert np.abs(np.subtract(found.bracket_scores, target)).max() <= tol
    one = labelnoise.match(DISCS[-1], labelnoise.natural, target, metric=metric, tol=0.1, rng=0)
    assert metric(DISCS[-1], one.mask) == one.score == pytest.approx(target, abs=0.1)


def test_masks_may_be_too_small():
    """The difference of volumes has a sign; errors of the other sign do not reach it."""
    small = functools.partial(labelnoise.bias, direction="in")
    options = {"metric": labelnoise.volume_difference, "rng": 0}
    found = labelnoise.calibrate(DISCS, small, -0.2, **options)
    assert found.score == pytest.approx(-0.2, abs=0.005)
    with pytest.raises(ValueError, match=r"^target=-0\.2: .* pass a target on that side of 0$"):
        labelnoise.calibrate(DISCS, labelnoise.bias, -0.2, **options)


def test_a_lost_structure_is_infinitely_far_away():
    """A distance may be infinite on the way; the strength is that of the last finite one."""
    small = functools.partial(labelnoise.bias, direction="in")
    found = labelnoise.match(DISCS[0], small, 8.0, metric=labelnoise.hd95, tol=0.3, rng=0)
    assert found.score == pytest.approx(8, abs=0.3)
    with pytest.raises(
        ValueError, match=r"the score jumps from .* to inf .* a structure is lost there"
    ):
        labelnoise.match(DISCS[0], small, 15.0, metric=labelnoise.hd95, rng=0)


def test_masks_may_have_options_for_the_metric():
    """Such as a spacing each."""
    fine, coarse = {"spacing": (0.5, 0.5)}, {"spacing": (2.0, 2.0)}
    pairs = [(disc, {}, (fine, coarse)[index % 2]) for index, disc in enumerate(DISCS)]
    found = labelnoise.calibrate(pairs, labelnoise.bias, 2.0, metric=labelnoise.assd, rng=0)
    noisy = [labelnoise.bias(disc, found.strength, rng=0) for disc in DISCS]
    scores = [
        labelnoise.assd(disc, other, **options)
        for (disc, _, options), other in zip(pairs, noisy, strict=True)
    ]
    assert np.mean(scores) == pytest.approx(found.score)


@pytest.mark.parametrize(
    ("target", "metric", "message"),
    [
        (1.2, labelnoise.dice, "target=1.2: pass a score above 0, up to 1, e.g. 0.9"),
        (0, labelnoise.nsd, "target=0: pass a score above 0, up to 1, e.g. 0.9"),
        (-1.0, labelnoise.hd95, "target=-1.0: pass a score above 0, e.g. 2.0"),
        (-1, labelnoise.volume_difference, "target=-1: pass a score above -1, e.g. 0.1"),
        ("a", lambda one, other: 0.0, "target='a': pass a finite number"),
    ],
)
def test_scores_that_cannot_be_are_refused(target, metric, message):
    """With an example of one that can."""
    for find, masks in (labelnoise.calibrate, DISCS), (labelnoise.match, DISCS[0]):
        with pytest.raises(ValueError, match="target") as error:
            find(masks, labelnoise.natural, target, metric=metric)
        assert str(error.value) == message


def test_the_nearest_score_is_taken_if_that_is_wanted():
    """Where objects are lost one by one, most scores cannot be."""
    with pytest.raises(ValueError, match="the score jumps"):
        labelnoise.match(CROWDS[0], labelnoise.omit, 0.95, tol=1e-4, rng=0)
    found = labelnoise.match(CROWDS[0], labelnoise.omit, 0.95, tol=1e-4, strict=False, rng=0)
    again = labelnoise.omit(CROWDS[0], found.strength, rng=0)
    np.testing.assert_array_equal(again, found.mask)
    assert labelnoise.dice(CROWDS[0], again) == found.score == pytest.approx(0.95, abs=0.03)
    assert abs(found.score - 0.95) == min(abs(score - 0.95) for _, score in found.history)


MAPS = np.where(np.roll(DISCS, 12, axis=2), 2 * DISCS, DISCS).astype(np.uint8)
MAPS[::3][MAPS[::3] == 2] = 1


@each
@pytest.mark.parametrize("reduction", ["mean", "pooled"])
def test_maps_calibrate_to_their_labels(perturb, reduction):
    """To the mean over labels, or to one, in masks that have it."""
    options = {"reduction": reduction, "rng": 0}
    every = labelnoise.calibrate(MAPS, perturb, 0.9, **options)
    assert every.masks == len(MAPS)
    assert every.score == pytest.approx(0.9, abs=0.005)
    again = labelnoise.calibrate(MAPS, perturb, 0.9, labels=[1, 2], **options)
    assert again == every
    second = labelnoise.calibrate(MAPS, perturb, 0.9, labels=[2], **options)
    assert second.masks == sum((mask == 2).any() for mask in MAPS) < len(MAPS)
    assert second.score == pytest.approx(0.9, abs=0.005)
    if perturb is not labelnoise.random:
        assert second.strength > every.strength  # label 1 is thinner
    only = labelnoise.calibrate(
        MAPS,
        lambda mask, strength, *, rng: perturb(mask, strength, labels=[2], rng=rng),
        0.9,
        labels=[2],
        **options,
    )
    assert only.score == pytest.approx(0.9, abs=0.005)


def test_pooled_scores_are_those_of_all_pixels_of_each_label():
    """Then the mean over labels."""
    seen = []

    def chop(mask, sigma, *, rng):
        result = labelnoise.choppy(mask, sigma, rng=rng)
        seen.append((mask, result))
        return result

    found = labelnoise.calibrate(MAPS, chop, 0.9, reduction="pooled", rng=0)
    pooled = labelnoise.dice(*(np.stack(masks) for masks in zip(*seen[-len(MAPS) :], strict=True)))
    assert found.history[-1][1] == pytest.approx(pooled, abs=1e-12)


@each
@pytest.mark.parametrize("find", ["calibrate", "match"])
def test_each_label_may_have_a_target(perturb, find):
    """By strengths of their own, which together give all of the scores."""
    targets = {1: 0.65, 2: 0.92}
    if find == "match":
        mask = MAPS[-1]
        found = labelnoise.match(mask, perturb, targets, tol=0.01, rng=np.random.default_rng(0))
        reached, strengths = labelnoise.dice(mask, found.mask, per_label=True), found.strength
        assert reached == found.score
        parts = {label: labelnoise.Noise(perturb, each) for label, each in strengths.items()}
        again = labelnoise.PerLabel(parts)(mask, rng=np.random.default_rng(0))
        np.testing.assert_array_equal(again, found.mask)
    else:
        each = labelnoise.calibrate(MAPS, perturb, targets, tol=0.01, rng=0)
        parts = {label: labelnoise.Noise(perturb, at.strength) for label, at in each.items()}
        noise = labelnoise.PerLabel(parts)
        scores = [
            labelnoise.dice(
                mask, noise(mask, rng=labelnoise.sample_rng(0, key)), labels=[1, 2], per_label=True
            )
            for key, mask in enumerate(MAPS)
        ]
        reached = {label: np.nanmean([score[label] for score in scores]) for label in targets}
        for label, at in each.items():
            assert reached[label] == pytest.approx(at.score)
    assert reached == pytest.approx(targets, abs=0.011)


def test_later_labels_may_leave_no_room():
    """For the score of an earlier one, which they are drawn over."""
    message = (
        r"^target=\{1: 0.99, 2: 0.7\}: label 1: .* already, as later labels move over it; lower"
    )
    with pytest.raises(ValueError, match=message):
        labelnoise.calibrate(MAPS, labelnoise.wobble, {1: 0.99, 2: 0.7}, rng=0)
    with pytest.raises(ValueError, match=r"^labels=\[1\]: target has a score for each of \[1, 2\]"):
        labelnoise.calibrate(MAPS, labelnoise.wobble, {1: 0.9, 2: 0.7}, labels=[1], rng=0)


@each
def test_match_gives_a_label_its_own_score(perturb):
    """Or all labels their mean."""
    for labels in (None, [2], [1]):
        found = labelnoise.match(MAPS[-1], perturb, 0.9, tol=0.01, labels=labels, rng=1)
        score = labelnoise.dice(MAPS[-1], found.mask, labels=labels)
        assert score == found.score == pytest.approx(0.9, abs=0.01)


@each
@pytest.mark.parametrize("mask", [DISCS[-1], 3 * DISCS.astype(np.int32)], ids=["plane", "volume"])
def test_match_gives_one_mask_its_own_score(perturb, mask):
    """The mask that comes back has the score and the strength that are told."""
    found = labelnoise.match(mask, perturb, 0.9, tol=0.002, rng=2)
    assert labelnoise.dice(mask, found.mask) == found.score == pytest.approx(0.9, abs=0.002)
    np.testing.assert_array_equal(perturb(mask, found.strength, rng=2), found.mask)
    assert found.mask.dtype == mask.dtype
    assert found.nfev < 15


def test_match_advances_a_generator_once():
    """Two matches in a row have different noise."""
    rng = np.random.default_rng(0)
    first, second = (labelnoise.match(DISCS[-1], labelnoise.natural, 0.9, rng=rng) for _ in "12")
    assert (first.mask != second.mask).any()


def test_a_target_of_1_is_reached():
    """By doing nothing, or nearly nothing."""
    assert labelnoise.match(DISCS[0], labelnoise.natural, 1, rng=0).strength == 0
    assert labelnoise.calibrate(DISCS, labelnoise.natural, 1, rng=0).score == 1


def test_the_limit_of_strength_is_kept():
    """No evaluation goes beyond it."""
    free = labelnoise.match(DISCS[-1], labelnoise.choppy, 0.9, rng=0)
    highest = max(strength for strength, _ in free.history)
    upper = (free.strength + highest) / 2
    found = labelnoise.match(DISCS[-1], labelnoise.choppy, 0.9, upper=upper, rng=0)
    assert max(strength for strength, _ in found.history) == upper < highest


def test_progress_shows_a_bar(capsys):
    """The bar tells the last strength and score."""
    found = labelnoise.match(DISCS[-1], labelnoise.natural, 0.9, rng=0, progress=True)
    assert f"{found.nfev} evaluations" in capsys.readouterr().err
