"""MetaImage files of ITK."""

import re
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import stored_of
from ._geometry import Grid, Volume
from ._label import LabelError
from ._pixels import ZLIB, Fields, array, labels_of, pack, unpack

_DTYPES = {
    "CHAR": "i1",
    "UCHAR": "u1",
    "SHORT": "i2",
    "USHORT": "u2",
    "INT": "i4",
    "UINT": "u4",
    "LONG": "i4",
    "ULONG": "u4",
    "LONG_LONG": "i8",
    "ULONG_LONG": "u8",
    "FLOAT": "f4",
    "DOUBLE": "f8",
}
_UNITS = {"mm": 1.0, "cm": 10.0, "um": 0.001}
_LAST = re.compile(rb"^ElementDataFile[ \t]*[=:][ \t]*([^\r\n]*)\r?(?:\n|\Z)", re.MULTILINE)
_SIZE = re.compile(rb"^(CompressedDataSize[ \t]*[=:][ \t]*)(\d+)", re.MULTILINE)


class MetaImage(Volume):
    """A MetaImage file; its header stays byte for byte, but for the size of compressed data."""

    def __init__(self, name: str, raw: bytes) -> None:
        last = _LAST.search(raw)
        if not last:
            raise ValueError("no MetaImage header")
        self._header = raw[: last.end()]
        self._fields = _parsed(self._header)
        self._check()
        shape = tuple(int(size) for size in self._fields["DimSize"].split())
        if len(shape) != int(self._fields["NDims"]) or min(shape) < 1:
            raise ValueError("its NDims and DimSize do not agree")
        dtype, content = self._dtype(), raw[len(self._header) :]
        size = prod(shape) * dtype.itemsize
        self._packed = _is_true(self._fields.get("CompressedData", ""))
        if self._packed:
            content, self._behind = unpack(content, size, ZLIB)
        else:
            self._behind = content[size:]
        self._stored = array(content, dtype, shape)
        self.labels = labels_of(self._stored)
        self.grid = self._grid(shape)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other pixels."""
        return self._file(self._header, stored_of(self._stored, self.labels, labels))

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return the file with other pixels, of type float."""
        lines = []
        for line in self._header.splitlines(keepends=True):
            name = re.split(rb"[ \t=:]", line, maxsplit=1)[0]
            if name == b"ElementType":
                lines += [b"BinaryDataByteOrderMSB = False\n", b"ElementType = MET_FLOAT\n"]
            elif name not in (
                b"BinaryDataByteOrderMSB",
                b"ElementByteOrderMSB",
                b"ElementMin",
                b"ElementMax",
            ):
                lines.append(line)
        return self._file(b"".join(lines), shares.astype("<f4"))

    def kept(self) -> dict[str, Any]:
        """Return the header, without the size of compressed data, and what the pixels are."""
        return {
            "header": _SIZE.sub(rb"\1", self._header),
            "type": self._stored.dtype.str,
            "shape": self._stored.shape,
            "bytes after the pixels": self._behind,
        }

    def _file(self, header: bytes, stored: NDArray[Any]) -> bytes:
        content = stored.tobytes(order="F")
        if self._packed:
            content = pack([content], ZLIB)
            header = _SIZE.sub(rb"\g<1>%d" % len(content), header)
        return b"".join((header, content, self._behind))

    def _check(self) -> None:
        """Raise what only other tools can read."""
        where = self._fields["ElementDataFile"]
        if where.lower() != "local":
            raise LabelError(f"keeps its pixels in another file ({where!r}); convert it to .mha")
        if not _is_true(self._fields.get("BinaryData", "True")):
            raise LabelError("holds its pixels as text; save it again with BinaryData = True")
        if int(self._fields.get("HeaderSize", 0)):
            raise LabelError("skips bytes before its pixels; save it again, without HeaderSize")
        channels = int(self._fields.get("ElementNumberOfChannels", 1))
        if channels != 1:
            raise LabelError(f"has pixels of {channels} numbers; convert it to a label map")

    def _dtype(self) -> np.dtype[Any]:
        kind = self._fields["ElementType"]
        if kind.removeprefix("MET_") not in _DTYPES:
            raise LabelError(f"has values of type {kind}; store labels as integers")
        order = self._first("BinaryDataByteOrderMSB", "ElementByteOrderMSB") or "False"
        dtype = np.dtype(_DTYPES[kind.removeprefix("MET_")])
        return dtype.newbyteorder(">" if _is_true(order) else "<")

    def _grid(self, shape: tuple[int, ...]) -> Grid:
        axes = len(shape)
        if axes < 2:
            raise LabelError("has one axis; store planes or volumes")
        matrix = self._numbers(np.eye(axes), "TransformMatrix", "Rotation", "Orientation")
        steps = self._numbers(np.ones(axes), "ElementSpacing", "ElementSize")
        origin = self._numbers(np.zeros(axes), "Offset", "Position", "Origin")
        few = min(axes, 3)
        signs = np.array([-1.0, -1.0, 1.0])[:few]  # it counts to the left, back and up
        columns = (matrix * steps[:, np.newaxis])[:few, :few]  # a row for each axis of the array
        unit = _UNITS.get(self._fields.get("DistanceUnits", "mm"), np.nan)
        return Grid.of(columns * signs, origin[:few] * signs, shape, 0, unit)

    def _numbers(self, default: NDArray[Any], *names: str) -> NDArray[Any]:
        text = self._first(*names)
        if text is None:
            return default
        return np.array([float(number) for number in text.split()]).reshape(default.shape)

    def _first(self, *names: str) -> str | None:
        return next((self._fields[name] for name in names if name in self._fields), None)


def _parsed(header: bytes) -> Fields:
    fields = Fields()
    for line in header.decode("latin-1").split("\n"):
        found = re.match(r"\s*(\w[^=:]*?)\s*[=:](.*)", line)
        if found:
            fields[found[1]] = found[2].strip()
    return fields


def _is_true(text: str) -> bool:
    return text[:1] in ("T", "t", "1")
