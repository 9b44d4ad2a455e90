"""How randomness flows: from a seed to samples, and from a call to its patches."""

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._validate import check_key, check_number, check_rng, check_seed

_FREE: list[np.random.Generator] = []  # generators that no call uses; making one is slow
_KEPT = 64


def sample_rng(
    seed: int, key: str | bytes | int | os.PathLike[str], epoch: int | None = None
) -> np.random.Generator:
    """Return the generator of the noise that belongs to one sample.

    Parameters
    ----------
    seed : int
        Seed of the whole data set, at least 0.
    key : str, bytes, int or path
        What names the sample: its file name, say, or its index.
    epoch : int, optional
        Leave it out for noise that stays the same (a data set with errors); give the number of the
        epoch, at least 0, for noise that is drawn anew in each.

    Returns
    -------
    numpy.random.Generator
        The same on every machine, in every process and thread, and in any order of calls. The
        generators of different arguments are independent.

    Raises
    ------
    ValueError
        If `seed` or `epoch` is negative, or `key` is of another type.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> mask = np.zeros((6, 6), np.uint8)
    >>> mask[1:5, 1:5] = 1
    >>> rng = sample_rng(0, "liver_7.nii.gz", epoch=1)
    >>> labelnoise.choppy(mask, 1.0, rng=rng)
    array([[0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 0, 0],
           [0, 0, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    return _generator(seed, key, [] if epoch is None else [check_seed("epoch", epoch)])


def in_share(seed: int, key: str | bytes | int | os.PathLike[str], share: float) -> bool:
    """Return whether a sample is among the noisy ones of a data set.

    Parameters
    ----------
    seed : int
        Seed of the whole data set, at least 0.
    key : str, bytes, int or path
        What names the sample, as for `sample_rng`.
    share : float
        Share of noisy samples, from 0 to 1.

    Returns
    -------
    bool
        The same on every machine. Each sample is chosen on its own, so few samples may have a
        somewhat larger or smaller share of noisy ones. A larger share has the samples of a smaller
        one, and others. It is independent of the generators that `sample_rng` gives.

    Raises
    ------
    ValueError
        If `seed` is negative, `key` is of another type, or `share` is out of its range.

    Examples
    --------
    >>> [number for number in range(10) if in_share(0, number, 0.3)]
    [7]
    >>> [number for number in range(10) if in_share(0, number, 0.5)]
    [0, 2, 5, 6, 7]
    """
    # These two words are no epoch's: of an epoch of two, the last is not 0.
    return _generator(seed, key, [0, 0]).random() < check_number("share", share, 0.0, 1.0)


def _generator(seed: Any, key: Any, more: list[int]) -> np.random.Generator:
    digest = hashlib.blake2b(check_key(key), digest_size=16).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    sequence = np.random.SeedSequence(check_seed("seed", seed), spawn_key=[*words, *more])
    return np.random.default_rng(sequence)


class Streams:
    """The random streams of one call: one for each layer of each patch.

    Philox is counter-based: under one key, streams whose counters differ in the two highest of four
    words never meet. The highest is the index of the patch, the next the layer.
    """

    __slots__ = ("_counter", "_key", "_lent")

    def __init__(self, rng: Any) -> None:
        bits = check_rng(rng).bit_generator
        self._key = bits.random_raw(2)
        if isinstance(bits, np.random.MT19937):  # its words have 32 bits
            self._key |= bits.random_raw(2) << np.uint64(32)
        self._counter = np.zeros(4, np.uint64)
        self._lent: list[np.random.Generator] = []

    def at(self, patch: int, layer: int) -> np.random.Generator:
        """Return a generator at the start of a stream; it is good until `recycle`."""
        try:
            generator = _FREE.pop()
        except IndexError:
            generator = np.random.Generator(np.random.Philox(0))
        self._lent.append(generator)
        self._counter[2], self._counter[3] = layer, patch
        generator.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": self._counter, "key": self._key},
            "buffer": _EMPTY,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return generator

    def give_back(self, generator: np.random.Generator) -> None:
        """Take back the generator that was lent last."""
        if self._lent and self._lent[-1] is generator:
            _FREE.append(self._lent.pop())

    def recycle(self) -> None:
        """Take back all generators."""
        _FREE.extend(self._lent[:_KEPT])
        del _FREE[_KEPT:]
        self._lent.clear()


_EMPTY: NDArray[np.uint64] = np.zeros(4, np.uint64)


def split(rng: Any, count: int) -> list[np.random.Generator]:
    """Return independent generators; one of the same state gives the same ones.

    `Generator.spawn` counts the children that it gave away besides the state, and some generators
    have none.
    """
    words = check_rng(rng).bit_generator.random_raw(4)
    return [
        np.random.Generator(np.random.Philox(child))
        for child in np.random.SeedSequence(words.tolist()).spawn(count)
    ]
