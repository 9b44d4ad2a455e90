"""NRRD files, segmentations of 3D Slicer too."""

import re
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import stored_of
from ._geometry import Grid, Volume
from ._label import LabelError
from ._pixels import GZIP, Fields, array, labels_of, pack, unpack

_TYPES = {
    "i1": ("char", "int8"),
    "u1": ("uchar", "unsigned char", "uint8"),
    "i2": ("short", "int16"),
    "u2": ("ushort", "unsigned short", "uint16"),
    "i4": ("int", "int32"),
    "u4": ("uint", "unsigned", "uint32"),
    "i8": ("longlong", "long long", "int64"),
    "u8": ("ulonglong", "unsigned long long", "uint64"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: np.dtype(dtype) for dtype, names in _TYPES.items() for name in names}
_SPATIAL = ("domain", "space", "???", "none")
_OTHERS = ("list", "time", "stub", "scalar", "???", "none")
_UNITS = {"": 1.0, "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}
_EXTENT = re.compile(rb"^(Segment(\d+)_Extent:=)(-?\d+(?: -?\d+){5})(?=\s)", re.MULTILINE)


class Nrrd(Volume):
    """A NRRD file; its header stays byte for byte.

    Only the extents of segments grow where labels do, since 3D Slicer cuts off what lies outside.
    """

    def __init__(self, name: str, raw: bytes) -> None:
        if not raw.startswith(b"NRRD"):
            raise ValueError("no NRRD header")
        end = re.search(rb"\n\r?\n", raw)
        self._header = raw[: end.end()] if end else raw
        self._fields, self._pairs = _parsed(self._header)
        self._packed = self._check()
        shape = tuple(int(size) for size in self._fields["sizes"].split())
        if len(shape) != int(self._fields["dimension"]) or min(shape) < 1:
            raise ValueError("its dimension and sizes do not agree")
        dtype = self._dtype()
        size, content = prod(shape) * dtype.itemsize, raw[len(self._header) :]
        if self._packed:
            content, self._behind = unpack(content, size, GZIP)
        else:
            self._behind = content[size:]
        self._stored = array(content, dtype, shape)
        self.labels = labels_of(self._stored)
        self.grid = self._grid(shape)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other pixels, and with extents of segments that hold them."""
        stored = stored_of(self._stored, self.labels, labels)
        return self._file(self._with_extents(labels), stored)

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return the file with other pixels of type float, without its segments."""
        lines = []
        for line in self._header.splitlines(keepends=True):
            name = line.partition(b":")[0].replace(b" ", b"").lower()
            if name == b"type":
                lines += [b"type: float\n", b"endian: little\n"]
            elif name not in (b"endian", b"min", b"max", b"oldmin", b"oldmax") and not re.match(
                rb"Segment(\d*|ation)_", line
            ):
                lines.append(line)
        return self._file(b"".join(lines), shares.astype("<f4"))

    def kept(self) -> dict[str, Any]:
        """Return the header, without extents of segments, and what the pixels are."""
        return {
            "header": _EXTENT.sub(rb"\1", self._header),
            "type": self._stored.dtype.str,
            "shape": self._stored.shape,
            "bytes after the pixels": self._behind,
        }

    def _file(self, header: bytes, stored: NDArray[Any]) -> bytes:
        content = stored.tobytes(order="F")
        return b"".join((header, pack([content], GZIP) if self._packed else content, self._behind))

    def _check(self) -> bool:
        """Raise what only other tools can read; return whether the pixels are compressed."""
        if "datafile" in self._fields:
            raise LabelError(
                "keeps its pixels in another file; convert it to one file that ends in .nrrd"
            )
        if any(int(self._fields.get(name, 0)) for name in ("lineskip", "byteskip")):
            raise LabelError(
                "skips bytes before its pixels; save it again, without line or byte skip"
            )
        encoding = self._fields["encoding"].lower()
        if encoding not in ("raw", "gzip", "gz"):
            raise LabelError(f"has encoding {encoding!r}; save it again with encoding gzip")
        for kind in "Source", "Master":
            if "fraction" in self._pairs.get(f"Segmentation_{kind}Representation", "").lower():
                raise LabelError("holds fractions of segments; export it as a binary label map")
        return encoding != "raw"

    def _dtype(self) -> np.dtype[Any]:
        name = re.sub(r"^signed | int$|_t$", "", self._fields["type"].lower())
        if name not in _DTYPES:
            raise LabelError(f"has values of type {name!r}; store labels as integers")
        dtype = _DTYPES[name]
        if dtype.itemsize == 1:
            return dtype
        return dtype.newbyteorder("<" if self._fields["endian"].lower() == "little" else ">")

    def _grid(self, shape: tuple[int, ...]) -> Grid:
        kinds = self._fields.get("kinds", " ".join(["???"] * len(shape))).lower().split()
        directions = _vectors(self._fields.get("spacedirections", ""))
        if directions:
            spatial = [axis for axis, vector in enumerate(directions) if vector is not None]
        else:
            spatial = [axis for axis, kind in enumerate(kinds) if kind in _SPATIAL]
        for axis, kind in enumerate(kinds):
            if axis not in spatial and kind not in _OTHERS:
                raise LabelError(
                    f"has pixels of {shape[axis]} numbers ({kind}); convert it to a label map"
                )
        spatial = spatial[:3]
        if len(spatial) < 2 or spatial != list(range(spatial[0], spatial[-1] + 1)):
            raise LabelError("has no two spatial axes side by side; store planes or volumes")
        if directions:
            columns = [directions[axis][:3] for axis in spatial]
            origin = _vectors(self._fields.get("spaceorigin", "")) or [[0.0] * len(columns[0])]
            origin = origin[0][:3]
        else:
            steps = [float(step) for step in self._fields.get("spacings", "").split()]
            spacing = [steps[axis] if steps else 1.0 for axis in spatial]
            columns = np.diag(np.where(np.isnan(spacing), 1.0, spacing)).tolist()
            origin = [0.0] * len(spatial)
        signs = _signs(self._fields.get("space", ""))[: len(origin)]
        return Grid.of(np.multiply(columns, signs), origin * signs, shape, spatial[0], self._unit())

    def _unit(self) -> float:
        """Return the millimetres of a unit of space, NaN if they are not known."""
        units = self._fields.get("spaceunits", self._fields.get("units", ""))
        found = {_UNITS.get(unit, np.nan) for unit in re.findall(r'"([^"]*)"', units) if unit}
        return found.pop() if len(found) == 1 else np.nan if found else 1.0

    def _with_extents(self, labels: NDArray[Any]) -> bytes:
        """Return the header, its extents large enough for what was drawn in their layers."""
        if labels.ndim not in (3, 4) or not _EXTENT.search(self._header):
            return self._header
        drawn = (labels != self.labels) & (labels != 0)
        layered = labels.ndim == 4
        layers = np.moveaxis(drawn, 0 if self.grid.first else 3, 0) if layered else [drawn]
        places = {str(number): np.nonzero(layer) for number, layer in enumerate(layers)}

        def grown(found: re.Match[bytes]) -> bytes:
            number = found[2].decode()
            layer = self._pairs.get(f"Segment{number}_Layer", number) if layered else "0"
            old = [int(value) for value in found[3].split()]
            new = list(old)
            for axis, drawn in enumerate(places.get(layer, ())):
                if not drawn.size or old[2 * axis] > old[2 * axis + 1]:
                    return found[0]
                new[2 * axis] = min(old[2 * axis], int(drawn.min()))
                new[2 * axis + 1] = max(old[2 * axis + 1], int(drawn.max()))
            return found[0] if new == old else found[1] + " ".join(map(str, new)).encode()

        return _EXTENT.sub(grown, self._header)


def _parsed(header: bytes) -> tuple[Fields, dict[str, str]]:
    """Return fields by their names in lower case without spaces, and key/value pairs."""
    fields = Fields()
    pairs: dict[str, str] = {}
    for line in header.decode("latin-1").split("\n")[1:]:
        found = re.match(r"([^:#][^:]*):(=?)(.*)", line)
        if found and found[2]:
            pairs[found[1]] = found[3].rstrip("\r")
        elif found:
            fields[found[1].replace(" ", "").lower()] = found[3].strip()
    return fields, pairs


def _vectors(text: str) -> list[Any]:
    """Return vectors such as ``none (1,0,0) (0,1,0)``, None where there is none."""
    return [
        None if found[0] == "none" else [float(value) for value in found[1].split(",")]
        for found in re.finditer(r"none|\(([^)]*)\)", text.lower())
    ]


def _signs(space: str) -> NDArray[np.float64]:
    """Return what turns coordinates of a space into those to the right, forward and up.

    Spaces without anatomical names count as left-posterior-superior, as for ITK.
    """
    words = space.lower().replace("-", "")
    right = words.startswith(("right", "ras"))
    forward = right or words.startswith(("leftanterior", "las"))
    return np.array([1.0 if right else -1.0, 1.0 if forward else -1.0, 1.0])
