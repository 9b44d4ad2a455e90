"""Where annotators draw, by what a framework knows of a label map: axes, spacing, its file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any, TypeVar
from unicodedata import normalize

from .._patch import ERRORS
from .._validate import check_choice
from ..annotators import Annotator, PerLabel
from ..files import suffix_of
from ..files._geometry import Grid
from ..noise import Chain, Noise

PLANES = "axial", "sagittal", "coronal"
Path = str | os.PathLike[str]
Transform = TypeVar("Transform", bound=type)
_SHORT = "    planes, volumes, unit : optional\n"
_LONG = """\
    planes : {"axial", "sagittal", "coronal"}, optional
        The planes of volumes that annotators draw in, as the affine tells them.
    volumes : bool, optional
        Whether volumes are labelled in one go, not plane by plane; by default those of annotators
        are.
    unit : {"pixel", "mm"}, optional
        The unit of lengths; by default "mm" for annotators, "pixel" for other noise.
"""


def explained(transform: Transform) -> Transform:
    """Explain the arguments of `Geometry` in the docstring of a transform that takes them."""
    transform.__doc__ = (transform.__doc__ or "").replace(_SHORT, _LONG)
    return transform


@dataclass(frozen=True)
class Geometry:
    """What is labelled in one go, and in which unit lengths are.

    Parameters
    ----------
    perturb : callable
        The perturbation. Errors of this package, and values of them, get axes and spacing, unless
        they name axes of their own.
    planes : {"axial", "sagittal", "coronal"}
        The planes that annotators draw in.
    volumes : bool or None
        Whether each volume is labelled in one go, not each plane. None is True for annotators.
    unit : {"pixel", "mm"} or None
        The unit of lengths. None is "mm" for annotators, "pixel" for others.
    """

    perturb: Any
    planes: str = "axial"
    volumes: bool | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        check_choice("planes", self.planes, PLANES)
        check_choice("unit", self.unit, ("pixel", "mm", None))
        given = (self.planes, self.volumes, self.unit) != ("axial", None, None)
        if given and not self.is_open:
            raise ValueError(
                f"perturb={self.perturb!r}: has axes of its own, or takes none; leave planes, "
                "volumes and unit out, or the axes"
            )

    @property
    def is_open(self) -> bool:
        """Whether the perturbation takes axes, and names none."""
        named = _options(self.perturb)
        return named is not None and "axes" not in named

    def options(self, shape: tuple[int, ...], affine: Any) -> dict[str, Any]:
        """Return axes and spacing for a label map of shape (channels, x, y, z).

        Raises
        ------
        ValueError
            If its axes are not known, or no such planes are wider than one pixel.
        """
        if not self.is_open or len(shape) < 4:
            return {}
        if affine is None:
            raise ValueError(
                f"labels: a volume of shape {shape} without an affine; name its axes, e.g. "
                'Noise("natural", 4, axes=(-2, -3)) for axial planes of (channels, x, y, z)'
            )
        people = _has_people(self.perturb)
        volumes = people if self.volumes is None else self.volumes
        affine = getattr(affine, "numpy", lambda: affine)()
        grid = Grid.of(affine[:3, :3].T, affine[:3, 3], shape, first=1)
        axes = grid.axes(self.planes, volumes)
        in_mm = (self.unit or ("mm" if people else "pixel")) == "mm"
        spacing = grid.spacing(axes) if in_mm else None
        return {"axes": axes, "spacing": spacing}


def _options(perturb: Any) -> set[str] | None:
    """Return the options that a perturbation of this package names; None for other functions."""
    if isinstance(perturb, Noise):
        return set(perturb.options)
    if isinstance(perturb, Annotator):
        return set()
    if isinstance(perturb, Chain | PerLabel):
        parts = perturb.steps if isinstance(perturb, Chain) else perturb.values()
        every = [_options(part) for part in parts]
        known = [each for each in every if each is not None]
        return set().union(*known) if len(known) == len(every) else None
    if isinstance(perturb, partial):
        inner = _options(perturb.func)
        return None if inner is None else inner | set(perturb.keywords)
    return set() if perturb in ERRORS.values() else None


def _has_people(perturb: Any) -> bool:
    parts: Sequence[Any] = getattr(perturb, "steps", ())
    if isinstance(perturb, PerLabel):
        parts = list(perturb.values())
    return isinstance(perturb, Annotator) or any(map(_has_people, parts))


class Names:
    """Names of label maps by their files: the same on any machine, and on the command line.

    The name is that of the file without its ending, or its path in the folder `root` without it, in
    Unicode's composed form.

    Parameters
    ----------
    root : path or None
        Folder of the label files.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = None if root is None else _path(root)
        self._seen: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was seen, so that a copy is the same before and after use."""
        return {**self.__dict__, "_seen": {}}

    def __call__(self, path: Path | Sequence[Path]) -> str:
        """Return the name of a file, or of several together; refuse one that others have."""
        if isinstance(path, list | tuple):
            return "+".join(map(self, path))
        file = _path(path)
        name = file if self.root is None else file.removeprefix(f"{self.root.rstrip('/')}/")
        if self.root is not None and name == file:
            raise ValueError(f"root={self.root!r}: {file!r} is not in it; pass a folder above it")
        name = name if self.root is not None else PurePath(name).name
        name = name[: len(name) - len(suffix_of(name))]
        other = self._seen.setdefault(name, file)
        if other != file:
            raise ValueError(
                f"sample_key=None: {other!r} and {file!r} are both called {name!r}, and would have "
                "the same noise; pass root=, the folder that holds all of them, or sample_key="
            )
        return name


def _path(path: Any) -> str:
    return normalize("NFC", os.path.abspath(os.fspath(path))).replace("\\", "/")
