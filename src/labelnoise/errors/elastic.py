"""Patches bent by a smooth field."""

from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Codes, Options, Patch, perturb, perturbation
from .._validate import LARGEST, check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def elastic(
    mask: NDArray[Label], sigma: float, *, length: float = 30.0, **options: Unpack[Options]
) -> NDArray[Label]:
    """Deform everything in a patch by a smooth random field.

    Parameters
    ----------
    sigma : float
        Standard deviation of the displacement along each axis, in pixels, or in the unit of
        `spacing`.
    length : float, optional
        Distance over which the correlation of displacements falls to 1/e, in the same unit. Lengths
        below a pixel count as a pixel.

    Notes
    -----
    All labels of a patch move together by a field in space, one for each axis: a cubic B-spline
    with independent normal weights. The correlation at a distance d is close to ``exp(-(d /
    length)**2)``. Structures that are smaller than `length` are shifted rather than bent, and a
    `sigma` above about a third of `length` tears structures apart. A boundary moves along its
    normal by `sigma`, as in `wobble`, but boundaries near each other move alike.

    Pixels get their labels as in `shift`.

    Elastic deformations are a common augmentation of images with their masks [1]_. Here only the
    mask moves.

    References
    ----------
    .. [1] Simard, P. Y., Steinkraus, D., Platt, J. C. (2003). Best Practices for Convolutional
       Neural Networks Applied to Visual Document Analysis. ICDAR 2003, 958-963.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((6, 8), np.uint8)
    >>> mask[1:5, 1:7] = 1
    >>> elastic(mask, 1.0, length=4.0, rng=1)
    array([[0, 0, 0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0, 1, 0],
           [0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    sigma = check_number("sigma", sigma, 0.0, LARGEST)
    length = check_number("length", length, 1 / LARGEST, LARGEST)

    def bend(patch: Patch) -> Codes:
        from .._warp import warp

        codes, spacing = patch.volume()
        return warp(codes, patch.drawn, sigma, length, spacing, patch.rng())

    return perturb(mask, bend, **options)
