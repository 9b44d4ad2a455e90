"""Label noise for MONAI: dictionary transforms on channel-first label maps."""

from collections.abc import Callable, Hashable, Mapping
from os import PathLike
from typing import Any

try:
    from monai.config import KeysCollection
    from monai.data import MetaTensor
    from monai.transforms import MapTransform, RandomizableTransform
except ImportError as error:
    raise ImportError('labelnoise.hooks.monai needs MONAI; install the extra "monai"') from error


from .._streams import in_share, sample_rng
from ._geometry import Geometry, Names, explained
from ._noise import Perturb, check_perturb, perturb_labels


@explained
class LabelNoised(MapTransform):
    """Fixed noise: labels with errors that belong to their files.

    The transform is not random in MONAI's sense, so that CacheDataset and PersistentDataset keep
    its results. Put it before random crops and flips.

    Parameters
    ----------
    keys : str or sequence of str
        Entries that hold label maps of shape (channels, ...), each channel a map of its own. Put
        the transform before one that makes labels one-hot.
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets the whole
        array. Noise of this package gets the axes of volumes from their affine, unless it names
        axes.
    seed : int
        Seed of the data set.
    sample_key : callable, optional
        ``sample_key(data, key)`` tells what names a label map. By default it is the name of the
        file in its metadata ("filename_or_obj"), without ending.
    root : path, optional
        Folder of the data set. Names are then those of paths in this folder, without ending, which
        is needed where files of several cases are called alike.
    planes, volumes, unit : optional
    share : float, optional
        Share of the label maps that have noise, chosen by `seed` and name as `in_share` does. The
        others stay as they are.
    allow_missing_keys : bool, optional
        Whether entries may be missing.

    Raises
    ------
    ValueError
        If no file name is known, or several files have one name, and `sample_key` is not given,
        the axes of a volume are not known, another argument is out of its range, or labels are not
        integers.

    Examples
    --------
    >>> import labelnoise, torch
    >>> noise = labelnoise.Noise("choppy", 1)
    >>> label = torch.zeros(1, 4, 6, dtype=torch.uint8)
    >>> label[..., 2:4] = 1
    >>> transform = LabelNoised("label", noise, 0, sample_key=lambda data, key: "case 1")
    >>> transform({"label": label})["label"]
    tensor([[[0, 1, 1, 1, 1, 0],
             [0, 0, 0, 1, 0, 0],
             [0, 0, 0, 1, 1, 1],
             [0, 1, 1, 1, 0, 0]]], dtype=torch.uint8)
    """

    def __init__(
        self,
        keys: KeysCollection,
        perturb: Perturb,
        seed: int,
        *,
        sample_key: Callable[[Mapping[Hashable, Any], Hashable], str] | None = None,
        root: str | PathLike[str] | None = None,
        planes: str = "axial",
        volumes: bool | None = None,
        unit: str | None = None,
        share: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        in_share(seed, 0, share)  # refuses bad ones here, not in a worker
        self.perturb = check_perturb(perturb)
        self.geometry = Geometry(perturb, planes, volumes, unit)
        self.seed = seed
        self.names = Names(root)
        self.sample_key = self._file_name if sample_key is None else sample_key
        self.share = share

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the data with noisy labels."""
        noisy = dict(data)
        for key in self.key_iterator(noisy):
            name = self.sample_key(data, key)
            if in_share(self.seed, name, self.share):
                rng = sample_rng(self.seed, name)
                noisy[key] = _perturb(self.perturb, self.geometry, data[key], rng)
        return noisy

    def _file_name(self, data: Mapping[Hashable, Any], key: Hashable) -> str:
        meta = getattr(data[key], "meta", None) or data.get(f"{key}_meta_dict", {})
        path = meta.get("filename_or_obj")
        if not path:
            raise ValueError(
                f"data[{key!r}]: its metadata has no filename_or_obj; load it with LoadImaged, "
                "or pass sample_key= to tell what names a label map"
            )
        return self.names(path)


@explained
class RandLabelNoised(RandomizableTransform, MapTransform):
    """Resampled noise: labels with errors that are drawn anew each time.

    The seed of each call comes from MONAI's random state: ``set_determinism`` and
    ``set_random_state`` hold, and monai.data.DataLoader gives each worker a state of its own (with
    PyTorch's DataLoader, pass ``worker_init_fn=monai.data.utils.worker_init_fn``).

    Parameters
    ----------
    keys : str or sequence of str
        Entries that hold label maps of shape (channels, ...), each channel a map of its own. Put
        the transform before one that makes labels one-hot.
    perturb : callable
        ``perturb(labels, rng=...)``, e.g. ``labelnoise.Noise("natural", 4)``. It gets the whole
        array. Noise of this package gets the axes of volumes from their affine, unless it names
        axes.
    prob : float, optional
        Probability of noise.
    planes, volumes, unit : optional
    allow_missing_keys : bool, optional
        Whether entries may be missing.

    Raises
    ------
    ValueError
        If labels are not integers, the axes of a volume are not known, or an argument is out of
        its range.

    Examples
    --------
    >>> import labelnoise, torch
    >>> noise = labelnoise.Noise("choppy", 1)
    >>> label = torch.zeros(1, 4, 6, dtype=torch.uint8)
    >>> label[..., 2:4] = 1
    >>> RandLabelNoised("label", noise).set_random_state(0)({"label": label})["label"]
    tensor([[[0, 0, 1, 1, 1, 0],
             [0, 0, 0, 0, 0, 0],
             [0, 1, 1, 0, 0, 0],
             [0, 0, 1, 1, 0, 0]]], dtype=torch.uint8)
    """

    def __init__(
        self,
        keys: KeysCollection,
        perturb: Perturb,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
        *,
        planes: str = "axial",
        volumes: bool | None = None,
        unit: str | None = None,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.perturb = check_perturb(perturb)
        self.geometry = Geometry(perturb, planes, volumes, unit)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the data with noisy labels."""
        noisy = dict(data)
        self.randomize(None)
        if self._do_transform:
            for key in self.key_iterator(noisy):
                seed = int.from_bytes(self.R.bytes(8), "little")
                noisy[key] = _perturb(self.perturb, self.geometry, data[key], seed)
        return noisy


def _perturb(perturb: Perturb, geometry: Geometry, labels: Any, rng: Any) -> Any:
    options = geometry.options(tuple(labels.shape), getattr(labels, "affine", None))
    if not isinstance(labels, MetaTensor):
        return perturb_labels(perturb, labels, rng, **options)
    noisy = perturb_labels(
        perturb, labels.as_tensor(), rng, **options
    )  # a MetaTensor clones slowly
    return MetaTensor(noisy).copy_meta_from(labels)
