"""One label drawn again: what it gains is painted over earlier labels, what it loses is theirs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._patch import Codes, Patch

if TYPE_CHECKING:
    from ._contours import Contours
    from ._distance import Boundary

Mask = NDArray[np.bool_]


class Region:
    """What one label has of a patch.

    Attributes
    ----------
    spacing : tuple of float
        Distance of neighbouring slices, rows and columns; planes have one slice.
    rng : numpy.random.Generator
        Generator of the region's own.
    box : tuple of int
        First and behind the last slice, row and column of what the methods return.
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
        """Trace the contours of the region, slice by slice."""
        from ._contours import trace_contours

        return trace_contours(self._codes, self._label, self._runs)

    def fill(self, contours: "Contours") -> Mask:
        """Return the mask that contours enclose."""
        from ._contours import fill_contours

        mask, self.box = fill_contours(contours, self.box, self._codes.shape)
        return mask

    def boundary(self) -> "Boundary":
        """Place the boundary of the region to fractions of a pixel."""
        from ._distance import place_boundary

        return place_boundary(self._codes, self._label, self._runs, self.spacing)

    def field(self, points: NDArray[np.float64], lengths: tuple[float, ...]) -> NDArray[np.float64]:
        """Draw a smooth standard normal field at points (n, 3), by its length for each axis."""
        from ._fields import field

        return field(points, lengths, self.spacing, self.rng)

    def move(self, boundary: "Boundary", distance: float | NDArray[np.float64]) -> Mask:
        """Return the mask whose boundary lies farther out by a distance, one for all or for each.

        A pixel outside is gained if it is no farther from the nearest point of the boundary than
        that point moves out; one inside is lost if it is nearer than that point moves in.
        """
        from ._distance import move_boundary

        mask, self.box = move_boundary(
            self._codes, self._label, boundary, distance, self.box, self.spacing
        )
        return mask


def redraw(how: Callable[[Region], Mask]) -> Callable[[Patch], Codes]:
    """Make an error of a function that returns the new mask of one label's region.

    The mask covers the region's `box`. Pixels that a label gains are painted over the background
    and labels that are drawn earlier. Those that it loses become the nearest of these beside the
    region; of two that are equally near, the later one.
    """

    def error(patch: Patch) -> Codes:
        from ._paint import paint
        from ._runs import trace_runs

        planar = patch.codes.ndim == 2
        codes = patch.codes[np.newaxis] if planar else patch.codes
        spacing = (1.0, *patch.spacing) if planar else patch.spacing
        runs = trace_runs(codes, patch.drawn)
        out = codes.copy() if runs.mixed else np.zeros(codes.shape, codes.dtype)
        for layer, (label, start, stop, _, box) in enumerate(runs.regions):
            region = Region(codes, label, runs.table[start:stop], box, spacing, patch.rng(layer))
            mask = how(region)
            if runs.mixed:
                paint(codes, label, mask, region.box, spacing, out)
            else:
                front, back, top, bottom, left, right = region.box
                new = mask.view(np.uint8)
                part = out[front:back, top:bottom, left:right]
                part[...] = new if label == 1 else new * out.dtype.type(label)
        return out.reshape(patch.codes.shape)

    return error
