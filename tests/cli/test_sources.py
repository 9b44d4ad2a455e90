"""Folders of labels: what is found in them, what is left out, what is refused."""

import gzip
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from labelnoise import natural
from labelnoise.cli._images import image_beside, looks_like_image
from labelnoise.cli._sources import UsageError, copy_rest, find, is_file_name
from labelnoise.cli._together import Together, find_together
from labelnoise.files import LabelError, read


@pytest.fixture
def folder(tmp_path):
    """Make an empty folder."""
    (tmp_path / "labels").mkdir()
    return tmp_path / "labels"


def put(folder, *names, content=b"x"):
    """Write small files, which are listed by their names alone."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def refusal(folder, pattern="*"):
    """Return why a folder is refused."""
    with pytest.raises(UsageError) as error:
        find(folder, pattern)
    return str(error.value)


@pytest.mark.parametrize(
    ("pattern", "cases"),
    [
        ("*", ["a", "b"]),
        ("a*", ["a"]),
        ("*/*", ["s/c", "t/d"]),
        ("s/*", ["s/c"]),
        ("**/*", ["a", "b", "s/c", "s/u/e", "t/d"]),
        ("**", ["a", "b", "s/c", "s/u/e", "t/d"]),
        ("**/e.*", ["s/u/e"]),
        ("s/**/*.png", ["s/c", "s/u/e"]),
        ("./[ab].png", ["a", "b"]),
    ],
)
def test_patterns(folder, pattern, cases):
    """Parts match parts; ** matches any number of folders."""
    put(folder, "a.png", "b.png", "s/c.png", "t/d.png", "s/u/e.png", ".hidden/f.png", ".g.png")
    source = find(folder, pattern)
    assert list(source.cases) == cases
    assert not source.skipped
    assert all(source.path(case).is_file() for case in cases)


@pytest.mark.parametrize("pattern", ["../*/*", "s/../../*", "/etc/*", "", "**x", "."])
def test_a_pattern_stays_in_its_folder(folder, pattern):
    """Results would lie outside DST."""
    put(folder, "a.png", "s/b.png")
    assert f"--pattern={pattern!r}:" in refusal(folder, pattern)


def test_links_to_folders_are_followed(folder):
    """Loops end, and a folder is taken once."""
    put(folder, "a.png")
    put(folder.parent / "elsewhere", "b.png")
    (folder / "link").symlink_to(folder.parent / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder.parent / "elsewhere" / "back").symlink_to(folder)
    source = find(folder, "**/*")
    assert list(source.cases) == ["a", "link/b"]
    assert not source.skipped
    (folder / "more").symlink_to(folder.parent / "elsewhere")
    source = find(folder, "**/*")
    assert list(source.cases) == ["a", "link/b"]
    assert source.skipped == {"more": "links to 'link', whose files are taken already"}
    assert list(find(folder, "more/*").cases) == ["more/b"]


@pytest.mark.parametrize(
    ("content", "command"),
    [
        (b"/annex/objects/SHA256E-s352--0a.nii.gz\n", "git annex get"),
        (b"../.git/annex/objects/0a/SHA256E-s352--0a.nii.gz", "git annex get"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9\n", "git lfs pull"),
    ],
)
def test_files_that_were_not_fetched_are_named(folder, content, command):
    """They stand for a label that is elsewhere."""
    put(folder, "a.png", "c.nii.gz")
    (folder / "b.nii.gz").symlink_to("/nowhere/annex/key")
    (folder / "c.nii.gz").write_bytes(content)
    source = find(folder, "*")
    assert list(source.cases) == ["a"]
    assert "'/nowhere/annex/key', which is not there" in source.skipped["b.nii.gz"]
    assert command in source.skipped["c.nii.gz"]
    (folder / "a.png").unlink()
    reason = refusal(folder)
    assert "b.nii.gz: is a link" in reason
    assert "c.nii.gz: was not fetched" in reason


def test_other_formats_are_named_and_companions_are_not(folder):
    """Nobody takes a table for a label that is missing."""
    put(folder, "01.png", "02.gif", "03.bmp", "04.jpg", "IM0001")
    put(folder, ".DS_Store", "._01.png", "manifest.json", "dataset.json", "README", "README.md")
    put(folder, "01.json", "01.pgw", "participants.tsv", "Thumbs.db", "01.png.aux.xml", "LICENSE")
    source = find(folder, "*")
    assert list(source.cases) == ["01"]
    assert list(source.skipped) == ["02.gif", "03.bmp", "04.jpg", "IM0001"]
    assert set(find(folder, "0[12].*").skipped) == {"02.gif"}
    put(folder, "01")
    assert "./01" in find(folder, "*").skipped  # 01 is a case


def test_what_is_no_file_is_named(folder):
    """Reading a pipe would wait for ever."""
    put(folder, "a.png", "gone/x.png")
    os.mkfifo(folder / "b.png")
    (folder / "c.png").symlink_to("c.png")
    put(folder, os.fsdecode(b"d\xff.png"))
    source = find(folder, "*")
    assert list(source.cases) == ["a"]
    assert source.skipped["b.png"] == "is no file"
    assert "which is not there" in source.skipped["c.png"]
    assert source.skipped[os.fsdecode(b"d\xff.png")] == "has a name that is no text; rename it"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read all")
def test_what_cannot_be_read_is_named(folder):
    """A file, and a folder."""
    put(folder, "a.png", "b.png", "s/c.png")
    (folder / "b.png").chmod(0)
    (folder / "s").chmod(0)
    source = find(folder, "**/*")
    (folder / "s").chmod(0o700)
    assert set(source.skipped) == {"b.png", "s"}
    assert "Permission denied" in source.skipped["b.png"]


def test_two_files_of_one_case_are_refused(folder):
    """Also such whose names differ in nothing that can be seen."""
    put(folder, "a.nii", "a.nii.gz")
    assert "'a' twice, as 'a.nii' and 'a.nii.gz'; keep one" in refusal(folder)
    (folder / "a.nii").unlink()
    one, other = (unicodedata.normalize(form, "Kälte") for form in ("NFC", "NFD"))
    put(folder, f"{other}.png")
    source = find(folder, "*")
    assert sorted(source.cases) == [one, "a"]
    assert source.path(one).name == f"{other}.png"
    put(folder, f"{one}.png")
    if len(list(folder.iterdir())) == 3:  # the file system tells them apart
        assert r"as 'Ka\u0308lte.png' and 'K\xe4lte.png'" in refusal(folder)


def test_a_single_file(folder):
    """It is the only case, called as in its folder."""
    put(folder, "a.nii.gz", "b.nii.gz", "c.gif", "a.json")
    source = find(folder / "a.nii.gz", "*")
    assert source.cases == {"a": Path("a.nii.gz")}
    assert source.path("a") == folder / "a.nii.gz"
    assert is_file_name(source, folder / "new.nii.gz")
    assert not is_file_name(source, folder / "new")
    assert not is_file_name(find(folder, "*"), folder / "new.nii.gz")
    with pytest.raises(UsageError, match=r"ends in \.nii\.gz, or a folder"):
        is_file_name(source, folder / "new.png")
    assert "another format" in refusal(folder / "c.gif")
    assert "is no folder" in refusal(folder / "missing")
    assert copy_rest(source, folder.parent / "out", False) == {}
    assert [path.name for path in (folder.parent / "out").iterdir()] == ["a.json"]


def test_files_beside_labels_are_copied(folder):
    """World files and sidecars say where a label lies."""
    put(folder, "s/a.tif", "s/b.c.nii.gz", "other.json", "s/d.json")
    beside = ["s/a.tfw", "s/a.tif.aux.xml", "s/b.c.json"]
    put(folder, *beside, content=b"1")
    copy_rest(find(folder, "**/*"), folder.parent / "out", False)
    made = [path for path in sorted((folder.parent / "out").rglob("*")) if path.is_file()]
    assert [path.relative_to(folder.parent / "out").as_posix() for path in made] == beside
    assert {path.read_bytes() for path in made} == {b"1"}


@pytest.mark.parametrize(
    ("names", "pattern", "remedy"),
    [
        (["w_0.tif", "w_0_masks.tif"], "*", "*_masks*"),
        (["x.png", "x_SEG.png", "y_SEG.png"], "*", "*_SEG*"),
        (["B_t1ce.nii.gz", "B_flair.nii.gz", "B_seg.nii.gz"], "*", "*_seg*"),
        (["p/x_0000.png", "p/x_label.png"], "**/*", "**/*_label*"),
        (["images/x.png", "masks/x.png"], "**/*", "**/masks/*"),
        (["p/imagesTr/x.png", "p/labelsTr/x.png"], "*/*/*", "**/labelsTr/*"),
    ],
)
def test_images_among_labels_are_refused(folder, names, pattern, remedy):
    """The pattern that is named takes labels alone."""
    put(folder, *names)
    assert f"pass --pattern {remedy!r} to" in refusal(folder, pattern)
    wanted = [name for name in names if remedy.strip("*/") in name]
    assert [path.as_posix() for path in find(folder, remedy).cases.values()] == wanted


@pytest.mark.parametrize(
    "cases",
    [
        ["a_mask", "b_mask"],
        ["a_mask", "a_seg"],
        ["x", "x_0000"],
        ["liver", "liver_vessel", "lung"],
        ["p1/masks/x", "p2/masks/x"],
        ["images/x", "images/y"],
    ],
)
def test_labels_are_not_taken_for_images(cases):
    """Names alone must leave no doubt."""
    assert image_beside(cases) is None


def test_values_of_images():
    """They have many values, each all over the place."""
    rng = np.random.default_rng(0)
    ramp = np.arange(200)[:, None] + rng.normal(0, 9, (200, 150))
    assert looks_like_image(ramp.astype(np.int16))
    assert looks_like_image(rng.integers(0, 200, (9, 60, 64)).astype(np.uint8))


def instance_maps():
    """Yield maps whose labels are small, thin, used again, or noisy."""
    rows, columns = np.mgrid[:256, :256]
    yield np.where((rows % 2 == 0) & (columns % 2 == 0), rows * 256 + columns, 0)  # points
    yield rows // 2 * 128 + columns // 2
    yield rows * 256 + columns
    yield (rows // 8 * 256 + columns) % 251  # stripes
    yield np.where((columns - rows) % 3 == 0, (columns - rows) // 3 + 200, 0)  # diagonals
    yield (rows // 3 * 85 + columns // 3) % 255 * ((rows % 3 < 2) & (columns % 3 < 2))
    rng = np.random.default_rng(0)
    flipped = rng.random(rows.shape) < 0.2
    yield np.where(flipped, rng.integers(1, 169, rows.shape), rows // 20 * 13 + columns // 20)


def test_instance_maps_are_no_images():
    """However many instances there are."""
    maps = list(instance_maps())
    found = [looks_like_image(labels) for labels in maps]
    assert found == [False] * 7
    found = [looks_like_image(np.repeat(labels[None], 3, 0)) for labels in maps]
    assert found == [False] * 7


@pytest.fixture
def structures(folder):
    """Write two cases with a file for each structure."""
    nibabel = pytest.importorskip("nibabel")
    for case, names in {"s1": ["liver", "kidney"], "s2": ["liver", "spleen"]}.items():
        (folder / case / "segmentations").mkdir(parents=True)
        for place, name in enumerate(names):
            values = np.zeros((20, 24, 3), np.uint8)
            values[4:16, 4 + 8 * place : 12 + 8 * place] = 1 + 254 * (name == "spleen")
            image = nibabel.Nifti1Image(values, np.diag([-1, -1, 3, 1]))
            nibabel.save(image, folder / case / "segmentations" / f"{name}.nii.gz")
    (folder / "s2" / "segmentations" / "spleen.json").write_text("{}")
    return folder


def test_structures_together(structures):
    """They touch before and after; what stays keeps its value."""
    nibabel = pytest.importorskip("nibabel")
    source = find_together(structures, "*")
    assert list(source.cases) == ["s1/segmentations", "s2/segmentations"]
    assert source.names == {"kidney": [1], "liver": [2], "spleen": [3]}
    assert source.numbers(["spleen"]) == [3]
    assert source.endings == {".nii.gz"}
    copy_rest(source, structures.parent / "out", False)
    assert (structures.parent / "out/s2/segmentations/spleen.json").is_file()
    file = Together(source.path("s2/segmentations"), source.names)
    assert np.unique(file.labels).tolist() == [0, 2, 3]
    for name, content in file.contents(file.labels):
        before = nibabel.load(source.path("s2/segmentations") / name)
        after = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
        assert after.header == before.header
        np.testing.assert_array_equal(after.dataobj, before.dataobj)
    axes = file.axes("axial", False)
    plain = read(source.path("s2/segmentations") / "liver.nii.gz")
    assert (file.upright(axes) == 2).sum() == plain.upright(axes).sum()
    np.testing.assert_array_equal(file.upright(axes) == 2, plain.upright(axes) == 1)
    noisy = natural(file.labels, 2.0, axes=axes, rng=0)
    made = {name: gzip.decompress(content) for name, content in file.contents(noisy)}
    assert list(made) == ["liver.nii.gz", "spleen.nii.gz"]
    for name, value in {"liver": 1, "spleen": 255}.items():
        after = np.asarray(nibabel.Nifti1Image.from_bytes(made[f"{name}.nii.gz"]).dataobj)
        expected = value * (noisy == source.names[name][0]).astype(int)
        np.testing.assert_array_equal(after, expected)


def test_one_case_of_structures(structures):
    """The folder's name is that of the case."""
    source = find_together(structures / "s1" / "segmentations", "*")
    assert source.cases == {"segmentations": Path(".")}
    assert Together(source.path("segmentations"), source.names).labels.max() == 2


def test_structures_must_fit_together(structures):
    """Nothing is lost where they overlap."""
    nibabel = pytest.importorskip("nibabel")
    folder = structures / "s1" / "segmentations"
    image = nibabel.load(folder / "liver.nii.gz")
    others = {
        "a.nii.gz": (image.slicer[:, :12], "'kidney.nii.gz': lies elsewhere"),
        "b.nii.gz": (
            nibabel.Nifti1Image(image.dataobj, np.diag([-1, -2, 3, 1])),
            "'kidney.nii.gz': lies elsewhere",
        ),
        "heart.nii.gz": (image, "'liver.nii.gz': overlaps 'heart.nii.gz'"),
        "ct.nii.gz": (
            nibabel.Nifti1Image(np.arange(1440.0).reshape(20, 24, 3), image.affine),
            "'ct.nii.gz': has several labels, not one structure; leave it out by --pattern",
        ),
    }
    for name, (other, reason) in others.items():
        nibabel.save(other, folder / name)
        source = find_together(structures, "*")
        with pytest.raises(LabelError, match=reason):
            Together(folder, source.names)
        (folder / name).unlink()
    with pytest.raises(LabelError, match="has no file of a structure"):
        Together(folder, {"heart": [1]})
