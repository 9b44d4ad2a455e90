"""How much of a mask another mask keeps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._validate import check_mask, check_same_shape, refuse_labels


def dice(reference: Any, other: Any) -> float:
    """Return the Dice score (DSC) of two masks.

    Parameters
    ----------
    reference, other : array of bool or int
        Masks of one shape, of any number of axes from two. Every pixel that is not 0 is foreground.

    Returns
    -------
    float
        ``2 |A and B| / (|A| + |B|)``, from 0 to 1, without unit; 1.0 if both masks are empty.

    Raises
    ------
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If the shapes differ, or a mask has several labels.

    References
    ----------
    Dice, L. R. (1945). Measures of the amount of ecologic association between species.
    Ecology 26(3), 297-302.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> dice(square, np.roll(square, 1, axis=1))
    0.75
    """
    return dice_of(*overlap(reference, other))


def iou(reference: Any, other: Any) -> float:
    """Return the intersection over union (IoU, Jaccard index) of two masks.

    Parameters
    ----------
    reference, other : array of bool or int
        Masks of one shape, of any number of axes from two. Every pixel that is not 0 is foreground.

    Returns
    -------
    float
        ``|A and B| / |A or B|``, from 0 to 1, without unit; 1.0 if both masks are empty.

    Raises
    ------
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If the shapes differ, or a mask has several labels.

    References
    ----------
    Jaccard, P. (1912). The distribution of the flora in the alpine zone. New Phytologist 11(2),
    37-50.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((6, 6), np.uint8)
    >>> square[1:5, 1:5] = 1
    >>> iou(square, np.roll(square, 1, axis=1))
    0.6
    """
    return iou_of(*overlap(reference, other))


def overlap(reference: Any, other: Any) -> tuple[int, int, int]:
    """Count the pixels of both masks together, of the first and of the second."""
    reference, other = check_mask(reference, "reference"), check_mask(other, "other")
    check_same_shape(reference, other)
    here, there = _foreground(reference, "reference"), _foreground(other, "other")
    return tuple(int(np.count_nonzero(pixels)) for pixels in (here & there, here, there))  # type: ignore[return-value]


def dice_of(both: int, first: int, second: int) -> float:
    """Return the Dice score of pixel counts."""
    return 2 * both / (first + second) if first + second else 1.0


def iou_of(both: int, first: int, second: int) -> float:
    """Return the IoU of pixel counts."""
    return both / (first + second - both) if first + second else 1.0


def _foreground(mask: NDArray[Any], name: str) -> NDArray[np.bool_]:
    if mask.dtype.kind == "b":
        return mask
    label = mask.max(initial=0) or mask.min(initial=0)
    if mask.dtype == np.uint8 and label == 1:
        return mask.view(np.bool_)
    foreground: NDArray[np.bool_] = mask != 0
    if np.count_nonzero(mask == label) < np.count_nonzero(foreground):
        refuse_labels(mask, name)
    return foreground
