"""Structures that two people drew, out of the masks that a user has."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._validate import check_axes, check_mask, check_pair, check_spacing
from ._observe import Difference, Mask, difference

_LEAST = 20  # pixels below which a structure is a speck
_MARGIN = 4, 32, 32  # slices, rows and columns around a structure


class Structure(NamedTuple):
    """A structure of the reference that another person drew too.

    Attributes
    ----------
    case, rater : int
        Number of the pair, and of the rater in it.
    place : tuple of int
        What tells the structure from the others of its case, whoever draws it.
    packed : array of uint8
        The reference's structure (slices, rows, columns) with a margin, eight pixels a byte.
    width : int
        Number of columns.
    spacing : tuple of float
        Along slices, rows and columns.
    seen : Difference
        How the other's differs.
    """

    case: int
    rater: int
    place: tuple[int, ...]
    packed: NDArray[np.uint8]
    width: int
    spacing: tuple[float, ...]
    seen: Difference

    @property
    def reference(self) -> Mask:
        """The reference's structure."""
        return np.unpackbits(self.packed, axis=-1, count=self.width).astype(bool)


class Drawn(NamedTuple):
    """What is known of one label: structures that both drew, and how many the others missed."""

    structures: list[Structure]
    missed: list[bool]


def read_pairs(
    pairs: Iterable[Any], labels: list[int] | None, axes: tuple[int, ...] | None
) -> dict[int, Drawn]:
    """Return what pairs (reference, rater or raters, spacing) show of each label."""
    found = {label: Drawn([], []) for label in labels or ()}
    number = -1
    for number, pair in enumerate(pairs):
        reference, raters, spacing = _checked(f"pairs[{number}]", pair, axes)
        present = [1] if reference.dtype == bool else np.unique(reference).tolist()
        for label in present if labels is None else labels:
            if label != 0:
                drawn = found.setdefault(label, Drawn([], []))
                for rater, other in enumerate(raters):
                    _compare(reference == label, other == label, spacing, (number, rater), drawn)
    if number < 0:
        raise ValueError("pairs: an empty sequence; pass at least one (reference, rater, spacing)")
    for label, drawn in found.items():
        if not drawn.structures:
            raise ValueError(
                f"pairs: no structure of label {label} was drawn by both, as far as more than a "
                f"few pixels overlap; pass pairs of one image, or list other labels"
            )
    return dict(sorted(found.items()))


def _checked(
    name: str, pair: Any, axes: tuple[int, ...] | None
) -> tuple[NDArray[Any], list[NDArray[Any]], tuple[float, ...]]:
    """Return the masks of a pair (patches, slices, rows, columns) and the spacing."""
    if not isinstance(pair, list | tuple) or len(pair) not in (2, 3):
        raise ValueError(f"{name}: pass (reference, rater) or (reference, rater, spacing)")
    reference = check_mask(pair[0], name)
    several = isinstance(pair[1], list | tuple) and np.ndim(pair[1][0]) == reference.ndim
    raters = [check_mask(each, name) for each in (pair[1] if several else [pair[1]])]
    for each in raters:
        check_pair(name, reference, each)
    if axes is None:
        axes = tuple(range(-min(reference.ndim, 3), 0))
    try:
        order, _ = check_axes(axes, reference.shape)
        spacing = check_spacing(pair[2] if len(pair) == 3 else None, axes)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error

    def patches(mask: NDArray[Any]) -> NDArray[Any]:
        moved = mask.transpose(order)
        shape = moved.shape[-len(axes) :]
        return moved.reshape(-1, *(1,) * (3 - len(axes)), *shape)

    return patches(reference), [patches(each) for each in raters], (1.0, *spacing)[-3:]


def _compare(
    reference: Mask,
    other: Mask,
    spacing: tuple[float, ...],
    who: tuple[int, int],
    drawn: Drawn,
) -> None:
    """Add what two masks (patches, slices, rows, columns) show."""
    for patch, (mine, theirs) in enumerate(zip(reference, other, strict=True)):
        for place, both in _structures(mine, theirs):
            missed = not both[1].any()
            seen = None if missed else difference(both[0], both[1], spacing)
            if missed or seen is not None:
                drawn.missed.append(missed)
            if seen is not None:
                packed, width = np.packbits(both[0], axis=-1), both[0].shape[-1]
                structure = Structure(*who, (patch, *place), packed, width, spacing, seen)
                drawn.structures.append(structure)


def _structures(
    reference: Mask, other: Mask
) -> Iterator[tuple[tuple[int, ...], NDArray[np.bool_]]]:
    """Yield each structure of the reference, by its first pixel, and what the other drew of it."""
    from scipy.ndimage import find_objects, label

    joined = label(reference | other, np.ones((3, 3, 3)))[0]
    for number, box in enumerate(find_objects(joined), 1):
        size = zip(box, _MARGIN, reference.shape, strict=True)
        wide = tuple(
            slice(max(part.start - more, 0), min(part.stop + more, end)) for part, more, end in size
        )
        inside = joined[wide] == number
        both = np.stack([reference[wide] & inside, other[wide] & inside])
        if np.count_nonzero(both[0]) >= _LEAST:
            first = np.unravel_index(both[0].argmax(), inside.shape)
            yield tuple(int(a + b.start) for a, b in zip(first, wide, strict=True)), both
