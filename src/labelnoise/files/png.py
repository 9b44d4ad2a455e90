"""PNG files: all chunks but those of the pixels stay, byte for byte."""

import io
import struct
import zlib
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._label import LabelError
from ._picture import Picture, colours_of, pixels_of
from ._pixels import ZLIB, unpack

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = ">IIBBBBB"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the kind of colour, as its depths
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PASSES = (  # of interlaced files: first row and column, and steps
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)

Chunk = tuple[bytes, bytes]  # kind and content


class Png(Picture):
    """A PNG file. A palette's indices are labels, and so are colours."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._chunks, self._behind = _chunks_of(raw)
        kinds = [kind for kind, _ in self._chunks]
        if b"acTL" in kinds:
            raise LabelError("is an animation; store one picture a file")
        width, height, self._bits, self._colour = _checked(self._chunks)
        if self._bits == 16 and self._colour in (2, 6):
            raise LabelError("has colours of 16 bits; store labels in 8 bits, or as grey values")
        if self._bits == 16 and self._colour == 4:
            raise LabelError("has 16 bits and opacity; store it as grey values")
        self._laced = self._chunks[0][1][-1] == 1
        self._pixels = self._decoded(width, height)
        coloured = self._pixels.ndim == 3
        self.labels = colours_of(self._pixels) if coloured else self._pixels

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other pixels, as deep and as interlaced."""
        pixels: NDArray[Any] = labels
        if self._pixels.ndim == 3:
            pixels = pixels_of(self._pixels, self.labels, labels)
        elif labels.max(initial=0) > self._largest() or labels.min(initial=0) < 0:
            raise LabelError(f"holds no label above {self._largest()}; store it anew")
        packed = zlib.compress(self._lines(pixels), 6)
        chunks: list[Chunk] = []
        for kind, parts in groupby(self._chunks, lambda chunk: chunk[0]):
            chunks += [(kind, packed)] if kind == b"IDAT" else parts
        return _written(chunks) + self._behind

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a TIFF file: PNG holds no such numbers."""
        import tifffile

        dots: dict[str, Any] = {}
        for kind, data in self._chunks:
            if kind == b"pHYs" and len(data) == struct.calcsize(">IIB"):
                across, down, metre = struct.unpack(">IIB", data)
                unit, number = ("centimeter", 100) if metre == 1 else ("none", 1)
                dots = {"resolution": (across / number, down / number), "resolutionunit": unit}
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, shares, compression="zlib", metadata=None, **dots)
        return buffer.getvalue()

    def kept(self) -> dict[str, Any]:
        """Return the chunks in their order, those of the pixels without content."""
        kept: dict[str, Any] = {"order of chunks": [k for k, _ in self._chunks if k != b"IDAT"]}
        kept["bytes after the end"] = self._behind
        for kind, data in self._chunks:
            if kind != b"IDAT":
                kept.setdefault(f"chunk {kind.decode('latin-1')}", []).append(data)
        return kept

    def _largest(self) -> int:
        """Return the largest value that a pixel can have, or has although its palette lacks it."""
        colours = [len(data) // 3 for kind, data in self._chunks if kind == b"PLTE"]
        if self._colour == 3:
            return max(colours[0] - 1, int(self.labels.max(initial=0)))
        return int(2**self._bits) - 1

    def _steps(self) -> tuple[tuple[int, int, int, int], ...]:
        """Return first row and column, and steps, of the parts that are stored one by one."""
        return _PASSES if self._laced else ((0, 0, 1, 1),)

    def _decoded(self, width: int, height: int) -> NDArray[Any]:
        """Return the samples as they are stored; a reader sees nothing but header and pixels."""
        from PIL import PngImagePlugin

        packed = b"".join(data for kind, data in self._chunks if kind == b"IDAT")
        size, depth = 0, self._bits * _CHANNELS[self._colour]
        for row, column, down, right in self._steps():
            columns = len(range(column, width, right))
            if columns:
                size += len(range(row, height, down)) * (1 + (columns * depth + 7) // 8)
        unpack(packed, size, ZLIB)
        colour = 0 if self._colour == 3 else self._colour
        head = struct.pack(_HEADER, width, height, self._bits, colour, 0, 0, self._laced)
        file = io.BytesIO(_written([(b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")]))
        with PngImagePlugin.PngImageFile(file) as image:
            pixels: NDArray[Any] = np.array(image)
        if self._bits in (2, 4):  # the reader spreads them over 0 to 255
            pixels //= np.uint8(255 // (2**self._bits - 1))
        return pixels.astype(np.uint16 if self._bits == 16 else np.uint8, copy=False)

    def _lines(self, pixels: NDArray[Any]) -> bytes:
        """Return rows, each with the filter that does nothing."""
        parts = [pixels[row::down, column::right] for row, column, down, right in self._steps()]
        return b"".join(self._rows(part) for part in parts if part.size)

    def _rows(self, pixels: NDArray[Any]) -> bytes:
        flat = pixels.reshape(len(pixels), -1)
        if self._bits == 16:
            lines = flat.astype(">u2", order="C").view(np.uint8)
        elif self._bits == 8:
            lines = flat.astype(np.uint8)
        else:
            planes = flat.astype(np.uint8)[..., np.newaxis] >> np.arange(self._bits)[::-1] & 1
            lines = np.packbits(planes.reshape(len(flat), -1), axis=1)
        return np.pad(lines, ((0, 0), (1, 0))).tobytes()


def _chunks_of(raw: bytes) -> tuple[list[Chunk], bytes]:
    """Return kind and content of each chunk, and what lies behind the last."""
    if not raw.startswith(_SIGNATURE):
        raise ValueError("no PNG file")
    chunks: list[Chunk] = []
    place = len(_SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        if place + 12 > len(raw):
            raise ValueError("it is cut off")
        size, kind = struct.unpack_from(">I4s", raw, place)
        end = place + 12 + size
        data = raw[place + 8 : end - 4]
        if raw[end - 4 : end] != _sum_of(kind, data):
            raise ValueError(f"its chunk {_named(kind)} is damaged or cut off")
        chunks.append((kind, data))
        place = end
    return chunks, raw[place:]


def _checked(chunks: list[Chunk]) -> tuple[int, int, int, int]:
    """Return width, height, bits and kind of colour, from a header that readers agree on."""
    kinds = [kind for kind, _ in chunks]
    head = chunks[0][1]
    if kinds[0] != b"IHDR" or kinds.count(b"IHDR") > 1 or len(head) != struct.calcsize(_HEADER):
        raise ValueError("it has no header, or several")
    if [kind for kind, _ in groupby(kinds)].count(b"IDAT") != 1:
        raise ValueError("it has no pixels, or some in several places")
    width, height, bits, colour, *methods, laced = struct.unpack(_HEADER, head)
    if bits not in _DEPTHS.get(colour, ()) or any(methods) or laced > 1 or not width * height:
        raise ValueError("its header is not that of a PNG file")
    if colour == 3 and kinds.count(b"PLTE") != 1:
        raise ValueError("it has no palette, or several")
    return width, height, bits, colour


def _written(chunks: list[Chunk]) -> bytes:
    parts = [_SIGNATURE]
    for kind, data in chunks:
        parts += [struct.pack(">I", len(data)), kind, data, _sum_of(kind, data)]
    return b"".join(parts)


def _sum_of(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _named(kind: bytes) -> str:
    return kind.decode("ascii") if kind.isalpha() else "of unknown kind"
