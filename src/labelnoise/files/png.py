"""PNG files: all chunks but those of the pixels stay, byte for byte."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._label import LabelError
from ._picture import Picture, colours_of, pixels_of

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DENSEST = 1032  # bytes that one byte of deflated data can hold
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = (  # of interlaced files: first row and column, and steps
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)


class Png(Picture):
    """A PNG file. A palette's indices are labels, and so are colours."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._chunks, self._behind = _chunks_of(raw)
        kinds = [kind for kind, _ in self._chunks]
        if kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
            raise ValueError("it has no header, pixels or end")
        if b"acTL" in kinds:
            raise LabelError("is an animation; store one picture a file")
        width, height, bits, colour, *_, laced = struct.unpack(">IIBBBBB", self._chunks[0][1])
        if colour not in _CHANNELS or (bits == 16 and colour not in (0, 4)):
            raise LabelError("has colours of 16 bits; store labels in 8 bits, or as grey values")
        packed = sum(len(data) for kind, data in self._chunks if kind == b"IDAT")
        if height * ((width * bits * _CHANNELS[colour] + 7) // 8) > _DENSEST * packed:
            raise ValueError("its header tells of more pixels than it holds")
        if bits == 16 and colour == 4:
            raise LabelError("has 16 bits and opacity; store it as grey values")
        self._bits, self._laced = bits, laced
        self._pixels = _decoded(raw, bits, colour)
        coloured = self._pixels.ndim == 3
        self.labels = colours_of(self._pixels) if coloured else self._pixels

    def encode(self, labels: NDArray[Any]) -> bytes:
        """Return the file with other pixels, as deep and as interlaced."""
        pixels: NDArray[Any] = labels
        if self._pixels.ndim == 3:
            pixels = pixels_of(self._pixels, self.labels, labels)
        elif labels.max(initial=0) >= self._colours() or labels.min(initial=0) < 0:
            raise LabelError(f"holds no label above {self._colours() - 1}; store it anew")
        first, chunks = True, [_SIGNATURE]
        for kind, data in self._chunks:
            if kind == b"IDAT":
                if not first:
                    continue
                first, data = False, zlib.compress(self._lines(pixels), 6)
            chunks += [struct.pack(">I", len(data)), kind, data]
            chunks.append(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
        return b"".join([*chunks, self._behind])

    def encode_shares(self, shares: NDArray[np.float32]) -> bytes:
        """Return a TIFF file: PNG holds no such numbers."""
        import tifffile

        dots: dict[str, Any] = {}
        for kind, data in self._chunks:
            if kind == b"pHYs" and data[8] == 1:  # pixels a metre
                across, down, _ = struct.unpack(">IIB", data)
                dots = {"resolution": (across / 100, down / 100), "resolutionunit": "centimeter"}
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, shares, compression="zlib", metadata=None, **dots)
        return buffer.getvalue()

    def kept(self) -> dict[str, Any]:
        """Return the chunks in their order, those of the pixels without content."""
        kept: dict[str, Any] = {"order of chunks": [k for k, _ in self._chunks if k != b"IDAT"]}
        kept["bytes behind the end"] = self._behind
        for kind, data in self._chunks:
            if kind != b"IDAT":
                kept.setdefault(f"chunk {kind.decode('latin-1')}", []).append(data)
        return kept

    def _colours(self) -> int:
        """Return how many values a pixel can have."""
        entries = [len(data) // 3 for kind, data in self._chunks if kind == b"PLTE"]
        palette = self._chunks[0][1][9] == 3
        return entries[0] if palette and entries else int(2**self._bits)

    def _lines(self, pixels: NDArray[Any]) -> bytes:
        """Return rows, each with the filter that does nothing."""
        parts = [pixels]
        if self._laced:
            parts = [pixels[row::down, column::right] for row, column, down, right in _PASSES]
        return b"".join(self._rows(part) for part in parts if part.size)

    def _rows(self, pixels: NDArray[Any]) -> bytes:
        flat = pixels.reshape(len(pixels), -1)
        if self._bits == 16:
            lines = flat.astype(">u2").view(np.uint8)
        elif self._bits == 8:
            lines = flat.astype(np.uint8)
        else:
            planes = flat.astype(np.uint8)[..., np.newaxis] >> np.arange(self._bits)[::-1] & 1
            lines = np.packbits(planes.reshape(len(flat), -1), axis=1)
        return np.pad(lines, ((0, 0), (1, 0))).tobytes()


def _chunks_of(raw: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return kind and content of each chunk, and what lies behind the last."""
    if not raw.startswith(_SIGNATURE):
        raise ValueError("no PNG file")
    chunks: list[tuple[bytes, bytes]] = []
    place = len(_SIGNATURE)
    while place < len(raw) and (not chunks or chunks[-1][0] != b"IEND"):
        size, kind = struct.unpack_from(">I4s", raw, place)
        data, end = raw[place + 8 : place + 8 + size], place + 8 + size
        if raw[end : end + 4] != struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))):
            raise ValueError(f"its chunk {kind.decode('latin-1')} is damaged")
        chunks.append((kind, data))
        place = end + 4
    return chunks, raw[place:]


def _decoded(raw: bytes, bits: int, colour: int) -> NDArray[Any]:
    """Return the samples as they are stored."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # what a file claims has been checked
    with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
        pixels = np.array(image)
    if colour in (0, 3) and bits < 8:
        if image.mode == "1":
            return pixels.astype(np.uint8)
        if colour == 0:
            return pixels // np.uint8(255 // (2**bits - 1))
    return pixels
