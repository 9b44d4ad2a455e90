"""The score of the noise itself is its definition."""

import numpy as np
import pytest
from helpers import DTYPES, maps, stacks
from hypothesis import assume, given
from hypothesis import strategies as st

import labelnoise
from labelnoise import error_rate


def naive(reference, other, labels=None):
    """Compare pixel by pixel."""
    wrong = foreground = 0
    for mine, yours in zip(reference.ravel().tolist(), other.ravel().tolist(), strict=True):
        scored = {mine, yours} - {0} if labels is None else {mine, yours} & set(labels)
        wrong += mine != yours and bool(scored)
        foreground += mine in scored
    return wrong / foreground if foreground else np.inf if wrong else 0.0


@given(maps(dtypes=("uint8", "int8", ">i2", "int16", "uint64"), most=6), st.data())
def test_it_is_its_definition(drawn, data):
    """Of all labels or of some, of one dtype or two, in any byte order."""
    stack, labels = drawn
    dtype = np.dtype(data.draw(st.sampled_from([stack.dtype, np.dtype(">i8")])))
    assume(max(labels) <= np.iinfo(dtype).max)
    other = np.array(data.draw(st.permutations(stack.ravel().tolist())), dtype)
    other = other.reshape(stack.shape)
    if data.draw(st.booleans()):
        other[other == data.draw(st.sampled_from(labels))] = 0
    assert error_rate(stack, other) == naive(stack, other)
    some = data.draw(st.lists(st.sampled_from([*labels, 77, -1, 2**70]), min_size=1, unique=True))
    assert error_rate(stack, other, labels=some) == naive(stack, other, some)


@given(stacks(dtypes=[str(dtype) for dtype in DTYPES]))
def test_a_boolean_mask_and_one_label_are_foreground(stack):
    """As in dice, whatever the label is."""
    other = np.roll(stack != 0, 1, axis=-1)
    expected = naive(stack != 0, other)
    assert error_rate(stack, other) == expected
    assert error_rate(other, stack) == naive(other, stack != 0)


def test_its_ends():
    """Equal masks, more pixels than there were, and none to be wrong about."""
    mask = np.zeros((8, 8), np.uint8)
    mask[2:4, 2:4] = 1
    assert error_rate(mask, mask) == error_rate(0 * mask, 0 * mask) == 0.0
    assert error_rate(mask, np.ones_like(mask)) == 15.0
    assert error_rate(0 * mask, mask) == np.inf
    assert error_rate(mask, mask, labels=[7]) == 0.0
    assert error_rate(mask[:0], mask[:0]) == 0.0
    assert type(error_rate(mask, 0 * mask)) is float


def test_random_noise_has_twice_its_rate():
    """As many foreground pixels flip as background pixels."""
    mask = np.zeros((100, 100), np.int16)
    mask[20:60, 20:70] = 3
    assert error_rate(mask, labelnoise.random(mask, 0.1, rng=0)) == pytest.approx(0.2)


def test_thousands_of_labels():
    """Each one that is lost is an error; one that is not scored is none."""
    labels = np.arange(1, 3001).reshape(50, 60)
    other = np.where(labels % 3 == 0, 0, labels)
    assert error_rate(labels, other) == pytest.approx(1 / 3)
    assert error_rate(labels, other, labels=range(1, 100)) == pytest.approx(1 / 3)
    assert error_rate(labels, other, labels=[1, 2]) == 0.0


@pytest.mark.parametrize(
    ("reference", "other", "options", "message"),
    [
        (np.eye(3, dtype=int), np.eye(4, dtype=int), {}, r"other: shape \(4, 4\) differs"),
        (np.eye(3), np.eye(3, dtype=int), {}, "reference: dtype float64"),
        (np.eye(3, dtype=int), 2 * np.eye(3, dtype=int), {}, "other: has label 2 where"),
        (np.eye(3, dtype=int), np.eye(3, dtype=int), {"labels": [0]}, r"labels=\[0\]: list"),
    ],
)
def test_what_cannot_be_compared_is_named(reference, other, options, message):
    """As in dice: also one label under two numbers, which would be all wrong."""
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        error_rate(reference, other, **options)
