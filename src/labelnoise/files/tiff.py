"""TIFF files: their pixels are replaced where they lie, so that all else stays byte for byte."""

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import stored_of
from ._label import LabelError
from ._picture import Picture, colours_of, pixels_of
from ._pixels import labels_of

_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)  # none, LZW, Deflate, PackBits, LZMA, Zstandard
_DENSEST = 5000  # bytes that one byte of compressed data can hold
_PLACES = ("StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts")
_GEOMETRY = (33550, 33922, 34264, 34735, 34736, 34737, 42113)  # of maps
_INTEGERS = {3: "H", 4: "I", 16: "Q"}


class Tiff(Picture):
    """A TIFF file of one page or several. A palette's indices are labels, and so are colours."""

    def __init__(self, name: str, raw: bytes) -> None:
        import tifffile

        self._raw = raw
        with tifffile.TiffFile(io.BytesIO(raw), name=name) as file:
            self._order, self._big = file.byteorder, file.is_bigtiff
            if len(file.series) != 1:
                raise LabelError("has images of several sizes; store one a file")
            [series] = file.series
            self._levels = [
                [page.aspage() for page in level.pages if page is not None]
                for level in series.levels
            ]
            pages = [page for level in self._levels for page in level]
            for page in pages:
                _check(page)
            if sum(page.nbytes for page in pages) > _DENSEST * len(raw):
                raise ValueError("its header tells of more pixels than it holds")
            count = sum(1 for _ in file.pages)
            self._begin = series.dataoffset if pages[0].compression == 1 else None
            if self._begin is None and series.size != len(self._levels[0]) * pages[0].size:
                raise LabelError("has pages that are no stack; store one a file")
            self._told = {"shape": series.shape, "axes": series.axes, "pages": count}
            self._tags = [self._raw_tags(page) for page in pages]
            stored = [level.asarray() for level in series.levels]
        self._coloured = "S" in series.axes
        if self._coloured and not series.axes.endswith("S"):
            raise LabelError("has its colours in planes; store them pixel by pixel")
        self._stored, self._smaller = stored[0], stored[1:]
        self.labels = self._labels(self._stored)
        if self.labels.ndim < 2:
            raise LabelError(f"has shape {self.labels.shape}; store rows and columns")

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other pixels; levels of a pyramid are made anew."""
        new = self._values(labels)
        content = bytearray(self._raw)
        if self._begin is not None and self._stored.dtype.kind != "b":
            data = new.astype(new.dtype.newbyteorder(self._order)).tobytes()
            content[self._begin : self._begin + len(data)] = data
        else:
            self._put(content, self._levels[0], new)
        for pages, old in zip(self._levels[1:], self._smaller, strict=True):
            self._put(content, pages, _subsampled(self._stored, old, new))
        return bytes(content)

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a file of the same resolution and place."""
        import tifffile

        tags = self._levels[0][0].tags
        extra = [
            (tag.code, int(tag.dtype), tag.count, tag.value, True)
            for tag in tags
            if tag.code in _GEOMETRY
        ]
        dots: dict[str, Any] = {}
        if "XResolution" in tags and "YResolution" in tags:
            dots["resolution"] = tags["XResolution"].value, tags["YResolution"].value
            dots["resolutionunit"] = getattr(tags.get("ResolutionUnit"), "value", None)
        buffer = io.BytesIO()
        tifffile.imwrite(
            buffer,
            shares,
            compression="zlib",
            metadata=None,
            extratags=extra,
            photometric="minisblack",
            **dots,
        )
        return buffer.getvalue()

    def kept(self) -> dict[str, Any]:
        """Return all tags but those that tell where pixels lie."""
        kept: dict[str, Any] = {"order of bytes": (self._order, self._big), **self._told}
        for number, tags in enumerate(self._tags):
            for name, value in tags.items():
                kept.setdefault(f"tag {name}", {})[number] = value
        return kept

    def _labels(self, stored: NDArray[Any]) -> NDArray[Any]:
        if self._coloured:
            if stored.dtype != np.uint8:
                raise LabelError("has colours of more than 8 bits; store grey values")
            return colours_of(stored)
        return stored.view(np.uint8) if stored.dtype.kind == "b" else labels_of(stored)

    def _values(self, labels: NDArray[Any]) -> NDArray[Any]:
        if self._coloured:
            return pixels_of(self._stored, self.labels, labels)
        if self._stored.dtype.kind == "b":
            return labels.astype(np.bool_)
        return stored_of(self._stored, self.labels, labels)

    def _raw_tags(self, page: Any) -> dict[str, tuple[int, int, bytes]]:
        tags = {}
        for tag in page.tags:
            if tag.name not in _PLACES:
                size = struct.calcsize(tag.dataformat) * tag.count
                value = self._raw[tag.valueoffset : tag.valueoffset + size]
                tags[tag.name] = int(tag.dtype), tag.count, value
        return tags

    def _put(self, content: bytearray, pages: list[Any], new: NDArray[Any]) -> None:
        """Write pages; what has become larger goes to the end of the file."""
        for page, plane in zip(pages, new.reshape(len(pages), *pages[0].shape), strict=True):
            kind = "Tile" if page.is_tiled else "Strip"
            offsets, sizes = list(page.dataoffsets), list(page.databytecounts)
            encode = _encoder(page, self._order)
            for number, segment in enumerate(_segments(page, plane)):
                data = encode(segment)
                if len(data) > sizes[number]:
                    offsets[number] = len(content) + len(content) % 2
                    content += bytes(len(content) % 2)
                content[offsets[number] : offsets[number] + len(data)] = data
                sizes[number] = len(data)
            for name, values in ((f"{kind}Offsets", offsets), (f"{kind}ByteCounts", sizes)):
                tag = page.tags[name]
                form = f"{self._order}{tag.count}{_INTEGERS[int(tag.dtype)]}"
                try:
                    struct.pack_into(form, content, tag.valueoffset, *values)
                except struct.error:
                    raise LabelError("grows too large for its kind; store it as BigTIFF") from None


def _check(page: Any) -> None:
    """Refuse what cannot be written again."""
    if page.compression not in _LOSSLESS:
        raise LabelError(
            f"is compressed by {page.compression.name}; store labels without loss, by Deflate, say"
        )
    if page.bitspersample not in (1, 8, 16, 32, 64) or page.dtype is None:
        raise LabelError(f"has {page.bitspersample} bits a value; convert it to 8 bits")
    if page.samplesperpixel > 1 and page.planarconfig != 1:
        raise LabelError("has its colours in planes; store them pixel by pixel")
    if page.predictor not in (1, 2) or page.dtype.kind == "c":
        raise LabelError(
            "has floating-point values that are compressed in a rare way; store it anew"
        )
    if page.fillorder != 1 or page.imagedepth != 1:
        raise LabelError("is stored in a rare way; store it anew")


def _segments(page: Any, plane: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield strips, or tiles, whose parts beyond the border repeat it."""
    pixels = plane.reshape(page.imagelength, page.imagewidth, -1)
    if not page.is_tiled:
        for row in range(0, page.imagelength, page.rowsperstrip):
            yield pixels[row : row + page.rowsperstrip]
        return
    for row in range(0, page.imagelength, page.tilelength):
        for column in range(0, page.imagewidth, page.tilewidth):
            part = pixels[row : row + page.tilelength, column : column + page.tilewidth]
            more = page.tilelength - part.shape[0], page.tilewidth - part.shape[1]
            yield np.pad(part, ((0, more[0]), (0, more[1]), (0, 0)), mode="edge")


def _encoder(page: Any, order: Any) -> Callable[[NDArray[Any]], bytes]:
    """Return what makes the bytes of a strip or tile."""
    import tifffile

    compress = tifffile.TIFF.COMPRESSORS[page.compression] if page.compression != 1 else bytes

    def encode(segment: NDArray[Any]) -> bytes:
        if segment.dtype.kind == "b":
            segment = np.packbits(segment[..., 0], axis=1)
        if page.predictor == 2:
            segment = np.concatenate([segment[:, :1], np.diff(segment, axis=1)], axis=1)
        values = segment.astype(segment.dtype.newbyteorder(order), copy=False)
        return bytes(compress(values.tobytes()))

    return encode


def _subsampled(full: NDArray[Any], small: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    """Return a smaller level of new pixels, made as that of the old ones was."""
    factor = round(full.shape[-2] / small.shape[-2])
    for first in range(factor):
        steps = (..., slice(first, None, factor), slice(first, None, factor))
        rows, columns = small.shape[-2:]
        part = full[steps][..., :rows, :columns]
        if part.shape == small.shape and np.array_equal(part, small):
            return new[steps][..., :rows, :columns]
    raise LabelError("has smaller copies that are no subsamples; store it without a pyramid")
