"""Structures drawn too large or too small."""

from typing import Literal, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Options, perturb, perturbation
from .._redraw import Mask, Region, redraw
from .._validate import LARGEST, check_choice, check_number

Label = TypeVar("Label", bound=np.generic)
_SIDES = {"out": 1.0, "in": -1.0}


@perturbation
def bias(
    mask: NDArray[Label],
    distance: float,
    *,
    direction: Literal["out", "in", "either"] = "out",
    **options: Unpack[Options],
) -> NDArray[Label]:
    """Draw every structure too large, or too small, by one margin.

    Parameters
    ----------
    distance : float
        How far the boundary moves, in pixels, or in the unit of `spacing`.
    direction : {"out", "in", "either"}, optional
        Outwards, inwards, or either for each label of each patch, by chance.

    Notes
    -----
    The boundary is known to half a pixel only. It is placed by smoothing the mask by three pixels,
    with a correction for curvature, and a pixel changes if its centre lies between that place and
    the new one. Parts that are too thin for that have a place between the pixels that is drawn by
    `rng`, smoothly along them. So the area grows with `distance` nearly without jumps, and distance
    0 changes nothing. Corners become round outwards.

    In a label map the boundary between two labels moves once, with the one that comes later, and an
    earlier label stops where another begins. Boundaries with labels that are not listed, or with
    what is not `within`, stay, and the border of the array is no boundary. Pixels that a label
    gains are painted over the background and earlier labels; those that it loses become the nearest
    earlier label beside it, or background.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((6, 7), np.uint8)
    >>> mask[2:4, 2:5] = 1
    >>> bias(mask, 1.0, rng=0)
    array([[0, 0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    >>> bias(mask, 0.6, direction="in", rng=0)
    array([[0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0],
           [0, 0, 1, 1, 1, 0, 0],
           [0, 0, 1, 1, 1, 0, 0],
           [0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    distance = check_number("distance", distance, 0.0, LARGEST)
    check_choice("direction", direction, (*_SIDES, "either"))

    def move(region: Region) -> Mask:
        boundary = region.boundary()
        side = _SIDES.get(direction) or region.rng.choice([-1.0, 1.0])
        return region.move(boundary, side * distance)

    return perturb(mask, redraw(move), **options)
