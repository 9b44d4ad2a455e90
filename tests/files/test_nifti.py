"""NIfTI files: voxels change; header, extensions and what lies behind stay."""

import gzip
import io
import random
import struct
import sys
import tracemalloc

import numpy as np
import pytest
from zoo import VOLUME, nifti

import labelnoise._integers as integers
from labelnoise.files import LabelError, differs, encoded
from labelnoise.files.formats import opened

nibabel = pytest.importorskip("nibabel")

NOISY = np.roll(VOLUME, 3, axis=0)
SFORM, QFORM, PIXDIM, SCALING, TYPE, SIZE, UNITS = 254, 252, 76, 112, 70, 40, 123


def plain(values=VOLUME, *args, **options):
    """Write a file that is not compressed."""
    return nifti(values, *args, packed=False, **options)


def changed(raw, place, form, *values):
    """Return a file with other numbers at a place of its header."""
    content = bytearray(raw)
    struct.pack_into(form, content, place, *values)
    return bytes(content)


def loaded(content, kind="Nifti1Image"):
    """Read a file by nibabel."""
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return getattr(nibabel, kind).from_bytes(content)


def stored(content):
    """Return the voxels of a file as they are stored."""
    return np.asarray(loaded(content).dataobj.get_unscaled())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_labels_that_nibabel_scaled(dtype):
    """They are off by half a step of the slope at most."""
    raw = plain(VOLUME.astype(float), scaled=dtype)
    assert loaded(raw).dataobj.slope != 1
    file = opened("a.nii", raw)
    np.testing.assert_array_equal(file.labels, VOLUME)
    content = encoded(file, "a.nii", NOISY)
    before, after = stored(raw), stored(content)
    assert after.dtype == before.dtype
    same = NOISY == VOLUME
    np.testing.assert_array_equal(after[same], before[same])
    where = [np.flatnonzero(VOLUME.ravel() == label)[0] for label in range(4)]
    np.testing.assert_array_equal(after, before.ravel()[where][NOISY])


def test_a_scaling_may_be_negative():
    """Then large numbers are small labels."""
    raw = changed(plain(200 - VOLUME), SCALING, "<2f", -1.0, 200.0)
    file = opened("a.nii", raw)
    np.testing.assert_array_equal(file.labels, VOLUME)
    few = np.where(VOLUME == 3, 0, VOLUME)
    again = opened("a.nii", file.encode(few))
    np.testing.assert_array_equal(opened("a.nii", again.encode(VOLUME)).labels, VOLUME)


@pytest.mark.parametrize("slope", [0.7, 3.0])
def test_a_step_tells_no_more_than_its_labels(slope):
    """Numbers between labels are refused, however coarse the scaling is."""
    raw = changed(plain(), SCALING, "<2f", slope, 0.5)
    with pytest.raises(LabelError, match="holds the label"):
        opened("a.nii", raw)


def test_nearly_whole_values_stay():
    """Others take the value that their label has most often."""
    values = (VOLUME * 0.99998474).astype(np.float32)
    values[12:15][VOLUME[12:15] == 1] = 1.0
    content = encoded(opened("a.nii", plain(values)), "a.nii", NOISY)
    result = stored(content)
    same = NOISY == VOLUME
    np.testing.assert_array_equal(result[same], values[same])
    assert np.unique(result[(NOISY == 1) & ~same]) == np.float32(0.99998474)


def test_nan_is_background():
    """It stays, and comes where a label goes."""
    values = np.where(VOLUME > 0, VOLUME, np.nan).astype(np.float32)
    result = stored(encoded(opened("a.nii", plain(values)), "a.nii", NOISY))
    np.testing.assert_array_equal(result, np.where(NOISY > 0, NOISY, np.nan))


@pytest.mark.parametrize("value", [np.inf, -np.inf, 0.4, 2.0**40])
def test_values_that_are_no_labels(value):
    """Beside NaN, too."""
    values = np.where(VOLUME > 0, VOLUME, np.nan)
    values[5, 5, 1] = value
    with pytest.raises(LabelError, match="holds the label"):
        opened("a.nii", plain(values))


@pytest.mark.parametrize(
    ("name", "packed"), [("a.nii.gz", False), ("a.nii", True), ("A.NII.GZ", True)]
)
def test_content_tells_whether_a_file_is_compressed(name, packed):
    """A wrong name stays wrong, but a new file gets what its name says."""
    raw = nifti(VOLUME, packed=packed)
    file = opened(name, raw)
    content = encoded(file, name, NOISY)
    assert (content[:2] == b"\x1f\x8b") == packed
    np.testing.assert_array_equal(loaded(content).dataobj, NOISY)
    shares = file.encode_shares(NOISY.astype(np.float32))
    assert (shares[:2] == b"\x1f\x8b") == name.lower().endswith(".gz")


def front(order, kind="Nifti1Image", begin=640):
    """Write what lies before voxels of two bytes: a header, an extension and a gap."""
    image = getattr(nibabel, kind)(VOLUME.astype(np.int16), np.diag([-0.7, 0.8, 5.0, 1.0]))
    header = image.header.as_byteswapped(order)
    header["intent_code"], header["intent_name"], header["aux_file"] = 1002, b"liver", b"a.txt"
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a comment"))
    header["vox_offset"], header["scl_slope"], header["scl_inter"] = begin, 1, 0
    buffer = io.BytesIO()
    header.write_to(buffer)
    return buffer.getvalue().ljust(begin, b"\0")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["Nifti1Image", "Nifti2Image"])
@pytest.mark.parametrize("order", "<>")
def test_all_but_voxels_stays_byte_for_byte(order, kind, packed):
    """Extensions, a gap before the voxels, and what lies behind them."""
    before, dtype = front(order, kind), f"{order}i2"
    raw = before + VOLUME.astype(dtype).tobytes(order="F") + b"behind"
    name = "a.nii.gz" if packed else "a.nii"
    content = encoded(opened(name, gzip.compress(raw) if packed else raw), name, NOISY)
    content = gzip.decompress(content) if packed else content
    assert content == before + NOISY.astype(dtype).tobytes(order="F") + b"behind"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (changed(plain(), 150, "c", b"x"), ["header"]),
        (changed(plain(), 365, "c", b"x"), ["header"]),
        (plain() + b"more", ["bytes after the voxels"]),
        (nifti(VOLUME), ["compression"]),
        (plain(VOLUME.astype(np.int16)), ["header"]),
    ],
    ids=["text", "extension", "behind", "compression", "type"],
)
def test_what_differs_is_noticed(raw, what):
    """By its name."""
    assert differs(opened("a.nii", plain()), opened("a.nii", raw)) == what


ZEROS = struct.pack("<12f", *[0.0] * 12)
SLIPS = {
    "zero sform": (280, "48s", ZEROS),
    "sform that is not finite": (280, "<f", np.nan),
    "sform that is much too large": (280, "<f", 1e38),
    "no sform": (SFORM, "<h", 0),
    "no factor of the qform": (PIXDIM, "<f", 0.0),
    "negative spacing": (PIXDIM + 4, "<f", -0.7),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_in_the_geometry_are_read_as_others_do(slip):
    """Where the qform is valid."""
    right, wrong = opened("a.nii", plain()), opened("a.nii", changed(plain(), *SLIPS[slip]))
    for plane in "axial", "coronal", "sagittal":
        axes = right.axes(plane, True)
        assert wrong.axes(plane, True) == axes
        np.testing.assert_allclose(wrong.spacing(axes), right.spacing(axes))
        np.testing.assert_array_equal(wrong.upright(axes), right.upright(axes))
    assert wrong.lies_as(right)
    assert encoded(wrong, "a.nii", NOISY)


@pytest.mark.parametrize("form", [(QFORM, "<h", 0), (256, "<f", 9.0), (PIXDIM + 4, "<f", 0.0)])
def test_without_valid_geometry_there_are_no_planes(form):
    """But pixels: they can be read, and compared."""
    raw = changed(changed(plain(), 280, "48s", ZEROS), *form)
    file = opened("a.nii", raw)
    with pytest.raises(ValueError, match="affine that does not tell its axes; mend the affine"):
        file.axes("axial", False)
    np.testing.assert_array_equal(file.labels, VOLUME)


@pytest.mark.parametrize(("unit", "factor"), [(1, 1000.0), (2, 1.0), (3, 0.001), (0, 1.0)])
def test_units_are_converted(unit, factor):
    """To millimetres; without a unit it is that one."""
    file = opened("a.nii", changed(plain(), UNITS, "b", unit))
    np.testing.assert_allclose(file.spacing((0, 1, 2)), np.array([0.7, 0.8, 5.0]) * factor)


def test_unknown_units_are_told():
    """When they are needed."""
    with pytest.raises(ValueError, match="no valid spacing or unit"):
        opened("a.nii", changed(plain(), UNITS, "b", 5)).spacing((0, 1))


@pytest.mark.parametrize("order", "<>")
def test_shares_lie_where_the_labels_lie(order):
    """As float32 without scaling, whatever their order in memory."""
    before = changed(front(order, begin=384), SCALING, f"{order}2f", 0.5, 0.0)
    raw = before + (VOLUME * 2).astype(f"{order}i2").tobytes(order="F")
    shares = (VOLUME / 7).astype(np.float32)
    for given in shares, np.asfortranarray(shares)[:, ::-1]:
        image = loaded(opened("a.nii", raw + b"behind").encode_shares(given))
        assert image.get_data_dtype() == np.dtype(f"{order}f4")
        np.testing.assert_array_equal(image.dataobj, given)
    source = loaded(raw)
    np.testing.assert_array_equal(image.affine, source.affine)
    assert image.header.get_zooms() == source.header.get_zooms()
    assert image.header.extensions == source.header.extensions
    assert (image.dataobj.slope, image.dataobj.inter) == (1, 0)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (changed(plain(), TYPE, "<h", 128), "of type RGB; store labels as integers"),
        (changed(plain(), TYPE, "<h", 32), "of type complex64; store labels as integers"),
        (changed(plain(), TYPE, "<h", 1), "of type binary; store labels as integers"),
        (changed(plain(), TYPE, "<h", 77), r"\(its data type 77 is unknown\)"),
        (changed(plain(), SIZE + 2, "<h", 0), r"\(its header tells of no voxels\)"),
        (changed(plain(), SIZE + 2, "<2h", -1, -1), r"\(its header tells of no voxels\)"),
        (changed(plain(), SIZE, "<h", 0), r"\(its header tells of no voxels\)"),
        (changed(plain(), 108, "<f", 100.0), r"\(its header tells of no voxels\)"),
        (changed(plain(), 108, "<f", 1e30), r"\(its header tells of more voxels than it holds\)"),
        (changed(plain(), 344, "4s", b"ni1\0"), "voxels in another file; store it as one .nii.gz"),
        (changed(plain(), 344, "4s", b"\0\0\0\0"), r"\(no NIfTI header\)"),
        (plain()[:300], r"\(no NIfTI header\)"),
        (plain()[:-1], r"\(its header tells of more voxels than it holds\)"),
        (b"", r"\(no NIfTI header\)"),
        (nifti(VOLUME)[:-9], r"\(it is cut off\)"),
        (nifti(VOLUME)[:-6] + b"\1\1" + nifti(VOLUME)[-4:], "cannot be read"),
        (gzip.compress(nifti(VOLUME)), r"\(no NIfTI header\)"),
        (gzip.compress(plain()[:-1]), r"\(its header tells of more voxels than it holds\)"),
    ],
)
def test_what_is_no_file_of_labels_is_told(raw, message):
    """In one sentence."""
    with pytest.raises(ValueError, match=message) as error:
        opened("a.nii.gz", raw)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["Nifti1Image", "Nifti2Image"])
def test_a_header_that_claims_terabytes_costs_nothing(kind, packed):
    """Nor does one that tells of little before much."""
    raw = plain(VOLUME, kind)
    place, form = (42, "<3h") if kind == "Nifti1Image" else (24, "<3q")
    claims = changed(raw, place, form, 20_000, 20_000, 20_000)
    surplus = raw + bytes(2**26)
    files = [gzip.compress(claims, 1), gzip.compress(surplus, 1)] if packed else [claims]
    tracemalloc.start()
    for file in files:
        with pytest.raises(ValueError, match=r"than it holds|than its header tells of"):
            opened("a.nii.gz", file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23


def test_damaged_headers_cost_a_sentence_at_most():
    """Whatever their bytes are: either the file is served, or refused."""
    choose = random.Random(7)
    raws = [plain(), plain(VOLUME, "Nifti2Image"), plain(VOLUME.astype(">i2"))]
    raws.append(plain(VOLUME.astype(float), scaled=np.int16))
    messages = []
    for _ in range(400):
        raw = bytearray(choose.choice(raws))
        for _ in range(3):
            raw[choose.randrange(560)] = choose.choice((0, 1, 127, 128, 255))
        try:
            file = opened("a.nii", bytes(raw))
            axes = file.axes("axial", True)
            file.spacing(axes)
            encoded(file, "a.nii", np.roll(file.labels, 1, axis=0))
            file.encode_shares(file.labels.astype(np.float32))
        except ValueError as error:
            messages.append(str(error))
    assert 0 < len(messages) < 400
    assert not any("\n" in message for message in messages)


def test_several_members_are_one_file():
    """Bgzip and some pipelines write them."""
    raw = plain()
    packed = b"".join(gzip.compress(raw[at : at + 5000]) for at in range(0, len(raw), 5000))
    content = encoded(opened("a.nii.gz", packed), "a.nii.gz", NOISY)
    np.testing.assert_array_equal(loaded(content).dataobj, NOISY)


def test_isal_is_not_needed(monkeypatch):
    """The standard library reads and writes the same voxels."""
    raw = nifti(VOLUME)
    fast = opened("a.nii.gz", raw).encode(NOISY)
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    slow = encoded(opened("a.nii.gz", raw), "a.nii.gz", NOISY)
    assert gzip.decompress(slow) == gzip.decompress(fast)


@pytest.mark.parametrize("order", "CF")
def test_labels_may_lie_in_any_order(order):
    """In memory; and be of another type."""
    content = opened("a.nii", plain()).encode(np.array(NOISY, np.int64, order=order))
    np.testing.assert_array_equal(loaded(content).dataobj, NOISY)


def naive_integers(values, step=0.0):
    """Return what the rule says, value by value."""
    known = [0.0 if value != value else float(value) for value in values.ravel()]
    largest = max(abs(round(value)) for value in known)
    allowed = max(min(1e-3 + 2e-6 * largest, 0.25), min(1.001 * step / 2, 0.25))
    near = all(abs(value - round(value)) < allowed for value in known)
    return np.reshape([round(value) for value in known], values.shape) if near else None


@pytest.mark.parametrize("off", [0, 1e-4, 2e-3, 4e-3, 0.3])
@pytest.mark.parametrize("largest", [2, 900, 60_000])
@pytest.mark.parametrize("step", [0.0, 0.01])
@pytest.mark.parametrize("dtype", ["f4", ">f8", "f2"])
def test_the_rule_is_that_of_each_value(dtype, step, largest, off):
    """For arrays of any order, with NaN."""
    rng = np.random.default_rng(3)
    values = rng.integers(-largest, largest, (6, 5, 4)) + rng.choice([0, off, -off], (6, 5, 4))
    values = values.astype(dtype)
    values[rng.random(values.shape) < 0.2] = np.nan
    for array in values, np.asfortranarray(values), values[::2, :, ::-1]:
        found, expected = integers.integers_of(array, step), naive_integers(array, step)
        assert (found is None) == (expected is None)
        if found is not None:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("layouts", ["CC", "FF", "CF", "FC"])
@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2", np.longdouble])
def test_changed_pixels_take_the_most_frequent_value(dtype, layouts):
    """Of their label; the naive way counts each."""
    rng = np.random.default_rng(5)
    before, after = rng.integers(0, 40, (2, 30, 20, 5))
    values = (before * 9 + rng.choice(3, before.shape, p=[0.2, 0.7, 0.1])).astype(dtype)
    after[before == 39] = 39
    expected = values.copy()
    for label in range(40):
        found, counts = np.unique(values[before == label], return_counts=True)
        assert (counts == counts.max()).sum() == 1
        expected[(after == label) & (after != before)] = found[counts.argmax()]
    result = integers.stored_of(
        np.array(values, order=layouts[0]), before, np.array(after, order=layouts[1])
    )
    assert result.dtype == values.dtype
    np.testing.assert_array_equal(result, expected)


def test_a_label_that_is_not_there_gets_its_own_value():
    """By slope and intercept, if they give one."""
    before = np.array([[0, 1], [1, 1]])
    values = np.array([[10, 12], [12, 12]], np.uint8)
    after = np.array([[0, 3], [1, 2]])
    result = integers.stored_of(values, before, after, (0.5, -5.0))
    np.testing.assert_array_equal(result, [[10, 16], [12, 14]])
    with pytest.raises(ValueError, match=r"scaled so that it cannot hold the label 300"):
        integers.stored_of(values, before, before * 300, (0.5, -5.0))


@pytest.mark.parametrize("part", [5, 352, -1])
def test_a_compressed_file_that_is_not_as_meant_is_noticed(part):
    """Whichever byte differs, is missing or too many."""
    file = opened("a.nii.gz", gzip.compress(plain() + b"more"))
    after = np.where(VOLUME == 1, 0, VOLUME).astype(VOLUME.dtype)
    content = gzip.decompress(file.encode(after))
    assert file.holds(gzip.compress(content), after)
    other = bytearray(content)
    other[part] ^= 1
    for wrong in other, content[:-1], content + b"\0":
        assert not file.holds(gzip.compress(wrong), after)
    assert not file.holds(gzip.compress(content) + b"\0", after)
