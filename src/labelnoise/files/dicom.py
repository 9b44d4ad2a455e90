"""DICOM segmentations."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._geometry import Grid, Volume
from ._label import LabelError

_PLAIN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")  # transfer syntaxes without compression
_MOST = 10_000  # planes


class Dicom(Volume):
    """A DICOM segmentation, binary without overlap or a label map, of (plane, row, column).

    Every byte but the pixels stays, the identifiers too. Planes that the file leaves out between
    two of its planes are background. A segment can lie only where the file has a frame for it.
    """

    def __init__(self, name: str, raw: bytes) -> None:
        from pydicom import dcmread

        data: Any = dcmread(BytesIO(raw))
        kind = _checked(data)
        pixels = data.get_item("PixelData")
        start, end = pixels.value_tell, pixels.value_tell + pixels.length
        self._before, self._pixels, self._behind = raw[:start], raw[start:end], raw[end:]
        size = int(data.NumberOfFrames) * data.Rows * data.Columns
        self._bits = data.BitsAllocated
        if not 0 < size * self._bits <= 8 * len(self._pixels):
            raise ValueError("its header tells of more pixels than it holds")
        groups = [
            (each, data.SharedFunctionalGroupsSequence[0])
            for each in data.PerFrameFunctionalGroupsSequence
        ]
        if len(groups) != data.NumberOfFrames:
            raise ValueError("its header tells of another number of frames than it holds")
        planes, self.grid = _placed(groups, data.Rows, data.Columns)
        self._frames = [
            (plane, _value(group, "SegmentIdentification", "ReferencedSegmentNumber"))
            if kind == "BINARY"
            else (plane, None)
            for plane, group in zip(planes, groups, strict=True)
        ]
        numbers = {number for _, number in self._frames}
        there = self.grid.shape[0]
        self._whole = len(groups) == there * len(numbers) and there >= _sources(data)
        if len(set(self._frames)) < len(groups):
            raise LabelError("has two frames of one segment in one plane; save it again")
        frames = self._values()[:size].reshape(len(groups), data.Rows, data.Columns)
        self.labels = np.zeros(self.grid.shape, frames.dtype if self._bits > 1 else np.uint16)
        for (plane, number), frame in zip(self._frames, frames, strict=True):
            if number is None:
                self.labels[plane] = frame
            elif self.labels[plane][frame > 0].any():
                raise LabelError(
                    "holds segments that overlap; store each of them in a file of its own"
                )
            else:
                self.labels[plane][frame > 0] = number

    def axes(self, plane: str, volumes: bool) -> tuple[int, ...]:
        """Return the axes, of volumes only where the file holds its empty frames too."""
        if volumes and not self._whole:
            raise ValueError(
                "leaves out empty frames, so labels have no room; save it with them (in highdicom "
                "omit_empty_frames=False), or pass --no-volumes"
            )
        return super().axes(plane, volumes)

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other pixels."""
        frames = np.stack(
            [
                labels[plane] if number is None else labels[plane] == number
                for plane, number in self._frames
            ]
        )
        if np.count_nonzero(frames) != np.count_nonzero(labels):
            raise ValueError(
                "has no frame for a segment where it would lie; save it with its empty frames, or "
                "perturb planes"
            )
        values = self._values().copy()
        values[: frames.size] = frames.reshape(-1)
        pixels = np.packbits(values, bitorder="little") if self._bits == 1 else values
        return b"".join((self._before, pixels.tobytes(), self._behind))

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Raise, since no segmentation holds floats."""
        raise ValueError("a DICOM segmentation holds no shares; convert it to NIfTI")

    def kept(self) -> dict[str, Any]:
        """Return all bytes but the pixels."""
        return {
            "data elements": (self._before, self._behind),
            "number of pixels": len(self._pixels),
            "shape": self.labels.shape,
        }

    def _values(self) -> NDArray[Any]:
        """Return the pixels of all frames, and what fills them up to whole bytes."""
        if self._bits == 1:
            return np.unpackbits(np.frombuffer(self._pixels, np.uint8), bitorder="little")
        dtype = np.dtype(f"<u{self._bits // 8}")
        return np.frombuffer(self._pixels, dtype, len(self._pixels) // dtype.itemsize)


def _checked(data: Any) -> str:
    """Return the kind of a segmentation, once it can be rewritten."""
    if data.get("Modality") != "SEG" or "SegmentationType" not in data:
        raise LabelError("is no DICOM segmentation; convert what it holds")
    if data.file_meta.TransferSyntaxUID not in _PLAIN:
        raise LabelError(
            f"is compressed ({data.file_meta.TransferSyntaxUID.name}); save it again, uncompressed"
        )
    kind: str = data.SegmentationType
    if (kind, data.BitsAllocated) not in (("BINARY", 1), ("LABELMAP", 8), ("LABELMAP", 16)):
        raise LabelError(
            f"is a segmentation of type {kind} with {data.BitsAllocated} bits; convert it to "
            "type BINARY or LABELMAP"
        )
    if "PerFrameFunctionalGroupsSequence" not in data:
        raise LabelError("holds tiles of a slide, not planes; convert it to TIFF")
    return kind


def _sources(data: Any) -> int:
    """Return the number of images that were segmented, if the file tells."""
    series = data.get("ReferencedSeriesSequence") or [{}]
    return len(series[0].get("ReferencedInstanceSequence") or [])


def _value(group: tuple[Any, Any], sequence: str, name: str) -> Any:
    """Return a value of a frame, its own or that of all."""
    for each in group:
        if f"{sequence}Sequence" in each:
            return getattr(each, f"{sequence}Sequence")[0].get(name)
    return None


def _placed(groups: list[tuple[Any, Any]], rows: int, columns: int) -> tuple[list[int], Grid]:
    """Return the plane of each frame, and the grid of all planes."""
    first = groups[0]
    cosines = _value(first, "PlaneOrientation", "ImageOrientationPatient")
    spacing = _value(first, "PixelMeasures", "PixelSpacing")
    places = [_value(group, "PlanePosition", "ImagePositionPatient") for group in groups]
    if cosines is None or spacing is None or None in places:
        raise LabelError("does not tell where its frames lie; convert it to NIfTI")
    for group in groups:
        same = _value(group, "PlaneOrientation", "ImageOrientationPatient") == cosines
        if not same or _value(group, "PixelMeasures", "PixelSpacing") != spacing:
            raise LabelError("has planes of several orientations; store them in several files")
    along, down = np.asarray(cosines, float).reshape(2, 3)
    normal, corners = np.cross(along, down), np.asarray(places, float)
    heights = corners @ normal
    low = int(heights.argmin())
    heights = heights - heights[low]
    gaps = np.diff(np.unique(heights.round(3)))
    told = _value(first, "PixelMeasures", "SpacingBetweenSlices")
    thick = _value(first, "PixelMeasures", "SliceThickness")
    step = abs(float(told or (gaps.min() if gaps.size else thick or 1.0)))
    planes = np.rint(heights / step)
    if planes.max() >= _MOST or np.abs(heights - planes * step).max() > 0.1 * step:
        raise LabelError("has planes at uneven distances; resample it")
    beside = corners - corners[low] - np.outer(heights, normal)
    if np.abs(beside).max() > 0.1 * min(map(float, spacing)):
        raise LabelError("has planes that do not lie above one another; resample it")
    signs = np.array([-1.0, -1.0, 1.0])  # it counts to the left, back and up
    vectors = normal * step, down * float(spacing[0]), along * float(spacing[1])
    shape = int(planes.max()) + 1, rows, columns
    grid = Grid.of(np.array(vectors) * signs, corners[low] * signs, shape)
    return planes.astype(int).tolist(), grid
