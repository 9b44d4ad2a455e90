"""Pixels that flip wherever they lie."""

from typing import TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Codes, Options, Patch, perturb, perturbation
from .._validate import check_number, check_odds, only_label

Label = TypeVar("Label", bound=np.generic)


@perturbation
def random(
    mask: NDArray[Label],
    rate: float,
    *,
    prevalence: float | None = None,
    **options: Unpack[Options],
) -> NDArray[Label]:
    """Flip pixels at random places, as many of the foreground as of the background.

    Parameters
    ----------
    rate : float
        Share of each label's pixels in each patch that flip, from 0 to 1.
    prevalence : float, optional
        Share of the foreground in the whole data set, between 0 and 1. If given, a share of ``rate
        * prevalence / (1 - prevalence)`` of the background of each patch flips, so that patches
        without foreground receive noise too, as in the experiment of [1]_. For one label only:
        list it in `labels` where a patch may lack it.

    Notes
    -----
    In each patch exactly ``round(rate * foreground)`` pixels of each label become background and as
    many pixels of the background get the label, picked uniformly without replacement. So every
    area stays the same and every label's Dice score is 1 - `rate`, but for the rounding. Where the
    background is too small for that, as many pixels flip as there are; in a patch without
    background none do. Of one label, a higher rate flips the same pixels and further ones.

    The model is the "random" perturbation of [1]_, whose program flipped each pixel by chance.

    References
    ----------
    .. [1] Heller, N., Dean, J., Papanikolopoulos, N. (2018). Imperfect Segmentation Labels: How
       Much Do They Matter? LABELS 2018, LNCS 11043, 112-120.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((6, 6), np.uint8)
    >>> mask[1:5, 1:5] = 1
    >>> random(mask, 0.25, rng=2)
    array([[0, 1, 0, 0, 0, 0],
           [0, 0, 1, 0, 1, 1],
           [0, 1, 1, 1, 0, 0],
           [0, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 1, 0],
           [0, 1, 1, 0, 0, 0]], dtype=uint8)
    """
    rate = check_number("rate", rate, 0.0, 1.0)
    odds = None if prevalence is None else check_odds(prevalence)
    if odds is not None:
        options["labels"] = only_label(mask, options.get("labels"), options.get("within"))

    def flip(patch: Patch) -> Codes:
        from .._pixels import flip_pixels, list_pixels
        from .._runs import trace_runs

        runs = trace_runs(patch.codes, patch.drawn)
        regions = runs.regions
        if odds is not None and patch.drawn and not regions:
            regions = [(1, 0, 0, 0, ())]
        out = patch.codes.copy()
        covered = int(np.count_nonzero(out)) if runs.mixed else sum(region[3] for region in regions)
        left = out.size - covered
        for layer, (label, start, stop, size, _) in enumerate(regions):
            lost = round(rate * size)
            lost = min(lost, left) if odds is None else lost * (left > 0)
            gained = lost if odds is None else min(round(rate * odds * left), left)
            pixels = list_pixels(runs.table[start:stop], size, patch.codes.shape[-1])
            rng = patch.rng(layer)
            flip_pixels(patch.codes, label, pixels, (lost, gained, left), rng, out)
            patch.give_back(rng)
            left -= gained
        return out

    return perturb(mask, flip, **options)
