"""NIfTI files: header, extensions and scaling stay, byte for byte."""

import io
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import stored_of
from ._geometry import Grid, Volume
from ._label import LabelError
from ._pixels import GZIP, head, labels_of, pack, unpack_all

_HEADER = 540  # bytes of the longer header
_SURPLUS = 2**20  # bytes that may lie behind the voxels
_MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}


class Nifti(Volume):
    """A NIfTI-1 or -2 file, compressed or not, whatever its name says."""

    def __init__(self, name: str, raw: bytes) -> None:
        import nibabel

        self._packed = raw[:2] == b"\x1f\x8b"
        start = head(raw, _HEADER, GZIP) if self._packed else raw[:_HEADER]
        for kind in nibabel.Nifti1Image, nibabel.Nifti2Image:
            if kind.header_class.may_contain_header(start):
                break
        else:
            raise ValueError("no NIfTI header")
        header = kind.header_class(start[: kind.header_class.sizeof_hdr], check=False)
        if header["magic"].item()[:2] != b"n+":
            raise LabelError("has its voxels in another file; store it as one .nii.gz")
        dtype, shape = header.get_data_dtype(), header.get_data_shape()
        if dtype.kind not in "iuf" or not shape:
            raise LabelError(f"has voxels of type {dtype}; store labels as integers")
        begin = int(header["vox_offset"])
        end = begin + prod(shape) * dtype.itemsize
        if begin < header.sizeof_hdr or end < begin:
            raise ValueError("its header tells of no voxels")
        content = unpack_all(raw, end, GZIP, _SURPLUS) if self._packed else raw
        if len(content) < end:
            raise ValueError("its header tells of more voxels than it holds")
        self._kind, self._content, self._begin, self._end = kind, content, begin, end
        stored = np.frombuffer(content, dtype, prod(shape), begin).reshape(shape, order="F")
        slope, inter = header.get_slope_inter()
        self._scaling = (1.0 if slope is None else slope, 0.0 if inter is None else inter)
        self._stored = stored
        self.labels = self._labels()
        affine = self._header().get_best_affine()
        unit = _MILLIMETRES.get(_unit_of(header), np.nan)
        steps = tuple(float(step) * unit for step in header.get_zooms()[:3])
        self.grid = Grid(affine, (*steps, 1.0, 1.0)[:3], shape)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other voxels."""
        stored = stored_of(self._stored, self.labels, labels, self._scaling)
        before, behind = self._content[: self._begin], self._content[self._end :]
        parts = before, stored.tobytes(order="F"), behind
        return pack(parts, GZIP) if self._packed else b"".join(parts)

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a file of type float32, without scaling."""
        header = self._header()
        header.set_data_dtype(np.float32)
        header.set_slope_inter(1.0, 0.0)
        content: bytes = self._kind(shares, header.get_best_affine(), header).to_bytes()
        return pack([content], GZIP) if self._packed else content

    def kept(self) -> dict[str, Any]:
        """Return what lies before and behind the voxels."""
        return {
            "header": self._content[: self._begin],
            "bytes behind the voxels": self._content[self._end :],
            "compression": self._packed,
        }

    def _labels(self) -> NDArray[Any]:
        slope, inter = self._scaling
        if self._stored.dtype.kind in "iu" and (slope, inter) == (1.0, 0.0):
            return self._stored
        step = abs(slope) if self._stored.dtype.kind in "iu" else 0.0
        return labels_of(self._stored * slope + inter, step)

    def _header(self) -> Any:
        """Return the header with its extensions."""
        return self._kind.header_class.from_fileobj(
            io.BytesIO(self._content[: self._begin]), check=False
        )


def _unit_of(header: Any) -> str:
    try:
        return str(header.get_xyzt_units()[0])
    except KeyError:
        return "none that is known"
