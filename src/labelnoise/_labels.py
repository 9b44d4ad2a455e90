"""Masks of any integers as bytes, and the order in which their labels are drawn."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._validate import refuse_many

FIXED = 256  # rank of a label that is not listed: above all others, so it is never painted over
BYTES = np.arange(256, dtype=np.uint8)  # the table of bytes that stand for themselves


class Order(NamedTuple):
    """The order in which labels are drawn; a boundary belongs to the later one of its two labels.

    Attributes
    ----------
    ranks : (256,) int16 array
        Place of each byte in the order: 0 for the background, `FIXED` for labels that stay.
    drawn : (n,) uint8 array
        The bytes that are drawn, first to last.
    """

    ranks: NDArray[np.int16]
    drawn: NDArray[np.uint8]


def to_bytes(
    values: NDArray[Any], labels: list[int] | None, name: str = "mask"
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Return contiguous values with one byte each, and the table of what each byte stands for.

    Byte 0 stands for 0. Labels that are not listed may share a byte. What has one byte already is
    not copied.
    """
    if values.itemsize == 1:
        planes = values.view(np.uint8)
        if values.dtype.kind == "i":
            return planes, BYTES.view(np.int8)
        if values.dtype.kind == "b":
            owner = values if values.base is None else values.base
            if getattr(owner, "dtype", None) != values.dtype and planes.max(initial=0) > 1:
                planes = (planes != 0).view(np.uint8)  # was a view of other bytes as bool
        return planes, BYTES
    from ._narrow import narrow

    flat = values.reshape(-1).astype(values.dtype.newbyteorder("="), copy=False)
    narrowed, table = narrow(flat, labels, name)
    return narrowed.reshape(values.shape), BYTES if table is None else table


def order_of(table: NDArray[Any], labels: list[int] | None) -> Order:
    """Return the order of bytes that stand for the values of a table: ascending, or as listed."""
    if labels is None:
        return _ascending(table.tobytes(), table.dtype)
    places = {value: byte for byte, value in enumerate(table.tolist())}
    return _order([places[label] for label in labels if label in places])


def fix(
    values: NDArray[np.uint8], where: NDArray[np.bool_], order: Order
) -> tuple[NDArray[np.uint8], Order]:
    """Replace bytes by one that none of the others is, and that is not drawn."""
    counts = np.bincount(values[~where], minlength=256)
    counts[0] += 1
    if order.drawn.size < 255:
        counts[order.drawn] += 1
    spare = int(counts.argmin())
    if counts[spare]:
        refuse_many("mask")
    drawn = [byte for byte in order.drawn.tolist() if byte != spare]
    return np.where(where, np.uint8(spare), values), _order(drawn)


@lru_cache
def _ascending(table: bytes, dtype: np.dtype[Any]) -> Order:
    values = np.frombuffer(table, dtype)
    return _order([byte for byte in np.argsort(values).tolist() if byte])


def _order(drawn: list[int]) -> Order:
    ranks = np.full(256, FIXED, np.int16)
    ranks[[0, *drawn]] = np.arange(len(drawn) + 1)
    return Order(ranks, np.array(drawn, np.uint8))
