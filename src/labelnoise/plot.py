"""Look at label noise: contours, the best and the worst planes, the course of a calibration.

Clean contours are wide and light blue, noisy ones narrow and on top of them. It needs matplotlib.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._validate import (
    check_axes,
    check_count,
    check_labels,
    check_mask,
    check_number,
    check_same_shape,
    check_spacing,
)
from .calibration import Calibration, Match
from .metrics import dice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

CLEAN = "#4cc9f0"
NOISY = "#ff9f1c", "#f72585", "#7ae582", "#ffe14d", "#ff6b6b", "#c8a2ff"  # a colour for each label
_WIDE, _NARROW = 3.2, 1.5  # points
_WINDOW, _NARROWEST = 10.0, 0.125  # half a window, in quartile ranges of a structure and of all


def contours(
    reference: NDArray[Any],
    other: NDArray[Any] | None = None,
    image: NDArray[Any] | None = None,
    ax: "Axes | None" = None,
    *,
    labels: Iterable[int] | None = None,
    spacing: tuple[float, float] | None = None,
    margin: float | None = None,
    **window: Any,
) -> "Axes":
    """Draw the contours of a plane, clean ones behind noisy ones.

    Parameters
    ----------
    reference : array of bool or int, of shape (rows, columns)
        Clean mask or label map.
    other : array of bool or int, of the same shape, optional
        Noisy one.
    image : array of shape (rows, columns) or (rows, columns, 3), optional
        What lies under the contours.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes.
    labels : sequence of int, optional
        The labels that are drawn, each noisy one in a colour of its own; by default all.
    spacing : tuple of float, optional
        Distance of neighbouring pixels along rows and columns; by default pixels are square.
    margin : float, optional
        Show the clean structures with so much around them, as a share of their larger side. By
        default the whole plane is shown.
    **window
        Options of ``Axes.imshow``, e.g. ``vmin=-128, vmax=128``. By default the grey values are
        spread around those of the clean structures.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. Pixel (0, 0) is at the top left, and coordinates are those of pixels.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If an array has no two axes, or shapes differ.

    Notes
    -----
    A contour runs halfway between pixels of a label and all others. Where the array ends it is
    closed.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise.plot
    >>> mask = np.zeros((40, 40), np.uint8)
    >>> mask[8:30, 10:34] = 1
    >>> noisy = labelnoise.wobble(mask, 2.0, rng=0)
    >>> ax = labelnoise.plot.contours(mask, noisy, margin=0.2)
    >>> len(ax.collections)  # a clean and a noisy contour
    2
    """
    reference = _plane(reference, "reference")
    planes = [reference] if other is None else [reference, _plane(other, "other")]
    check_same_shape(reference, planes[-1])
    steps = check_spacing(spacing, (0, 1))
    axes = _pyplot().gca() if ax is None else ax
    drawn = check_labels(labels)
    if drawn is None:
        found = {label for plane in planes for label in np.unique(plane).tolist()}
        drawn = sorted({int(label) for label in found} - {0})
    rows, columns = (np.arange(-1, size + 1) for size in reference.shape)
    for noisy, plane in enumerate(planes):
        for number, label in enumerate(drawn):
            inside = np.pad(plane == label, 1)
            if inside.any():
                axes.contour(
                    columns,
                    rows,
                    inside.astype(float),
                    [0.5],
                    colors=NOISY[number % len(NOISY)] if noisy else CLEAN,
                    linewidths=_NARROW if noisy else _WIDE,
                )
    foreground = [np.isin(plane, drawn) for plane in planes]
    structure = foreground[0] if foreground[0].any() else foreground[-1]
    (top, bottom), (left, right) = _box(structure, margin, steps)
    if image is not None:
        picture = np.asarray(image)
        if picture.shape[:2] != reference.shape or picture.ndim > 3:
            raise ValueError(
                f"image: shape {picture.shape}, and {reference.shape} of the reference; pass its "
                "image"
            )
        if picture.ndim == 2:
            box = (
                slice(round(top + 0.5), round(bottom + 0.5)),
                slice(round(left + 0.5), round(right + 0.5)),
            )
            window = _window(picture[box], structure[box]) | window
        axes.imshow(picture, **{"cmap": "gray", "interpolation": "nearest", **window})
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect=steps[0] / steps[1])
    axes.set_axis_off()
    return axes


def grid(
    references: Sequence[NDArray[Any]] | NDArray[Any],
    others: Sequence[NDArray[Any]] | NDArray[Any],
    images: Sequence[NDArray[Any]] | NDArray[Any] | None = None,
    *,
    axes: tuple[int, int] = (-2, -1),
    count: int = 2,
    labels: Iterable[int] | None = None,
    spacing: tuple[float, float] | None = None,
    margin: float = 0.2,
    **window: Any,
) -> "Figure":
    """Draw the planes with the worst, the median and the best Dice score.

    Parameters
    ----------
    references, others : array, or sequence of arrays, of bool or int
        Clean and noisy masks or label maps: a volume, a stack of planes, or a list of planes.
    images : array, or sequence of arrays, optional
        What lies under the contours, of the same shapes. A sequence may load a plane when it is
        indexed.
    axes : tuple of int, optional
        The axes of rows and columns, as in `labelnoise.natural`; the others count the planes.
    count : int, optional
        How many of each are drawn.
    labels, spacing, margin, **window
        As in `contours`. Planes are scored by the mean over labels.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure. Each title tells the plane and its Dice score.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If shapes differ, or no plane has foreground.

    Notes
    -----
    Planes whose foreground is smaller than half the median are left out: the tip of a structure
    tells little.

    Examples
    --------
    >>> import labelnoise.plot
    >>> from labelnoise.data import phantom
    >>> image, labels, spacing = phantom(slices=12, size=64, seed=0)
    >>> noisy = labelnoise.wobble(labels, 1.5, rng=0)
    >>> figure = labelnoise.plot.grid(labels, noisy, image, count=1)
    >>> [panel.get_title().split(":")[0] for panel in figure.axes]
    ['worst', 'median', 'best']
    """
    count = check_count("count", count)
    clean, noisy = _planes(references, axes, "references"), _planes(others, axes, "others")
    under: Sequence[Any] = [None] * len(clean)
    under = under if images is None else _planes(images, axes, "images", pictures=True)
    if not len(clean) == len(noisy) == len(under):
        raise ValueError(
            f"others: {len(noisy)} planes, and {len(clean)} of references; pass as many of each"
        )
    listed = check_labels(labels)
    sizes = np.array([_size(pair, listed) for pair in zip(clean, noisy, strict=True)])
    there = np.flatnonzero(sizes)
    if not there.size:
        raise ValueError("references: no plane has foreground; pass masks that have some")
    scores = np.array([dice(clean[place], noisy[place], labels=listed) for place in there.tolist()])
    groups = choose(scores, sizes[there], there, count)
    figure: Figure = _pyplot().figure(
        figsize=(3 * len(groups), 3.2 * max(map(len, groups.values()))), layout="constrained"
    )
    panels = figure.subplots(max(map(len, groups.values())), len(groups), squeeze=False)
    for column, (group, chosen) in zip(panels.T, groups.items(), strict=True):
        for panel, index in zip(column, chosen, strict=False):
            place = int(there[index])
            how: Any = {"labels": listed, "spacing": spacing, "margin": margin, **window}
            contours(clean[place], noisy[place], under[place], panel, **how)
            panel.set_title(f"{group}: plane {place}, Dice {scores[index]:.2f}", fontsize="medium")
        for panel in column[len(chosen) :]:
            panel.remove()
    return figure


def legend(figure: "Figure", clean: str = "clean", noisy: str | None = "noisy") -> "Legend":
    """Write below a figure what the two kinds of contours are.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure with the layout "constrained", such as `grid` returns.
    clean, noisy : str, optional
        The names of the wide and of the narrow contours. With ``noisy=None`` only the wide ones
        are named.

    Returns
    -------
    matplotlib.legend.Legend
        The legend.

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import labelnoise.plot
    >>> figure = plt.figure(layout="constrained")
    >>> [text.get_text() for text in labelnoise.plot.legend(figure).texts]
    ['clean', 'noisy']
    """
    lines = [(clean, CLEAN, _WIDE), *([(noisy, NOISY[0], _NARROW)] if noisy else [])]
    handles = [
        _pyplot().Line2D([], [], color=color, linewidth=width, label=name)
        for name, color, width in lines
    ]
    return figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)


def curve(calibration: Calibration | Match, ax: "Axes | None" = None) -> "Axes":
    """Draw the scores that a search has seen, and what it found.

    Parameters
    ----------
    calibration : Calibration or Match
        What `calibrate` or `match` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with strengths to the right and scores upwards; points are numbered in the order
        of the search.

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise.plot
    >>> mask = np.hypot(*np.indices((64, 64)) - 32) < 20
    >>> found = labelnoise.match(mask, labelnoise.natural, 0.9, rng=0)
    >>> ax = labelnoise.plot.curve(found)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('strength', 'score')
    """
    axes = _pyplot().gca() if ax is None else ax
    strengths, scores = np.array(calibration.history).T
    order = np.argsort(strengths, kind="stable")
    axes.plot(strengths[order], scores[order], color="0.6", linewidth=1, zorder=1)
    axes.scatter(strengths, scores, s=18, color="0.35", zorder=2)
    for number, point in enumerate(zip(strengths, scores, strict=True), 1):
        axes.annotate(str(number), point, (4, 4), textcoords="offset points", fontsize="small")
    if isinstance(calibration, Calibration):
        axes.axvspan(*calibration.bracket, color=CLEAN, alpha=0.4, linewidth=0, zorder=0)
    label = f"{calibration.strength:.4g} scores {calibration.score:.4f}"
    axes.scatter(
        [calibration.strength], [calibration.score], s=70, color=NOISY[0], zorder=3, label=label
    )
    axes.legend(frameon=False)
    axes.set(xlabel="strength", ylabel="score")
    return axes


def choose(
    scores: NDArray[Any], sizes: NDArray[Any], owners: NDArray[Any], count: int = 2
) -> dict[str, list[int]]:
    """Return which planes have the worst, the median and the best scores.

    Those smaller than half the median size are left out. Of each group the planes have different
    owners, such as cases, if possible; no plane is in two groups.
    """
    large = np.flatnonzero(2 * sizes >= np.median(sizes))
    order = large[np.argsort(scores[large], kind="stable")]
    middle = np.argsort(abs(np.arange(len(order)) - (len(order) - 1) / 2), kind="stable")
    used: set[int] = set()
    groups: dict[str, list[int]] = {}
    for group, way in (("worst", order), ("best", order[::-1]), ("median", order[middle])):
        left = [index for index in way.tolist() if index not in used]
        firsts = {owners[index]: index for index in reversed(left)}.values()  # of each owner
        spread = [index for index in left if index in firsts]
        groups[group] = list(dict.fromkeys(spread[:count] + left))[:count]
        used |= {*groups[group]}
    return {group: groups[group] for group in ("worst", "median", "best")}


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("labelnoise.plot needs matplotlib; pip install matplotlib") from error
    return pyplot


def _plane(mask: Any, name: str) -> NDArray[Any]:
    plane = check_mask(mask, name)
    if plane.ndim != 2:
        raise ValueError(f"{name}: shape {plane.shape}; pass one plane, of rows and columns")
    return plane


def _planes(
    maps: Any, axes: tuple[int, int], name: str, pictures: bool = False
) -> Sequence[NDArray[Any]]:
    """Return planes of a stack or a volume, or those of a list as they are."""
    if not isinstance(maps, np.ndarray):
        return maps if pictures else [np.asarray(plane) for plane in maps]
    stack = maps if pictures else check_mask(maps, name)
    order, _ = check_axes(axes, stack.shape)
    moved = stack.transpose(order)
    return list(moved.reshape(-1, *moved.shape[-2:]))


def _size(planes: tuple[NDArray[Any], NDArray[Any]], labels: list[int] | None) -> int:
    """Return the number of pixels with a label, in the plane that has more."""
    return max(
        int(np.count_nonzero(plane if labels is None else np.isin(plane, labels)))
        for plane in planes
    )


def _window(image: NDArray[Any], inside: NDArray[np.bool_]) -> dict[str, float]:
    """Return the values that are black and white: a structure and what is around it differ."""
    values = np.nan_to_num(image.astype(np.float64), posinf=0.0, neginf=0.0)
    if not values.size or not inside.any():
        return {}
    low, middle, high = np.percentile(values[inside], [25, 50, 75])
    reach = max(_WINDOW * (high - low), _NARROWEST * np.ptp(values))
    return {
        "vmin": float(max(middle - reach, values.min())),
        "vmax": float(min(middle + reach, values.max())),
    }


def _box(
    mask: NDArray[np.bool_], margin: float | None, steps: tuple[float, ...]
) -> list[tuple[float, float]]:
    """Return the first and last edges of what is shown, of rows and of columns."""
    box = [(-0.5, size - 0.5) for size in mask.shape]
    if margin is None or not mask.any():
        return box
    more = check_number("margin", margin, 0.0, 100.0)
    spans = [np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
    sides = [(last - first + 1) * step for (first, last), step in zip(spans, steps, strict=True)]
    around = more * max(sides)
    return [
        (max(low, first - 0.5 - around / step), min(high, last + 0.5 + around / step))
        for (first, last), (low, high), step in zip(spans, box, steps, strict=True)
    ]
