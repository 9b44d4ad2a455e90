"""Label noise for TorchIO: transforms of the label maps of a subject."""

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

try:
    from torchio import LabelMap, Subject
    from torchio.transforms import LabelTransform
    from torchio.transforms.augmentation import RandomTransform
except ImportError as error:
    raise ImportError(
        'labelnoise.hooks.torchio needs TorchIO; install the extra "torchio"'
    ) from error


from .._streams import in_share, sample_rng
from ._geometry import Geometry, Names, explained
from ._noise import Perturb, check_perturb, perturb_labels

_OWN = "planes", "volumes", "unit"


@explained
class LabelNoise(LabelTransform):
    """The noise of given seeds, as a subject's history holds it.

    Parameters
    ----------
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets the label map
        of shape (channels, width, height, depth). Noise of this package gets the axes from the
        affine, unless it names axes.
    seed : mapping of str to int
        The seed of each label map, by its name in the subject.
    planes, volumes, unit : optional
    **kwargs
        As for every TorchIO transform: `p`, `copy`, `include`, `exclude`, `keep` and so on.

    Raises
    ------
    ValueError
        If labels are not integers, or an argument is out of its range.

    Examples
    --------
    >>> import labelnoise, torch, torchio
    >>> noise = labelnoise.Noise("choppy", 1)
    >>> label = torch.zeros(1, 6, 4, 1, dtype=torch.uint8)
    >>> label[:, 2:4] = 1
    >>> subject = torchio.Subject(organ=torchio.LabelMap(tensor=label))
    >>> LabelNoise(noise, {"organ": 0})(subject)["organ"].data[0, ..., 0].T
    tensor([[0, 0, 0, 1, 1, 0],
            [0, 0, 0, 1, 1, 1],
            [0, 1, 1, 1, 1, 1],
            [0, 1, 0, 0, 0, 0]], dtype=torch.uint8)
    """

    def __init__(
        self,
        perturb: Perturb,
        seed: Mapping[str, int],
        planes: str = "axial",
        volumes: bool | None = None,
        unit: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.perturb = check_perturb(perturb)
        self.seed = seed
        self.planes, self.volumes, self.unit = planes, volumes, unit
        self.geometry = Geometry(perturb, planes, volumes, unit)
        self.args_names = ["perturb", "seed", *_OWN]

    def apply_transform(self, subject: Subject) -> Subject:
        """Perturb the label maps of a subject."""
        for name, image in self.get_images_dict(subject).items():
            _perturb(self.perturb, self.geometry, image, self.seed[name])
        return subject


@explained
class FixedLabelNoise(LabelTransform):
    """Fixed noise: label maps with errors that belong to their files.

    Put it before random crops and flips.

    Parameters
    ----------
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets the label map
        of shape (channels, width, height, depth). Noise of this package gets the axes from the
        affine, unless it names axes.
    seed : int
        Seed of the data set.
    sample_key : callable, optional
        ``sample_key(subject, image_name)`` tells what names a label map. By default it is the name
        of its file, without ending.
    root : path, optional
        Folder of the data set. Names are then those of paths in this folder, without ending, which
        is needed where files of several cases are called alike.
    planes, volumes, unit : optional
    share : float, optional
        Share of the label maps that have noise, chosen by `seed` and name as `in_share` does. The
        others stay as they are.
    **kwargs
        As for every TorchIO transform: `p`, `copy`, `include`, `exclude`, `keep` and so on.

    Raises
    ------
    ValueError
        If a label map has no path, or several have one name, and `sample_key` is not given, an
        argument is out of its range, or labels are not integers.

    Examples
    --------
    >>> import labelnoise, torch, torchio
    >>> noise = labelnoise.Noise("choppy", 1)
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
        root: str | PathLike[str] | None = None,
        planes: str = "axial",
        volumes: bool | None = None,
        unit: str | None = None,
        share: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        in_share(seed, 0, share)  # refuses bad ones here, not in a worker
        self.perturb = check_perturb(perturb)
        self.seed = seed
        self.sample_key, self.root, self.share = sample_key, root, share
        self.planes, self.volumes, self.unit = planes, volumes, unit
        self.names = Names(root)
        self.geometry = Geometry(perturb, planes, volumes, unit)
        self.args_names = ["perturb", "seed", "sample_key", "root", *_OWN, "share"]

    def apply_transform(self, subject: Subject) -> Subject:
        """Perturb the label maps of a subject."""
        for name, image in self.get_images_dict(subject).items():
            key = (self.sample_key or self._file_name)(subject, name)
            if in_share(self.seed, key, self.share):
                _perturb(self.perturb, self.geometry, image, sample_rng(self.seed, key))
        return subject

    def _file_name(self, subject: Subject, name: str) -> str:
        path = subject[name].path
        if path is None:
            raise ValueError(
                f"subject[{name!r}]: has no path; load it from a file, or pass sample_key= to tell "
                "what names a label map"
            )
        return self.names(path)


@explained
class RandomLabelNoise(RandomTransform, LabelTransform):
    """Resampled noise: label maps with errors that are drawn anew each time.

    The seeds come from PyTorch's random state, like all of TorchIO's: ``torch.manual_seed`` holds,
    and each worker has a state of its own. What was drawn stands in the subject's history as
    `LabelNoise`.

    Parameters
    ----------
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets the label map
        of shape (channels, width, height, depth). Noise of this package gets the axes from the
        affine, unless it names axes.
    planes, volumes, unit : optional
    **kwargs
        As for every TorchIO transform: `p`, `copy`, `include`, `exclude`, `keep` and so on.

    Raises
    ------
    ValueError
        If labels are not integers, or an argument is out of its range.

    Examples
    --------
    >>> import labelnoise, torch, torchio
    >>> noise = labelnoise.Noise("choppy", 1)
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

    def __init__(
        self,
        perturb: Perturb,
        planes: str = "axial",
        volumes: bool | None = None,
        unit: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.perturb = check_perturb(perturb)
        self.planes, self.volumes, self.unit = planes, volumes, unit
        Geometry(perturb, planes, volumes, unit)  # refuses bad ones here
        self.args_names = ["perturb", *_OWN]

    def apply_transform(self, subject: Subject) -> Subject:
        """Perturb the label maps of a subject."""
        seed = {name: self._get_random_seed() for name in self.get_images_dict(subject)}
        own = self.planes, self.volumes, self.unit
        noisy: Subject = LabelNoise(self.perturb, seed, *own, **self._get_base_args())(subject)
        return noisy


def _perturb(perturb: Perturb, geometry: Geometry, image: LabelMap, rng: Any) -> None:
    options = geometry.options(tuple(image.data.shape), image.affine)
    image.set_data(perturb_labels(perturb, image.data, rng, **options))
