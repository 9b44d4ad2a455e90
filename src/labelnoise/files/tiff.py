"""TIFF files: their pixels are replaced where they lie, so that all else stays byte for byte."""

import io
import logging
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._integers import stored_of
from ._label import LabelError
from ._picture import Picture, colours_of, pixels_of
from ._pixels import labels_of

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # errors say what is wrong

_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 34926, 50000, 50013)  # none, LZW, Deflate, LZMA, ...
_PACKBITS = 32773
_DENSEST, _FEW = 5000, 2**30  # bytes of pixels for each byte of a file, or in all
_PLANES = 2**24  # more than a description can mean
_OFFSETS, _SIZES = (324, 273), (325, 279)  # tags that tell where tiles and strips lie
_INTEGERS = {3: "H", 4: "I", 16: "Q"}
_GEOMETRY = (274, 33550, 33922, 34264, 34735, 34736, 34737, 42113)  # orientation, and of maps
_RGB, _PHOTOMETRIC = 2, (0, 1, 2, 3, 4)  # grey values, colours, a palette, a mask
_OPACITY = ((1,), (2,))
_OME = (
    *("SizeX", "SizeY", "SizeZ", "SizeC", "SizeT", "FirstZ", "FirstC", "FirstT"),
    *("IFD", "PlaneCount", "NumPlanes"),
)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_GDAL = b"GDAL_STRUCTURAL_METADATA_SIZE="
_INTACT, _EDITED = b"KNOWN_INCOMPATIBLE_EDITION=NO\n ", b"KNOWN_INCOMPATIBLE_EDITION=YES\n"


@dataclass(frozen=True, eq=False)
class _Level:
    """Pages of one size.

    Attributes
    ----------
    pages : list
        The pages; the first alone where pixels lie in one piece.
    begin : int, optional
        Where that piece begins.
    pixels : 6-D array
        What is stored: (page, plane of a sample, slice, row, column, sample).
    taken : tuple, optional
        Which larger level the pixels are taken from, and its rows and columns.
    """

    pages: list[Any]
    begin: int | None
    pixels: NDArray[Any]
    taken: tuple[int, NDArray[Any], NDArray[Any]] | None = None


class Tiff(Picture):
    """A TIFF file of one page or several. A palette's indices are labels, and so are colours."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._raw = raw
        with _file_of(name, raw) as file:
            self._order, self._big = file.byteorder, file.is_bigtiff
            self._imagej = dict(file.imagej_metadata or {})
            pages = _pages_of(file)
            if not _is_whole(file, pages.values()):
                raise LabelError("has pages that its description leaves out; store it anew")
            self._levels: list[_Level] = []
            every = _series_of(file)
            for series in every:
                self._levels.append(_smaller(_level_of(series, pages, raw), self._levels))
            self._axes, shape = every[0].axes, every[0].shape
            self._told = {"shape": shape, "axes": self._axes, "pages": len(file.pages)}
        self._tags = [_tags_of(page, raw) for page in pages.values()]
        self._places = sorted(place for page in pages.values() for place in page.dataoffsets)
        self._page = self._levels[0].pages[0]
        self._kind = _kind_of(self._page, shape)
        size = self._page.imagelength, self._page.imagewidth
        while self._kind == "plain" and shape[-1:] == (1,) and shape[-2:] != size:
            shape = shape[:-1]
        stored = self._levels[0].pixels.reshape(shape)
        self._stored = np.moveaxis(stored, -1, -3) if self._kind == "bands" else stored
        self.labels = self._labels(self._stored)
        if self.labels.ndim < 2:
            raise LabelError(f"has shape {self.labels.shape}; store rows and columns")

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other pixels; levels of a pyramid are made anew."""
        values = self._values(labels)
        if self._kind == "bands":
            values = np.moveaxis(values, -3, -1)
        content = bytearray(self._raw)
        new = [values.reshape(self._levels[0].pixels.shape)]
        for level in self._levels:
            if level.taken is not None:
                source, rows, columns = level.taken
                new.append(_take(new[source], rows, columns))
            self._put(content, level, new[-1])
        if content != self._raw and self._raw.startswith(_GDAL, 16 if self._big else 8):
            place = content.find(_INTACT, 0, 1024)
            if place > 0:  # GDAL's own mark that tiles lie in another order than its header tells
                content[place : place + len(_EDITED)] = _EDITED
        return bytes(content)

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a file of the same resolution and place."""
        import tifffile

        tags = self._page.tags
        options: dict[str, Any] = {"metadata": None, "compression": "zlib"}
        if self._imagej and len(self._axes) == shares.ndim and set(self._axes) <= set("TZCYX"):
            known = {key: self._imagej[key] for key in ("unit", "spacing") if key in self._imagej}
            options = {"imagej": True, "metadata": {"axes": self._axes, **known}}
        elif shares.ndim > 3:
            options["metadata"] = {}  # the shape
        options["extratags"] = [
            (tag.code, int(tag.dtype), tag.count, tag.value, True)
            for tag in tags
            if tag.code in _GEOMETRY
        ]
        dots = [tags[name].value for name in ("XResolution", "YResolution") if name in tags]
        unit = tags.valueof(296, 2)
        if len(dots) == 2 and all(number[1] for number in dots) and unit in (1, 2, 3):
            options |= {"resolution": dots, "resolutionunit": unit}
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, shares, photometric="minisblack", **options)
        return buffer.getvalue()

    def kept(self) -> dict[str, Any]:
        """Return all tags but those that tell where pixels lie."""
        kept: dict[str, Any] = {"order of bytes": (self._order, self._big), **self._told}
        for number, tags in enumerate(self._tags):
            for name, *value in tags:
                kept.setdefault(f"tag {name}", []).append((number, *value))
        return kept

    def _labels(self, stored: NDArray[Any]) -> NDArray[Any]:
        if self._kind == "colours":
            if stored.dtype != np.uint8:
                raise LabelError("has colours of other than 8 bits; store grey values")
            return colours_of(stored)
        return stored.view(np.uint8) if stored.dtype.kind == "b" else labels_of(stored)

    def _values(self, labels: NDArray[Any]) -> NDArray[Any]:
        if self._kind == "colours":
            return pixels_of(self._stored, self.labels, labels)
        most = 2**self._page.bitspersample - 1
        packed = self._page.bitspersample < 8 * self._stored.itemsize
        if packed and (labels.max(initial=0) > most or labels.min(initial=0) < 0):
            raise LabelError(f"holds no label above {most}; store it anew")
        if self._stored.dtype.kind == "b":
            return labels.astype(np.bool_)
        return stored_of(self._stored, self.labels, labels)

    def _put(self, content: bytearray, level: _Level, new: NDArray[Any]) -> None:
        """Write a level."""
        if level.begin is not None:
            data = new.astype(new.dtype.newbyteorder(self._order)).tobytes()
            content[level.begin : level.begin + len(data)] = data
            return
        for page, before, after in zip(level.pages, level.pixels, new, strict=True):
            self._put_page(content, page, before, after)

    def _put_page(
        self, content: bytearray, page: Any, before: NDArray[Any], after: NDArray[Any]
    ) -> None:
        """Write strips or tiles that change; what has become larger goes to the end of the file."""
        offsets, sizes = list(page.dataoffsets), list(page.databytecounts)
        encode = _encoder(page, self._order)
        segments = zip(_segments(page, before), _segments(page, after), strict=True)
        for number, (old, new) in enumerate(segments):
            if old.tobytes() == new.tobytes():
                continue
            data = encode(new)
            if len(data) > self._room(offsets[number], sizes[number]):
                content += bytes(len(content) % 2)
                offsets[number] = len(content)
            content[offsets[number] : offsets[number] + len(data)] = data
            sizes[number] = len(data)
        if offsets != list(page.dataoffsets):
            self._point(content, _tag(page, _OFFSETS), offsets)
        if sizes != list(page.databytecounts):
            self._point(content, _tag(page, _SIZES), sizes)

    def _room(self, offset: int, size: int) -> int:
        """Return how many bytes a strip or tile can have where it lies; none if it is shared."""
        number = bisect_left(self._places, offset) + 1
        return min(size, self._places[number] - offset) if number < len(self._places) else size

    def _point(self, content: bytearray, tag: Any, values: list[int]) -> None:
        """Write the values of a tag, as wider integers at the end of the file if need be."""
        values += tag.value[len(values) :]
        if int(tag.dtype) in _INTEGERS and max(values) < 2 ** (8 * tag.valuebytecount // tag.count):
            form = f"{self._order}{tag.count}{_INTEGERS[int(tag.dtype)]}"
            struct.pack_into(form, content, tag.valueoffset, *values)
            return
        kind, letter = (16, "Q") if self._big else (4, "I")
        try:
            data = struct.pack(f"{self._order}{tag.count}{letter}", *values)
            if tag.count > 1:
                content += bytes(len(content) % 2)
                content += data
                data = struct.pack(f"{self._order}{letter}", len(content) - len(data))
        except struct.error:
            raise LabelError("grows too large for its kind; store it as BigTIFF") from None
        head = struct.pack(f"{self._order}HH{letter}", tag.code, kind, tag.count)
        content[tag.offset : tag.offset + len(head + data)] = head + data


def _file_of(name: str, raw: bytes) -> Any:
    """Return the open file, without what OME says if it does not fit."""
    import tifffile

    file = tifffile.TiffFile(io.BytesIO(raw), name=name)
    _check_chain(file, raw)
    if 0 in file.pages.first.shaped:
        raise ValueError("it holds no pixels")
    if file.is_ome and not _fits(file):
        file = tifffile.TiffFile(io.BytesIO(raw), name=name, is_ome=False)
    if not file.series:
        raise ValueError("it holds no picture")
    if file.is_imagej and file.series[0].kind in ("generic", "uniform"):
        raise ValueError("it holds other pages than ImageJ's description tells of")
    return file


def _pages_of(file: Any) -> dict[int, Any]:
    """Return all pages by their offsets, those below others too."""
    pages = [page.aspage() for page in file.pages]
    pages += [below.aspage() for page in pages if page.subifds for below in page.pages]
    return {page.offset: page for page in pages}


def _check_chain(file: Any, raw: bytes) -> None:
    """Refuse a chain of pages that is cut off, or a circle."""
    kind = file.tiff
    seen: set[int] = set()
    offset = struct.unpack_from(kind.offsetformat, raw, 8 if file.is_bigtiff else 4)[0]
    while offset:
        if offset in seen:
            raise ValueError("its pages go round in a circle")
        seen.add(offset)
        if offset + kind.tagnosize > len(raw):
            raise ValueError("it is cut off")
        count = struct.unpack_from(kind.tagnoformat, raw, offset)[0]
        behind = offset + kind.tagnosize + count * kind.tagsize
        if behind + kind.offsetsize > len(raw):
            raise ValueError("it is cut off")
        offset = struct.unpack_from(kind.offsetformat, raw, behind)[0]


def _fits(file: Any) -> bool:
    """Return whether OME tells of the planes that are in this file, and of no others."""
    from xml.etree import ElementTree

    try:
        for element in ElementTree.fromstring(file.ome_metadata).iter():
            told = {key: int(value) for key, value in element.attrib.items() if key in _OME}
            sizes = prod(value for key, value in told.items() if key.startswith("Size"))
            if sizes > _PLANES * file.pages.first.size or max(told.values(), default=0) > _PLANES:
                return False
            if "Along" in element.tag:
                return False
        return _is_whole(file, file.pages)
    except (ElementTree.ParseError, LookupError, RuntimeError, ValueError):
        return False


def _is_whole(file: Any, pages: Iterable[Any]) -> bool:
    """Return whether the pictures that tifffile finds are all pages."""
    known: set[int] = set()
    spans = []
    for series in (level for one in file.series for level in one.levels):
        if series.dataoffset is not None:
            spans.append(range(series.dataoffset, series.dataoffset + series.nbytes))
        elif any(page is None for page in series):
            return False
        else:
            known.update(page.offset for page in series)
    return all(
        page.offset in known or any(page.dataoffsets[0] in span for span in spans)
        for page in pages
        if page.dataoffsets
    )


def _series_of(file: Any) -> list[Any]:
    """Return the pages of the largest size, and of smaller ones. Masks of valid pixels stay."""
    first, *others = (level for series in file.series for level in series.levels)
    smaller = [other for other in others if not other.keyframe.is_mask]
    if not all(other.keyframe.is_reduced or other.keyframe.is_subifd for other in smaller):
        raise LabelError("has images of several sizes or types; store one a file")
    return [first, *sorted(smaller, key=lambda other: -other.size)]


def _level_of(series: Any, known: dict[int, Any], raw: bytes) -> _Level:
    """Return the pages of a size, once nothing that is wrong with them is left."""
    begin = series.dataoffset
    pages = [known[page.offset] for page in ([series.keyframe] if begin is not None else series)]
    for page in pages:
        if page.hash != pages[0].hash or page.is_mask != pages[0].is_mask:
            raise LabelError("has pages of several kinds; store one a file")
        _check(page)
        if begin is None:
            _check_places(page, raw)
    if begin is not None and begin + series.nbytes > len(raw):
        raise ValueError("it is cut off")
    if begin is None and series.size != sum(page.size for page in pages):
        raise LabelError("has pages that are no stack; store one a file")
    largest = max(prod(page.chunks) * page.dtype.itemsize for page in pages)
    if max(series.nbytes, largest) > max(_DENSEST * len(raw), _FEW):
        raise ValueError("its header tells of more pixels than it holds")
    return _Level(pages, begin, series.asarray().reshape(-1, *pages[0].shaped))


def _check(page: Any) -> None:
    """Refuse what cannot be written again."""
    import tifffile

    compression = getattr(page.compression, "name", "an unknown method")
    if page.compression not in _LOSSLESS:
        raise LabelError(f"is compressed by {compression}; store labels by Deflate, say")
    if page.compression not in tifffile.TIFF.COMPRESSORS or (
        page.predictor in (2, 3) and page.predictor not in tifffile.TIFF.PREDICTORS
    ):
        raise ImportError(f"{compression} needs imagecodecs; pip install labelnoise[cli]")
    if page.dtype is None or page.dtype.kind not in "biuf" or page.bitspersample == 24:
        raise LabelError("has values of a rare type; store integers of 8, 16 or 32 bits")
    packed = page.bitspersample < 8 * page.dtype.itemsize
    if page.predictor not in ((1,) if packed else (1, 2, 3)):
        raise LabelError("has a rare predictor; store it without one")


def _check_places(page: Any, raw: bytes) -> None:
    """Refuse strips and tiles that are not there."""
    places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(places) < prod(page.chunked) or None in (_tag(page, _OFFSETS), _tag(page, _SIZES)):
        raise ValueError("it lacks strips or tiles")
    if any(offset + size > len(raw) for offset, size in places):
        raise ValueError("it is cut off")


def _kind_of(page: Any, shape: tuple[int, ...]) -> str:
    """Return whether several values a pixel are a colour, or labels in bands of their own."""
    samples, photometric = page.samplesperpixel, int(page.photometric)
    if photometric not in _PHOTOMETRIC:
        name = getattr(page.photometric, "name", "unknown")
        raise LabelError(f"has pixels of the kind {name}; store grey values or RGB colours")
    if samples == 1:
        return "plain"
    together = page.planarconfig == 1
    if shape[-1 if together else -3] != samples:
        raise LabelError(f"has {samples} values a pixel in a rare order; store it anew")
    if photometric == _RGB or (samples == 2 and page.extrasamples[:1] in _OPACITY):
        if not together:
            raise LabelError(
                "has its colours in planes, which may be pages; store them pixel by pixel"
            )
        if samples > 4:
            raise LabelError(f"has colours of {samples} values; store labels as grey values")
        return "colours"
    return "bands" if together else "plain"


def _smaller(level: _Level, larger: list[_Level]) -> _Level:
    """Return a level with the places that it is taken from, unless it is the first."""
    if not larger:
        return level
    for source in dict.fromkeys((len(larger) - 1, 0)):
        full = larger[source].pixels
        (*_, height, width, _), (*_, rows, columns, _) = full.shape, level.pixels.shape
        for choice in zip(_choices(height, rows), _choices(width, columns), strict=False):
            if _take(full, *choice).tobytes() == level.pixels.tobytes():
                return replace(level, taken=(source, *choice))
    raise LabelError(
        "has overviews that are no subsamples; build them by nearest neighbour, or remove them"
    )


def _choices(size: int, count: int) -> Iterator[NDArray[Any]]:
    """Yield which rows a smaller picture has, by the rules of GDAL, Pillow, OpenCV and slices."""
    ratio, step = size / count, max(round(size / count), 1)
    ways = [(0.5, ratio), (ratio / 2, ratio), (0.0, ratio)]
    for first, each in (*ways, *((float(first), float(step)) for first in range(step))):
        yield np.minimum((first + each * np.arange(count)).astype(np.intp), size - 1)


def _take(pixels: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[Any]:
    return pixels[:, :, :, rows[:, np.newaxis], columns]


def _segments(page: Any, pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield strips, or tiles, whose parts beyond the border repeat it."""
    for number in range(prod(page.chunked)):
        _, (plane, *corner, _), shape = page.decode(None, number)
        places = tuple(slice(a, a + n) for a, n in zip(corner, shape, strict=False))
        part = pixels[plane][places]
        more = [(0, n - m) for n, m in zip(shape, part.shape, strict=True)]
        yield np.pad(part, more, mode="edge")


def _encoder(page: Any, order: Any) -> Callable[[NDArray[Any]], bytes]:
    """Return what makes the bytes of a strip or tile."""
    import tifffile

    compress = tifffile.TIFF.COMPRESSORS[page.compression]
    predict = tifffile.TIFF.PREDICTORS[page.predictor]

    def encode(segment: NDArray[Any]) -> bytes:
        values = segment
        if page.predictor > 1:
            values = predict(values, axis=-2)
        if page.predictor < 3:  # the other one has an order of its own
            values = values.astype(values.dtype.newbyteorder(order), copy=False)
        rows = values.reshape(-1, segment[0, 0].size)
        if page.bitspersample < 8 * values.itemsize:
            rows = _packed(rows, page.bitspersample)
        parts = rows if page.compression == _PACKBITS else [rows]
        data = b"".join(bytes(compress(part.tobytes())) for part in parts)
        return data.translate(_REVERSED) if page.fillorder == 2 else data

    return encode


def _packed(rows: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Return rows of numbers of a few bits."""
    numbers = rows.view(np.uint8) if rows.dtype.kind == "b" else rows
    planes = [(numbers >> place & 1).astype(np.uint8) for place in reversed(range(bits))]
    return np.packbits(np.stack(planes, axis=-1).reshape(len(rows), -1), axis=1)


def _tag(page: Any, codes: tuple[int, ...]) -> Any:
    return next((page.tags[code] for code in codes if code in page.tags), None)


def _tags_of(page: Any, raw: bytes) -> list[tuple[str, int, int, bytes]]:
    """Return name, type, count and value of tags, but of those that tell where pixels lie."""
    tags = [tag for tag in page.tags if tag.code not in (*_OFFSETS, *_SIZES)]
    ends = [tag.valueoffset + tag.valuebytecount for tag in tags]
    return [
        (tag.name, int(tag.dtype), tag.count, raw[tag.valueoffset : end])
        for tag, end in zip(tags, ends, strict=True)
    ]
