"""Masks to test with: drawn ones and random ones; and where real ones may be."""

import os
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SHARED = Path(os.environ.get("LABELNOISE_DATA") or os.devnull)  # lits13, kits23_raters
DTYPES = [
    np.dtype(name)
    for name in (
        "bool",
        "uint8",
        "int8",
        "uint16",
        "int16",
        ">i2",
        "int32",
        ">u4",
        "int64",
        "uint64",
    )
]


def fewer(times):
    """Let a slow property test have so many times fewer examples than the profile has."""
    return settings(max_examples=settings().max_examples // times)


def draw(text, label=1, dtype=np.uint8):
    """Make a mask of lines of dots and hashes."""
    lines = text.split()
    return np.array([[label * (pixel == "#") for pixel in line] for line in lines], dtype)


def show(mask):
    """Draw a mask with dots and hashes."""
    return "\n".join("".join(".#"[int(pixel != 0)] for pixel in row) for row in mask)


@st.composite
def stacks(draw, max_planes=3, max_side=12, dtypes=("uint8",)):
    """Stacks of planes with one label: noise, full, empty, or a few rectangles and holes."""
    shape = tuple(draw(st.integers(1, top)) for top in (max_planes, max_side, max_side))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    if draw(st.booleans()):
        positive = draw(hnp.arrays(bool, shape, elements=st.booleans()))
    else:
        positive = np.zeros(shape, bool)
        for value in draw(st.lists(st.booleans(), max_size=6)):
            corner = [draw(st.integers(0, side - 1)) for side in shape]
            size = [draw(st.integers(1, side)) for side in shape]
            box = tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))
            positive[box] = value
    label = True
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        label = draw(st.integers(int(limits.min), int(limits.max)).filter(bool))
    return np.where(positive, np.array(label, dtype), np.array(0, dtype)).astype(dtype)


@st.composite
def maps(draw, max_planes=2, max_side=12, dtypes=("uint8",), most=4):
    """Stacks of label maps: noise, or rectangles over each other; and the labels that they have."""
    shape = tuple(draw(st.integers(1, top)) for top in (max_planes, max_side, max_side))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    label = st.just(1)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        label = st.integers(int(limits.min), int(limits.max)).filter(bool)
    labels = draw(st.lists(label, min_size=1, max_size=most, unique=True))
    places = st.integers(0, len(labels))
    if draw(st.booleans()):
        codes = draw(hnp.arrays(np.intp, shape, elements=places))
    else:
        codes = np.full(shape, draw(places))
        for value in draw(st.lists(places, max_size=8)):
            corner = [draw(st.integers(0, side - 1)) for side in shape]
            size = [draw(st.integers(1, side)) for side in shape]
            codes[tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))] = value
    return np.array([0, *labels], dtype)[codes], labels


@st.composite
def crowds(draw):
    """Stacks of random blocks of up to four labels, as if shuffled; and the labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = rng.integers([1, 4, 4], [6, 13, 13])
    labels = rng.choice(np.arange(1, 9), rng.integers(1, 5), replace=False)
    codes = rng.integers(0, len(labels) + 1, shape)
    for axis, block in enumerate(rng.integers(1, 4, 3)):
        codes = np.repeat(codes, block, axis)
    box = tuple(slice(side) for side in shape)
    return np.array([0, *labels], np.uint8)[codes][box], labels.tolist()
