"""Pixels behind a header: their bytes, and the labels that they stand for."""

from collections.abc import Iterable
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import integers_of
from ._label import LabelError

ZLIB, GZIP = 15, 31  # window bits
_LARGEST = 2**31
_PIECE = 2**18  # bytes that stay in the processor's cache
_DENSEST = 1032  # bytes that one byte of deflated data can hold


class Fields(dict[str, str]):
    """Fields of a header."""

    def __missing__(self, name: str) -> str:
        raise ValueError(f"its header has no {name}")


def head(packed: bytes, size: int, kind: int) -> bytes:
    """Return the first bytes of deflated data."""
    content: bytes = _zlib().decompressobj(kind).decompress(packed, size)
    return content


def unpack_all(packed: bytes, size: int, kind: int, more: int) -> bytes:
    """Return all of deflated data: so many bytes, or some more."""
    if size > _DENSEST * len(packed):
        raise ValueError("its header tells of more pixels than it holds")
    parts: list[bytes] = []
    limit = size + more
    while packed:  # a gzip file has several members at times
        inflater = _zlib().decompressobj(kind)
        parts.append(inflater.decompress(packed, limit + 1))
        limit -= len(parts[-1])
        if limit < 0:
            raise ValueError("it holds far more than its header tells of")
        if not inflater.eof:
            raise ValueError("it is cut off")
        packed = inflater.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpack(packed: bytes, size: int, kind: int) -> tuple[bytes, bytes]:
    """Return so many bytes of deflated data, and what lies after the data."""
    if size > _DENSEST * len(packed):
        raise ValueError("its header tells of more pixels than it holds")
    parts: list[bytes] = []
    behind = packed
    while size and behind:  # a gzip file has several members at times
        inflater = _zlib().decompressobj(kind)
        parts.append(inflater.decompress(behind, size + 1))
        size -= len(parts[-1])
        if size < 0 or not inflater.eof:
            raise ValueError("its header tells of another number of pixels than it holds")
        behind = inflater.unused_data
    if size:
        raise ValueError("its header tells of more pixels than it holds")
    return b"".join(parts), behind


def holds(packed: bytes, parts: Iterable[Any], kind: int) -> bool:
    """Return whether deflated data are these parts, without a copy of all of them."""
    inflater = _zlib().decompressobj(kind)
    for part in parts:
        row = np.frombuffer(part, np.uint8)
        for at in range(0, row.size, _PIECE):
            piece = row[at : at + _PIECE]
            found = inflater.decompress(packed, piece.size)
            packed = inflater.unconsumed_tail
            if not np.array_equal(np.frombuffer(found, np.uint8), piece):
                return False
    more = inflater.decompress(packed, 1)
    return inflater.eof and not more and not inflater.unused_data


def pack(parts: Iterable[bytes], kind: int) -> bytes:
    """Return deflated data, the same at any time and on any machine with the same zlib."""
    zlib = _zlib()
    deflater = zlib.compressobj(1, zlib.DEFLATED, kind)
    return b"".join([*map(deflater.compress, parts), deflater.flush()])


def array(content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array whose first axis is the fastest."""
    if len(content) < prod(shape) * dtype.itemsize:
        raise ValueError("its header tells of more pixels than it holds")
    return np.frombuffer(content, dtype, prod(shape)).reshape(shape, order="F")


def labels_of(values: NDArray[Any], step: float = 0.0) -> NDArray[Any]:
    """Return values, numbers that are a step apart, as integers of one type. NaN is background."""
    if values.dtype.kind in "iu":
        return values
    labels = integers_of(values, step)
    if labels is None or np.abs(labels).max(initial=0) >= _LARGEST:
        known = values[np.isfinite(values)]
        off = np.where(np.abs(known) < _LARGEST, np.abs(known - np.rint(known)), 1.0)
        wrong = known[off.argmax()] if known.size else np.inf
        raise LabelError(
            f"holds the label {wrong:g}, but labels are integers; resample it with nearest "
            "neighbour, not with interpolation"
        )
    return labels.astype(np.int32)


def _zlib() -> Any:
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return import_module("zlib")
