"""PNG files of every kind: other readers find the labels, and all chunks stay."""

import io
import os
import struct
import zlib

import numpy as np
import pytest

from labelnoise.files import LabelError, differs, encoded
from labelnoise.files.formats import opened

cv2 = pytest.importorskip("cv2")
tifffile = pytest.importorskip("tifffile")
Image = pytest.importorskip("PIL.Image")

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8,), 3: (1, 2, 4, 8), 4: (8,), 6: (8,)}
STARTS = ((0, 0), (0, 4), (4, 0), (0, 2), (2, 0), (0, 1), (1, 0))
STEPS = ((8, 8), (8, 8), (8, 4), (4, 4), (4, 2), (2, 2), (2, 1))
VARIANTS = [
    (colour, bits, laced)
    for colour, depths in DEPTHS.items()
    for bits in depths
    for laced in (False, True)
]
TEXT = b"Comment\0drawn by a second reader"
TRANSPARENT = {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\xff\0"}
BACKGROUND = {0: b"\0\0", 2: bytes(6), 3: b"\0", 4: b"\0\0", 6: bytes(6)}


def written(chunks):
    """Return a file of chunks."""
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def split(raw):
    """Return the chunks of a file."""
    chunks, place = [], len(SIGNATURE)
    while place < len(raw):
        (size,) = struct.unpack_from(">I", raw, place)
        chunks.append((raw[place + 4 : place + 8], raw[place + 8 : place + 8 + size]))
        place += 12 + size
    return chunks


def filtered(line, above, kind, step):
    """Return a row that is filtered as the standard says, byte by byte."""
    result = bytearray([kind])
    for i, value in enumerate(line):
        left, corner = (line[i - step], above[i - step]) if i >= step else (0, 0)
        guess = left + above[i] - corner
        nearest = min((left, above[i], corner), key=lambda other: abs(guess - other))
        result.append(value - (0, left, above[i], (left + above[i]) // 2, nearest)[kind] & 255)
    return bytes(result)


def packed(samples, bits, laced):
    """Return filtered and deflated rows of samples (rows, columns, channels)."""
    parts = [samples]
    if laced:
        parts = [samples[a::c, b::d] for (a, b), (c, d) in zip(STARTS, STEPS, strict=True)]
    lines, step = b"", max(1, samples.shape[2] * bits // 8)
    for part in parts:
        if part.size:
            above = bytes((part[0].size * bits + 7) // 8)
            for number, row in enumerate(part):
                digits = "".join(f"{value:0{bits}b}" for value in row.ravel())
                digits += "0" * (-len(digits) % 8)
                line = bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8))
                lines += filtered(line, above, number % 5, step)
                above = line
    return zlib.compress(lines)


def header(shape, bits=8, colour=0, laced=0):
    """Return the first chunk."""
    return b"IHDR", struct.pack(">IIBBBBB", shape[1], shape[0], bits, colour, 0, 0, laced)


def samples_of(colour, bits, shape=(23, 21)):
    """Return samples of a few labels."""
    rng = np.random.default_rng(5)
    table = rng.integers(0, 2**bits, (min(2**bits, 9), CHANNELS[colour]))
    return table[rng.integers(0, len(table), shape)]


def png(samples, bits=8, colour=0, laced=False, more=True):
    """Return a file with all chunks that the kind allows, or those only that it needs."""
    data = packed(samples, bits, laced)
    chunks = [header(samples.shape, bits, colour, laced)]
    if more:
        chunks += [
            (b"gAMA", struct.pack(">I", 45455)),
            (b"iCCP", b"a profile\0\0" + zlib.compress(bytes(range(128)))),
            (b"prVt", b"of a tool"),
        ]
    if colour == 3:
        chunks.append((b"PLTE", bytes(i % 251 for i in range(3 * 2**bits))))
    if more:
        chunks += [(b"tRNS", TRANSPARENT[colour])] if colour in TRANSPARENT else []
        chunks += [
            (b"bKGD", BACKGROUND[colour]),
            (b"pHYs", struct.pack(">IIB", 11811, 5906, 1)),
            (b"tIME", b"\x07\xe8\1\2\3\4\5"),
            (b"tEXt", TEXT),
            (b"tEXt", b"Comment\0checked"),
            (b"zTXt", b"Long\0\0" + zlib.compress(b"x" * 900)),
            (b"iTXt", "Title\0\0\0de\0Titel\0Läsion".encode()),
            (b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        ]
    half = len(data) // 2
    chunks += [(b"IDAT", data[:half]), (b"IDAT", data[half:])]
    chunks += [(b"tEXt", b"Software\0mine"), (b"prVt", b"behind")] * more
    return written([*chunks, (b"IEND", b"")])


def labels_of(samples, colour):
    """Return the labels that samples stand for."""
    if colour in (2, 6):
        return samples[..., 0] * 65536 + samples[..., 1] * 256 + samples[..., 2]
    return samples[..., 0]


def seen(raw):
    """Return what two other readers see in a file."""
    bytes_ = np.frombuffer(raw, np.uint8)
    with Image.open(io.BytesIO(raw)) as image:
        return image.mode, np.array(image), cv2.imdecode(bytes_, cv2.IMREAD_UNCHANGED)


def test_there_are_many_kinds():
    """At least 24, beside those that Pillow writes."""
    assert len(VARIANTS) >= 24


@pytest.mark.parametrize(("colour", "bits", "laced"), VARIANTS)
def test_only_pixels_change(colour, bits, laced):
    """All samples are found, moved, and found by others; the chunks are the same bytes."""
    samples = samples_of(colour, bits)
    if colour in (4, 6):
        samples[..., -1] = samples[..., 0] % 251  # opacity belongs to the colour
    raw = png(samples, bits, colour, laced)
    file = opened("a.png", raw)
    np.testing.assert_array_equal(file.labels, labels_of(samples, colour))
    assert file.labels.dtype == {16: np.uint16}.get(bits, np.int32 if colour in (2, 6) else "u1")
    content = encoded(file, "a.png", np.roll(file.labels, 3, axis=0))
    kept = [chunk for chunk in split(raw) if chunk[0] != b"IDAT"]
    assert [chunk for chunk in split(content) if chunk[0] != b"IDAT"] == kept
    behind = [kind for kind, _ in split(content)]
    assert behind[behind.index(b"IDAT") + 1 :] == [b"tEXt", b"prVt", b"IEND"]
    expected = png(np.roll(samples, 3, axis=0), bits, colour, laced)
    for one, other in zip(seen(content), seen(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_interlaced_files_of_every_size():
    """Passes without pixels are not stored."""
    for rows in range(1, 10):
        for columns in range(1, 10):
            samples = samples_of(3, 2, (rows, columns))
            file = opened("a.png", png(samples, 2, 3, laced=True, more=False))
            np.testing.assert_array_equal(file.labels, samples[..., 0])
            content = encoded(file, "a.png", file.labels[::-1])
            with Image.open(io.BytesIO(content)) as image:
                np.testing.assert_array_equal(np.array(image), samples[::-1, :, 0])


@pytest.mark.parametrize(
    ("colour", "message"), [(2, "colours of 16"), (6, "colours of 16"), (4, "16 bits and opacity")]
)
def test_colours_of_16_bits_are_refused(colour, message):
    """No label could hold them."""
    samples = np.zeros((4, 4, CHANNELS[colour]), int)
    with pytest.raises(LabelError, match=message):
        opened("a.png", png(samples, 16, colour))


def test_animations_are_refused():
    """Pillow writes them."""
    buffer = io.BytesIO()
    pages = [Image.new("L", (9, 9), value) for value in (0, 9)]
    pages[0].save(buffer, "PNG", save_all=True, append_images=pages[1:])
    with pytest.raises(LabelError, match="animation"):
        opened("a.png", buffer.getvalue())


def test_large_texts_stay():
    """Readers of pictures may refuse them; they are no pixels."""
    text = b"XML\0\0" + zlib.compress(b"<annotation/>" * 200_000)
    chunks = split(png(samples_of(0, 8)))
    file = opened("a.png", written([chunks[0], (b"zTXt", text), *chunks[1:]]))
    assert (b"zTXt", text) in split(encoded(file, "a.png", file.labels[::-1]))


def test_other_users_of_pillow_keep_its_settings(monkeypatch):
    """Its limit stays, yet does not count here."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9)
    assert opened("a.png", png(samples_of(0, 8))).labels.size > 2 * 9
    assert Image.MAX_IMAGE_PIXELS == 9


def test_bytes_behind_the_end_stay():
    """As of tools that append something of their own."""
    file = opened("a.png", png(samples_of(0, 8)) + b"more")
    assert encoded(file, "a.png", file.labels[::-1]).endswith(b"IEND\xae\x42\x60\x82more")


def test_grey_colours_are_their_value():
    """If there are no others."""
    grey = np.repeat(samples_of(0, 8), 3, axis=2)
    np.testing.assert_array_equal(opened("a.png", png(grey, 8, 2)).labels, grey[..., 0])
    grey[0, 0] = 1, 2, 3
    np.testing.assert_array_equal(opened("a.png", png(grey, 8, 2)).labels, labels_of(grey, 2))


@pytest.mark.parametrize("colour", [4, 6])
def test_opacity_that_does_not_belong_to_a_colour_is_refused(colour):
    """It could not be told for a pixel whose label changes."""
    samples = np.zeros((4, 4, CHANNELS[colour]), int)
    samples[1, 1, -1] = 9
    with pytest.raises(LabelError, match="opaque in part"):
        opened("a.png", png(samples, 8, colour))


def test_indices_that_a_palette_lacks_stay():
    """As of a border that is 255 in a palette of four colours."""
    samples = samples_of(0, 2)
    samples[:3] = 255
    chunks = [header(samples.shape, 8, 3), (b"PLTE", bytes(12)), (b"IDAT", packed(samples, 8, 0))]
    file = opened("a.png", written([*chunks, (b"IEND", b"")]))
    again = opened("a.png", encoded(file, "a.png", file.labels[::-1]))
    np.testing.assert_array_equal(again.labels, samples[::-1, :, 0])


def test_labels_of_any_order_in_memory_are_stored():
    """And of any type that holds them."""
    for bits in (8, 16):
        file = opened("a.png", png(samples_of(0, bits), bits))
        moved = np.asfortranarray(file.labels[::-1].astype(np.int64))
        assert file.encode(moved) == file.encode(np.ascontiguousarray(file.labels[::-1]))


def test_each_lost_chunk_is_noticed():
    """Also one that changed its place."""
    chunks = split(png(samples_of(3, 4), 4, 3))
    file = opened("a.png", written(chunks))
    for place, (kind, data) in enumerate(chunks):
        rest = chunks[:place] + chunks[place + 1 :]
        if kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            assert f"chunk {kind.decode()}" in differs(file, opened("a.png", written(rest)))
            changed = [*chunks[:place], (kind, data[:-1] + b"?"), *chunks[place + 1 :]]
            assert differs(file, opened("a.png", written(changed))) == [f"chunk {kind.decode()}"]
            moved = opened("a.png", written([rest[0], (kind, data), *rest[1:]]))
            assert "order of chunks" in differs(file, moved) or place == 1
    assert differs(file, opened("a.png", written(chunks) + b"more")) == ["bytes after the end"]


@pytest.mark.parametrize(("unit", "number", "name"), [(1, 100, "CENTIMETER"), (0, 1, "NONE")])
def test_shares_are_a_tiff_file_of_the_same_resolution(unit, number, name):
    """PNG holds no such numbers."""
    chunks = split(png(samples_of(0, 8), more=False))
    physical = b"pHYs", struct.pack(">IIB", 11800, 5900, unit)
    file = opened("a.png", written([chunks[0], physical, *chunks[1:]]))
    shares = np.random.default_rng(0).random(file.labels.shape, np.float32)
    with tifffile.TiffFile(io.BytesIO(file.encode_shares(shares))) as tiff:
        np.testing.assert_array_equal(tiff.asarray(), shares)
        tags = tiff.pages[0].tags
        assert tags["ResolutionUnit"].value.name == name
        found = [tags[f"{each}Resolution"].value for each in "XY"]
        assert [a / b for a, b in found] == [11800 / number, 5900 / number]


def test_postscript_starts_nothing(tmp_path, monkeypatch):
    """Whatever the file is called."""
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    raw = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(ValueError, match="no PNG file"):
        opened("a.png", raw)
    assert not (tmp_path / "ran").exists()


PIXELS = b"IDAT", zlib.compress(bytes(20))
END = b"IEND", b""
HEAD = header((4, 4))
BOMB = b"IDAT", zlib.compress(bytes(20 + 10**8))
BROKEN = {
    "terabytes": ([header((10**6, 10**6)), PIXELS, END], "more pixels than it holds"),
    "terabytes after": ([HEAD, header((10**6, 10**6)), PIXELS, END], "no header, or several"),
    "too many pixels": ([HEAD, BOMB, END], "another number of pixels"),
    "too few pixels": ([header((4, 5)), PIXELS, END], "pixels than it holds"),
    "cut pixels": ([HEAD, (b"IDAT", PIXELS[1][:-4]), END], "pixels than it holds"),
    "wrong sum": ([HEAD, (b"IDAT", PIXELS[1][:-1] + b"?"), END], "cannot be read"),
    "unknown filter": ([HEAD, (b"IDAT", zlib.compress(b"\x09" * 20)), END], "cannot be read"),
    "pixels in two places": ([HEAD, PIXELS, (b"tEXt", TEXT), PIXELS, END], "several places"),
    "no pixels": ([HEAD, END], "no pixels"),
    "no width": ([header((4, 0)), PIXELS, END], "not that of a PNG file"),
    "three bits": ([header((4, 4), 3), PIXELS, END], "not that of a PNG file"),
    "unknown colour": ([header((4, 4), 8, 7), PIXELS, END], "not that of a PNG file"),
    "unknown interlacing": ([header((4, 4), laced=2), PIXELS, END], "not that of a PNG file"),
    "short header": ([(b"IHDR", HEAD[1][:-1]), PIXELS, END], "no header"),
    "no palette": ([header((4, 4), 8, 3), PIXELS, END], "no palette"),
    "no end": ([HEAD, PIXELS], "cut off"),
    "nothing": ([], "cut off"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_cost_a_sentence(name):
    """And little memory, whatever they claim."""
    chunks, message = BROKEN[name]
    with pytest.raises(ValueError, match=message) as error:
        opened("a.png", written(chunks))
    assert str(error.value).count(".") == 0
    assert "\n" not in str(error.value)


def test_every_cut_and_every_flipped_byte_is_noticed():
    """Each chunk has a sum."""
    raw = png(samples_of(3, 2, (5, 4)), 2, 3)
    for place in range(len(raw)):
        flipped = raw[:place] + bytes([raw[place] ^ 32]) + raw[place + 1 :]
        for broken in (raw[:place], flipped):
            with pytest.raises(ValueError, match="cannot be read"):
                opened("a.png", broken)
