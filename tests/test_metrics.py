"""Scores of boundaries and volumes: their definitions, MONAI's, and what masks may lack."""

import itertools
import pickle
from functools import partial

import numpy as np
import pytest
from helpers import maps, stacks
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

import labelnoise
from labelnoise import assd, dice, hd95, iou, nsd, scores, volume_difference

DISTANCES = hd95, assd, nsd


def boundary(mask):
    """List the pixels that have a neighbour outside, one by one."""
    padded = np.pad(mask, 1)
    steps = [
        step for step in itertools.product((-1, 0, 1), repeat=mask.ndim) if sum(map(abs, step)) == 1
    ]
    return [
        place
        for place in zip(*np.nonzero(padded), strict=True)
        if not all(padded[tuple(np.add(place, step))] for step in steps)
    ]


def naive(one, other, spacing, tolerance):
    """Compare each boundary pixel with each other one."""
    here, there = (np.reshape(boundary(mask), (-1, mask.ndim)) * spacing for mask in (one, other))
    if not len(here) and not len(there):
        return {"nsd": np.nan, "hd95": np.nan, "assd": np.nan}
    if not len(here) or not len(there):
        return {"nsd": 0.0, "hd95": np.inf, "assd": np.inf}
    apart = np.linalg.norm(here[:, None] - there, axis=-1)
    to, fro = apart.min(1), apart.min(0)
    both = np.concatenate([to, fro])
    return {
        "nsd": np.mean(both <= tolerance + 1e-6),
        "hd95": max(np.percentile(to, 95), np.percentile(fro, 95)),
        "assd": np.mean(both),
    }


@given(maps(dtypes=("uint8", "int8", ">i2", "uint64")), st.data())
def test_they_are_their_definitions(drawn, data):
    """Of each label, in planes and volumes, whatever the dtypes and the spacing."""
    stack, labels = drawn
    dtype = data.draw(st.sampled_from([stack.dtype, np.dtype(">i8")]))
    other = np.roll(stack, data.draw(st.integers(0, 2)), axis=-1).astype(dtype)
    other[other == data.draw(st.sampled_from([*labels, 0]))] = 0
    spacing = tuple(data.draw(st.sampled_from([0.7, 1.0, 2.5])) for _ in stack.shape)
    tolerance = data.draw(st.sampled_from([0.0, 0.7, 1.0, 2.1]))
    listed = [*labels, next(label for label in range(1, 9) if label not in labels)]
    found = scores(stack, other, spacing=spacing, tolerance=tolerance, labels=listed)
    assert list(found) == listed
    for label, row in found.items():
        expected = naive(stack == label, other == label, spacing, tolerance)
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, nan_ok=True), (label, name)
    options = {"spacing": spacing, "labels": listed}
    for score in DISTANCES:
        more = {"tolerance": tolerance} if score is nsd else {}
        each = score(stack, other, per_label=True, **options, **more)
        np.testing.assert_equal(each, {label: row[score.__name__] for label, row in found.items()})
        known = [value for value in each.values() if not np.isnan(value)] or [score.equal]
        assert score(stack, other, **options, **more) == pytest.approx(np.mean(known))
        assert found.mean()[score.__name__] == pytest.approx(np.mean(known))
    for score in dice, iou, volume_difference:
        each = score(stack, other, labels=listed, per_label=True)
        np.testing.assert_equal(each, {label: row[score.__name__] for label, row in found.items()})


@given(stacks(), st.permutations(range(3)))
def test_the_order_in_memory_does_not_matter(stack, order):
    """Views, and the axes of NIfTI files."""
    other, spacing = np.roll(stack, 1, axis=-1), (2.5, 0.7, 1.0)
    moved = [each.transpose(order)[..., ::-1] for each in (stack, other)]
    steps = tuple(spacing[axis] for axis in order)
    one, two = scores(stack, other, spacing=spacing), scores(*moved, spacing=steps)
    assert list(one) == list(two)
    for label in one:
        assert one[label] == pytest.approx(two[label])


def label_maps():
    """Draw 200 pairs of label maps with three blobs each, some of them absent from one."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = tuple(rng.integers(8, 20, 3))
        pair = []
        fields = [ndimage.gaussian_filter(rng.normal(size=shape), 2) for _ in range(3)]
        for _ in range(2):
            labels = np.zeros(shape, np.uint8)
            for label, field in enumerate(fields, 1):
                noisy = field + 0.3 * ndimage.gaussian_filter(rng.normal(size=shape), 1)
                if rng.random() > 0.03:
                    labels[noisy > np.quantile(noisy, 0.85)] = label
            pair.append(labels)
        yield *pair, tuple(rng.choice([0.7, 0.85, 1.0, 2.5, 5.0], 3).tolist())


@pytest.mark.filterwarnings("ignore:.*may result in nan/inf distance:UserWarning")
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
def test_monai_agrees_where_both_masks_have_a_label():
    """Of a label that one mask lacks, MONAI says nan or infinity, differently for each score."""
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    compared = 0
    for reference, other, spacing in label_maps():
        labels = [1, 2, 3]
        found = scores(reference, other, spacing=spacing, tolerance=1.9, labels=labels)
        hot = [
            torch.from_numpy(np.stack([mask == label for label in labels])[np.newaxis])
            for mask in (other, reference)
        ]
        shared = {"include_background": True, "spacing": spacing}
        theirs = {
            "hd95": metrics.compute_hausdorff_distance(*hot, percentile=95, **shared),
            "assd": metrics.compute_average_surface_distance(*hot, symmetric=True, **shared),
            "nsd": metrics.compute_surface_dice(*hot, [1.9] * 3, **shared),
        }
        for index, label in enumerate(labels):
            if (reference == label).any() and (other == label).any():
                compared += 1
                for name, values in theirs.items():
                    expected = float(values[0, index])
                    assert found[label][name] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert compared > 500


def test_what_masks_lack():
    """Nothing is equal to nothing; a label that one lacks is infinitely far away."""
    mask = np.zeros((5, 6), np.uint8)
    nothing = mask.copy()
    mask[1:3, 1:4] = 1
    assert [score(nothing, nothing) for score in labelnoise.metrics.ALL] == [1, 1, 1, 0, 0, 0]
    assert scores(nothing, nothing) == {}
    assert scores(nothing, nothing).mean()["hd95"] == 0.0
    assert all(np.isnan(list(scores(mask, mask, labels=[1, 7])[7].values())))
    assert [score(mask, nothing) for score in labelnoise.metrics.ALL] == [
        *[0, 0, 0],
        *[np.inf, np.inf, -1],
    ]
    assert volume_difference(nothing, mask) == hd95(nothing, mask) == np.inf
    assert scores(mask[:0], mask[:0]) == {}


def test_the_border_of_an_array_is_a_boundary():
    """As in MONAI: what lies outside is background."""
    full = np.ones((4, 4), bool)
    cut = full.copy()
    cut[:, 3] = False
    assert hd95(full, cut) == 1.0
    assert nsd(full, cut, tolerance=0) == (8 + 8) / (12 + 10)


def test_a_boolean_mask_is_the_only_label_of_the_other():
    """As in dice, for every score; bytes other than 0 are foreground."""
    mask = np.zeros((6, 6), np.uint8)
    mask[1:4, 1:4] = 5
    other = np.roll(mask, 1, axis=0) != 0
    odd = np.roll(mask, 1, axis=0).view(bool)
    for score in labelnoise.metrics.ALL:
        assert score(mask, other) == score(mask != 0, other) == score(mask != 0, odd)


def test_rounding_does_not_decide_about_a_tolerance():
    """Three steps of 0.1 are 0.3, though not in binary numbers."""
    mask = np.zeros((3, 12), bool)
    mask[1, 2] = True
    assert nsd(mask, np.roll(mask, 3, axis=1), tolerance=0.3, spacing=(0.1, 0.1)) == 1.0
    assert nsd(mask, np.roll(mask, 3, axis=1), tolerance=0.29, spacing=(0.1, 0.1)) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mask: hd95(mask, mask, spacing=(1.0,)), "spacing=(1.0,): pass 2 positive numbers"),
        (lambda mask: assd(mask, mask, spacing=(0, 1)), "spacing=(0, 1): pass 2 positive numbers"),
        (lambda mask: nsd(mask, mask, tolerance=-1), "tolerance=-1: pass a number from 0"),
        (lambda mask: scores(mask, mask, tolerance="a"), "tolerance='a': pass a number from 0"),
        (lambda mask: scores(mask, mask[1:]), "other: shape (3, 4) differs from the reference's"),
    ],
)
def test_what_cannot_be_scored_is_told(call, message):
    """The argument, its value, the remedy."""
    mask = np.ones((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        call(mask)
    assert str(error.value).startswith(message)


def test_a_score_takes_no_option_of_another():
    """A spacing for Dice is a mistake."""
    mask = np.ones((4, 4), np.uint8)
    with pytest.raises(TypeError, match="spacing"):
        dice(mask, mask, spacing=(1, 1))


def test_scores_can_be_sent_to_processes():
    """As they are, and with options."""
    assert pickle.loads(pickle.dumps(hd95)) is hd95
    assert pickle.loads(pickle.dumps(partial(nsd, tolerance=1))).func is nsd


def test_a_table_shows_each_label():
    """In columns below their names."""
    mask = np.zeros((8, 8), np.int16)
    mask[1:5, 1:5], mask[5:7, 5:7] = 3, 12
    lines = str(scores(mask, np.roll(mask, 1, axis=0))).splitlines()
    assert [line.split()[0] for line in lines] == ["label", "3", "12"]
    assert len({len(line) for line in lines}) == 1
