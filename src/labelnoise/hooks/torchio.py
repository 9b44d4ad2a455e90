"""Label noise for TorchIO: transforms of the label maps of a subject."""

from collections.abc import Callable, Mapping
from typing import Any

from torchio import Subject
from torchio.transforms import LabelTransform
from torchio.transforms.augmentation import RandomTransform

from .._streams import in_share, sample_rng
from ._noise import Perturb, check_perturb, name_of, perturb_labels


class LabelNoise(LabelTransform):
    """The noise of given seeds, as a subject's history holds it.

    Parameters
    ----------
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4,
        axes=(-2, -3))``. It gets the label map of shape (channels, width, height, depth), whose
        axial planes are ``axes=(-2, -3)``.
    seed : mapping of str to int
        The seed of each label map, by its name in the subject.
    **kwargs
        As for every TorchIO transform: `p`, `copy`, `include`, `exclude`, `keep` and so on.

    Raises
    ------
    ValueError
        If labels are not integers.

    Examples
    --------
    >>> import labelnoise, torch, torchio
    >>> noise = labelnoise.Noise("choppy", 1, axes=(-2, -3))
    >>> label = torch.zeros(1, 6, 4, 1, dtype=torch.uint8)
    >>> label[:, 2:4] = 1
    >>> subject = torchio.Subject(organ=torchio.LabelMap(tensor=label))
    >>> LabelNoise(noise, {"organ": 0})(subject)["organ"].data[0, ..., 0].T
    tensor([[0, 0, 0, 1, 1, 0],
            [0, 0, 0, 1, 1, 1],
            [0, 1, 1, 1, 1, 1],
            [0, 1, 0, 0, 0, 0]], dtype=torch.uint8)
    """

    def __init__(self, perturb: Perturb, seed: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.perturb = check_perturb(perturb)
        self.seed = seed
        self.args_names = ["perturb", "seed"]

    def apply_transform(self, subject: Subject) -> Subject:
        """Perturb the label maps of a subject."""
        for name, image in self.get_images_dict(subject).items():
            image.set_data(perturb_labels(self.perturb, image.data, self.seed[name]))
        return subject


class FixedLabelNoise(LabelTransform):
    """Fixed noise: label maps with errors that belong to their files.

    Put it before random crops and flips.

    Parameters
    ----------
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4,
        axes=(-2, -3))``. It gets the label map of shape (channels, width, height, depth), whose
        axial planes are ``axes=(-2, -3)``.
    seed : int
        Seed of the data set.
    sample_key : callable, optional
        ``sample_key(subject, image_name)`` tells what names a label map. By default the last
        two parts of its path, folder and file, so that the noise is the same on any machine.
    share : float, optional
        Share of the label maps that have noise, chosen by `seed` and name as `in_share` does. The
        others stay as they are.
    **kwargs
        As for every TorchIO transform: `p`, `copy`, `include`, `exclude`, `keep` and so on.

    Raises
    ------
    ValueError
        If a label map has no path and `sample_key` is not given, `share` is out of its range, or
        labels are not integers.

    Examples
    --------
    >>> import labelnoise, torch, torchio
    >>> noise = labelnoise.Noise("choppy", 1, axes=(-2, -3))
    >>> label = torch.zeros(1, 6, 4, 1, dtype=torch.uint8)
    >>> label[:, 2:4] = 1
    >>> transform = FixedLabelNoise(noise, 0, sample_key=lambda subject, name: "case 1")
    >>> transform(torchio.Subject(organ=torchio.LabelMap(tensor=label)))["organ"].data[0, ..., 0].T
    tensor([[0, 1, 1, 1, 1, 0],
            [0, 0, 0, 1, 0, 0],
            [0, 0, 0, 1, 1, 1],
            [0, 1, 1, 1, 0, 0]], dtype=torch.uint8)
    """

    def __init__(
        self,
        perturb: Perturb,
        seed: int,
        *,
        sample_key: Callable[[Subject, str], str] | None = None,
        share: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        in_share(seed, 0, share)  # refuses bad ones here, not in a worker
        self.perturb = check_perturb(perturb)
        self.seed = seed
        self.sample_key = _file_name if sample_key is None else sample_key
        self.share = share
        self.args_names = ["perturb", "seed", "sample_key", "share"]

    def apply_transform(self, subject: Subject) -> Subject:
        """Perturb the label maps of a subject."""
        for name, image in self.get_images_dict(subject).items():
            key = self.sample_key(subject, name)
            if in_share(self.seed, key, self.share):
                rng = sample_rng(self.seed, key)
                image.set_data(perturb_labels(self.perturb, image.data, rng))
        return subject


class RandomLabelNoise(RandomTransform, LabelTransform):
    """Resampled noise: label maps with errors that are drawn anew each time.

    The seeds come from PyTorch's random state, like all of TorchIO's: ``torch.manual_seed`` holds,
    and each worker has a state of its own. What was drawn stands in the subject's history as
    `LabelNoise`.

    Parameters
    ----------
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4,
        axes=(-2, -3))``. It gets the label map of shape (channels, width, height, depth), whose
        axial planes are ``axes=(-2, -3)``.
    **kwargs
        As for every TorchIO transform: `p`, `copy`, `include`, `exclude`, `keep` and so on.

    Raises
    ------
    ValueError
        If labels are not integers.

    Examples
    --------
    >>> import labelnoise, torch, torchio
    >>> noise = labelnoise.Noise("choppy", 1, axes=(-2, -3))
    >>> label = torch.zeros(1, 6, 4, 1, dtype=torch.uint8)
    >>> label[:, 2:4] = 1
    >>> subject = torchio.Subject(organ=torchio.LabelMap(tensor=label))
    >>> _ = torch.manual_seed(0)
    >>> RandomLabelNoise(noise)(subject)["organ"].data[0, ..., 0].T
    tensor([[0, 0, 0, 0, 1, 0],
            [0, 1, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 1, 1, 1, 0, 0]], dtype=torch.uint8)
    """

    def __init__(self, perturb: Perturb, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.perturb = check_perturb(perturb)
        self.args_names = ["perturb"]

    def apply_transform(self, subject: Subject) -> Subject:
        """Perturb the label maps of a subject."""
        seed = {name: self._get_random_seed() for name in self.get_images_dict(subject)}
        noisy: Subject = LabelNoise(self.perturb, seed, **self._get_base_args())(subject)
        return noisy


def _file_name(subject: Subject, name: str) -> str:
    path = subject[name].path
    if path is None:
        raise ValueError(
            f"subject[{name!r}]: has no path; load it from a file, or pass sample_key= to tell "
            "what names a label map"
        )
    return name_of(path)
