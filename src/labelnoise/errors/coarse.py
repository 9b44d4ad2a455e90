"""Contours drawn with few clicks."""

from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Options, perturb, perturbation
from .._redraw import redraw
from .._validate import LARGEST, check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def coarse(mask: NDArray[Label], tolerance: float, **options: Unpack[Options]) -> NDArray[Label]:
    """Replace every contour by a polygon with few corners.

    Parameters
    ----------
    tolerance : float
        Largest distance of a contour's points from the polygon, in pixels, or in the unit of
        `spacing`.

    Notes
    -----
    Each contour, also that of a hole, becomes a polygon whose corners lie on it. Beginning at a
    random point, the way round is divided at the point that lies farthest from the straight line,
    until no point lies farther than `tolerance` [1]_ [2]_. A polygon has at least three corners.
    Straight lines cut off what is convex, so convex structures become smaller at tolerances of more
    than a pixel. In a volume each slice has contours of its own.

    In a label map the boundary between two labels is drawn once, by the one that comes later.
    Points on such a piece of the earlier label's contour stay, and so do points that border on a
    label that is not listed, on what is not `within`, or on the border of the array. What a label
    loses becomes the nearest earlier label beside it, or background.

    References
    ----------
    .. [1] Ramer, U. (1972). An iterative procedure for the polygonal approximation of plane curves.
       Computer Graphics and Image Processing 1(3), 244-256.
    .. [2] Douglas, D. H., Peucker, T. K. (1973). Algorithms for the reduction of the number of
       points required to represent a digitized line or its caricature. Cartographica 10(2),
       112-122.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((7, 9), np.uint8)
    >>> mask[1:6, 2:7] = mask[2:5, 1:8] = 1
    >>> coarse(mask, 1.5, rng=0)
    array([[0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 1, 1, 0, 0],
           [0, 1, 1, 1, 1, 1, 1, 0, 0],
           [0, 1, 1, 1, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    tolerance = check_number("tolerance", tolerance, 0.0, LARGEST)

    return perturb(mask, redraw(lambda region: region.simplify(tolerance)), **options)
