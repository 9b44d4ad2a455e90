"""Every check of an argument and every message about a bad one: argument, value, remedy."""

import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e9  # pixels or units of spacing; keeps every product of the kernels finite


def check_mask(mask: Any, name: str = "mask") -> NDArray[Any]:
    """Return the mask as an array of booleans or integers with two axes or more."""
    array: NDArray[Any] = np.asarray(mask)
    if array.dtype.kind not in "biu":
        raise TypeError(
            f"{name}: dtype {array.dtype} is neither bool nor integer; pass labels.astype(np.uint8)"
            ", or the argmax over classes of probabilities or one-hot labels"
        )
    if array.ndim < 2:
        raise ValueError(f"{name}: shape {array.shape} has no plane; pass at least two axes")
    return array


def check_plane(plane: Any, ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the order of axes that puts the (row, column) axes last, and the order back."""
    try:
        return _orders(tuple(map(operator.index, plane)), ndim)
    except TypeError:
        raise ValueError(
            f"plane={plane!r}: pass two axes, (row, column), of the {ndim} that the mask has"
        ) from None


@lru_cache
def _orders(plane: tuple[int, ...], ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if len(plane) != 2 or not all(-ndim <= axis < ndim for axis in plane):
        raise TypeError
    drawn = [axis % ndim for axis in plane]
    if drawn[0] == drawn[1]:
        raise ValueError(f"plane={plane!r}: names axis {drawn[0]} twice; pass two different axes")
    order = (*(axis for axis in range(ndim) if axis not in drawn), *drawn)
    return order, tuple(order.index(axis) for axis in range(ndim))


def check_within(within: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the region that may change, a boolean array of the mask's shape."""
    region: NDArray[Any] = np.asarray(within)
    if region.dtype.kind != "b" or region.shape != shape:
        raise ValueError(
            f"within: dtype {region.dtype} and shape {region.shape}; "
            f"pass a boolean mask of shape {shape}"
        )
    return region


def check_number(name: str, value: Any, lowest: float, largest: float) -> float:
    """Return a finite number of a closed interval."""
    try:
        number = float(value * 1.0)  # text has no product
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not lowest <= number <= largest:
        raise ValueError(f"{name}={value!r}: pass a number from {lowest:g} to {largest:g}")
    return number


def check_count(name: str, value: Any) -> int:
    """Return a whole number of at least one."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name}={value!r}: pass a whole number of at least 1")
    return number


def check_spacing(spacing: Any) -> tuple[float, float]:
    """Return (row, column) spacing; without one, pixels are the unit."""
    if spacing is None:
        return 1.0, 1.0
    try:
        row, column = (float(distance) for distance in spacing)
    except (TypeError, ValueError, OverflowError):
        row = column = math.nan
    if not (1 / LARGEST <= row <= LARGEST and 1 / LARGEST <= column <= LARGEST):
        raise ValueError(
            f"spacing={spacing!r}: pass two positive numbers, the distances of rows and of columns"
        )
    return row, column


def check_odds(prevalence: Any, rate: float) -> float:
    """Return the odds of foreground, prevalence / (1 - prevalence)."""
    share = check_number("prevalence", prevalence, 0.0, 1.0)
    if not 0 < share < 1 or rate * share > 1 - share:
        raise ValueError(
            f"prevalence={prevalence!r}: pass the share of positive pixels in the data set, "
            f"between 0 and {_floor(1 / (1 + rate))} at this rate"
        )
    return share / (1 - share)


def check_gains(rate: float, gains: int, negatives: int) -> None:
    """Make sure that a plane has as many negative pixels as should flip."""
    if gains > negatives:
        raise ValueError(
            f"rate={rate!r}: a plane has {negatives} negative pixels and {gains} should flip; "
            f"pass a rate of at most {_floor(rate * negatives / gains)}, or a prevalence"
        )


def _floor(number: float) -> float:
    """Round a limit down to three digits, so that it is inside itself."""
    return math.floor(number * 1000) / 1000


def check_rng(rng: Any) -> np.random.Generator:
    """Return the generator that `rng` stands for (SPEC 7)."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(
            f"rng={rng!r}: pass None, an integer of at least 0, a SeedSequence or a Generator"
        ) from None


def check_seed(name: str, seed: Any) -> int:
    """Return a whole number of at least 0."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"{name}={seed!r}: pass a whole number of at least 0")
    return number


def check_key(key: Any) -> bytes:
    """Return bytes that tell a sample's name from any other, of whatever type."""
    if isinstance(key, bytes):
        return b"bytes:" + key
    if isinstance(key, (str, os.PathLike)):
        name = os.fspath(key)
        return b"name:" + (name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name)
    try:
        return b"int:%d" % operator.index(key)
    except TypeError:
        raise ValueError(f"key={key!r}: pass a name (str, bytes, path) or an integer") from None


def check_labels(
    labels: Iterable[int] | None, dtype: np.dtype[Any] | None = None
) -> list[int] | None:
    """Return the labels that are listed, if any; all of them values that the dtype has."""
    if labels is None:
        return None
    try:
        listed = [operator.index(value) for value in labels]
    except TypeError:
        listed = []
    if not listed or 0 in listed or len(set(listed)) < len(listed):
        raise ValueError(
            f"labels={labels!r}: list different integers, at least one; "
            "0 is the background and belongs to none"
        )
    if dtype is None:
        return listed
    lowest, highest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not lowest <= min(listed) <= max(listed) <= highest:
        raise ValueError(
            f"labels={labels!r}: a mask of dtype {dtype} has no such value; "
            f"list labels from {lowest} to {highest}"
        )
    return listed


def only_label(mask: Any, labels: Iterable[int] | None) -> int:
    """Return the one label that a prevalence is the share of; 1 if the mask is empty."""
    array = check_mask(mask)
    listed = check_labels(labels, array.dtype)
    if listed is None:
        if array.dtype.kind == "b":
            return 1
        label = array.max(initial=0) or array.min(initial=0)
        listed = [int(label) or 1]
        if ((array != 0) & (array != label)).any():
            listed = [listed[0], 0]
    if len(listed) > 1:
        raise ValueError(
            f"labels={labels!r}: a prevalence is the share of one label, and there are several; "
            "list one, or leave prevalence out"
        )
    return listed[0]


def refuse_many(name: str) -> NoReturn:
    """Say that a mask has more labels than a byte can tell."""
    raise ValueError(
        f"{name}: has more than 255 labels; name those that matter, up to 254, in labels"
    )


def refuse_other_label(reference: int, other: int) -> NoReturn:
    """Say that two masks with one label each do not have the same."""
    raise ValueError(
        f"other: has label {other} where the reference has {reference}; "
        "compare other != 0 with reference != 0, or name the labels to score"
    )


def check_target(target: Any) -> float:
    """Return a score above 0, up to 1."""
    number = check_number("target", target, 0.0, 1.0)
    if number == 0:
        raise ValueError(f"target={target!r}: pass a score above 0, up to 1, e.g. 0.9")
    return number


def check_tol(tol: Any) -> float:
    """Return a positive tolerance."""
    number = check_number("tol", tol, 0.0, 1.0)
    if number == 0:
        raise ValueError(f"tol={tol!r}: pass a number above 0, e.g. 0.005")
    return number


def check_upper(upper: Any) -> float:
    """Return a positive number or infinity."""
    number = check_number("upper", upper, 0.0, math.inf)
    if number == 0:
        raise ValueError(f"upper={upper!r}: pass a strength above 0")
    return number


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Make sure that a value is one of a few."""
    if value not in choices:
        known = ", ".join(getattr(choice, "__name__", repr(choice)) for choice in choices)
        raise ValueError(f"{name}={value!r}: pass one of {known}")


def check_same_shape(reference: NDArray[Any], other: NDArray[Any]) -> None:
    """Make sure that two masks can be compared pixel by pixel."""
    if reference.shape != other.shape:
        raise ValueError(
            f"other: shape {other.shape} differs from the reference's {reference.shape}; "
            "pass two masks of one grid"
        )


def check_masks(masks: Any) -> Sequence[Any]:
    """Return a non-empty sequence of masks."""
    if isinstance(masks, np.ndarray) and masks.dtype != object:
        if masks.ndim < 3:
            raise ValueError(
                f"masks: shape {masks.shape} is one mask; pass several, e.g. masks[np.newaxis]"
            )
    elif isinstance(masks, str | bytes | Mapping) or not (
        hasattr(masks, "__len__") and hasattr(masks, "__getitem__")
    ):
        raise TypeError(f"masks: {type(masks).__name__} is no sequence; pass an array or a list")
    if len(masks) == 0:
        raise ValueError("masks: an empty sequence; pass at least one mask with foreground")
    return masks  # type: ignore[no-any-return]
