"""The strength that gives a wanted score, for many masks or for one."""

import functools

import numpy as np
import pytest

import labelnoise

ROWS, COLUMNS = np.indices((96, 96))
DISCS = np.stack([np.hypot(ROWS - 48, COLUMNS - 48) < radius for radius in range(12, 36)])
ALL = [labelnoise.natural, labelnoise.choppy, labelnoise.random]
each = pytest.mark.parametrize("perturb", ALL, ids=lambda perturb: perturb.__name__)


@each
@pytest.mark.parametrize("target", [0.95, 0.85, 0.5])
def test_both_bounds_end_near_the_target(perturb, target):
    """The paper's rule, and what it says is what a new evaluation gives."""
    found = labelnoise.calibrate(perturb, DISCS, target, rng=0)
    low, high = found.bracket_scores
    assert target <= low <= target + 0.005
    assert target - 0.005 <= high <= target
    assert found.strength in found.bracket
    assert found.score in found.bracket_scores
    assert found.masks == len(DISCS)
    assert found.nfev == len(found.history) <= 15
    noisy = [perturb(mask, found.strength, rng=seed) for seed, mask in enumerate(DISCS)]
    again = np.mean([labelnoise.dice(*pair) for pair in zip(DISCS, noisy, strict=True)])
    assert again == pytest.approx(target, abs=0.06)


def test_random_has_its_strength_in_closed_form():
    """Dice is 1 - rate."""
    found = labelnoise.calibrate(labelnoise.random, DISCS, 0.9, rng=0)
    assert found.strength == pytest.approx(0.1, abs=0.005)


@each
def test_scores_fall_as_strength_grows(perturb):
    """One set of draws for all strengths makes the search well-behaved."""
    scores = []
    labelnoise.calibrate(perturb, DISCS, 0.6, rng=3, progress=lambda *pair: scores.append(pair))
    strengths, scores = zip(*sorted(scores), strict=True)
    assert (np.diff(scores) <= 0).all()
    assert scores[0] == 1
    assert strengths[0] == 0


@each
def test_workers_do_not_matter(perturb):
    """Threads change the time, not the result."""
    results = [labelnoise.calibrate(perturb, DISCS, 0.9, rng=1, workers=n) for n in (1, 2, 5)]
    assert results[0] == results[1] == results[2]


def test_the_same_seed_gives_the_same_strength():
    """Another seed gives another sample and other noise."""
    run = functools.partial(labelnoise.calibrate, labelnoise.choppy, DISCS, 0.9, sample=8)
    assert run(rng=4) == run(rng=np.random.default_rng(4))
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
    found = labelnoise.calibrate(labelnoise.choppy, folder, 0.9, sample=10, rng=0)
    assert found.masks == 10
    assert len(folder.loaded) == len(set(folder.loaded)) < 40
    assert labelnoise.calibrate(labelnoise.choppy, list(DISCS), 0.9, rng=0) == labelnoise.calibrate(
        labelnoise.choppy, DISCS, 0.9, rng=0
    )


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
        labelnoise.calibrate(labelnoise.choppy, masks, 0.9, rng=0) for masks in (Reader(), DISCS)
    ]
    assert results[0] == results[1]


def test_masks_cannot_be_written_on():
    """A perturbation that works in place is stopped, and harms nothing."""

    def erase(mask, strength, *, rng):
        mask[:] = 0
        return mask

    with pytest.raises(ValueError, match="read-only"):
        labelnoise.calibrate(erase, DISCS, 0.9)
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

    found = labelnoise.calibrate(chop, DISCS, 0.9, metric=metric, reduction="pooled", rng=0)
    last = seen[-len(DISCS) :]
    pooled = metric(*(np.stack(masks) for masks in zip(*last, strict=True)))
    assert found.history[-1][1] == pytest.approx(pooled, abs=1e-12)
    mean = labelnoise.calibrate(chop, DISCS, 0.9, metric=metric, rng=0)
    assert found.strength > mean.strength


def test_any_score_can_be_the_target():
    """A metric of one's own, and IoU."""

    def area_kept(reference, other):
        return np.count_nonzero(reference & other) / np.count_nonzero(reference)

    found = labelnoise.calibrate(labelnoise.natural, DISCS, 0.8, metric=area_kept, rng=0)
    assert found.score == pytest.approx(0.8, abs=0.005)
    found = labelnoise.match(DISCS[-1], labelnoise.natural, 0.8, metric=labelnoise.iou, rng=0)
    assert labelnoise.iou(DISCS[-1], found.mask) == pytest.approx(0.8, abs=0.005)


MAPS = np.where(np.roll(DISCS, 12, axis=2), 2 * DISCS, DISCS).astype(np.uint8)
MAPS[::3][MAPS[::3] == 2] = 1


@each
@pytest.mark.parametrize("reduction", ["mean", "pooled"])
def test_maps_calibrate_to_their_labels(perturb, reduction):
    """To the mean over labels, or to one, in masks that have it."""
    options = {"reduction": reduction, "rng": 0}
    every = labelnoise.calibrate(perturb, MAPS, 0.9, **options)
    assert every.masks == len(MAPS)
    assert every.score == pytest.approx(0.9, abs=0.005)
    again = labelnoise.calibrate(perturb, MAPS, 0.9, labels=[1, 2], **options)
    assert again == every
    second = labelnoise.calibrate(perturb, MAPS, 0.9, labels=[2], **options)
    assert second.masks == sum((mask == 2).any() for mask in MAPS) < len(MAPS)
    assert second.score == pytest.approx(0.9, abs=0.005)
    if perturb is not labelnoise.random:
        assert second.strength > every.strength  # label 1 is thinner
    only = labelnoise.calibrate(
        lambda mask, strength, *, rng: perturb(mask, strength, labels=[2], rng=rng),
        MAPS,
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

    found = labelnoise.calibrate(chop, MAPS, 0.9, reduction="pooled", rng=0)
    pooled = labelnoise.dice(*(np.stack(masks) for masks in zip(*seen[-len(MAPS) :], strict=True)))
    assert found.history[-1][1] == pytest.approx(pooled, abs=1e-12)


@each
def test_match_gives_a_label_its_own_score(perturb):
    """Or all labels their mean."""
    for labels in (None, [2], [1]):
        found = labelnoise.match(MAPS[-1], perturb, 0.9, labels=labels, rng=1)
        score = labelnoise.dice(MAPS[-1], found.mask, labels=labels)
        assert score == found.score == pytest.approx(0.9, abs=0.005)


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
    assert labelnoise.calibrate(labelnoise.natural, DISCS, 1, rng=0).score == 1


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
