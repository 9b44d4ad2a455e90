"""Contours drawn again with an unsteady hand."""

from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Options, perturb, perturbation
from .._redraw import redraw
from .._validate import LARGEST, check_count, check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def natural(
    mask: NDArray[Label], sigma: float, *, knots: int = 5, **options: Unpack[Options]
) -> NDArray[Label]:
    """Let the contours of a mask, or of each label of a map, bulge and dent at random.

    Parameters
    ----------
    sigma : float
        Standard deviation of the displacement at the knots, in pixels, or in the unit of `spacing`.
    knots : int, optional
        Number of independent displacements along each contour, from 1 to 1000: the more, the
        wavier.

    Notes
    -----
    Contours run half way between a pixel of the label and its neighbours, along outer borders and
    those of holes. Each has `knots` normal draws, evenly spaced along its length from a random
    point on and joined by a periodic cubic spline; every point moves by the spline's value along
    the ray from the centre of the contour's bounding box, outwards if the value is positive.
    Between knots the spline varies less than at them. Then all contours of the label in a plane are
    filled together, by winding number, without rounding before: a pixel belongs to the label if its
    centre lies inside more outer contours than holes. In a volume each slice has contours of its
    own.

    In a label map the boundary between two labels is drawn once, by the one that comes later: the
    points of the earlier one stay there, and so do points that border on a label that is not
    listed, on what is not `within`, or on the border of the array. Where a contour leaves such a
    piece of boundary, it keeps a corner. Pixels that a label gains are painted over the background
    and earlier labels; those that it loses become the nearest earlier label beside it, or
    background. So no gaps open between labels, and no label appears where none is near.

    Contours of one label that grow into each other merge. A point does not pass the centre of its
    contour: with one knot, parts that are small beside `sigma` shrink to nothing in about half of
    the draws; with more, they mostly keep a lobe on some side, and so grow on average.

    The model is the "natural" perturbation of [1]_; its program let contours run through the
    centres of the outermost foreground pixels and filled them one by one.

    References
    ----------
    .. [1] Heller, N., Dean, J., Papanikolopoulos, N. (2018). Imperfect Segmentation Labels: How
       Much Do They Matter? LABELS 2018, LNCS 11043, 112-120.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((6, 6), np.uint8)
    >>> mask[1:5, 1:5] = 1
    >>> natural(mask, 1.0, rng=2)
    array([[0, 0, 0, 0, 0, 0],
           [0, 1, 0, 0, 0, 0],
           [0, 1, 1, 1, 0, 0],
           [0, 1, 1, 1, 0, 0],
           [0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)

    A map of two labels: 2 draws what they share, and 1 the rest of its own contour.

    >>> mask[3:5, 1:5] = 2
    >>> natural(mask, 1.0, rng=3)
    array([[0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1],
           [0, 1, 1, 1, 1, 1],
           [0, 1, 1, 1, 0, 0],
           [0, 2, 2, 2, 2, 0],
           [0, 0, 2, 2, 0, 0]], dtype=uint8)
    """
    sigma = check_number("sigma", sigma, 0.0, LARGEST)
    knots = check_count("knots", knots, 1000)

    return perturb(mask, redraw(lambda region: region.stretch(sigma, knots)), **options)
