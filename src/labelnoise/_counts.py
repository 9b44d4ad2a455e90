"""Pixels of two label maps, counted in one pass."""

from typing import Any, no_type_check

import numpy as np
from numba import types
from numpy.typing import NDArray

from ._kernel import BYTE, INDEX, WORD, array, as_words, kernel
from ._validate import refuse_many

Bytes = tuple[NDArray[np.uint8], NDArray[Any]]


def count_labels(first: Bytes, second: Bytes) -> dict[int, tuple[int, int, int]]:
    """Count the pixels of each label in both maps together, in the first and in the second.

    A map comes as contiguous bytes and the table of what they stand for; bytes that the table does
    not hold are not counted.
    """
    labels = first[1].tolist()
    if labels != second[1].tolist():
        labels = [0, *sorted({*_present(*first), *_present(*second)} - {0})]
        if len(labels) > 256:
            refuse_many("other")
        first, second = _translate(*first, labels), _translate(*second, labels)
    counts = np.zeros((256, 3), np.int64)
    _count(*as_words(first[0]), *as_words(second[0]), counts)
    return {
        label: (both, here, there)
        for label, (both, here, there) in zip(labels[1:], counts[1:].tolist(), strict=False)
        if here or there
    }


def _present(codes: NDArray[np.uint8], table: NDArray[Any]) -> list[int]:
    found = np.bincount(codes.reshape(-1), minlength=256)[: table.size] > 0
    return table[found].tolist()  # type: ignore[no-any-return]


def _translate(codes: NDArray[np.uint8], table: NDArray[Any], labels: list[int]) -> Bytes:
    """Let bytes stand for their label's place in a list."""
    places = {label: place for place, label in enumerate(labels)}
    translation = np.zeros(256, np.uint8)
    translation[: table.size] = [places.get(value, 0) for value in table.tolist()]
    return translation[codes], table


@kernel(
    types.void(
        array(BYTE, readonly=True),
        array(WORD, readonly=True),
        array(BYTE, readonly=True),
        array(WORD, readonly=True),
        array(types.int64, 2),
    )
)
@no_type_check
def _count(first, first_words, second, second_words, counts):
    # Stretches in which both maps stay the same are counted at once, word by word.
    one, three, seven = INDEX(1), INDEX(3), INDEX(7)
    bytes_of = WORD(0x0101010101010101)
    size, full = INDEX(first.size), INDEX(first_words.size)
    a, b = BYTE(0), BYTE(0)
    i, start = INDEX(0), INDEX(0)
    while i < size:
        if i & seven == 0:
            w = i >> three
            while (
                w < full
                and first_words[w] == WORD(a) * bytes_of
                and second_words[w] == WORD(b) * bytes_of
            ):
                w += one
            i = w << three
        stop = min((i | seven) + one, size)
        while i < stop:
            if first[i] != a or second[i] != b:
                counts[a, 1] += i - start
                counts[b, 2] += i - start
                if a == b:
                    counts[a, 0] += i - start
                a, b, start = first[i], second[i], i
            i += one
    counts[a, 1] += size - start
    counts[b, 2] += size - start
    if a == b:
        counts[a, 0] += size - start
