"""Every check of an argument and every message about a bad one: argument, value, remedy."""

import math
import operator
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e9  # pixels or units of spacing; keeps every product of the kernels finite


def check_mask(mask: Any, name: str = "mask") -> NDArray[Any]:
    """Return the mask as an array of booleans or integers with two axes or more."""
    try:
        array: NDArray[Any] = np.asarray(mask)
    except ValueError:
        raise ValueError(f"{name}: rows of different lengths; pass an array") from None
    if array.dtype.kind not in "biu":
        raise TypeError(
            f"{name}: dtype {array.dtype} is neither bool nor integer; pass labels.astype(np.uint8)"
            ", or the argmax over classes of probabilities or one-hot labels"
        )
    if array.ndim < 2:
        raise ValueError(f"{name}: shape {array.shape} has no plane; pass at least two axes")
    return array


def check_axes(axes: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the order that puts the axes of a patch last, and the order back."""
    try:
        return _orders(tuple(map(operator.index, axes)), shape)
    except TypeError:
        raise ValueError(
            f"axes={axes!r}: pass two axes, (row, column), or three, (slice, row, column), of the "
            f"{len(shape)} that the mask has"
        ) from None


@lru_cache
def _orders(
    axes: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    ndim = len(shape)
    if len(axes) not in (2, 3) or not all(-ndim <= axis < ndim for axis in axes):
        raise TypeError
    drawn = [axis % ndim for axis in axes]
    if len(set(drawn)) < len(drawn):
        raise ValueError(f"axes={axes!r}: names an axis twice; pass different axes")
    if axes == (-2, -1) and 1 in shape[-2:] and max(shape[:-2], default=1) > 1:
        wide = tuple(axis for axis in range(ndim) if shape[axis] > 1)[:2]
        raise ValueError(
            f"axes=(-2, -1): a mask of shape {shape} has planes one pixel wide; name the (row, "
            f"column) axes that annotators draw in, e.g. axes={wide if len(wide) == 2 else (1, 2)}"
        )
    order = (*(axis for axis in range(ndim) if axis not in drawn), *drawn)
    return order, tuple(order.index(axis) for axis in range(ndim))


def check_within(within: Any, shape: tuple[int, ...]) -> NDArray[np.bool_] | list[int]:
    """Return the region that may change, a boolean array of the mask's shape, or its labels."""
    if isinstance(within, Iterable) and not isinstance(within, str):
        listed = list(within)
        if all(isinstance(each, int | np.integer) for each in listed):
            return check_labels(listed, name="within")
    try:
        region: NDArray[Any] = np.asarray(within)
    except ValueError:
        region = np.array(None)
    if region.dtype.kind != "b" or region.shape != shape:
        given = (
            f": dtype {region.dtype} and shape {region.shape}" if region.ndim else f"={within!r}"
        )
        raise ValueError(
            f"within{given}; pass a boolean array of the mask's shape {shape}, or list labels"
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


def check_count(name: str, value: Any, largest: float = math.inf) -> int:
    """Return an integer of at least one."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if not 1 <= number <= largest:
        limit = "of at least 1" if largest == math.inf else f"from 1 to {largest}"
        raise ValueError(f"{name}={value!r}: pass an integer {limit}")
    return number


def check_spacing(spacing: Any, axes: Any) -> tuple[float, ...]:
    """Return the spacing along each of the axes; without one, pixels are the unit."""
    if spacing is None:
        return (1.0,) * len(axes)
    try:
        steps = tuple(float(distance) for distance in spacing)
    except (TypeError, ValueError, OverflowError):
        steps = ()
    if len(steps) != len(axes) or not all(1 / LARGEST <= step <= LARGEST for step in steps):
        raise ValueError(
            f"spacing={spacing!r}: pass {len(axes)} positive numbers, the distances of neighbouring"
            f" pixels along axes={tuple(axes)}"
        )
    return steps


def check_error(error: Any, known: Mapping[str, Any]) -> Any:
    """Return the function that an error's name stands for."""
    if callable(error):
        return error
    if error not in known:
        names = f"one of {', '.join(known)}, or " if known else ""
        raise ValueError(f"error={error!r}: pass {names}a function of a mask, a strength and rng")
    return known[error]


def check_described(
    described: Mapping[str, Any], needed: set[str], known: Container[str] | None = None
) -> None:
    """Make sure that a mapping describes a noise."""
    if not needed <= set(described) or any(known and name not in known for name in described):
        raise ValueError(f"{dict(described)!r}: describes no noise; pass what to_dict of it gave")


def check_options(name: str, options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Make sure that an error takes the options that are its own for all calls."""
    allowed = [option for option in list(known)[2:] if option != "rng"]
    for option in options:
        if option not in allowed:
            raise TypeError(f"{option}=: {name} takes {', '.join(allowed)}; leave it out")


def check_odds(prevalence: Any) -> float:
    """Return the odds of foreground, prevalence / (1 - prevalence)."""
    share = check_number("prevalence", prevalence, 0.0, 1.0)
    if not 0 < share < 1:
        raise ValueError(
            f"prevalence={prevalence!r}: pass the share of the foreground in the data set, "
            "between 0 and 1"
        )
    return share / (1 - share)


def check_into(into: Any, labels: Sequence[int] | None) -> dict[int, dict[int, float]]:
    """Return, for each label that is taken for others, the share of each of them."""
    if not isinstance(into, Mapping):
        if labels is None:
            raise ValueError("into: a matrix has a row for each of labels; list them")
        into = _rows_of(into, labels)
    try:
        rows = {
            label: other if isinstance(other, Mapping) else {other: 1.0}
            for label, other in into.items()
        }
        if not rows:
            raise ValueError
        shares = {
            operator.index(label): {
                operator.index(other): float(share)
                for other, share in row.items()
                if other != label and share != 0
            }
            for label, row in rows.items()
        }
    except (TypeError, ValueError):
        raise ValueError(
            f"into={into!r}: pass the label that each is taken for, {{1: 2}}, or the share of each,"
            " {1: {2: 0.8, 3: 0.2}}"
        ) from None
    for label, row in shares.items():
        if not (all(share > 0 for share in row.values()) and math.fsum(row.values()) < 1 + 1e-6):
            raise ValueError(
                f"into={into!r}: shares {list(row.values())} of label {label}; pass shares of at "
                "least 0 that sum to 1 at most"
            )
        check_named("into", into, [label, *row], labels)
    return shares


def check_named(name: str, value: Any, named: list[int], labels: Sequence[int] | None) -> None:
    """Make sure that labels which an argument names are drawn."""
    for label in named:
        if label == 0:
            raise ValueError(f"{name}={value!r}: 0 is the background; name labels of objects")
        if labels is not None and label not in labels:
            raise ValueError(
                f"{name}={value!r}: names label {label}, but labels={list(labels)}; list it too"
            )


def refuse_label(into: Any, label: int, dtype: np.dtype[Any]) -> NoReturn:
    """Say that a mask cannot have a label that objects are taken for."""
    raise ValueError(
        f"into={into!r}: a mask of dtype {dtype} holds no label {label}; "
        "pass a larger type, e.g. mask.astype(np.int32)"
    )


def check_of(of: Iterable[int], labels: Sequence[int] | None) -> list[int]:
    """Return the labels whose objects err."""
    try:
        named = [operator.index(label) for label in of]
    except TypeError:
        named = []
    if not named:
        raise ValueError(f"of={of!r}: list integers, at least one, the labels whose objects err")
    check_named("of", of, named, labels)
    return named


def _rows_of(matrix: Any, labels: Sequence[int]) -> dict[int, dict[int, float]]:
    """Return a matrix as a mapping."""
    try:
        table = np.asarray(matrix, float)
    except (TypeError, ValueError):
        table = np.empty(0)
    if table.shape != (len(labels), len(labels)):
        raise ValueError(
            f"into={matrix!r}: pass a mapping, or a matrix with a row and a column for each of "
            f"labels={list(labels)}"
        )
    return {
        label: dict(zip(labels, row, strict=True))
        for label, row in zip(labels, table.tolist(), strict=True)
    }


def check_pixels(size: int) -> None:
    """Make sure that half a word can name every pixel of a patch."""
    if size >= 2**32:
        raise ValueError(
            f"mask: a patch of {size} pixels; random takes fewer than 2**32, so pass it in parts"
        )


def check_rng(rng: Any) -> np.random.Generator:
    """Return the generator that `rng` stands for (SPEC 7)."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(
            f"rng={rng!r}: pass None, an integer of at least 0, a SeedSequence or a Generator"
        ) from None


def check_seed(name: str, seed: Any) -> int:
    """Return an integer of at least 0."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"{name}={seed!r}: pass an integer of at least 0")
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


@overload
def check_labels(labels: None, background: bool = ..., name: str = ...) -> None: ...
@overload
def check_labels(labels: Iterable[int], background: bool = ..., name: str = ...) -> list[int]: ...
def check_labels(
    labels: Iterable[int] | None, background: bool = False, name: str = "labels"
) -> list[int] | None:
    """Return the labels that are listed, if any; among them the background if it may be."""
    if labels is None:
        return None
    try:
        listed = [operator.index(value) for value in labels]
    except TypeError:
        listed = []
    if not listed or (0 in listed and not background) or len(set(listed)) < len(listed):
        hint = "" if background else "; 0 is the background and belongs to none"
        raise ValueError(f"{name}={labels!r}: list different integers, at least one{hint}")
    return listed


def only_label(mask: Any, labels: Iterable[int] | None, within: Any) -> list[int] | None:
    """Return the one label that a prevalence is the share of; None if the mask is empty."""
    array = check_mask(mask)
    ground = None if within is None else check_within(within, array.shape)
    if isinstance(ground, list):
        array = np.where(np.isin(array, ground), 0, array)
    listed = check_labels(labels)
    if listed is None and array.dtype.kind == "b":
        return [1]
    if listed is None:
        label = int(array.max(initial=0)) or int(array.min(initial=0))
        listed = [label] if not ((array != 0) & (array != label)).any() else [label, 0]
    if len(listed) > 1:
        raise ValueError(
            f"labels={labels!r}: a prevalence is the share of one label, and there are several; "
            "list one, or leave prevalence out"
        )
    return listed if listed[0] else None


def refuse_other_label(reference: int, other: int) -> NoReturn:
    """Say that two masks with one label each do not have the same."""
    raise ValueError(
        f"other: has label {other} where the reference has {reference}; "
        "compare other != 0 with reference != 0, or name the labels to score"
    )


def check_target(target: Any, metric: Any) -> float:
    """Return a score that masks can have; those of equal masks are known for some metrics."""
    equal = getattr(metric, "equal", None)
    low, high = -math.inf, math.inf
    what, example = "a finite number", ""
    if equal == 1.0:
        low, high, what, example = 0.0, 1.0, "a score above 0, up to 1", ", e.g. 0.9"
    elif equal == 0.0:
        low = -1.0 if metric.__name__ == "volume_difference" else 0.0
        what, example = f"a score above {low:g}", ", e.g. 0.1" if low else ", e.g. 2.0"
    try:
        number = check_number("target", target, -LARGEST, LARGEST)
    except ValueError:
        number = math.nan
    if not (low < number <= high or number == equal):
        raise ValueError(f"target={target!r}: pass {what}{example}")
    return number


def check_tol(tol: Any, target: float) -> float:
    """Return a positive tolerance: by default 0.005, or 1 % of a target beyond 1."""
    if tol is None:
        return 0.005 if abs(target) <= 1 else 0.01 * abs(target)
    number = check_number("tol", tol, 0.0, LARGEST)
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


def check_pair(name: str, reference: NDArray[Any], other: NDArray[Any]) -> None:
    """Make sure that two people drew something on one grid."""
    if reference.shape != other.shape:
        raise ValueError(
            f"{name}: shapes {reference.shape} and {other.shape}; pass two masks of one grid"
        )
    for who, mask in (("reference", reference), ("rater", other)):
        if not mask.any():
            raise ValueError(f"{name}: the {who} drew nothing; leave that pair out")


def check_metric(score: Any, strength: float, equal: float | None = None) -> float:
    """Return a finite score; that of a distance may be infinite."""
    try:
        number = float(score)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) and not (number == math.inf and equal == 0.0):
        raise MetricError(
            f"metric: scores {score!r} at strength {strength:.4g}; pass one that returns a number"
        )
    return number


class MetricError(ValueError):
    """A metric that does not score."""


def check_keys(keys: Any, count: int, name: str = "keys", what: str = "masks") -> None:
    """Make sure that each mask has a name."""
    if len(keys) != count:
        raise ValueError(f"{name}: {len(keys)} names for {count} {what}; pass one for each")


def check_entry(name: str, entry: Any, sample: Any) -> Any:
    """Return an entry of a sample, by its position or name."""
    try:
        return sample[entry]
    except (KeyError, IndexError, TypeError):
        has = f"the entries {', '.join(map(repr, sample))}" if isinstance(sample, Mapping) else ""
        has = has or f"{len(sample)} entries" if hasattr(sample, "__len__") else "no entries"
        raise ValueError(
            f"{name}={entry!r}: a sample has {has}; pass the position or the name of one"
        ) from None


def check_workers(workers: Any) -> Any:
    """Return a number of threads, or a function like map."""
    if callable(workers):
        return workers
    try:
        return check_count("workers", workers)
    except ValueError:
        raise ValueError(
            f"workers={workers!r}: pass an integer of at least 1, or a function like map"
        ) from None


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
