"""One label drawn again: what it gains is painted over earlier labels, what it loses is theirs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._patch import Codes, Patch

if TYPE_CHECKING:
    from ._chains import Chains
    from ._contours import Contours
    from ._distance import Boundary
    from ._objects import Extents

Mask = NDArray[np.bool_]
_SMOOTH = 9.0  # pixels over which the unknown place of a boundary stays much the same


class Region:
    """What one label has of a patch: `redraw` hands it to a function, which returns the new mask.

    Attributes
    ----------
    spacing : tuple of float
        Distance of neighbouring slices, rows and columns; planes have one slice.
    rng : numpy.random.Generator
        Generator of the region's own.
    box : tuple of int
        First slice, row and column of what the methods return, and those after the last.
    """

    __slots__ = ("_codes", "_label", "_runs", "box", "rng", "spacing")

    def __init__(
        self,
        codes: Codes,
        label: int,
        runs: NDArray[np.int32],
        box: tuple[int, ...],
        spacing: tuple[float, ...],
        rng: np.random.Generator,
    ) -> None:
        self._codes, self._label, self._runs = codes, label, runs
        self.box, self.spacing, self.rng = box, spacing, rng

    def contours(self) -> "Contours":
        """Trace the contours of the region, slice by slice.

        Returns
        -------
        Contours
            `points`, rows and columns of all points (m, 2); `stops`, where each contour ends in
            them; `slices`, the slice of each contour; `fixed`, 1 for points that must stay.
        """
        from ._contours import trace_contours

        return trace_contours(self._codes, self._label, self._runs)

    def fill(self, contours: "Contours") -> Mask:
        """Return the mask that contours enclose; `box` becomes what the mask covers."""
        from ._fill import fill_contours

        mask, self.box = fill_contours(contours, self.box, self._codes.shape)
        return mask

    def simplify(self, tolerance: float) -> Mask:
        """Return the mask that polygons through some points of the contours enclose.

        All points of a contour lie within a distance of its polygon.
        """
        from ._fill import simplify_contours

        return simplify_contours(self._chains(), self.box, self.spacing, self.rng, tolerance)

    def stretch(self, sigma: float, knots: int) -> Mask:
        """Return the mask that the contours enclose when they are stretched at random.

        Each point moves along the ray from the centre of the bounding box of its contour, by a
        periodic spline through normal draws of a standard deviation at `knots` places of the
        contour. `box` becomes what the mask covers.
        """
        from ._fill import stretch_contours

        mask, self.box = stretch_contours(
            self._chains(), self.box, self.spacing, self.rng, sigma, knots
        )
        return mask

    def _chains(self) -> "Chains":
        from ._chains import Chains

        return Chains(self._codes, self._label, self._runs)

    def boundary(self) -> "Boundary":
        """Place the boundary of the region to fractions of a pixel.

        Where the region is too thin for that, the place between two pixels is a smooth random one.

        Returns
        -------
        Boundary
            `points`, slices, rows and columns of all points (n, 3); `normals`, their outward unit
            normals (n, 3), 0 where the region is too thin to tell; `pixels`, the pixel of the
            region that each belongs to.
        """
        from ._distance import place_boundary

        boundary = place_boundary(self._codes, self._label, self._runs, self.spacing)
        thin = np.flatnonzero(boundary.pitches)
        if thin.size:
            lengths = tuple(_SMOOTH * step for step in self.spacing)
            field = self.field(boundary.points[thin], lengths)
            boundary.depths[thin] = 0.5 + 0.45 * field / np.sqrt(field * field + 1.6)
        return boundary

    def field(self, points: NDArray[np.float64], lengths: tuple[float, ...]) -> NDArray[np.float64]:
        """Draw a smooth standard normal field at points (n, 3).

        Its correlation falls to 1/e over `lengths`, one for each axis, in the unit of spacing.
        """
        from ._fields import field

        return field(points, lengths, self.spacing, self.rng)

    def move(self, boundary: "Boundary", distance: float | NDArray[np.float64]) -> Mask:
        """Return the mask whose boundary lies farther out by a distance, one for all or for each.

        A pixel outside is gained if it is no farther from the nearest point of the boundary than
        that point moves out; one inside is lost if it is no farther than that point moves in. `box`
        becomes what the mask covers.
        """
        from ._distance import move_boundary

        mask, self.box = move_boundary(
            self._codes, self._label, boundary, distance, self.box, self.spacing
        )
        return mask

    def extents(self) -> "Extents":
        """Find where each object of the region begins and ends; connected by corners, too.

        Returns
        -------
        Extents
            `slices` (n, 2), the first slice of each object and the one after its last.
        """
        from ._objects import find_extents

        return find_extents(self._runs, self._codes.shape[1])

    def extend(self, extents: "Extents", shifts: NDArray[np.float64]) -> Mask:
        """Return the mask whose objects begin and end so many slices (n, 2) farther on.

        Slices are whole ones. Those that are added repeat the first or last. An end that borders on
        no earlier label stays. `box` becomes what the mask covers.
        """
        from ._objects import move_ends

        mask, slices = move_ends(self._codes, self._label, self._runs, extents, shifts)
        _, _, top, bottom, left, right = self.box
        self.box = (*slices, top, bottom, left, right)
        return mask[:, top:bottom, left:right]


def redraw(how: Callable[[Region], Mask]) -> Callable[[Patch], Codes]:
    """Make an error for `perturb` from a function that redraws one label.

    Parameters
    ----------
    how : callable
        ``how(region)`` returns the new mask of a `Region`: what its `fill` or `move` gives, or an
        array of bool that covers its `box`.

    Returns
    -------
    callable
        ``error(patch)``. Pixels that a label gains are painted over the background and labels that
        are drawn earlier. Those that it loses become the nearest of these beside the region.

    Examples
    --------
    An annotator who draws the box around each structure:

    >>> import numpy as np
    >>> import labelnoise
    >>> def box(region):
    ...     front, back, top, bottom, left, right = region.box
    ...     return np.ones((back - front, bottom - top, right - left), bool)
    >>> mask = np.array([[0, 0, 0, 0], [0, 2, 0, 0], [0, 2, 2, 0], [0, 0, 0, 0]])
    >>> labelnoise.perturb(mask, labelnoise.redraw(box))
    array([[0, 0, 0, 0],
           [0, 2, 2, 0],
           [0, 2, 2, 0],
           [0, 0, 0, 0]])
    """

    def error(patch: Patch) -> Codes:
        from ._paint import paint
        from ._runs import trace_runs

        codes, spacing = patch.volume()
        runs = trace_runs(codes, patch.drawn)
        out = codes.copy() if runs.mixed else np.zeros(codes.shape, codes.dtype)
        for layer, (label, start, stop, _, box) in enumerate(runs.regions):
            region = Region(codes, label, runs.table[start:stop], box, spacing, patch.rng(layer))
            mask = how(region)
            patch.give_back(region.rng)
            if runs.mixed:
                paint(codes, label, mask, region.box, spacing, out)
            else:
                front, back, top, bottom, left, right = region.box
                new = mask.view(np.uint8)
                part = out[front:back, top:bottom, left:right]
                part[...] = new if label == 1 else new * out.dtype.type(label)
        return out

    return error
