"""Several people who draw the same cases, and what they say together."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from .._patch import Options
from .._streams import split
from .._validate import (
    LARGEST,
    check_error,
    check_labels,
    check_mask,
    check_number,
    check_same_shape,
)
from .annotator import Annotator, PerLabel, draw


def raters(
    mask: NDArray[Any],
    annotators: Sequence[Callable[..., NDArray[Any]]],
    strength: float = 1.0,
    **options: Unpack[Options],
) -> list[NDArray[Any]]:
    """Return a mask as each of several people might have drawn it.

    They share what makes a case difficult, not what they draw: which objects are drawn with larger
    errors, and where people are uncertain, is the same for all in part, by the annotators' number
    `shared`.

    Parameters
    ----------
    mask : array of bool or int, at least two axes
        Mask or label map; 0 is the background.
    annotators : sequence of Annotator or PerLabel
        The people. ``[reader] * 3`` are three who draw alike. Other perturbations, such as `Noise`,
        are drawn independently.
    strength : float, optional
        Strength of all of them.
    **options
        `labels`, `within`, `axes`, `spacing` and `rng`, as in `natural`.

    Returns
    -------
    list of array
        A new array for each annotator. Those of the first do not depend on how many follow.

    Raises
    ------
    TypeError
        If `mask` is neither bool nor integer.
    ValueError
        If another argument is out of its range, or there is no annotator.

    See Also
    --------
    soft : The share of the maps that have each label.

    Examples
    --------
    >>> import numpy as np
    >>> import labelnoise
    >>> mask = np.zeros((7, 8), np.uint8)
    >>> mask[2:5, 2:6] = 1
    >>> reader = labelnoise.Annotator(radius=2.0, sigma=0.7)
    >>> maps = raters(mask, [reader] * 4, rng=0)
    >>> maps[0]
    array([[0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 0, 0, 0],
           [0, 0, 1, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 1, 1, 1, 0],
           [0, 0, 0, 1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    >>> soft(maps)
    array([[0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  ],
           [0.  , 0.  , 0.  , 0.  , 0.25, 0.  , 0.  , 0.  ],
           [0.  , 0.  , 0.75, 0.75, 0.75, 0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  , 1.  , 1.  , 0.75, 0.25, 0.  ],
           [0.  , 0.  , 0.75, 1.  , 1.  , 0.25, 0.25, 0.  ],
           [0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  ],
           [0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  ]], dtype=float32)
    """
    strength = check_number("strength", strength, 0.0, LARGEST)
    people = [check_error(each, {}) for each in annotators]
    if not people:
        raise ValueError("annotators: an empty sequence; pass at least one annotator")
    words = split(options.pop("rng", None), 1)[0].bit_generator.random_raw(4).tolist()
    maps = []
    for number, each in enumerate(people):
        if isinstance(each, Annotator | PerLabel):
            options["rng"] = np.random.SeedSequence(words)
            maps.append(draw(each, mask, strength, number, **options))
        else:
            options["rng"] = np.random.SeedSequence(words, spawn_key=(number,))
            maps.append(each(mask, strength, **options))
    return maps


def soft(maps: Iterable[NDArray[Any]], labels: Iterable[int] | None = None) -> NDArray[np.float32]:
    """Return which share of several maps has a label, pixel by pixel.

    Parameters
    ----------
    maps : iterable of array of bool or int
        Masks or label maps of one shape.
    labels : sequence of int, optional
        Labels whose shares are wanted; 0, the background, may be among them. By default the maps
        are masks of one label.

    Returns
    -------
    array of float32
        Shares from 0 to 1, of the shape of a map; with `labels`, an axis for them comes first.

    Raises
    ------
    ValueError
        If there is no map, shapes differ, or maps have several labels and none is named.

    Examples
    --------
    >>> import numpy as np
    >>> soft([np.array([[0, 1, 1]]), np.array([[0, 0, 1]])])
    array([[0. , 0.5, 1. ]], dtype=float32)
    >>> soft([np.array([[0, 1, 2]]), np.array([[1, 1, 2]])], labels=[1, 2])
    array([[[0.5, 1. , 0. ]],
    <BLANKLINE>
           [[0. , 0. , 1. ]]], dtype=float32)
    """
    every = [check_mask(each, "maps") for each in maps]
    if not every:
        raise ValueError("maps: an empty sequence; pass at least one map")
    for each in every:
        check_same_shape(every[0], each)
    if labels is None:
        label = max(int(each.max(initial=0)) or int(each.min(initial=0)) for each in every)
        if any(((each != 0) & (each != label)).any() for each in every):
            raise ValueError("labels=None: the maps have several labels; list those you want")
        return _share([each != 0 for each in every])
    listed = check_labels(labels, background=True)
    return np.stack([_share([each == label for each in every]) for label in listed or ()])


def _share(masks: list[NDArray[np.bool_]]) -> NDArray[np.float32]:
    total = np.zeros(masks[0].shape, np.float32)
    for mask in masks:
        total += mask
    return total / np.float32(len(masks))
