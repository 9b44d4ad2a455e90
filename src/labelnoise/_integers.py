"""Labels that are stored as other numbers than integers: one rule for files and transforms."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-3, 2e-6, 0.25  # errors of resampling: absolute, share of the largest label, limit
_MARGIN = 1.001  # of half a step, for the rounding of the scaling itself
_LARGEST = 2.0**63


def integers_of(values: NDArray[Any], step: float = 0.0) -> NDArray[Any] | None:
    """Return floating-point values as integers, or None if some are not near to one.

    NaN is background. Stored numbers that are a `step` apart may be half of it off.
    """
    with np.errstate(invalid="ignore"):
        small: NDArray[Any] = values.astype(np.uint8)
        if np.array_equal(small.astype(values.dtype), values):
            return small
        values = np.where(np.isnan(values), 0.0, values.astype(np.float64))
        integers: NDArray[Any] = np.rint(values)
        if not np.all(np.abs(integers) < _LARGEST):
            return None
        absolute, relative, most = _ROUNDING
        allowed = min(absolute + relative * np.max(np.abs(integers), initial=0), most)
        allowed = max(allowed, min(_MARGIN * step / 2, most))
        return integers.astype(np.int64) if np.all(np.abs(values - integers) < allowed) else None


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
    changed = before != after
    result = stored.copy(order="K")
    for label in np.unique(after[changed]).tolist():
        values, counts = np.unique(stored[before == label], return_counts=True)
        value = values[counts.argmax()] if counts.size else _scaled(label, stored.dtype, scaling)
        result[changed & (after == label)] = value
    return result


def _scaled(label: int, dtype: np.dtype[Any], scaling: tuple[float, float]) -> Any:
    slope, inter = scaling
    value = (label - inter) / slope
    if dtype.kind in "iu":
        value = round(value)
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max or abs(value * slope + inter - label) > slope / 2:
            raise ValueError(f"is scaled so that it cannot hold the label {label}; store it anew")
    return value
