"""NumPy's files: NumPy finds the new labels, and the old bytes of all else."""

import io
import os
import struct
import warnings
import zipfile

import numpy as np
import pytest

from labelnoise.files import LabelError, differs, encoded
from labelnoise.files.formats import opened

LABELS = np.zeros((4, 20, 30), np.uint8)
LABELS[1:, 5:15, 5:20] = 1
LABELS[2, 8:18, 15:28] = 2
PLANE = LABELS[2]
IMAGE = np.random.default_rng(0).random((20, 30), np.float32)
PHOTO = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
TYPES = ["u1", "<i2", ">i2", "<u4", ">i8", "<u8", "<f2", ">f4", "<f8", "?"]


def npy(values, version=None):
    """Write an array by NumPy."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of versions that few readers know
        np.lib.format.write_array(buffer, np.asanyarray(values), version)
    return buffer.getvalue()


def npz(save=np.savez_compressed, **arrays):
    """Write an archive by NumPy."""
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def loaded(raw):
    """Load an array, or all of an archive, by NumPy."""
    return np.load(io.BytesIO(raw), allow_pickle=False)


def claiming(shape, descr="|u1", pixels=9):
    """Return a file whose header claims a shape."""
    buffer = io.BytesIO()
    told = {"shape": shape, "fortran_order": False, "descr": descr}
    np.lib.format.write_array_header_1_0(buffer, told)
    return buffer.getvalue() + bytes(pixels)


def members(raw):
    """Return what an archive tells of each member, and its content."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        told = "filename", "compress_type", "date_time", "external_attr", "comment", "extra", "CRC"
        return {
            each.filename: ([getattr(each, name) for name in told], archive.read(each))
            for each in archive.infolist()
        }


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", TYPES)
def test_arrays_keep_their_header(dtype, order):
    """Type, order of bytes and order of axes."""
    raw = npy(np.array(LABELS, dtype, order=order))
    file = opened("a.npy", raw)
    assert file.labels.dtype.kind in "iu"
    np.testing.assert_array_equal(file.labels, LABELS > 0 if dtype == "?" else LABELS)
    content = encoded(file, "a.npy", file.labels[::-1])
    before, after = loaded(raw), loaded(content)
    np.testing.assert_array_equal(after, before[::-1])
    assert (after.dtype, after.flags.f_contiguous) == (before.dtype, before.flags.f_contiguous)
    assert len(content) == len(raw)
    assert content[:128] == raw[:128]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_stay(version):
    """So do bytes after the array, as of several arrays in a file."""
    raw = npy(LABELS, version) + npy(PLANE)
    content = encoded(opened("a.npy", raw), "a.npy", LABELS[::-1])
    assert content == npy(LABELS[::-1], version) + npy(PLANE)


def test_unchanged_pixels_keep_their_value():
    """Other ones get the most common value of their label."""
    stored = np.where(LABELS == 1, 0.9999, LABELS).astype(np.float32)
    stored[0, 0, 0], stored[1, 5, 5], stored[0, 1, 1] = np.nan, 1.0, -0.0
    file = opened("a.npy", npy(stored))
    assert set(np.unique(file.labels)) == {0, 1, 2}
    labels = file.labels.copy()
    labels[0, 9, 9], labels[2, 8, 16] = 1, 0
    expected = stored.copy()
    expected[0, 9, 9], expected[2, 8, 16] = np.float32(0.9999), 0
    assert encoded(file, "a.npy", labels) == npy(expected)


def test_truths_are_0_or_1():
    """Whatever byte is stored; it stays where the label does."""
    stored = np.zeros((6, 7), np.uint8)
    stored[2:5, 2:5], stored[3, 3] = 255, 7
    file = opened("a.npy", npy(stored.view(bool)))
    np.testing.assert_array_equal(file.labels, stored > 0)
    labels = file.labels.copy()
    labels[0, 0] = 1
    stored[0, 0] = 255
    assert encoded(file, "a.npy", labels)[-42:] == stored.tobytes()


def test_empty_arrays_are_label_maps():
    """Nothing can change."""
    raw = npy(LABELS[:0])
    assert encoded(opened("a.npy", raw), "a.npy", LABELS[:0]) == raw


def test_axes_are_the_last():
    """No millimetres are known."""
    file = opened("a.npy", npy(LABELS))
    assert file.axes("axial", False) == (1, 2)
    assert file.axes("axial", True) == (0, 1, 2)
    assert file.upright((1, 2)) is file.labels
    assert file.lies_as(opened("a.npz", npz(labels=PLANE)))
    with pytest.raises(ValueError, match="no millimetres"):
        file.spacing((1, 2))
    with pytest.raises(ValueError, match="no sagittal planes"):
        file.axes("sagittal", False)
    with pytest.raises(ValueError, match="no volume"):
        opened("a.npy", npy(PLANE)).axes("axial", True)


CHOICES = {
    "only one": ({"x": PLANE}, "x"),
    "only one of integers": ({"image": IMAGE, "x": PLANE}, "x"),
    "only one with two axes": ({"x": PLANE, "ids": np.arange(5), "n": np.int64(3)}, "x"),
    "truths": ({"image": IMAGE, "x": PLANE > 0}, "x"),
    "without names": ({"arr_0": PLANE}, "arr_0"),
    "without names, beside an image": ({"arr_0": IMAGE, "arr_1": PLANE}, "arr_1"),
    "the first has no name": ({"arr_0": PLANE, "ids": LABELS}, "arr_0"),
    **{
        name: ({"image": PHOTO, name: PLANE}, name)
        for name in ("labels", "label", "mask", "masks", "seg", "segmentation", "Label")
    },
    "named, behind one without name": ({"arr_0": PHOTO, "labels": PLANE}, "labels"),
    "of integers, beside one of fractions": ({"mask": IMAGE, "seg": PLANE, "x": PHOTO}, "seg"),
    "of nearly integers": ({"image": PHOTO, "mask": PLANE.astype("f4")}, "mask"),
}
REFUSED = {
    "several": {"a": PLANE, "b": PLANE},
    "several without names": {"arr_0": PHOTO, "arr_1": PLANE},
    "several called so": {"label": PLANE, "mask": PLANE},
    "several called so, beside one without name": {"arr_0": PHOTO, "label": PLANE, "mask": PLANE},
    "none with rows and columns": {"x": np.arange(9), "image": IMAGE},
    "as arrays in folders": {"a/labels": PLANE, "b/labels": LABELS},
    "none": {},
}


@pytest.mark.parametrize("name", CHOICES)
def test_one_array_has_the_labels(name):
    """It is called so, or is the only one that can be."""
    arrays, chosen = CHOICES[name]
    file = opened("a.npz", npz(**arrays))
    np.testing.assert_array_equal(file.labels, arrays[chosen])
    content = loaded(encoded(file, "a.npz", file.labels[::-1]))
    for other in arrays:
        expected = arrays[other][::-1] if other == chosen else arrays[other]
        np.testing.assert_array_equal(content[other], expected)
        assert content[other].dtype == expected.dtype


@pytest.mark.parametrize("name", REFUSED)
def test_several_arrays_of_labels_are_refused(name):
    """The message lists them."""
    listed = ", ".join(REFUSED[name]) or r"\(none\)"
    with pytest.raises(LabelError, match=f"has the arrays {listed}; call the one with labels"):
        opened("a.npz", npz(**REFUSED[name]))


def test_many_arrays_are_not_all_listed():
    """A few are."""
    with pytest.raises(LabelError, match=r"arrays a0, .*, a7, \.\.\.; call"):
        opened("a.npz", npz(**{f"a{i}": PLANE for i in range(100)}))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_other_arrays_stay_byte_for_byte(save):
    """Objects too, which are never loaded."""
    objects = np.array({"annotator": 2}, object)
    raw = npz(save, objects=objects, image=IMAGE, labels=np.asfortranarray(LABELS), text="drawn")
    file = opened("a.npz", raw)
    content = encoded(file, "a.npz", LABELS[::-1])
    before, after = members(raw), members(content)
    assert list(before) == list(after)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["labels.npy"]
    assert before["labels.npy"][0][:-1] == after["labels.npy"][0][:-1]
    assert after["labels.npy"][1] == npy(np.asfortranarray(LABELS[::-1]))
    assert encoded(file, "a.npz", LABELS) == file.encode(LABELS)


def archive_of(*contents, comment=b"", about=()):
    """Write an archive as other tools do."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = comment
        for name, content, kind in contents:
            member = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            member.compress_type = kind
            archive.writestr(member, content)
            for attribute, value in dict(about).items():
                setattr(member, attribute, value)
    return buffer.getvalue()


ARRAY = "labels.npy", npy(PLANE), zipfile.ZIP_DEFLATED
NOTE = "note.txt", b"of a second reader", zipfile.ZIP_STORED


def test_archives_of_other_tools_stay():
    """Kinds of compression one by one, dates, rights, comments, files that are no arrays."""
    empty = "folder/", b"", zipfile.ZIP_STORED
    array = ARRAY[0], ARRAY[1] + b"behind", ARRAY[2]
    about = {"external_attr": 0, "comment": b"mine", "extra": b"UT\5\0\1\0\0\0\0"}
    raw = archive_of(NOTE, array, empty, comment=b"all", about=about)
    file = opened("a.npz", raw)
    content = encoded(file, "a.npz", file.labels[::-1])
    before, after = members(raw), members(content)
    assert list(before) == list(after)
    for name in before:
        assert before[name][0][:-1] == after[name][0][:-1]
    assert [before[name] == after[name] for name in before] == [True, False, True]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.comment == b"all"
    assert content == file.encode(file.labels[::-1])  # the first time changed nothing here


LOSSES = {
    "comment": archive_of(ARRAY, NOTE),
    "array note.txt": archive_of(ARRAY, (NOTE[0], b"?", NOTE[2]), comment=b"all"),
    "order of arrays": archive_of(NOTE, ARRAY, comment=b"all"),
    "compression, dates and comments of arrays": archive_of(
        (*ARRAY[:2], zipfile.ZIP_STORED), NOTE, comment=b"all"
    ),
    "header": archive_of((ARRAY[0], npy(PLANE.astype("i2")), ARRAY[2]), NOTE, comment=b"all"),
    "bytes after the array": archive_of(
        (ARRAY[0], ARRAY[1] + b"?", ARRAY[2]), NOTE, comment=b"all"
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_is_noticed(name):
    """By its name."""
    file = opened("a.npz", archive_of(ARRAY, NOTE, comment=b"all"))
    assert name in differs(file, opened("a.npz", LOSSES[name]))


def test_another_header_is_noticed():
    """Of a single array."""
    file = opened("a.npy", npy(PLANE))
    assert differs(file, opened("a.npy", npy(np.asfortranarray(PLANE)))) == ["header"]
    assert differs(file, opened("a.npy", npy(PLANE) + b"?")) == ["bytes after the array"]


def test_shares_are_stored_likewise():
    """As float32, by the same name."""
    shares = np.random.default_rng(0).random(PLANE.shape, np.float32)
    one = loaded(opened("a.npy", npy(PLANE)).encode_shares(shares))
    many = loaded(opened("a.npz", npz(image=IMAGE, mask=PLANE)).encode_shares(shares))
    assert list(many) == ["mask"]
    for found in (one, many["mask"]):
        np.testing.assert_array_equal(found, shares)
        assert found.dtype == np.float32


class Harm:
    """An object that makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_objects_are_never_loaded(tmp_path):
    """They could run anything."""
    harm = np.array([[Harm(tmp_path / "made"), 1], [2, 3]], object)
    objects = io.BytesIO()
    np.save(objects, harm, allow_pickle=True)
    with pytest.raises(LabelError, match="objects of Python"):
        opened("a.npy", objects.getvalue())
    with pytest.raises(LabelError, match="has the arrays labels"):
        opened("a.npz", npz(labels=harm))
    file = opened("a.npz", npz(labels=PLANE, harm=harm))
    encoded(file, "a.npz", PLANE[::-1])
    assert not (tmp_path / "made").exists()


def bomb():
    """Return an archive with many names of one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.npy", claiming((10**3, 10**3), pixels=10**6))
        for number in range(2000):
            other = zipfile.ZipInfo(f"{number}.npy")
            first = archive.filelist[0]
            for name in ("header_offset", "file_size", "compress_size", "CRC", "compress_type"):
                setattr(other, name, getattr(first, name))
            archive.filelist.append(other)
    return buffer.getvalue()


def lying():
    """Return an archive whose member claims four gigabytes."""
    raw = bytearray(archive_of(ARRAY))
    place = raw.index(b"PK\1\2")
    struct.pack_into("<I", raw, place + 24, 2**32 - 2)
    return bytes(raw)


def twice():
    """Return an archive with two members of one name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return archive_of(ARRAY, ARRAY)


HOSTILE = {
    "terabytes.npy": (claiming((10**6, 10**7)), "fewer values than its header tells"),
    "below nothing.npy": (claiming((-1, 9)), "fewer values than its header tells"),
    "overflow.npy": (claiming((0, 10**30)), "cannot be read"),
    "cut.npy": (npy(LABELS)[:-1], "fewer values than its header tells"),
    "cut header.npy": (npy(LABELS)[:50], "cannot be read"),
    "nothing.npy": (b"", "cannot be read"),
    "another kind.npy": (b"PK\3\4", "cannot be read"),
    "unknown version.npy": (b"\x93NUMPY\x09\0" + npy(LABELS)[8:], r"version \(9, 0\) is unknown"),
    "code.npy": (b"\x93NUMPY\1\0\x1e\0" + b"__import__('os').mkdir('made')", "cannot be read"),
    "fractions.npy": (npy(IMAGE), "labels are integers"),
    "infinity.npy": (npy(np.full((4, 4), np.inf)), "labels are integers"),
    "complex.npy": (npy(PLANE.astype(complex)), "type complex128; store integers"),
    "text.npy": (npy(PLANE.astype(str)), "store integers with rows and columns"),
    "records.npy": (npy(np.zeros((4, 4), [("a", "i4")])), "store integers with rows and columns"),
    "one axis.npy": (npy(np.arange(4)), "store integers with rows and columns"),
    "a number.npy": (npy(np.int64(4)), "store integers with rows and columns"),
    "bomb.npz": (bomb(), "more than it can"),
    "lying.npz": (lying(), "more than it can"),
    "one name.npz": (twice(), "several arrays of one name"),
    "no array.npz": (archive_of((ARRAY[0], b"?", ARRAY[2])), "cannot be read"),
    "cut.npz": (npz(labels=LABELS)[:-30], "cannot be read"),
    "terabytes.npz": (
        archive_of((ARRAY[0], claiming((10**6, 10**7)), ARRAY[2])),
        "fewer values than its header tells",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_broken_files_cost_a_sentence(name):
    """At once, whatever they claim."""
    raw, message = HOSTILE[name]
    with pytest.raises(ValueError, match=message) as error:
        opened(name, raw)
    assert "\n" not in str(error.value)
