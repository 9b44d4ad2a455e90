"""Patches put down beside their place."""

import math
from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Codes, Options, Patch, perturb, perturbation
from .._validate import LARGEST, check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def shift(mask: NDArray[Label], sigma: float, **options: Unpack[Options]) -> NDArray[Label]:
    """Move everything in a patch by one random vector.

    Parameters
    ----------
    sigma : float
        Standard deviation of the shift along each axis, in pixels, or in the unit of `spacing`.

    Notes
    -----
    All labels of a patch move together by one normal draw for each of its axes, e.g. because an
    annotation was made on another image of the same patient. The shift may be a fraction of a
    pixel: a pixel gets the label that has the largest share of its new place, by linear
    interpolation.

    What lies at the border of the array continues beyond it, so a structure that the border cuts
    stays cut there. Labels that are not listed and what is not `within` stay in place. The labels
    beside them continue below them in the same way.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((6, 6), np.uint8)
    >>> mask[1:5, 1:5] = 1
    >>> shift(mask, 1.0, rng=1)
    array([[0, 0, 1, 1, 1, 1],
           [0, 0, 1, 1, 1, 1],
           [0, 0, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    sigma = check_number("sigma", sigma, 0.0, LARGEST)

    def move(patch: Patch) -> Codes:
        from .._warp import warp

        codes, spacing = patch.volume()
        return warp(codes, patch.drawn, sigma, math.inf, spacing, patch.rng())

    return perturb(mask, move, **options)
