"""Other readers find the labels that were written; damaged files cost a sentence."""

import gzip
import io
import struct
import warnings

import numpy as np
import pytest
from zoo import ARRAYS, NIFTIS, PNGS, TIFFS, VOLUME, nifti, pillow, png, pyramid, tiff

from labelnoise.files import LabelError, encoded
from labelnoise.files.formats import opened

nibabel = pytest.importorskip("nibabel")
tifffile = pytest.importorskip("tifffile")
Image = pytest.importorskip("PIL.Image")


def moved(name, raw):
    """Move labels to the side; return them and the bytes of the file."""
    file = opened(name, raw)
    noisy = np.roll(file.labels, 3, axis=-2 if file.labels.shape[-1] > 4 else 0)
    return noisy, encoded(file, name, noisy)


@pytest.mark.parametrize("name", NIFTIS)
def test_nibabel_finds_the_labels(name):
    """And the same header."""
    raw = NIFTIS[name]()
    noisy, content = moved("a.nii.gz", raw)
    images = []
    for each in (raw, content):
        kind = nibabel.Nifti2Image if name == "NIfTI-2" else nibabel.Nifti1Image
        images.append(kind.from_bytes(gzip.decompress(each) if each[:2] == b"\x1f\x8b" else each))
    before, after = images
    np.testing.assert_allclose(np.nan_to_num(np.asarray(after.dataobj)), noisy, atol=0.005)
    assert after.header == before.header
    assert after.header.extensions == before.header.extensions
    np.testing.assert_array_equal(after.affine, before.affine)


@pytest.mark.parametrize("name", TIFFS)
def test_tifffile_finds_the_labels(name):
    """And the same tags."""
    raw = TIFFS[name]()
    noisy, content = moved("a.tif", raw)
    places = {"StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts"}
    told = []
    for each in (raw, content):
        with tifffile.TiffFile(io.BytesIO(each)) as file:
            tags = [
                {tag.name: tag.value for tag in page.tags if tag.name not in places}
                for page in file.pages
            ]
            told.append((tags, file.byteorder, file.is_bigtiff, file.series[0].axes))
            values = file.asarray()
    assert str(told[0]) == str(told[1])
    if name != "colours":
        np.testing.assert_array_equal(values, noisy)


@pytest.mark.parametrize("name", [name for name in PNGS if "colours" not in name])
def test_pillow_finds_the_labels(name):
    """And the same mode and text."""
    raw = PNGS[name]()
    noisy, content = moved("a.png", raw)
    images = [Image.open(io.BytesIO(each)) for each in (raw, content)]
    assert images[0].mode == images[1].mode
    assert images[0].info == images[1].info
    assert images[0].getpalette() == images[1].getpalette()
    values = np.asarray(images[1])
    values = values[..., 0] if values.ndim == 3 else values
    old = np.asarray(images[0])
    old = old[..., 0] if old.ndim == 3 else old
    np.testing.assert_array_equal(values, np.roll(old, 3, axis=0))
    assert (noisy != 0).any()


def test_levels_of_a_pyramid_are_subsamples():
    """Of the new labels."""
    noisy, content = moved("a.tif", pyramid())
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for level, factor in zip(file.series[0].levels, (1, 2, 4), strict=True):
            np.testing.assert_array_equal(level.asarray(), noisy[::factor, ::factor])


def huge():
    """Return a TIFF file that claims 16 terabytes."""
    raw = bytearray(tiff(compression="zlib", metadata=None))
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = file.pages[0].tags[name]
            form = {3: "<H", 4: "<I"}[int(tag.dtype)]
            struct.pack_into(form, raw, tag.valueoffset, 60_000)
    return bytes(raw)


def claiming(raw, place, form, *values):
    """Return a file with other numbers at a place of its header."""
    content = bytearray(raw)
    struct.pack_into(form, content, place, *values)
    return bytes(content)


HOSTILE = {
    "a.png": {
        "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no PNG file"),
        "cut": (PNGS["grey"]()[:-30], r"cannot be read|store it"),
        "damaged": (PNGS["grey"]().replace(b"IDAT", b"IDAT!", 1), r"cannot be read|store it"),
        "colours of 16 bits": (png(np.zeros((4, 4), np.uint8), 16, 2), "colours of 16 bits"),
        "one colour, opaque in part": (
            pillow(np.dstack([np.zeros((4, 4)), np.eye(4)]).astype(np.uint8), "PNG"),
            "opaque in part",
        ),
    },
    "a.tif": {
        "claims": (huge(), r"cannot be read|store it"),
        "cut": (tiff()[:200], r"cannot be read|store it"),
        "two sizes": (
            pillow(
                np.zeros((4, 4), np.uint8),
                "TIFF",
                save_all=True,
                append_images=[Image.new("L", (9, 9))],
            ),
            "several sizes",
        ),
        "fractions": (tiff(np.full((9, 9), 0.5, np.float32)), "holds the label 0.5"),
    },
    "a.nii.gz": {
        "cut": (nifti(VOLUME)[:-30], r"cannot be read|store it"),
        "surplus": (gzip.compress(nifti(VOLUME, packed=False) + bytes(2**21)), "far more than"),
        "claims": (
            claiming(nifti(VOLUME, packed=False), 42, "<3h", 32767, 32767, 32767),
            "more voxels than it holds",
        ),
        "two files": (
            claiming(nifti(VOLUME, packed=False), 344, "4s", b"ni1\0"),
            r"cannot be read|store it",
        ),
        "fractions": (nifti(np.full((9, 9, 2), 0.5, np.float32)), "holds the label 0.5"),
        "colours": (
            nifti(np.zeros((9, 9, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])),
            "store labels as integers",
        ),
    },
    "a.npy": {"cut": (ARRAYS["labels.npy"]()[:-5], "fewer values than its header tells")},
    "a.npz": {
        "no archive": (b"PK", r"cannot be read|store it"),
        "empty": (b"PK\5\6" + bytes(18), "has the arrays"),
    },
}


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        pytest.param(name, *case, id=f"{name} {what}")
        for name, cases in HOSTILE.items()
        for what, case in cases.items()
    ],
)
def test_damaged_files_cost_a_sentence(name, raw, message):
    """At once, whatever their headers claim."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=message) as error:
            opened(name, raw)
    assert "\n" not in str(error.value)


def test_objects_of_numpy_are_not_loaded(tmp_path):
    """They could run code."""
    np.save(tmp_path / "a.npy", np.array([[print, 1], [2, 3]], object), allow_pickle=True)
    with pytest.raises(ValueError, match="objects"):
        opened("a.npy", (tmp_path / "a.npy").read_bytes())


def test_a_scaling_that_lacks_a_label_is_refused():
    """As one whose intercept is 1 lacks 0; what it has can be moved."""
    raw = bytearray(nifti(np.ones((9, 9, 2), np.uint8), packed=False))
    struct.pack_into("<2f", raw, 112, 1.0, 1.0)
    file = opened("a.nii", bytes(raw))
    assert set(np.unique(file.labels)) == {2}
    with pytest.raises(ValueError, match="cannot hold the label 0"):
        file.encode(np.where(np.indices((9, 9, 2))[0] > 4, 0, file.labels))


def test_a_palette_holds_no_more_labels():
    """Than it has colours."""
    file = opened("a.png", PNGS["palette"]())
    with pytest.raises(LabelError, match="holds no label above"):
        file.encode(file.labels.astype(np.int32) + 300)
