"""TIFF files keep every byte that is not a pixel."""

import io
import random
import re
import struct

import cv2
import numpy as np
import pytest
from zoo import COLOURS, GEO, LABELS, OPAQUE, STACK, TIFFS, pillow, pyramid, tiff

from labelnoise.files import LabelError, differs, encoded
from labelnoise.files.formats import opened
from labelnoise.files.tiff import Tiff

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")
Image = pytest.importorskip("PIL.Image")

PLACES = (273, 279, 324, 325)  # tags that tell where pixels lie
SPECKLED = LABELS.copy()
SPECKLED[::7, ::5] = 3
BANDS = np.stack([LABELS == 1, LABELS == 2, LABELS > 1]).astype(np.uint8)
RGB = {"photometric": "rgb", "compression": "zlib"}
PLANES = {"photometric": "rgb", "planarconfig": "separate"}


def pages_of(raw):
    """Return all pages, those of pyramids too."""
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        chain = [page.aspage() for page in file.pages]
        below = [page.pages for page in chain if page.subifds]
        return chain + [page.aspage() for pages in below for page in pages]


def first(raw):
    """Return the first page."""
    return pages_of(raw)[0]


def pixels(raw):
    """Return what tifffile reads, and the axis of its columns."""
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        series = file.series[0]
        return series.asarray(), series.axes.index("X") - series.ndim


def patched(raw, code, values, dtype=None, page=0):
    """Return a file with another value of a tag."""
    buffer = io.BytesIO(raw)
    with tifffile.TiffFile(buffer, mode="r+") as file:
        file.pages[page].tags[code].overwrite(values, dtype=dtype)
        return buffer.getvalue()


def pages(*many, **options):
    """Write pages one by one, each (pixels, options)."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, shaped=False) as file:
        for values, more in many:
            file.write(values, **{"photometric": "minisblack", "metadata": None, **options, **more})
    return buffer.getvalue()


def overviews(values, taken, **more):
    """Write smaller sizes behind the first page, as GDAL does: each is taken from the last."""
    made = [(values, {"extratags": GEO})]
    height, width = values.shape[:2]
    for size in 2, 4, 5:
        values = taken(values, -(-height // size), -(-width // size))
        made.append((values, {"subfiletype": 1}))
    return pages(*made, compression="zlib", tile=(16, 16), **more)


def nearest(values, height, width):
    """Take pixels as GDAL does."""
    rows = (0.5 + np.arange(height) * (values.shape[0] / height)).astype(int)
    columns = (0.5 + np.arange(width) * (values.shape[1] / width)).astype(int)
    return values[rows][:, columns]


def averaged(values, height, width):
    """Take means, which are no labels."""
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)


def whole_differences():
    """Write floating-point numbers with the predictor of integers, as GDAL does."""
    values = LABELS.astype(np.float32).view(np.int32)
    return patched(tiff(values, predictor=2, compression="zlib"), 339, 3)


def sparse():
    """Write tiles of which some are not there."""
    raw = tiff(np.where(np.arange(60)[:, None] < 16, LABELS, 0), tile=(16, 16), compression="zlib")
    page = first(raw)
    there = [number < 5 for number in range(len(page.dataoffsets))]
    for code, values in (324, page.dataoffsets), (325, page.databytecounts):
        raw = patched(raw, code, [value * kept for value, kept in zip(values, there, strict=True)])
    return raw


def shared():
    """Write equal strips once."""
    raw = tiff(LABELS, rowsperstrip=5, compression="zlib")
    page = first(raw)
    seen = {}
    known = [
        seen.setdefault(raw[place : place + size], place)
        for place, size in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    assert len(set(known)) < len(known)
    return patched(raw, 273, known)


def short_sizes(rows=200, **options):
    """Write sizes of strips as small integers, as libtiff does at times."""
    values = np.zeros((400, 400), np.uint8)
    values[:, 150:] = 1
    raw = tiff(values, rowsperstrip=rows, compression="packbits", **options)
    return patched(raw, 279, first(raw).databytecounts, dtype=3)


def too_many_strips():
    """Write places of strips that do not exist."""
    raw = tiff(rowsperstrip=20, compression="zlib")
    page = first(raw)
    for code, values in (273, page.dataoffsets), (279, page.databytecounts):
        raw = patched(raw, code, (*values, values[0]))
    return raw


def cloud_optimised():
    """Write GDAL's own header, for which the first directory moves to the end."""
    raw = bytearray(tiff(extratags=GEO, metadata=None, compression="zlib", tile=(16, 16)))
    size = 2 + 12 * len(first(bytes(raw)).tags) + 4
    text = b"LAYOUT=IFDS_BEFORE_DATA\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
    text = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(text) + text
    assert len(text) <= size
    raw += raw[8 : 8 + size]
    raw[4:8] = struct.pack("<I", len(raw) - size)
    raw[8 : 8 + len(text)] = text
    return bytes(raw)


def ome(values=STACK, **metadata):
    """Write a file with a description by OME."""
    return tiff(values, ome=True, metadata={"axes": "ZYX", **metadata}, compression="zlib")


def ome_pyramid():
    """Write a smaller size below each page."""
    buffer = io.BytesIO()
    options = {"photometric": "minisblack", "tile": (16, 16), "compression": "lzw"}
    with tifffile.TiffWriter(buffer, ome=True) as file:
        file.write(STACK, subifds=1, metadata={"axes": "ZYX", "PhysicalSizeX": 0.3}, **options)
        file.write(STACK[:, ::2, ::2], subfiletype=1, **options)
    return buffer.getvalue()


MORE = {
    "LZW": lambda: tiff(compression="lzw", rowsperstrip=9),
    "LZW and predictor": lambda: tiff(LABELS.astype("u2"), compression="lzw", predictor=True),
    "PackBits": lambda: tiff(compression="packbits"),
    "Zstandard": lambda: tiff(compression="zstd", tile=(32, 16)),
    "OpenCV": lambda: cv2.imencode(".tif", LABELS)[1].tobytes(),
    "Pillow, LZW": lambda: pillow(LABELS, "TIFF", compression="tiff_lzw"),
    "Pillow, PackBits": lambda: pillow(LABELS, "TIFF", compression="packbits"),
    "Pillow, old Deflate": lambda: pillow(LABELS, "TIFF", compression="tiff_deflate"),
    "Pillow, opacity": lambda: pillow(np.dstack([COLOURS[LABELS], OPAQUE[LABELS]]), "TIFF"),
    "Pillow, white is 0": lambda: pillow(LABELS, "TIFF", "1", tiffinfo={262: 0}),
    "f4, predictor": lambda: tiff(LABELS.astype("f4"), compression="zlib", predictor=True),
    "f8, predictor, big-endian": lambda: tiff(
        LABELS.astype("f8"), compression="lzw", predictor=True, byteorder=">", tile=(16, 16)
    ),
    "f4, predictor of integers": whole_differences,
    "f2": lambda: tiff(LABELS.astype("f2"), compression="zlib"),
    "two bits": lambda: tiff(LABELS, bitspersample=2),
    "four bits": lambda: tiff(LABELS * 5, bitspersample=4, tile=(16, 16)),
    "twelve bits": lambda: tiff(LABELS.astype("u2") * 999, bitspersample=12, byteorder=">"),
    "bits from last to first": lambda: pillow(
        LABELS, "TIFF", "1", compression="tiff_lzw", tiffinfo={266: 2}
    ),
    "bilevel tiles": lambda: tiff(LABELS > 0, tile=(16, 16), compression="lzw"),
    "bilevel, PackBits": lambda: tiff(LABELS > 0, compression="packbits"),
    "one piece, tifffile": lambda: tiff(
        STACK.astype("u2"), photometric="minisblack", metadata={"axes": "ZYX"}, truncate=True
    ),
    "one piece, ImageJ": lambda: tiff(STACK, imagej=True, truncate=True, metadata={"axes": "ZYX"}),
    "ImageJ, overlay": lambda: tiff(
        STACK.astype("f4"),
        imagej=True,
        metadata={"Info": "drawn", "ROI": b"Iout" * 9, "Overlays": [b"Iout" * 20], "spacing": 2.0},
        extratags=[(700, 1, 4, b"<x/>", True)],
    ),
    "ImageJ, colours": lambda: tiff(COLOURS[STACK], imagej=True),
    "OME, five axes": lambda: ome(
        np.stack([STACK, STACK + 1])[:, np.newaxis], axes="TCZYX", PhysicalSizeZ=0.5
    ),
    "OME, pyramid": ome_pyramid,
    "OME, colours": lambda: tiff(
        COLOURS[LABELS], ome=True, photometric="rgb", metadata={"axes": "YXS"}
    ),
    "overviews": lambda: overviews(SPECKLED, nearest),
    "overviews, odd": lambda: overviews(SPECKLED[:59, :67], nearest),
    "overviews, colours": lambda: overviews(COLOURS[SPECKLED], nearest, photometric="rgb"),
    "pyramid of second pixels": lambda: pyramid(SPECKLED, first=1),
    "valid pixels": lambda: pages(
        (LABELS, {}), (LABELS > 0, {"subfiletype": 4, "photometric": 4}), compression="zlib"
    ),
    "sparse": sparse,
    "shared strips": shared,
    "short sizes": short_sizes,
    "more strips than there are": too_many_strips,
    "cloud-optimised": cloud_optimised,
    "bands": lambda: tiff(BANDS, planarconfig="separate", photometric="minisblack"),
    "bands, packed": lambda: tiff(
        BANDS, planarconfig="separate", photometric="minisblack", tile=(16, 16), compression="zlib"
    ),
    "bands in pixels": lambda: tiff(
        BANDS.transpose(1, 2, 0).copy(),
        planarconfig="contig",
        photometric="minisblack",
        compression="lzw",
        predictor=True,
    ),
    "grey and opacity": lambda: tiff(
        np.dstack([LABELS, OPAQUE[LABELS]]),
        photometric="minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    ),
    "one value": lambda: tiff(LABELS[..., np.newaxis], photometric="minisblack"),
    "colours, predictor": lambda: tiff(COLOURS[LABELS], predictor=True, tile=(32, 32), **RGB),
    "palette": lambda: tiff(
        LABELS, photometric="palette", colormap=np.arange(768).reshape(3, 256) * 85
    ),
    "slices in tiles": lambda: tiff(
        STACK, volumetric=True, tile=(2, 16, 16), photometric="minisblack", compression="zlib"
    ),
    "orientation": lambda: tiff(extratags=[(274, 3, 1, 6, True), (34675, 7, 3, b"icc", True)]),
    "time": lambda: tiff(datetime="2024:01:02 03:04:05", extratags=[(315, 2, 0, "R", True)]),
    "one row": lambda: tiff(LABELS[25:26], compression="zlib"),
    "one column": lambda: tiff(LABELS[:, 25:26].copy(), metadata=None),
    "pages without a description": lambda: pages((LABELS, {}), (LABELS * 2, {})),
    "big-endian BigTIFF": lambda: tiff(
        STACK, photometric="minisblack", bigtiff=True, byteorder=">", compression="lzw"
    ),
}
ALL = {**TIFFS, **MORE}


def moved(file):
    """Return labels moved to the side."""
    return np.roll(file.labels, 3, axis=-1 if file.labels.shape[-1] > 1 else -2)


def written(raw):
    """Return a file with its labels moved to the side."""
    return encoded(opened("a.tif", raw), "a.tif", moved(opened("a.tif", raw)))


def outside(raw, like):
    """Return a file's bytes without the pixels of another, and the tags that tell of them."""
    rest = bytearray(raw[: len(like)])
    with tifffile.TiffFile(io.BytesIO(like)) as file:
        begin, size = file.series[0].dataoffset, file.series[0].nbytes
    if begin is not None:
        rest[begin : begin + size] = bytes(size)
    for page in pages_of(like):
        where = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        for code in set(PLACES) & {tag.code for tag in page.tags}:
            tag = page.tags[code]
            where += [(tag.offset, 20 if page.parent.is_bigtiff else 12)]
            where += [(tag.valueoffset, tag.valuebytecount)]
        for place, length in where:
            rest[place : place + length] = bytes(length)
    return bytes(rest)


def tags_of(raw):
    """Return code, type, count and value of the tags of each page."""
    return [
        [(tag.code, tag.dtype, tag.count, np.asarray(tag.value).tolist()) for tag in page.tags]
        for page in pages_of(raw)
    ]


def test_there_are_many():
    """And all are written by real tools."""
    assert len(MORE) >= 25


@pytest.mark.parametrize("name", ALL)
def test_labels_change_and_nothing_else(name):
    """Tag by tag and byte by byte, as tifffile reads them."""
    raw = ALL[name]()
    file = opened("a.tif", raw)
    labels = moved(file)
    assert (labels != file.labels).any()
    content = encoded(file, "a.tif", labels)
    before, columns = pixels(raw)
    after, _ = pixels(content)
    axis = columns if before.shape[columns] > 1 else columns - 1
    np.testing.assert_array_equal(after, np.roll(before, 3, axis))
    assert after.dtype == before.dtype
    old, new = (
        [[tag for tag in page if tag[0] not in PLACES] for page in tags_of(each)]
        for each in (raw, content)
    )
    assert new == old
    if name == "cloud-optimised":
        content = content.replace(b"EDITION=YES\n", b"EDITION=NO\n ")
    assert outside(content, raw) == outside(raw, raw)


@pytest.mark.parametrize("name", ALL)
def test_the_same_labels_are_the_same_bytes(name):
    """So that no strength changes nothing at all."""
    raw = ALL[name]()
    file = opened("a.tif", raw)
    assert file.encode(file.labels.copy()) == raw


@pytest.mark.parametrize(
    "name", ["PackBits", "LZW", "Pillow, PackBits", "OpenCV", "bilevel, PackBits", "predictor"]
)
def test_other_readers_agree(name):
    """Pillow reads by libtiff."""
    content = written(ALL[name]())
    with Image.open(io.BytesIO(content)) as image:
        values = np.array(image)
    if name.startswith("bilevel"):
        values = ~values  # Pillow shows 0 as white
    np.testing.assert_array_equal(values, pixels(content)[0])


def test_rows_are_packed_one_by_one():
    """No run of PackBits crosses the end of a row."""
    import imagecodecs

    content = written(tiff(compression="packbits", rowsperstrip=60))
    page = first(content)
    row = imagecodecs.packbits_encode(pixels(content)[0][0].tobytes())
    assert content[page.dataoffsets[0] :].startswith(row)


@pytest.mark.parametrize(
    ("name", "shape", "axes", "volume"),
    [
        ("OME, five axes", (2, 4, 60, 70), (2, 3), (1, 2, 3)),
        ("ImageJ hyperstack", (2, 2, 60, 70), (2, 3), (1, 2, 3)),
        ("one piece, tifffile", (4, 60, 70), (1, 2), (0, 1, 2)),
        ("bands in pixels", (3, 60, 70), (1, 2), (0, 1, 2)),
        ("bands", (3, 60, 70), (1, 2), (0, 1, 2)),
        ("ImageJ, colours", (4, 60, 70), (1, 2), (0, 1, 2)),
        ("slices in tiles", (4, 60, 70), (1, 2), (0, 1, 2)),
        ("OME", (4, 60, 70), (1, 2), (0, 1, 2)),
    ],
)
def test_rows_and_columns_are_last(name, shape, axes, volume):
    """Of stacks, volumes, bands and colours."""
    file = opened("a.tif", ALL[name]())
    assert file.labels.shape == shape
    assert file.axes("axial", False) == axes
    assert file.axes("axial", True) == volume
    with pytest.raises(ValueError, match="no millimetres"):
        file.spacing(axes)


@pytest.mark.parametrize("name", ["grey and opacity", "one value", "palette", "valid pixels"])
def test_a_plane_is_no_stack(name):
    """Nor are opacity, masks and axes of length one."""
    file = opened("a.tif", ALL[name]())
    assert file.labels.shape == LABELS.shape
    with pytest.raises(ValueError, match="has no volume"):
        file.axes("axial", True)


def test_bands_are_label_maps_of_their_own():
    """Not colours."""
    file = opened("a.tif", ALL["bands in pixels"]())
    np.testing.assert_array_equal(file.labels, BANDS)


def test_smaller_sizes_follow():
    """They are taken from the new pixels as they were from the old ones."""
    for name in "overviews", "overviews, odd":
        base, *smaller = [page.asarray() for page in pages_of(written(MORE[name]()))]
        assert len(smaller) == 3
        for page in smaller:
            base = nearest(base, *page.shape)
            np.testing.assert_array_equal(page, base)


def test_masks_of_valid_pixels_stay():
    """They are no labels."""
    raw = MORE["valid pixels"]()
    np.testing.assert_array_equal(pages_of(written(raw))[1].asarray(), LABELS > 0)


def test_unchanged_pixels_keep_their_stored_value():
    """And changed ones get the one that is there most often."""
    values = np.where(LABELS == 0, np.nan, LABELS * 0.99998).astype(np.float32)
    values[LABELS == 2] = 2
    raw = tiff(values, compression="zlib", rowsperstrip=8)
    file = opened("a.tif", raw)
    np.testing.assert_array_equal(file.labels, LABELS)
    labels = LABELS.copy()
    labels[0, 0], labels[30, 45] = 1, 0
    after, _ = pixels(encoded(file, "a.tif", labels))
    values[0, 0], values[30, 45] = np.float32(0.99998), np.nan
    np.testing.assert_array_equal(after, values)


def test_strips_that_others_share_stay():
    """A strip that changes moves away from them."""
    raw = shared()
    file = opened("a.tif", raw)
    labels = file.labels.copy()
    labels[10:15] = 0
    after, _ = pixels(encoded(file, "a.tif", labels))
    np.testing.assert_array_equal(after, labels)
    assert after[15:20].any()


def test_tiles_that_are_not_there_stay_away():
    """Unless something is drawn into them."""
    raw = sparse()
    file = opened("a.tif", raw)
    labels = file.labels.copy()
    labels[40, 40] = 1
    before, after = first(raw), first(encoded(file, "a.tif", labels))
    new = [a for a, b in zip(after.dataoffsets, before.dataoffsets, strict=True) if a != b]
    assert before.dataoffsets.count(0) == 15
    assert after.dataoffsets.count(0) == 14
    assert new == [len(raw) + len(raw) % 2]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("rows", [200, 400])
def test_sizes_of_strips_may_outgrow_their_type(rows, big):
    """Small integers become larger ones, beside others or alone."""
    raw = short_sizes(rows, bigtiff=big)
    assert first(raw).tags[279].dtype == 3
    labels = np.random.default_rng(0).integers(0, 2, (400, 400), np.uint8)
    content = encoded(opened("a.tif", raw), "a.tif", labels)
    assert min(first(content).databytecounts) > 2**16
    np.testing.assert_array_equal(pixels(content)[0], labels)


def test_edited_files_of_gdal_say_so():
    """Their tiles lie in another order; without an edit they do not."""
    raw = cloud_optimised()
    assert b"KNOWN_INCOMPATIBLE_EDITION=YES\n" in written(raw)
    assert b"KNOWN_INCOMPATIBLE_EDITION=YES\n" not in raw


@pytest.mark.parametrize("changed", ["resolution", "software", "description", "extratags"])
def test_what_is_lost_is_noticed(changed):
    """`kept` is no empty promise."""
    options = {
        "resolution": (3, 3),
        "software": "mine",
        "description": "drawn",
        "extratags": GEO[:1],
        "metadata": None,
    }
    one = Tiff("a.tif", tiff(**options))
    del options[changed]
    assert differs(one, Tiff("a.tif", tiff(**options)))


def test_a_number_of_pages_is_kept():
    """Although pixels are the same."""
    options = {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}
    one, other = (Tiff("a.tif", tiff(STACK, truncate=short, **options)) for short in (True, False))
    assert "pages" in differs(one, other)


def test_shares_lie_in_the_same_place():
    """GeoTIFF, resolution and orientation."""
    options = {"resolution": (118.0, 59.0), "resolutionunit": "CENTIMETER", "metadata": None}
    raw = tiff(extratags=[*GEO, (274, 3, 1, 8, True)], **options)
    shares = np.linspace(0, 1, LABELS.size, dtype=np.float32).reshape(LABELS.shape)
    content = opened("a.tif", raw).encode_shares(shares)
    np.testing.assert_array_equal(pixels(content)[0], shares)
    for code in 33550, 33922, 34735, 42113, 274, 282, 283, 296:
        assert first(content).tags[code].value == first(raw).tags[code].value


@pytest.mark.parametrize(("code", "value"), [(282, (0, 0)), (283, (1, 0)), (296, 9)])
def test_shares_do_without_a_wrong_resolution(code, value):
    """They have none then."""
    file = opened("a.tif", patched(tiff(resolution=(3, 3)), code, value))
    assert first(file.encode_shares(LABELS.astype(np.float32))).tags[282].value == (1, 1)


@pytest.mark.parametrize(
    "name", ["OME, five axes", "ImageJ hyperstack", "bands", "ImageJ, overlay"]
)
def test_shares_have_the_shape_of_labels(name):
    """Of ImageJ's stacks, the spacing of slices too."""
    file = opened("a.tif", ALL[name]())
    content = file.encode_shares(file.labels.astype(np.float32))
    np.testing.assert_array_equal(pixels(content)[0], file.labels)
    if name == "ImageJ, overlay":
        with tifffile.TiffFile(io.BytesIO(content)) as again:
            assert again.imagej_metadata["spacing"] == 2.0


MODULO = """<StructuredAnnotations><XMLAnnotation ID="Annotation:0"
Namespace="openmicroscopy.org/omero/dimension/modulo"><Value><Modulo>
<ModuloAlongZ Type="angle" Start="0" End="9e15" /></Modulo></Value></XMLAnnotation>
</StructuredAnnotations>"""


def other_file():
    """Write OME's description of two files, of which this is one."""
    raw = ome(STACK[:2])
    there = b'IFD="0" PlaneCount="2"'
    text = first(raw).description.encode()
    assert there in text
    uuid = b'IFD="0" PlaneCount="1"><UUID FileName="b.tif">urn:uuid:1</UUID></TiffData><TiffData '
    text = text.replace(there + b"/>", uuid + b'FirstZ="1" IFD="1" PlaneCount="1"/>')
    return patched(raw, 270, text.decode())


@pytest.mark.parametrize(
    "change",
    [
        ('SizeZ="4"', 'SizeZ="4000000000000"'),
        ('PlaneCount="4"', 'PlaneCount="4000000000000"'),
        ('(Size[ZT])="[14]"', r'\1="16000000"'),
        ('SizeZ="4"', 'SizeZ="8"'),
        ('SizeZ="4"', 'SizeZ="3"'),
        ("</OME>", f"{MODULO}</OME>"),
        ("<Image", "<Imag"),
        ("OME>", "OMX>"),
    ],
)
def test_descriptions_are_not_believed(change):
    """If they tell of planes that are not there."""
    raw = ome()
    text, count = re.subn(*change, first(raw).description)
    assert count
    raw = patched(raw, 270, text)
    assert opened("a.tif", raw).labels.shape == STACK.shape
    assert first(written(raw)).description == first(raw).description


def test_one_file_of_several_is_written_alone():
    """Others are not opened."""
    file = opened("a.tif", other_file())
    np.testing.assert_array_equal(file.labels, STACK[:2])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: tiff(LABELS * 60, compression="jpeg"), "compressed by JPEG; store labels by"),
        (lambda: pillow(LABELS, "TIFF", "1", compression="group4"), "compressed by CCITT"),
        (
            lambda: tiff(COLOURS[LABELS].transpose(2, 0, 1), planarconfig="separate", **RGB),
            "planes",
        ),
        (lambda: tiff(COLOURS[LABELS].astype("u2"), **RGB), "other than 8 bits"),
        (lambda: tiff(np.dstack([COLOURS[LABELS]] * 2), **RGB), "colours of 6 values"),
        (lambda: tiff(np.dstack([LABELS] * 4), photometric="separated"), "kind SEPARATED"),
        (lambda: tiff(LABELS.astype("c8")), "rare type"),
        (lambda: patched(patched(tiff(LABELS[:, :69]), 256, 23), 258, 24), "rare type"),
        (lambda: tiff(LABELS + 0.5), "labels are integers"),
        (lambda: pages((LABELS, {}), (LABELS[:30], {})), "several sizes"),
        (lambda: pages((LABELS, {}), (LABELS.astype("u2"), {})), "several sizes or types"),
        (lambda: overviews(SPECKLED * 60, averaged), "no subsamples; build them by nearest"),
        (
            lambda: patched(
                pages((LABELS > 0, {}), (LABELS > 0, {"subfiletype": 4})), 262, 1, page=1
            ),
            "several kinds",
        ),
        (lambda: patched(tiff(STACK, imagej=True), 270, "ImageJ=1\nslices=2\n"), "leaves out"),
    ],
)
def test_what_cannot_be_written_without_loss_is_refused(make, reason):
    """Before anything is written, with a remedy."""
    with pytest.raises(LabelError, match=reason):
        opened("a.tif", make())


def test_values_that_do_not_fit_are_refused():
    """A few bits hold few labels."""
    file = opened("a.tif", MORE["two bits"]())
    with pytest.raises(LabelError, match="no label above 3"):
        file.encode(file.labels + 1)


def without_strips(code):
    """Write places of two strips for three."""
    raw = tiff(rowsperstrip=20, compression="zlib")
    return patched(raw, code, first(raw).tags[code].value[:2])


def without_sizes():
    """Write no sizes of strips."""
    raw = bytearray(tiff(rowsperstrip=20))
    page = first(bytes(raw))
    struct.pack_into("<H", raw, page.tags[279].offset, 65001)
    return bytes(raw)


def many_tiles():
    """Write twenty tiles of 256 MiB each."""
    raw = tiff(np.zeros((64, 80), np.uint8), tile=(16, 16), compression="zlib")
    for code, value in (256, 5 * 2**14), (257, 4 * 2**14), (322, 2**14), (323, 2**14):
        raw = patched(raw, code, value)
    return raw


def circle(count):
    """Write pages of which the last is followed by the first."""
    raw = bytearray(pages(*[(np.ones((2, 2), np.uint8), {})] * count))
    last = pages_of(bytes(raw))[-1]
    place = last.offset + 2 + 12 * len(last.tags)
    raw[place : place + 4] = struct.pack("<I", pages_of(bytes(raw))[0].offset)
    return bytes(raw)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: circle(3), "circle"),
        (lambda: circle(120), "circle"),
        (lambda: tiff(STACK, photometric="minisblack")[:-3000], "cut off"),
        (lambda: pages((LABELS, {}), (LABELS, {}))[: -LABELS.size], "cut off"),
        (lambda: tiff()[:-9], "cut off"),
        (lambda: tiff(compression="zlib")[:-9], "cut off"),
        (lambda: patched(tiff(compression="zlib"), 257, 2**31), "cannot be read"),
        (lambda: patched(tiff(tile=(16, 16)), 256, 2**31), "cannot be read"),
        (lambda: patched(tiff(compression="zlib"), 278, 0), "cannot be read"),
        (
            lambda: tiff(STACK, imagej=True, truncate=True)[: -LABELS.size],
            "other pages than ImageJ",
        ),
        (lambda: patched(tiff(), 256, 0), "no pixels"),
        (lambda: patched(tiff(metadata=None, compression="zlib"), 257, 0), "no pixels"),
        (lambda: without_strips(273), "lacks strips"),
        (lambda: without_strips(279), "lacks strips"),
        (without_sizes, "lacks strips"),
        (many_tiles, "than it holds"),
        (lambda: patched(tiff(tile=(16, 16), compression="zlib"), 323, 2**30), "than it holds"),
        (lambda: patched(tiff(truncate=True), 270, '{"shape": [999999999, 60, 70]}'), "cut off"),
        (lambda: b"II*\0\0\0\0\0", "cannot be read"),
        (lambda: b"", "cannot be read"),
    ],
)
def test_damaged_files_are_a_sentence(make, reason):
    """They ask for no memory that the file cannot fill."""
    with pytest.raises(ValueError, match=reason) as error:
        opened("a.tif", make())
    assert "\n" not in str(error.value)


def test_damage_is_never_a_crash():
    """Whatever byte is wrong, the labels are written or there is a sentence."""
    draw = random.Random(0)
    raws = [MORE[name]() for name in ("overviews", "PackBits", "bands in pixels", "four bits")]
    refused = 0
    for number in range(200):
        raw = bytearray(raws[number % len(raws)])
        heads = [page.offset for page in pages_of(bytes(raw))]
        place = draw.choice(heads) + draw.randrange(180)
        raw[place % len(raw)] = draw.choice((0, 1, 2, 4, 16, 128, 255))
        try:
            written(bytes(raw))
        except ValueError:
            refused += 1
    assert 20 < refused < 180
