"""First and last slices that are added or dropped."""

from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Codes, Options, Patch, perturb, perturbation
from .._redraw import Mask, Region, redraw
from .._validate import LARGEST, check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def ends(mask: NDArray[Label], sigma: float, **options: Unpack[Options]) -> NDArray[Label]:
    """Add slices to both ends of every object of a volume, or drop some.

    Parameters
    ----------
    sigma : float
        Standard deviation by which an end moves across slices, in slices, or in the unit of
        `spacing`.

    Notes
    -----
    For volumes only: `axes` names three axes, (slice, row, column).

    An object is a connected part of one label; pixels are connected by faces, edges and corners.
    Its first and its last slice move along the slices by normal draws of their own, rounded to
    whole slices. Slices that are added repeat the first or the last one; an object whose end does
    not stay after its start vanishes. On average objects lose as many slices as they gain, except
    for the thinnest ones.

    An end at the border of the array stays, and so does one that nothing borders on but labels that
    are drawn later, that are not listed, or that are not `within`. In a label map pixels that a
    label gains are painted over the background and earlier labels; those that it loses become the
    nearest earlier label beside it, or background.

    Annotators of kidneys and their tumours differed in their end slices as if boundaries moved by
    about as many millimetres across slices as within them.

    Examples
    --------
    A box of four slices, seen from the side: a slice is a column here.

    >>> import numpy as np
    >>> mask = np.zeros((9, 3, 3), np.uint8)
    >>> mask[3:7, 0:2] = 1
    >>> ends(mask, 1.5, axes=(0, 1, 2), rng=0)[:, :, 1].T
    array([[0, 0, 0, 0, 0, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    sigma = check_number("sigma", sigma, 0.0, LARGEST)
    axes = options.get("axes", (-2, -1))

    def move(region: Region) -> Mask:
        extents = region.extents()
        shifts = region.rng.standard_normal(extents.slices.shape)
        return region.extend(extents, sigma / region.spacing[0] * shifts)

    def error(patch: Patch) -> Codes:
        if patch.codes.ndim < 3:
            raise ValueError(
                f"axes={axes}: ends are those of volumes; name three axes, (slice, row, column), "
                "e.g. axes=(-3, -2, -1), or axes=(2, 1, 0) for an array in (x, y, z) order"
            )
        return redraw(move)(patch)

    return perturb(mask, error, **options)
