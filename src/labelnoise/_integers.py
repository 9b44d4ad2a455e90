"""Labels that are stored as other numbers than integers: one rule for files and transforms."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-3, 2e-6, 0.25  # errors of resampling: absolute, share of the largest label, limit
_MARGIN = 1.001  # of half a step, for the rounding of the scaling itself
_LARGEST = 2.0**63


def integers_of(values: NDArray[Any], step: float = 0.0) -> NDArray[Any] | None:
    """Return floating-point values as integers, or None if some are not near to one.

    NaN is background. Stored numbers that are a `step` apart may be half of it off. Only integers
    from 0 to 255 without NaN are returned as uint8.
    """
    with np.errstate(invalid="ignore"):
        small: NDArray[Any] = values.astype(np.uint8)
        if np.array_equal(small.astype(values.dtype), values):
            return small
        order: Any = "F" if values.flags.f_contiguous else "C"
        row = values.ravel(order)
        places, lengths = runs_of(row)
        numbers = np.nan_to_num(row[places].astype(np.float64), posinf=np.inf, neginf=-np.inf)
        integers: NDArray[Any] = np.rint(numbers)
        largest = np.max(np.abs(integers), initial=0)
        if largest >= _LARGEST:
            return None
        absolute, relative, most = _ROUNDING
        allowed = min(absolute + relative * largest, most)
        allowed = max(allowed, min(_MARGIN * step / 2, most))
        if not np.all(np.abs(numbers - integers) < allowed):
            return None
    return np.repeat(integers.astype(np.int64), lengths).reshape(values.shape, order=order)


def runs_of(row: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where values begin that differ from the one before, and how often each follows.

    Values are compared by their bits, so NaN does not differ from itself.
    """
    if row.itemsize <= 8:  # of longer ones NumPy has no integers
        row = row.view(f"u{row.itemsize}")
    begins = np.ones(row.size, bool)
    np.not_equal(row[1:], row[:-1], out=begins[1:])
    places = np.flatnonzero(begins)
    return places, np.diff(places, append=row.size)


def stored_of(
    stored: NDArray[Any],
    before: NDArray[Any],
    after: NDArray[Any],
    scaling: tuple[float, float] = (1.0, 0.0),
) -> NDArray[Any]:
    """Return stored values for other labels.

    What did not change keeps its value, and each label that value which it has most often. A label
    that `before` lacks gets its own, by slope and intercept of the scaling.
    """
    if stored is before:
        return after.astype(stored.dtype, copy=False)
    order: Any = "F" if stored.flags.f_contiguous else "C"
    values, old, labels = (each.ravel(order) for each in (stored, before, after))
    changed = np.flatnonzero(old != labels)
    new = labels[changed]
    result: NDArray[Any] = values.copy()
    if new.size:
        known, common = _commonest(values, old)
        places = np.minimum(np.searchsorted(known, new), known.size - 1)
        chosen = common[places]
        for label in np.unique(new[known[places] != new]).tolist():
            chosen[new == label] = _scaled(label, stored.dtype, scaling)
        result[changed] = chosen
    return result.reshape(stored.shape, order=order)


def _commonest(values: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the labels in ascending order, and the value that each has most often."""
    places, lengths = runs_of(values)
    values, labels = values[places], labels[places]
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    counts = np.bincount(which, lengths)
    first = first[np.lexsort((counts, labels[first]))]
    last = np.append(np.diff(labels[first]) != 0, True)  # of a label
    return labels[first][last], values[first][last]


def _scaled(label: int, dtype: np.dtype[Any], scaling: tuple[float, float]) -> Any:
    slope, inter = scaling
    value = (label - inter) / slope
    if dtype.kind in "iu":
        value = round(value)
        limits = np.iinfo(dtype)
        off = abs(value * slope + inter - label)
        if not limits.min <= value <= limits.max or off > abs(slope) / 2:
            raise ValueError(f"is scaled so that it cannot hold the label {label}; store it anew")
    return value
