"""How randomness flows: from a seed to samples, and from a call to its planes."""

import hashlib
import os
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._validate import check_key, check_rng, check_seed


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
           [0, 1, 1, 1, 1, 1],
           [0, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 0],
           [1, 1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    digest = hashlib.blake2b(check_key(key), digest_size=16).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    if epoch is not None:
        words.append(check_seed("epoch", epoch))
    return np.random.default_rng(np.random.SeedSequence(check_seed("seed", seed), spawn_key=words))


class PlaneStreams:
    """The random streams of planes, from plane `first` on, and of the regions in them.

    Philox is counter-based: under one key, streams whose counters differ in the two highest of four
    words never meet, and to go to another stream takes a microsecond. The highest is the index of
    the plane, the next the place of the region among those of its plane. The generator is the
    thread's own: one instance is in use at a time.
    """

    def __init__(self, key: NDArray[np.uint64], first: int) -> None:
        self._first = first
        self._bits, self._generator, self._state = _THREAD.bits, _THREAD.generator, _THREAD.state
        self._state["state"]["key"] = key

    def normals(self, regions: NDArray[np.integer[Any]], width: int) -> NDArray[np.float64]:
        """Return rows of standard normal draws.

        `regions` tells the plane of each region (column 0) and where its rows end (column 2).
        """
        table = regions.tolist()
        draws = np.empty((table[-1][2] if table else 0, width))
        start, before, layer = 0, -1, 0
        for plane, _, stop, *_ in table:
            layer = layer + 1 if plane == before else 0
            if start < stop:
                self._go_to(plane, layer)
                self._generator.standard_normal(out=draws[start:stop])
            start, before = stop, plane
        return draws

    def words(self, regions: NDArray[np.integer[Any]], counts: list[int]) -> NDArray[np.uint64]:
        """Return `counts` words of 64 random bits from each region's stream."""
        words, before, layer = [], -1, 0
        for plane, count in zip(regions[:, 0].tolist(), counts, strict=True):
            layer = layer + 1 if plane == before else 0
            self._go_to(plane, layer)
            words.append(self._bits.random_raw(count))
            before = plane
        return words[0] if len(words) == 1 else np.concatenate([*words, np.empty(0, np.uint64)])

    def _go_to(self, plane: int, layer: int) -> None:
        words = self._state["state"]["counter"]
        words[2], words[3] = layer, self._first + plane
        self._bits.state = self._state


def draw_key(rng: Any) -> NDArray[np.uint64]:
    """Draw a key for `PlaneStreams` from what a caller passed as `rng`."""
    return check_rng(rng).random(2).view(np.uint64)


class _Thread(threading.local):
    """One generator a thread, which every stream sets before it reads."""

    def __init__(self) -> None:
        self.bits = np.random.Philox(0)
        self.generator = np.random.Generator(self.bits)
        self.state: Any = self.bits.state


_THREAD = _Thread()
