"""NumPy's files: the header and all other arrays stay."""

import io
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import stored_of
from ._label import LabelError
from ._picture import Picture
from ._pixels import labels_of

_DENSEST = 1032  # bytes that one byte of deflated data can hold
_NAMES = ("labels", "label", "masks", "mask", "segmentation", "seg", "arr_0")


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
        return {"header": self._header, "bytes behind the array": self._behind}


class Npz(Picture):
    """An archive of arrays, one of which has the labels."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._members: list[tuple[zipfile.ZipInfo, bytes]] = []
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for member in archive.infolist():
                if member.file_size > _DENSEST * max(member.compress_size, 1):
                    raise ValueError("it claims to hold more than it can")
                self._members.append((member, archive.read(member)))
        self._place = self._find()
        self._header, self._stored, self._behind = _parsed(self._members[self._place][1])
        self.labels = _labels_of(self._stored)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the archive with another array of labels."""
        array = self._header + _bytes_of(self._stored, self.labels, labels) + self._behind
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for place, (member, content) in enumerate(self._members):
                archive.writestr(member, array if place == self._place else content)
        return buffer.getvalue()

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return an archive that has them alone, by the same name."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            member = self._members[self._place][0]
            archive.writestr(member, _saved(shares), member.compress_type)
        return buffer.getvalue()

    def kept(self) -> dict[str, Any]:
        """Return the other arrays, and the header of the labels."""
        kept: dict[str, Any] = {
            f"array {member.filename}": (content, member.compress_type, member.date_time)
            for place, (member, content) in enumerate(self._members)
            if place != self._place
        }
        member = self._members[self._place][0]
        return kept | {
            "order of arrays": [member.filename for member, _ in self._members],
            "header": (self._header, member.compress_type),
        }

    def _find(self) -> int:
        """Return the place of the labels among the arrays."""
        arrays = {}
        for place, (member, content) in enumerate(self._members):
            if member.filename.endswith(".npy"):
                stored = _parsed(content)[1]
                if stored.ndim > 1 and stored.dtype.kind in "biu":
                    arrays[Path(member.filename).stem] = place
        named = [name for name in _NAMES if name in arrays]
        if not named and len(arrays) != 1:
            names = ", ".join(Path(member.filename).stem for member, _ in self._members)
            raise LabelError(f"has the arrays {names}; call the one with labels 'labels'")
        return arrays[named[0]] if named else next(iter(arrays.values()))


def _parsed(raw: bytes) -> tuple[bytes, NDArray[Any], bytes]:
    """Return header, array and what lies behind."""
    file = io.BytesIO(raw)
    version = np.lib.format.read_magic(file)
    reads = {(1, 0): np.lib.format.read_array_header_1_0}
    read = reads.get(version, np.lib.format.read_array_header_2_0)
    shape, columns, dtype = read(file)
    begin = file.tell()
    end = begin + prod(shape) * dtype.itemsize
    if dtype.hasobject or end > len(raw):
        raise ValueError("it holds objects, or fewer values than its header tells of")
    order: Any = "F" if columns else "C"
    stored = np.frombuffer(raw, dtype, prod(shape), begin).reshape(shape, order=order)
    return raw[:begin], stored, raw[end:]


def _labels_of(stored: NDArray[Any]) -> NDArray[Any]:
    if stored.dtype.kind not in "biuf" or stored.ndim < 2:
        raise LabelError(
            f"has an array of shape {stored.shape} and type {stored.dtype}; store integers with "
            "rows and columns"
        )
    return stored.view(np.uint8) if stored.dtype.kind == "b" else labels_of(stored)


def _bytes_of(stored: NDArray[Any], before: NDArray[Any], after: NDArray[Any]) -> bytes:
    """Return the bytes of an array of other labels."""
    if stored.dtype.kind == "b":
        new: NDArray[Any] = after.astype(np.bool_)
    else:
        new = stored_of(stored, before, after)
    return new.tobytes(order="C" if stored.flags.c_contiguous else "F")


def _saved(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
