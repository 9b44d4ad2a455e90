"""Rows whose ends have shifted."""

from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Codes, Options, Patch, perturb, perturbation
from .._validate import LARGEST, check_number

Label = TypeVar("Label", bound=np.generic)


@perturbation
def choppy(mask: NDArray[Label], sigma: float, **options: Unpack[Options]) -> NDArray[Label]:
    """Shift the start and the end of every run of a label's pixels.

    Parameters
    ----------
    sigma : float
        Standard deviation of each shift, in pixels, or in the unit of `spacing`.

    Notes
    -----
    A run is a stretch of pixels of one label in one row. Its start and its end move along the row
    by normal draws of their own, rounded to whole pixels. A run whose end does not stay after its
    start vanishes, and runs that meet merge.

    In a label map the end of one run is often the start of another. It moves once, with the label
    that comes later; ends at labels that are not listed, at what is not `within`, or at the border
    of the array stay. Pixels that a label gains are painted over the background and earlier labels;
    those that it loses become what lies across the end that moved. What lies on either side of a
    run that vanishes meets in the middle.

    The model is the "choppy" perturbation of [1]_.

    References
    ----------
    .. [1] Heller, N., Dean, J., Papanikolopoulos, N. (2018). Imperfect Segmentation Labels: How
       Much Do They Matter? LABELS 2018, LNCS 11043, 112-120.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((6, 6), np.uint8)
    >>> mask[1:5, 1:5] = 1
    >>> choppy(mask, 1.0, rng=1)
    array([[0, 0, 0, 0, 0, 0],
           [1, 1, 1, 1, 1, 1],
           [0, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 1],
           [0, 1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)

    A map of two labels: 2 draws what they share, and 1 its own starts.

    >>> mask[1:5, 3:5] = 2
    >>> choppy(mask, 1.0, rng=1)
    array([[0, 0, 0, 0, 0, 0],
           [1, 1, 1, 2, 0, 0],
           [0, 1, 2, 2, 2, 0],
           [1, 1, 1, 1, 0, 0],
           [0, 1, 2, 2, 0, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    sigma = check_number("sigma", sigma, 0.0, LARGEST)

    def chop(patch: Patch) -> Codes:
        from .._runs import move_ends, trace_runs

        runs = trace_runs(patch.codes, patch.drawn)
        shifts = np.empty((len(runs.table), 2))
        for layer, (_, start, stop, *_) in enumerate(runs.regions):
            rng = patch.rng(layer)
            rng.standard_normal(out=shifts[start:stop])
            patch.give_back(rng)
        shifts *= sigma / patch.spacing[-1]
        return move_ends(patch.codes, runs, shifts)

    return perturb(mask, chop, **options)
