"""NumPy's files: the header and all other arrays stay."""

import io
import zipfile
from copy import copy
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import stored_of
from ._label import LabelError
from ._picture import Picture
from ._pixels import labels_of

_DENSEST = 1032  # bytes that one byte of deflated data can hold
_NAMES = ("labels", "label", "masks", "mask", "segmentation", "seg")
_MOST = 8  # names in a message


class Npy(Picture):
    """An array in a .npy file. Objects are never loaded."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._header, self._stored, self._behind = _parsed(raw)
        self.labels = _labels_of(self._stored)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other values, in the same order of memory."""
        return self._header + _bytes_of(self._stored, self.labels, labels) + self._behind

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a file of the same shape."""
        return _saved(shares)

    def kept(self) -> dict[str, Any]:
        """Return the header, which has type, shape and order."""
        return {"header": self._header, "bytes after the array": self._behind}


class Npz(Picture):
    """An archive of arrays, one of which has the labels."""

    def __init__(self, name: str, raw: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > _DENSEST * len(raw):
                raise ValueError("it claims to hold more than it can")
            if len({member.filename for member in members}) < len(members):
                raise LabelError("has several arrays of one name; give each its own")
            self._members = [(member, archive.read(member)) for member in members]
            self._comment = archive.comment
        self._place = self._find()
        self._header, self._stored, self._behind = _parsed(self._members[self._place][1])
        self.labels = _labels_of(self._stored)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the archive with another array of labels."""
        array = self._header + _bytes_of(self._stored, self.labels, labels) + self._behind
        contents = [content for _, content in self._members]
        contents[self._place] = array
        return _archived([member for member, _ in self._members], contents, self._comment)

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return an archive that has them alone, by the same name."""
        return _archived([self._members[self._place][0]], [_saved(shares)])

    def kept(self) -> dict[str, Any]:
        """Return the other arrays, and the header of the labels."""
        kept: dict[str, Any] = {
            f"array {_name(member)}": content
            for place, (member, content) in enumerate(self._members)
            if place != self._place
        }
        about = "compress_type", "date_time", "external_attr", "comment"
        return kept | {
            "order of arrays": [member.filename for member, _ in self._members],
            "compression, dates and comments of arrays": [
                [getattr(member, each) for each in about] for member, _ in self._members
            ],
            "comment": self._comment,
            "header": self._header,
            "bytes after the array": self._behind,
        }

    def _find(self) -> int:
        """Return the place of the labels among the arrays.

        It is the one that is called so, or the only one of integers with two or more axes.
        """
        arrays: dict[str, tuple[int, str]] = {}  # place and kind of type
        for place, (member, content) in enumerate(self._members):
            if member.filename.endswith(".npy"):
                _, shape, _, dtype = _header_of(content)
                if len(shape) > 1 and dtype.kind in "biuf":
                    arrays[_name(member)] = place, dtype.kind
        integers = {name for name, (_, kind) in arrays.items() if kind != "f"}
        called = {name for name in arrays if name.lower() in _NAMES}
        first = {"arr_0"} & arrays.keys() if not called and "arr_1" not in arrays else set()
        for names in (integers & called, called, integers, first):
            if len(names) == 1:
                return arrays[names.pop()][0]
        every = [_name(member) for member, _ in self._members]
        listed = ", ".join(every[:_MOST]) + (", ..." if len(every) > _MOST else "")
        raise LabelError(
            f"has the arrays {listed or '(none)'}; call the one with labels, and no other, 'labels'"
        )


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _archived(members: list[zipfile.ZipInfo], contents: list[bytes], comment: bytes = b"") -> bytes:
    """Return an archive of contents, each compressed and dated as its member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = comment
        for member, content in zip(members, contents, strict=True):
            new = copy(member)
            archive.writestr(new, content)
            new.external_attr = member.external_attr  # it has become another one if it was 0
    return buffer.getvalue()


def _header_of(raw: bytes) -> tuple[int, tuple[int, ...], Any, np.dtype[Any]]:
    """Return where the header ends, and its shape, order and type."""
    file = io.BytesIO(raw)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"its version {version} is unknown")
    first = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, columns, dtype = read(file)
    return file.tell(), shape, "F" if columns else "C", dtype


def _parsed(raw: bytes) -> tuple[bytes, NDArray[Any], bytes]:
    """Return header, array and what lies behind."""
    begin, shape, order, dtype = _header_of(raw)
    end = begin + prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise LabelError("has objects of Python, which are never loaded; store integers")
    if min(shape, default=0) < 0 or end > len(raw):
        raise ValueError("it holds fewer values than its header tells of")
    stored = np.frombuffer(raw, dtype, prod(shape), begin).reshape(shape, order=order)
    return raw[:begin], stored, raw[end:]


def _labels_of(stored: NDArray[Any]) -> NDArray[Any]:
    if stored.dtype.kind not in "biuf" or stored.ndim < 2:
        raise LabelError(
            f"has an array of shape {stored.shape} and type {stored.dtype}; store integers with "
            "rows and columns"
        )
    if stored.dtype.kind == "b":
        truths: NDArray[Any] = stored.view(np.uint8) != 0
        return truths.view(np.uint8)
    return labels_of(stored)


def _bytes_of(stored: NDArray[Any], before: NDArray[Any], after: NDArray[Any]) -> bytes:
    """Return the bytes of an array of other labels."""
    values = stored.view(np.uint8) if stored.dtype.kind == "b" else stored
    new = stored_of(values, before, after)
    return new.tobytes(order="C" if stored.flags.c_contiguous else "F")


def _saved(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
