"""NIfTI files: header, extensions and scaling stay, byte for byte."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import runs_of, stored_of
from ._geometry import Grid, Volume
from ._label import LabelError
from ._pixels import GZIP, head, holds, labels_of, pack, unpack_all

_HEADER = 540  # bytes of the longer header
_SURPLUS = 2**20  # bytes that may lie after the voxels
_MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}


class Nifti(Volume):
    """A NIfTI-1 or -2 file, compressed or not, whatever its name says."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._name = name
        self._packed = raw[:2] == b"\x1f\x8b"
        header = _header_of(head(raw, _HEADER, GZIP) if self._packed else raw[:_HEADER])
        dtype, shape = header.get_data_dtype(), header.get_data_shape()
        begin = int(header["vox_offset"])
        if min(shape, default=0) < 1 or begin < header.sizeof_hdr:
            raise ValueError("its header tells of no voxels")
        end = begin + prod(shape) * dtype.itemsize
        content = unpack_all(raw, end, GZIP, _SURPLUS) if self._packed else raw
        if len(content) < end:
            raise ValueError("its header tells of more voxels than it holds")
        self._header, self._content, self._begin, self._end = header, content, begin, end
        stored = np.frombuffer(content, dtype, prod(shape), begin).reshape(shape, order="F")
        slope, inter = header.get_slope_inter()
        self._scaling = (1.0 if slope is None else slope, 0.0 if inter is None else inter)
        self._stored = stored
        self.labels = self._labels()
        self.grid = grid_of(header, shape)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other voxels."""
        stored = stored_of(self._stored, self.labels, labels, self._scaling)
        before, behind = self._content[: self._begin], self._content[self._end :]
        return _file(self._packed, before, stored, behind)

    def holds(self, content: bytes, labels: NDArray[Any]) -> bool:
        """Return whether a compressed file has these labels, if they are stored as they are."""
        if not self._packed or self._stored is not self.labels:
            return False
        if labels.dtype != self._stored.dtype or labels.shape != self._stored.shape:
            return False
        before, behind = self._content[: self._begin], self._content[self._end :]
        return holds(content, (before, np.ascontiguousarray(labels.T), behind), GZIP)

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a file of type float32, without scaling, that is compressed if its name says so.

        It has the extensions, but not what lies after the voxels.
        """
        header = self._header.copy()
        header.set_data_dtype(np.float32)
        header.set_slope_inter(1.0, 0.0)
        before = header.binaryblock + self._content[header.sizeof_hdr : self._begin]
        values = shares.astype(header.get_data_dtype(), copy=False)
        return _file(self._name.lower().endswith(".gz"), before, values)

    def kept(self) -> dict[str, Any]:
        """Return what lies before and after the voxels."""
        return {
            "header": self._content[: self._begin],
            "bytes after the voxels": self._content[self._end :],
            "compression": self._packed,
        }

    def _labels(self) -> NDArray[Any]:
        slope, inter = self._scaling
        whole = self._stored.dtype.kind in "iu"
        if whole and (slope, inter) == (1.0, 0.0):
            return self._stored
        row = self._stored.ravel("F")
        places, lengths = runs_of(row)
        labels = labels_of(row[places] * slope + inter, abs(slope) if whole else 0.0)
        return np.repeat(labels, lengths).reshape(self._stored.shape, order="F")


def _header_of(start: bytes) -> Any:
    """Return nibabel's header of a file with voxels of one number each."""
    from nibabel import Nifti1Header, Nifti2Header
    from nibabel.nifti1 import data_type_codes

    for kind in Nifti1Header, Nifti2Header:
        if kind.may_contain_header(start):
            break
    else:
        raise ValueError("no NIfTI header")
    header = kind(start[: kind.sizeof_hdr], check=False)
    if header["magic"].item()[:2] != b"n+":
        raise LabelError("has its voxels in another file; store it as one .nii.gz")
    code = int(header["datatype"])
    if code not in data_type_codes.code:
        raise ValueError(f"its data type {code} is unknown")
    if header.get_data_dtype().kind not in "iuf":
        kinds = data_type_codes.label
        raise LabelError(f"has voxels of type {kinds[code]}; store labels as integers")
    return header


def grid_of(header: Any, shape: tuple[int, ...]) -> Grid:
    """Return where voxels lie: nibabel reads slips in the header in the same way."""
    header = header.copy()
    pixdim = header["pixdim"]
    try:
        unit = _MILLIMETRES.get(str(header.get_xyzt_units()[0]), np.nan)
    except KeyError:
        unit = np.nan
    with np.errstate(all="ignore"):
        pixdim[1:] = np.abs(pixdim[1:])
        pixdim[0] = -1 if pixdim[0] < 0 else 1
        steps = tuple(float(step) * unit for step in header.get_zooms()[:3])
        return Grid(_affine_of(header), (*steps, 1.0, 1.0)[:3], shape)


def _affine_of(header: Any) -> NDArray[Any]:
    """Return the first of sform and qform that tells the axes, or NaN; without both, a guess."""
    from nibabel.spatialimages import HeaderDataError

    coded = [form for form in ("sform", "qform") if header[f"{form}_code"] > 0]
    for form in coded or ["base_affine"]:
        try:
            affine: NDArray[Any] = getattr(header, f"get_{form}")()
        except (HeaderDataError, ValueError):  # numbers that are no rotation
            continue
        if 0 < abs(np.linalg.det(affine[:3, :3].astype(np.float32))) < np.inf:
            return affine
    return np.full((4, 4), np.nan)


def _file(packed: bool, before: bytes, voxels: NDArray[Any], behind: bytes = b"") -> bytes:
    """Return the bytes of a file; voxels whose first axis is the fastest are not copied."""
    parts: Any = before, np.ascontiguousarray(voxels.T), behind
    return pack(parts, GZIP) if packed else b"".join(parts)
