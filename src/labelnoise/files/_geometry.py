"""Where the pixels of a volume lie: its planes, their spacing and directions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._label import LabelFile

_WORLD = {"axial": (1, 0), "sagittal": (2, 1), "coronal": (2, 0)}  # rows and columns run along


@dataclass(frozen=True, eq=False)
class Grid:
    """The geometry of an array of pixels.

    Attributes
    ----------
    affine : (4, 4) array
        From pixels along the spatial axes to millimetres to the right, forward and up.
    steps : tuple of float
        Millimetres from pixel to pixel along each spatial axis.
    shape : tuple of int
        Shape of the array.
    first : int
        The first of the spatial axes, which follow one another. A plane lacks the third.
    """

    affine: NDArray[np.float64]
    steps: tuple[float, ...]
    shape: tuple[int, ...]
    first: int = 0

    @classmethod
    def of(
        cls, columns: Any, origin: Any, shape: tuple[int, ...], first: int = 0, unit: float = 1.0
    ) -> "Grid":
        """Return the grid whose pixels are these vectors apart, which may lack the third.

        An unknown unit is NaN.
        """
        affine = np.eye(4)
        millimetres = 1.0 if np.isnan(unit) else unit
        vectors = np.asarray(columns, float).T * millimetres
        affine[: len(vectors), : vectors.shape[1]] = vectors
        if vectors.shape == (3, 2):
            normal = np.cross(*vectors.T)
            affine[:3, 2] = normal / np.linalg.norm(normal)
        affine[: len(vectors), 3] = np.asarray(origin, float) * millimetres
        steps = np.linalg.norm(affine[:3, :3], axis=0) * (unit / millimetres)
        return cls(affine, tuple(steps.tolist()), shape, first)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of pixels along the three spatial axes."""
        return (*self.shape[self.first : self.first + 3], 1, 1)[:3]

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        """Return the axes of planes, or of volumes, as `LabelFile` tells."""
        world = self._ways()[:, 0].tolist()
        axes = {name: (world.index(row), world.index(col)) for name, (row, col) in _WORLD.items()}
        wide = [name for name, pair in axes.items() if min(self.sizes[i] for i in pair) > 1]
        there = len(self.shape) - self.first
        if plane not in wide and (wide or max(axes[plane]) >= there):
            remedy = f"pass --plane={wide[0]}" if wide else "store planes or volumes"
            raise ValueError(
                f"shape {self.shape} has no {plane} planes wider than one pixel; {remedy}"
            )
        chosen = axes[plane]
        if volumes:
            across = ({0, 1, 2} - set(chosen)).pop()
            if across >= there:
                raise ValueError(f"shape {self.shape} has no volume; pass --no-volumes")
            return tuple(self.first + axis for axis in (across, *chosen))
        return tuple(self.first + axis for axis in chosen)

    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        """Return the millimetres from pixel to pixel along each axis, to six digits.

        Affines and headers agree to that.
        """
        steps = tuple(float(f"{self.steps[axis - self.first]:.6g}") for axis in axes)
        if not all(0 < step < np.inf for step in steps):
            raise ValueError(
                "has no valid spacing or unit in its header; mend it, or pass --spacing=pixel"
            )
        return steps

    def upright(self, labels: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
        """Return labels with these axes last, each to the right, forward or up."""
        back = self.first + np.flatnonzero(self._ways()[:, 1] < 0)
        flipped = np.flip(labels, tuple(axis for axis in back.tolist() if axis < labels.ndim))
        return np.moveaxis(flipped, axes, range(-len(axes), 0))

    def lies_as(self, other: "Grid") -> bool:
        """Return whether upright pixels of another grid lie in the same place."""
        (affine, sizes), (its, _) = self._upright(), other._upright()
        corners = np.vstack([np.eye(3, 4) * sizes[:, np.newaxis], np.ones(4)])
        return np.allclose(np.linalg.solve(affine, its @ corners), corners, atol=0.5)

    def _upright(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return affine and sizes of the volume whose axes run right, forward and up."""
        from nibabel.orientations import inv_ornt_aff

        ways = self._ways()
        return self.affine @ inv_ornt_aff(ways, self.sizes), np.take(
            self.sizes, np.argsort(ways[:, 0])
        )

    def _ways(self) -> NDArray[Any]:
        """Return which way of the world each axis runs along, and in which direction."""
        from nibabel.orientations import io_orientation

        ways = np.zeros((3, 2))
        if np.isfinite(self.affine).all():
            ways = io_orientation(self.affine)
        if sorted(ways[:, 0].tolist()) != [0, 1, 2]:
            raise ValueError("has an affine that does not tell its axes; mend the affine")
        return ways


class Volume(LabelFile):
    """A label file with a grid.

    Attributes
    ----------
    grid : Grid
        Where its pixels lie.
    """

    grid: Grid

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        return self.grid.axes(plane, volumes)

    def spacing(self, axes: tuple[int, ...]) -> tuple[float, ...]:
        return self.grid.spacing(axes)

    def upright(self, axes: tuple[int, ...]) -> NDArray[Any]:
        return self.grid.upright(self.labels, axes)

    def lies_as(self, other: LabelFile) -> bool:
        return isinstance(other, Volume) and self.grid.lies_as(other.grid)
