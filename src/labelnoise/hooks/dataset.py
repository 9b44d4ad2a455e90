"""Label noise for any map-style dataset: PyTorch's, or a list of samples."""

import copy
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._streams import in_share, sample_rng
from .._validate import check_entry, check_keys
from ._noise import Perturb, check_perturb, perturb_labels


class NoisyLabels:
    """Wrap a dataset so that its labels are wrong.

    Parameters
    ----------
    dataset : sequence
        Anything with ``len(dataset)`` and ``dataset[index]``; its samples are tuples, lists or
        dictionaries that hold a label map: an array or a tensor.
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets the label map
        as it is: name a volume's axes there.
    seed : int or None
        An integer makes the noise **fixed**: that of a sample depends on `seed` and the sample's
        key alone, the same in each epoch and for any number of workers. None makes it
        **resampled**: drawn anew at each access from PyTorch's random state, which differs from
        worker to worker and from epoch to epoch and follows ``torch.manual_seed``.
    label : int or str, optional
        Position or name of the label map in a sample.
    key : int, str or sequence, optional
        What names a sample, for fixed noise: an entry of each sample (its position or name there),
        or a sequence of names as long as the dataset. By default the index, which holds as long as
        the dataset keeps its order.
    share : float, optional
        Share of the samples that have noise, chosen by `seed` and key as `in_share` does. The
        others come as they are. For fixed noise only.

    Raises
    ------
    TypeError
        If `perturb` is no function, a sample is an array, or its labels are neither an array nor a
        tensor.
    ValueError
        If `seed` is negative, `share` is out of its range or below 1 without a seed, `key` has
        another length than `dataset`, a sample lacks the entry `label` or `key`, or labels are not
        integers.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> image, mask = np.zeros((6, 6)), np.zeros((6, 6), np.uint8)
    >>> mask[1:5, 1:5] = 1
    >>> noisy = NoisyLabels([(image, mask)], labelnoise.Noise("choppy", 1), seed=0)
    >>> noisy[0][1]
    array([[0, 0, 0, 0, 0, 0],
           [0, 0, 1, 1, 1, 0],
           [1, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 0],
           [1, 1, 1, 1, 0, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """

    def __init__(
        self,
        dataset: Any,
        perturb: Perturb,
        seed: int | None,
        *,
        label: Any = 1,
        key: int | str | Sequence[Any] | None = None,
        share: float = 1.0,
    ) -> None:
        in_share(0 if seed is None else seed, 0, share)  # refuses bad ones here, not in a worker
        if seed is None and share < 1:
            raise ValueError(
                f"share={share!r}: the samples of a share are chosen by a seed; "
                "pass one, e.g. seed=0, or leave share out"
            )
        if key is not None and not isinstance(key, int | str):
            check_keys(key, len(dataset), "key", "samples")
        self.dataset = dataset
        self.perturb = check_perturb(perturb)
        self.seed = seed
        self.label = label
        self.key = key
        self.share = share

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """Return a sample with a noisy label, or as it is if it is not in the share."""
        sample = self.dataset[index]
        if _is_array(sample):
            raise TypeError(
                f"dataset: a sample is of type {type(sample).__name__}; "
                "pass one whose samples are tuples, lists or dictionaries, e.g. (image, mask)"
            )
        label = check_entry("label", self.label, sample)
        rng = self._rng(index, sample)
        if rng is None:
            return sample
        noisy = perturb_labels(self.perturb, label, rng)
        if not isinstance(sample, tuple):
            sample = copy.copy(sample)
            sample[self.label] = noisy
            return sample
        items: list[Any] = list(sample)
        items[self.label] = noisy
        return type(sample)(*items) if hasattr(sample, "_fields") else tuple(items)

    def _rng(self, index: int, sample: Any) -> Any:
        if self.seed is None:
            return draw_seed()
        if isinstance(self.key, int | str):
            name = check_entry("key", self.key, sample)
        else:
            index = range(len(self.dataset))[index]
            name = index if self.key is None else self.key[index]
        return sample_rng(self.seed, name) if in_share(self.seed, name, self.share) else None


def _is_array(sample: Any) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(sample, np.ndarray if torch is None else (np.ndarray, torch.Tensor))


def draw_seed() -> int:
    """Draw a seed from PyTorch's random state, which differs from worker to worker."""
    import torch

    return int(torch.randint(2**63 - 1, ()).item())
