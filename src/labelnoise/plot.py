"""Look at label noise: contours, the best and the worst planes, the course of a search.

Each label has a hue. Its clean contour is wide and pale, its noisy one narrow, saturated and on
top. Dark edges keep both visible on any image and any page. Needs matplotlib.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._codes import distinct
from ._outlines import outlines
from ._overlap import alike, among
from ._validate import (
    check_axes,
    check_count,
    check_labels,
    check_mask,
    check_number,
    check_spacing,
)
from .calibration import Calibration, Match
from .metrics import dice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

# Noisy: Okabe and Ito's colours, which colour-blind people can tell apart. Clean: their tints.
NOISY: tuple[str, ...] = "#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#f0e442", "#0072b2"
CLEAN: tuple[str, ...] = "#ffe3b0", "#d3ecff", "#a9ecd6", "#ffc9a3", "#f9dcec", "#fffbc4", "#a6d3f5"
_EDGE = "#16181d"
_NEUTRAL = "#777777"  # text that can be read on light and dark pages
_LEAST = 16  # pixels of the smallest side that is shown


def contours(
    reference: NDArray[Any],
    other: NDArray[Any] | None = None,
    image: NDArray[Any] | None = None,
    ax: "Axes | None" = None,
    *,
    labels: Iterable[int] | None = None,
    spacing: tuple[float, float] | None = None,
    margin: float | None = None,
    fill: float = 0.0,
    linewidth: float = 1.5,
    **window: Any,
) -> "Axes":
    """Draw the contours of a plane, clean ones behind noisy ones.

    Parameters
    ----------
    reference : array of bool or int, of shape (rows, columns)
        Clean mask or label map.
    other : array of bool or int, of the same shape, optional
        Noisy one.
    image : array of shape (rows, columns), or with a last axis of 3 or 4 colours, optional
        What lies under the contours.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes of pyplot.
    labels : sequence of int, optional
        The labels that are drawn, in the order of the colours; by default all, and the colour
        depends on the label's value alone. There are seven colours.
    spacing : tuple of float, optional
        Distance of neighbouring pixels along rows and columns; by default pixels are square.
    margin : float, optional
        Show the clean structures with so much on each side, as a share of their larger side, and
        16 pixels at least. By default the whole plane is shown.
    fill : float, optional
        Show noisy labels as areas of this opacity, up to 1, below dark clean contours; better than
        contours where there is no image, and for scattered pixels.
    linewidth : float, optional
        Width of noisy contours in points. Clean ones are 2.4 times as wide.
    **window
        Options of ``Axes.imshow``, e.g. ``vmin=-128, vmax=128``. By default the grey values are
        spread around those of the structures.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. Pixel (0, 0) is at the top left, and coordinates are those of pixel centres.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If an array has no two axes, shapes differ, or an option is out of its range.

    Notes
    -----
    A contour follows the edges of pixels exactly. The border of the array is no boundary: a
    contour that reaches it stays open. All contours of one colour are one path in ``ax.patches``,
    clean ones first.

    The grey values cover the 1st to 99th percentile inside the clean structures and as much again
    on either side, at least 3/8 of that range of the whole image. Colours of uint8, or from 0 to 1,
    are shown as they are, others from their 1st to 99th percentile.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> import labelnoise.plot
    >>> mask = np.zeros((40, 40), np.uint8)
    >>> mask[8:30, 10:34] = 1
    >>> noisy = labelnoise.wobble(mask, 2.0, rng=0)
    >>> figure, ax = plt.subplots()
    >>> ax = labelnoise.plot.contours(mask, noisy, ax=ax, margin=0.2)
    >>> len(ax.patches)  # a clean and a noisy contour
    2
    """
    reference = _plane(reference, "reference")
    another = reference if other is None else _plane(other, "other")
    reference, another, listed = alike(reference, another, labels)
    steps = check_spacing(spacing, (0, 1))
    fill = check_number("fill", fill, 0.0, 1.0)
    width = check_number("linewidth", linewidth, 0.0, 100.0)
    clean, noisy = (_shown(plane, listed) for plane in (reference, another))
    inside = clean if clean.any() else noisy
    (top, bottom), (left, right) = _view(inside, margin, steps)
    picture = None if image is None else _picture(image, inside, window)
    axes = _import("pyplot").gca() if ax is None else ax
    if picture is not None:
        axes.imshow(picture[0], **picture[1])
    dark: tuple[str, ...] = (_EDGE,) * len(CLEAN)
    lines = [(reference, CLEAN, dark, 2.4 * width)]
    if other is not None and fill:
        axes.imshow(_filled(another, listed, fill), interpolation="nearest")
        lines = [(reference, dark, CLEAN, 0.7 * width)]
    elif other is not None:
        lines.append((another, NOISY, dark, width))
    patches, effects = _import("patches"), _import("patheffects")
    for plane, colours, edges, wide in lines:
        for number, path in _paths(plane, listed).items():
            edge = {"linewidth": wide + 0.7 * width, "foreground": edges[number], "alpha": 0.7}
            axes.add_artist(
                patches.PathPatch(
                    path,
                    facecolor="none",
                    edgecolor=colours[number],
                    linewidth=wide,
                    capstyle="projecting",
                    joinstyle="miter",
                    snap=False,
                    path_effects=[effects.withStroke(**edge)],
                    zorder=2,
                )
            )
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect=steps[0] / steps[1])
    axes.set_axis_off()
    return axes


def grid(
    references: Sequence[NDArray[Any]] | NDArray[Any],
    others: Sequence[NDArray[Any]] | NDArray[Any],
    images: Sequence[NDArray[Any]] | NDArray[Any] | None = None,
    *,
    axes: tuple[int, ...] = (-2, -1),
    count: int = 2,
    labels: Iterable[int] | None = None,
    spacing: tuple[float, ...] | None = None,
    margin: float = 0.2,
    figure: "Figure | None" = None,
    **options: Any,
) -> "Figure":
    """Draw the planes with the worst, the median and the best Dice score.

    Parameters
    ----------
    references, others : array, or sequence of arrays, of bool or int
        Clean and noisy masks or label maps: a volume, a stack of planes, or a list of planes.
    images : array, or sequence of arrays, optional
        What lies under the contours, of the same shapes; colours are on one more axis, the last. A
        sequence may load a plane when it is indexed.
    axes : tuple of int, optional
        The axes (row, column), or (slice, row, column), as in `labelnoise.natural`. The planes of
        a list are taken as they are.
    count : int, optional
        How many of each are drawn.
    labels, margin, **options
        As in `contours`, but the view is a square. Planes are scored by the mean over labels.
    spacing : tuple of float, optional
        Distance of neighbouring pixels along `axes`.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure of pyplot with a transparent background.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. Each title tells the plane and its Dice score.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If a mask is neither bool nor integer.
    ValueError
        If shapes differ, no plane has foreground, or an option is out of its range.

    Notes
    -----
    Planes whose foreground, clean or noisy, is less than half the median are left out: the
    tip of a structure tells little. So are planes without any.

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
    count, listed = check_count("count", count), check_labels(labels)
    clean, noisy = _planes(references, axes, "references"), _planes(others, axes, "others")
    if len(clean) != len(noisy):
        raise ValueError(
            f"others: {len(noisy)} planes, and {len(clean)} of references; pass as many of each"
        )
    under = None if images is None else _pictures(images, axes, references)
    if under is not None and len(under) != len(clean):
        raise ValueError(
            f"images: {len(under)} planes, and {len(clean)} of references; pass as many of each"
        )
    steps = check_spacing(spacing, axes)[-2:]
    sizes, scores = np.zeros(len(clean), int), np.ones(len(clean))
    for place, pair in enumerate(zip(clean, noisy, strict=True)):
        first, second, _ = alike(*pair, listed)
        sizes[place] = max(np.count_nonzero(_shown(plane, listed)) for plane in (first, second))
        if sizes[place]:
            present = {int(value) for plane in (first, second) for value in distinct(plane)[0]}
            scores[place] = dice(first, second, labels=listed or present - {0})
    there = np.flatnonzero(sizes)
    if not there.size:
        raise ValueError("references: no plane has foreground; pass masks that have some")
    groups = choose(scores[there], sizes[there], there, count)
    groups = {group: chosen for group, chosen in groups.items() if chosen}
    lines = max(map(len, groups.values()))
    if figure is None:
        size = 3.2 * len(groups), 3.4 * lines
        figure = _import("pyplot").figure(figsize=size, layout="constrained", facecolor="none")
    panels = figure.subplots(lines, len(groups), squeeze=False)
    for column, (group, chosen) in zip(panels.T, groups.items(), strict=True):
        for panel, index in zip(column, chosen, strict=False):
            place = int(there[index])
            image = None if under is None else under[place]
            how: Any = {"labels": listed, "spacing": steps, **options}
            contours(clean[place], noisy[place], image, panel, **how)
            inside = [_shown(maps[place], listed) for maps in (clean, noisy)]
            rows, columns = _view(inside[not inside[0].any()], margin, steps, square=True)
            panel.set(xlim=columns, ylim=rows[::-1])
            title = f"{group}: plane {place}, Dice {scores[place]:.2f}"
            panel.set_title(title, fontsize="medium", color=_NEUTRAL)
        for panel in column[len(chosen) :]:
            panel.remove()
    return figure


def legend(
    figure: "Figure", clean: str = "clean", noisy: str = "noisy", *, fill: float = 0.0
) -> "Legend":
    """Write below a figure what the two kinds of contours are.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure with the layout "constrained", such as `grid` returns.
    clean, noisy : str, optional
        The names of clean and of noisy contours.
    fill : float, optional
        That of `contours`, if noisy labels are shown as areas.

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
    line, patch = _import("lines").Line2D, _import("patches").Patch
    edge: Any = {
        "path_effects": [_import("patheffects").withStroke(linewidth=4.6, foreground=_EDGE)]
    }
    if fill:
        handles = [
            line([], [], color=_EDGE, linewidth=1.0, label=clean),
            patch(color=NOISY[0], alpha=fill, label=noisy),
        ]
    else:
        handles = [
            line([], [], color=CLEAN[0], linewidth=3.6, label=clean, **edge),
            line([], [], color=NOISY[0], linewidth=1.5, label=noisy),
        ]
    where: Any = {"loc": "outside lower center", "ncols": 2, "frameon": False}
    return figure.legend(handles=handles, labelcolor=_NEUTRAL, **where)


def curve(calibration: Calibration | Match, ax: "Axes | None" = None) -> "Axes":
    """Draw the scores that a search has seen, and what it found.

    Parameters
    ----------
    calibration : Calibration or Match
        What `calibrate` or `match` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the current axes of pyplot.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with strengths to the right and scores upwards. The band is the bracket of a
        `Calibration`. Thin lines lead from what was found to its strength and score.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If a `Match` has a strength for each label: their searches are no single curve.

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
    if isinstance(calibration.strength, dict):
        raise ValueError(
            f"calibration: has strengths of labels {list(calibration.strength)}; "
            "match one label at a time"
        )
    axes = _import("pyplot").gca() if ax is None else ax
    strengths, scores = np.array(calibration.history).T
    order = np.argsort(strengths, kind="stable")
    if isinstance(calibration, Calibration):
        axes.axvspan(*calibration.bracket, color=NOISY[1], alpha=0.3, linewidth=0, label="bracket")
    axes.plot(strengths[order], scores[order], color="0.5", linewidth=1)
    axes.scatter(strengths, scores, s=16, color="0.5", zorder=3, label=f"{len(scores)} evaluations")
    found = calibration.strength, calibration.score
    across, up = axes.get_xlim()[0], axes.get_ylim()[0]
    lines = [across, found[0], found[0]], [found[1], found[1], up]
    axes.plot(*lines, color=NOISY[0], linewidth=0.8, scalex=False, scaley=False)
    label = f"{found[0]:.4g} scores {found[1]:.4f}"
    axes.scatter(*found, s=60, color=NOISY[0], edgecolor=_EDGE, zorder=4, label=label)
    axes.set(xlabel="strength", ylabel="score", xlim=(across, None), ylim=(up, None))
    axes.legend(frameon=False)
    return axes


def choose(
    scores: NDArray[Any], sizes: NDArray[Any], owners: NDArray[Any], count: int = 2
) -> dict[str, list[int]]:
    """Return which planes have the worst, the median and the best scores.

    Those smaller than half the median size are left out. Of each group the planes have different
    owners, such as cases, if possible; no plane is in two groups. Of few planes each group has
    fewer.
    """
    large = np.flatnonzero(2 * sizes >= np.median(sizes))
    order = large[np.argsort(scores[large], kind="stable")]
    count = min(count, max(1, len(order) // 3))
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


def _import(name: str) -> Any:
    try:
        return import_module(f"matplotlib.{name}")
    except ImportError as error:
        text = "labelnoise.plot needs matplotlib; pip install labelnoise[plot]"
        raise ImportError(text, name="matplotlib") from error


def _plane(mask: Any, name: str) -> NDArray[Any]:
    plane = check_mask(mask, name)
    if plane.ndim != 2:
        raise ValueError(f"{name}: shape {plane.shape}; pass one plane, of rows and columns")
    return plane


def _planes(maps: Any, axes: tuple[int, ...], name: str) -> Sequence[NDArray[Any]]:
    """Return the planes of a stack or a volume, or those of a list as they are."""
    if not isinstance(maps, np.ndarray):
        return [_plane(plane, f"{name}[{place}]") for place, plane in enumerate(maps)]
    order, _ = check_axes(axes, check_mask(maps, name).shape)
    moved = maps.transpose(order)
    return list(moved.reshape(-1, *moved.shape[-2:]))


def _pictures(images: Any, axes: tuple[int, ...], like: Any) -> Sequence[NDArray[Any]]:
    """Return images in the order of the planes that they lie under."""
    if not isinstance(images, np.ndarray) or not isinstance(like, np.ndarray):
        return list(images) if isinstance(images, np.ndarray) else images
    if images.shape[: like.ndim] != like.shape or images.ndim > like.ndim + 1:
        raise ValueError(
            f"images: shape {images.shape}, and {like.shape} of references; pass their images"
        )
    order, _ = check_axes(axes, like.shape)
    colours = tuple(range(like.ndim, images.ndim))
    moved = images.transpose(*order, *colours)
    return list(moved.reshape(-1, *moved.shape[like.ndim - 2 :]))


def _colour(label: int, labels: list[int] | None) -> int | None:
    """Return the number of a label's colour, None if the label is not drawn."""
    if labels is None:
        return (label - 1) % len(NOISY) if label else None
    return labels.index(label) % len(NOISY) if label in labels else None


def _shown(plane: NDArray[Any], labels: list[int] | None) -> NDArray[np.bool_]:
    return plane != 0 if labels is None else among(plane, labels)


def _filled(plane: NDArray[Any], labels: list[int] | None, opacity: float) -> NDArray[np.float64]:
    """Return the area of each label in its colour, transparent elsewhere."""
    values, places = distinct(plane)
    table = np.zeros((len(values), 4))
    for place, value in enumerate(values.tolist()):
        number = _colour(int(value), labels)
        if number is not None:
            table[place] = [*bytes.fromhex(NOISY[number][1:]), 255 * opacity]
    coloured: NDArray[np.float64] = table[places] / 255
    return coloured


def _paths(plane: NDArray[Any], labels: list[int] | None) -> dict[int, Any]:
    """Return the path of each colour, open along the border of the array."""
    from scipy.ndimage import find_objects

    values, places = distinct(plane)
    found: dict[int, list[Any]] = {}
    for place, box in enumerate(find_objects(places + 1)):
        number = _colour(int(values[place]), labels)
        if number is not None:
            corners, begins = outlines(places[box] == place)
            corners += np.array([part.start for part in box[::-1]])
            found.setdefault(number, []).append((corners, begins))
    path, paths = _import("path").Path, {}
    for number, parts in sorted(found.items()):
        corners, lifts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        border = (corners == 0) | (corners == plane.shape[::-1])
        lifts[1:] |= (border[1:] & (corners[1:] == corners[:-1])).any(axis=1)
        paths[number] = path(corners - 0.5, np.where(lifts, path.MOVETO, path.LINETO))
    return paths


def _picture(
    image: Any, mask: NDArray[np.bool_], options: dict[str, Any]
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return a picture that `imshow` shows as it should be, and its options."""
    picture = np.asarray(image)
    if picture.shape not in (mask.shape, (*mask.shape, 3), (*mask.shape, 4)):
        raise ValueError(
            f"image: shape {picture.shape}, and {mask.shape} of the reference; pass its image"
        )
    if picture.dtype.kind not in "biuf":
        raise TypeError(f"image: dtype {picture.dtype} has no grey values; pass numbers")
    options = {"cmap": "gray", "interpolation": "nearest", **options}
    if picture.ndim == 2:
        picture = picture.astype(np.float64)
        if "norm" not in options:
            options = _window(picture, mask) | options
    elif picture.dtype != np.uint8:
        colours = picture[..., :3].astype(np.float64)
        ends = {"vmin": 0.0, "vmax": 1.0}
        if not (np.nanmin(colours) >= 0 and np.nanmax(colours) <= 1):
            ends = _window(colours, np.zeros(colours.shape, bool))
        low, high = (options.pop(name, end) for name, end in ends.items())
        picture = np.clip((np.nan_to_num(colours) - low) / (high - low), 0, 1)
    return picture, options


def _window(image: NDArray[np.float64], inside: NDArray[np.bool_]) -> dict[str, float]:
    """Return the values that are black and white."""
    known = np.isfinite(image)
    if not known.any():
        return {"vmin": 0.0, "vmax": 1.0}
    low, high = np.percentile(image[known], [1, 99])
    if (inside & known).any():
        least = (high - low) / 8
        ends = np.percentile(image[inside & known], [1, 99])
        reach = max(ends[1] - ends[0], least)
        low, high = (
            max(ends.mean() - 1.5 * reach, image[known].min()),
            min(ends.mean() + 1.5 * reach, image[known].max()),
        )
    return {"vmin": float(low), "vmax": float(max(high, low + 1e-9))}


def _view(
    mask: NDArray[np.bool_], margin: float | None, steps: tuple[float, ...], square: bool = False
) -> list[tuple[float, float]]:
    """Return the first and last edges of what is shown, of rows and of columns."""
    if margin is None or not mask.any():
        return [(-0.5, size - 0.5) for size in mask.shape]
    share = check_number("margin", margin, 0.0, 100.0)
    spans = [np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
    sides = [(last - first + 1) * step for (first, last), step in zip(spans, steps, strict=True)]
    more, view = 2 * share * max(sides), []
    sides = [max(sides)] * 2 if square else sides
    for (first, last), size, step, side in zip(spans, mask.shape, steps, sides, strict=True):
        length = min(max((side + more) / step, _LEAST), size)
        begin = min(max((first + last - length) / 2, -0.5), size - 0.5 - length)
        view.append((float(begin), float(begin + length)))
    return view
