"""Three ways in which a mask goes wrong: trace it, displace what was traced, fill it again."""

from collections.abc import Iterable
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._labels import Order
from ._planes import Planes, perturb_planes
from ._streams import PlaneStreams
from ._validate import (
    LARGEST,
    check_count,
    check_gains,
    check_number,
    check_odds,
    check_spacing,
    only_label,
)

Label = TypeVar("Label", bound=np.bool_ | np.integer[Any])
Rng = int | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None


def natural(
    mask: NDArray[Label],
    sigma: float,
    *,
    knots: int = 5,
    labels: Iterable[int] | None = None,
    within: NDArray[np.bool_] | None = None,
    plane: tuple[int, int] = (-2, -1),
    spacing: tuple[float, float] | None = None,
    rng: Rng = None,
    workers: int = 1,
) -> NDArray[Label]:
    """Draw the contours of a mask, or of each label of a map, again with an unsteady hand.

    Parameters
    ----------
    mask : array of bool or int, at least two axes
        Mask or label map; 0 is the background.
    sigma : float
        Standard deviation of the displacement at the knots, in pixels, or in the unit of `spacing`.
    knots : int, optional
        Number of independent displacements along each contour: the more, the wavier.
    labels : sequence of int, optional
        The labels that are drawn, in this order; by default all that the mask has, ascending. Other
        labels never change.
    within : array of bool, optional
        Region of the mask's shape outside which nothing changes.
    plane : pair of int, optional
        The (row, column) axes that an annotator draws in. Each plane along the other axes is
        perturbed on its own. A NIfTI volume in (x, y, z) order is ``plane=(1, 0)``.
    spacing : pair of float, optional
        Distance of neighbouring rows and of neighbouring columns, e.g. in mm; by default 1 pixel.
    rng : None, int, SeedSequence or Generator, optional
        Source of randomness (SPEC 7). The noise of a plane depends on it and on the index of the
        plane alone.
    workers : int, optional
        Number of threads over planes. The result does not depend on it.

    Returns
    -------
    array
        New array of the shape and dtype of `mask`, with no label that `mask` does not have.

    Raises
    ------
    TypeError
        If `mask` is neither bool nor integer.
    ValueError
        If another argument is out of its range, or the mask has more than 255 labels.

    Notes
    -----
    Contours run half way between a positive pixel and its neighbours, along outer borders and those
    of holes. Each has `knots` normal draws, evenly spaced along it and joined by a periodic cubic
    spline; every point moves by the spline's value along the ray from the centre of the contour's
    bounding box, outwards if the value is positive. Between knots the spline varies less than at
    them. Then all contours of the plane are filled together, by winding number, without rounding
    before: a pixel is positive if its centre lies inside more outer contours than holes.

    In a label map the boundary between two labels is drawn once, by the one that comes later: the
    points of the earlier one stay there, and so do points that border on a label that is not
    listed, or on what is not `within`. Where a contour leaves such a piece of boundary, it keeps a
    corner. Pixels that a label gains are painted over the background and earlier labels; those that
    it loses become what lies across the nearest edge that it drew, the outside of the plane being
    background. So no gaps open between labels, and no label appears where none is near.

    Contours of one label that grow into each other merge. A point does not pass the centre of its
    contour: with one knot, parts that are small beside `sigma` shrink to nothing in about half of
    the draws; with more, they mostly keep a lobe on some side, and so grow on average. What leaves
    the plane is cut off.

    The model is the "natural" perturbation of [1]_; its program let contours run through the
    centres of the outermost positive pixels and filled them one by one.

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
    array([[1, 1, 0, 0, 0, 0],
           [1, 1, 1, 1, 0, 0],
           [1, 1, 1, 1, 0, 0],
           [1, 1, 1, 1, 0, 0],
           [1, 1, 1, 1, 0, 0],
           [1, 1, 0, 0, 0, 0]], dtype=uint8)

    A map of two labels: 2 draws what they share, and 1 the rest of its own contour.

    >>> mask[3:5, 1:5] = 2
    >>> natural(mask, 1.0, rng=3)
    array([[1, 1, 1, 1, 1, 0],
           [1, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 1, 0],
           [0, 2, 1, 1, 1, 0],
           [0, 2, 2, 2, 2, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    sigma = check_number("sigma", sigma, 0.0, LARGEST)
    knots = check_count("knots", knots)
    steps = check_spacing(spacing)
    from ._contours import displace_contours, fill_contours, trace_contours
    from ._runs import copy_mixed, trace_runs

    def redraw(planes: Planes, order: Order, streams: PlaneStreams, out: Planes) -> None:
        runs = trace_runs(planes, order)
        contours = trace_contours(planes, runs, order)
        displace_contours(contours, sigma * streams.normals(contours.regions, knots), steps)
        copy_mixed(planes, runs, out)
        fill_contours(planes, runs, contours, steps, order, out)

    return perturb_planes(
        mask, redraw, labels=labels, within=within, plane=plane, rng=rng, workers=workers
    )


def choppy(
    mask: NDArray[Label],
    sigma: float,
    *,
    labels: Iterable[int] | None = None,
    within: NDArray[np.bool_] | None = None,
    plane: tuple[int, int] = (-2, -1),
    spacing: tuple[float, float] | None = None,
    rng: Rng = None,
    workers: int = 1,
) -> NDArray[Label]:
    """Shift the start and the end of every run of a label's pixels.

    Parameters
    ----------
    mask : array of bool or int, at least two axes
        Mask or label map; 0 is the background.
    sigma : float
        Standard deviation of each shift, in pixels, or in the unit of `spacing`.
    labels : sequence of int, optional
        The labels that are drawn, in this order; by default all that the mask has, ascending. Other
        labels never change.
    within : array of bool, optional
        Region of the mask's shape outside which nothing changes.
    plane : pair of int, optional
        The (row, column) axes that an annotator draws in. Each plane along the other axes is
        perturbed on its own. A NIfTI volume in (x, y, z) order is ``plane=(1, 0)``.
    spacing : pair of float, optional
        Distance of neighbouring rows and of neighbouring columns, e.g. in mm; by default 1 pixel.
    rng : None, int, SeedSequence or Generator, optional
        Source of randomness (SPEC 7). The noise of a plane depends on it and on the index of the
        plane alone.
    workers : int, optional
        Number of threads over planes. The result does not depend on it.

    Returns
    -------
    array
        New array of the shape and dtype of `mask`, with no label that `mask` does not have.

    Raises
    ------
    TypeError
        If `mask` is neither bool nor integer.
    ValueError
        If another argument is out of its range, or the mask has more than 255 labels.

    Notes
    -----
    A run is a stretch of pixels of one label in one row. Its start and its end move along the row
    by normal draws of their own, rounded to whole pixels. A run whose end does not stay behind its
    start vanishes, runs that meet merge, and the border of the plane clips.

    In a label map the end of one run is often the start of another. It moves once, with the label
    that comes later; ends at labels that are not listed, or at what is not `within`, stay. Pixels
    that a label gains are painted over the background and earlier labels; those that it loses
    become what lies across the end that moved, the outside of the plane being background. What lies
    on either side of a run that vanishes meets in the middle.

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
           [0, 0, 1, 1, 1, 0],
           [0, 0, 1, 1, 0, 0],
           [0, 1, 1, 1, 0, 0],
           [0, 1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)

    A map of two labels: 2 draws what they share, and 1 its own starts.

    >>> mask[1:5, 3:5] = 2
    >>> choppy(mask, 1.0, rng=1)
    array([[0, 0, 0, 0, 0, 0],
           [0, 0, 1, 2, 0, 0],
           [0, 0, 2, 2, 2, 0],
           [0, 1, 2, 2, 0, 0],
           [0, 1, 1, 2, 2, 2],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    sigma = check_number("sigma", sigma, 0.0, LARGEST)
    shift = sigma / check_spacing(spacing)[1]
    from ._runs import copy_mixed, move_ends, trace_runs

    def chop(planes: Planes, order: Order, streams: PlaneStreams, out: Planes) -> None:
        runs = trace_runs(planes, order)
        copy_mixed(planes, runs, out)
        move_ends(planes, runs, shift * streams.normals(runs.regions, 2), order, out)

    return perturb_planes(
        mask, chop, labels=labels, within=within, plane=plane, rng=rng, workers=workers
    )


def random(
    mask: NDArray[Label],
    rate: float,
    *,
    prevalence: float | None = None,
    labels: Iterable[int] | None = None,
    within: NDArray[np.bool_] | None = None,
    plane: tuple[int, int] = (-2, -1),
    rng: Rng = None,
    workers: int = 1,
) -> NDArray[Label]:
    """Flip pixels wherever they lie, as many positive as negative ones, for each label.

    Parameters
    ----------
    mask : array of bool or int, at least two axes
        Mask or label map; 0 is the background.
    rate : float
        Fraction of each label's pixels in each plane that flip, from 0 to 1.
    prevalence : float, optional
        Share of the positive pixels in the whole data set, between 0 and 1. If given, a fraction
        ``rate * prevalence / (1 - prevalence)`` of the negative pixels of each plane flips, so
        that planes without foreground receive noise too, as in the experiment of [1]_. For one
        label only.
    labels : sequence of int, optional
        The labels that swap pixels with the background, in this order; by default all that the mask
        has, ascending, or 1 if it is empty. Other labels never change.
    within : array of bool, optional
        Region of the mask's shape outside which nothing changes, or counts.
    plane : pair of int, optional
        The (row, column) axes that an annotator draws in. Each plane along the other axes is
        perturbed on its own. A NIfTI volume in (x, y, z) order is ``plane=(1, 0)``.
    rng : None, int, SeedSequence or Generator, optional
        Source of randomness (SPEC 7). The noise of a plane depends on it and on the index of the
        plane alone.
    workers : int, optional
        Number of threads over planes. The result does not depend on it.

    Returns
    -------
    array
        New array of the shape and dtype of `mask`, with no label that `mask` does not have.

    Raises
    ------
    TypeError
        If `mask` is neither bool nor integer.
    ValueError
        If another argument is out of its range, a plane has fewer negative pixels than should
        flip, a prevalence is given for several labels, or the mask has more than 255 labels.

    Notes
    -----
    In each plane exactly ``round(rate * positives)`` pixels of each label become background and as
    many pixels of the background get the label, picked uniformly without replacement. So every
    area stays the same and every label's Dice score is 1 - `rate`, but for the rounding. Of one
    label, a higher rate flips the same pixels and further ones.

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
    array([[0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1],
           [0, 1, 0, 1, 1, 0],
           [1, 1, 1, 0, 1, 1],
           [0, 0, 0, 1, 1, 0],
           [0, 0, 1, 0, 0, 0]], dtype=uint8)
    """
    rate = check_number("rate", rate, 0.0, 1.0)
    ratio = None if prevalence is None else rate * check_odds(prevalence, rate)
    from ._pixels import flip_pixels, list_pixels
    from ._runs import copy_mixed, trace_runs

    def flip(planes: Planes, order: Order, streams: PlaneStreams, out: Planes) -> None:
        runs = trace_runs(planes, order, empty=ratio is not None)
        copy_mixed(planes, runs, out)
        listed = list_pixels(runs, out)
        flips = []
        start = 0
        for index, regions in groupby(listed.regions.tolist(), itemgetter(0)):
            stops = [stop for _, _, stop in regions]
            sizes = [after - before for before, after in pairwise([start, *stops])]
            nonzero = np.count_nonzero(planes[index]) if runs.mixed[index] else sum(sizes)
            left = planes[index].size - nonzero
            losses = [round(rate * size) for size in sizes]
            gains = losses if ratio is None else [round(ratio * left)]
            check_gains(rate, sum(gains), left)
            for lost, gained in zip(losses, gains, strict=True):
                flips.append((lost, gained, left))
                left -= gained
            start = stops[-1]
        flip_pixels(planes, listed, flips, streams, out)

    if ratio is not None:
        labels = [only_label(mask, labels)]
    return perturb_planes(
        mask, flip, labels=labels, within=within, plane=plane, rng=rng, workers=workers
    )
