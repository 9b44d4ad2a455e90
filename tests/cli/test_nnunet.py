"""A raw dataset of nnU-Net becomes another one, with noisy training labels."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from labelnoise.cli import main
from labelnoise.cli._sources import UsageError, check_nnunet, copy_rest, find, located, placed

nibabel = pytest.importorskip("nibabel")
DATASET = {
    "channel_names": {"0": "CT", "1": "PET"},
    "labels": {"background": 0, "organ": [1, 2], "lesion": 2, "ignore": 3},
    "regions_class_order": [1, 2],
    "numTraining": 3,
    "file_ending": ".nii.gz",
}


@pytest.fixture
def raw(tmp_path):
    """Write three cases of two channels, one of them to test."""
    folder = tmp_path / "Dataset001_Organ"
    for name in "imagesTr", "imagesTs", "labelsTr":
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 32, 5), np.uint8)
    labels[8:20, 8:24], labels[20:32, 8:24], labels[:4] = 1, 2, 3
    for case in range(4):
        where = "Tr" if case < 3 else "Ts"
        for channel in range(2):
            image = nibabel.Nifti1Image(rng.normal(size=labels.shape), np.diag([1, 1, 3, 1]))
            nibabel.save(image, folder / f"images{where}" / f"case_{case}_{channel:04}.nii.gz")
        if case < 3:
            image = nibabel.Nifti1Image(labels, np.diag([1, 1, 3, 1]))
            nibabel.save(image, folder / "labelsTr" / f"case_{case}.nii.gz")
    (folder / "dataset.json").write_text(json.dumps(DATASET))
    (folder / "splits_final.json").write_text("[]")
    return folder


@pytest.fixture
def noisy(raw, capsys):
    """Make the noisy dataset; return its folder and what was said."""
    target = raw.with_name("Dataset501_OrganNoisy")
    options = ["--noise", "natural", "--dice", "0.9", "--per-case"]
    assert main(["perturb", str(raw), str(target), *options]) == 0
    return target, capsys.readouterr().out


def test_it_keeps_nnunets_rules(raw, noisy):
    """Names, channels, grids, labels and dataset.json; images are those of the source."""
    target, said = noisy
    for name in "dataset.json", "splits_final.json":
        assert (target / name).read_bytes() == (raw / name).read_bytes()
    for folder in "imagesTr", "imagesTs", "labelsTr":
        names = sorted(path.name for path in (raw / folder).iterdir())
        assert names == sorted(path.name for path in (target / folder).iterdir())
        for name in names:
            before, after = (nibabel.load(each / folder / name) for each in (raw, target))
            assert before.header == after.header
            same = np.asarray(before.dataobj) == np.asarray(after.dataobj)
            assert same.all() == (folder != "labelsTr")
    assert str(target.name) in said
    assert "gt_segmentations" in said
    manifest = json.loads((target / "manifest.json").read_text())
    assert manifest["settings"]["noise"]["labels"] == [1, 2]  # not the ignored one
    for case in manifest["cases"]:
        assert abs(np.mean(list(case["dice"].values())) - 0.9) <= 0.005


def test_ignored_labels_stay(raw, noisy):
    """They are no annotator's boundary."""
    for path in (raw / "labelsTr").iterdir():
        before, after = (
            np.asarray(nibabel.load(file).dataobj)
            for file in (path, noisy[0] / "labelsTr" / path.name)
        )
        np.testing.assert_array_equal(before == 3, after == 3)


def test_images_can_be_copied(raw, tmp_path):
    """For a folder that goes elsewhere."""
    target = raw.with_name("Dataset502_Copy")
    options = ["--noise", "random", "--strength", "0.1", "--copy-images"]
    assert main(["perturb", str(raw), str(target), *options]) == 0
    images = list((target / "imagesTr").iterdir())
    assert len(images) == 6
    assert not any(path.is_symlink() for path in images)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """Return what makes a dataset of empty files, in $nnUNet_raw."""
    for name in "nnUNet_preprocessed", "nnUNet_results":
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    monkeypatch.chdir(tmp_path)

    def make(name="Dataset001_Organ", *files, ending=".nii.gz", **more):
        folder = tmp_path / "raw" / name
        for file in files or (f"labelsTr/a{ending}", f"imagesTr/a_0000{ending}"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(b"x")
        described = {**DATASET, "file_ending": ending, "numTraining": 1, **more}
        (folder / "dataset.json").write_text(json.dumps(described))
        return folder

    return make


@pytest.mark.parametrize("name", ["noisy", "Dataset001_Noisy", "Dataset7_Noisy", "Dataset501_"])
def test_nnunet_needs_a_number_of_its_own(dataset, name):
    """It finds datasets by number."""
    folder = dataset()
    with pytest.raises(UsageError, match="Dataset"):
        check_nnunet(find(folder, "*"), folder.with_name(name))


def test_a_bad_name_stops_before_anything_is_written(raw, capsys):
    """The command says why."""
    options = ["--noise", "random", "--strength", "0.1"]
    assert main(["perturb", str(raw), str(raw.with_name("noisy")), *options]) == 2
    assert "needs a name like Dataset501_LiverNoisy" in capsys.readouterr().err
    assert not raw.with_name("noisy").exists()


@pytest.mark.parametrize("name", ["Dataset104_Hy-Noisy", "Dataset104_a.b c", "Dataset104_Käse"])
def test_nnunet_takes_any_characters(dataset, name):
    """After the number."""
    folder = dataset()
    check_nnunet(find(folder, "*"), folder.with_name(name))


def test_numbers_are_taken_where_nnunet_looks(dataset, tmp_path, monkeypatch):
    """A preprocessed dataset has a number too; an archive has none."""
    folder = dataset()
    source, target = find(folder, "*"), folder.with_name("Dataset501_New")
    folder.with_name("Dataset501_Old.zip").touch()
    check_nnunet(source, target)
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "done"))
    (tmp_path / "done" / "Dataset501_New").mkdir(parents=True)
    check_nnunet(source, target)
    (tmp_path / "done" / "Dataset501_Old").mkdir()
    with pytest.raises(UsageError, match=r"Dataset501_Old' has number 501 already"):
        check_nnunet(source, target)


def test_datasets_are_looked_up(dataset, tmp_path):
    """By name or number, unless there is such a path; the copy goes beside them."""
    folder = dataset("Dataset007_Organ")
    for name in "Dataset007_Organ", "7", "007":
        assert located(Path(name)) == folder
        assert find(Path(name), "*").folder == folder
        assert placed(Path(name), Path("Dataset501_New")) == folder.with_name("Dataset501_New")
        assert placed(Path(name), Path("x/Dataset501_New")) == Path("x/Dataset501_New")
    assert placed(Path("7"), Path("7")) == folder
    assert placed(folder, Path("Dataset501_New")) == Path("Dataset501_New")
    for name in "8", "Dataset008_Organ", "x/7":
        with pytest.raises(UsageError, match="is no folder"):
            find(Path(name), "*")
    dataset("Dataset007_Other")
    with pytest.raises(UsageError, match="has Dataset007_Organ, Dataset007_Other; pass one"):
        located(Path("7"))
    Path("7").mkdir()
    assert located(Path("7")) == Path("7")


@pytest.mark.filterwarnings("ignore")
def test_nnunets_own_checker_accepts_it(noisy):
    """It reads every image and label."""
    checker = pytest.importorskip("nnunetv2.experiment_planning.verify_dataset_integrity")
    checker.verify_dataset_integrity(str(noisy[0]), 1)


LABELS = {"background": "0", "liver": "1", "tumour": 2, "all": ["1", 2], "ignore": 3}


def test_labels_have_names(dataset):
    """They may be written as text; regions have several."""
    source = find(dataset(labels=LABELS), "*")
    assert source.names["all"] == [1, 2]
    assert source.drawn == [1, 2]
    assert source.numbers(["tumour", "1"]) == [2, 1]
    assert source.numbers(["all", "liver", 3]) == [1, 2, 3]
    with pytest.raises(UsageError, match=r"--labels lesion: .* has background, liver, tumour, all"):
        source.numbers(["lesion"])
    plain = find(source.folder / "labelsTr", "*")
    assert plain.numbers(["2", 1]) == [2, 1]
    assert plain.drawn is None
    with pytest.raises(UsageError, match=r"--labels liver: is no integer"):
        plain.numbers(["liver"])


@pytest.mark.parametrize("value", [[[1]], {"x": 1}, ["a"], "b", None, -1, 1.5, True, "1e999"])
def test_labels_of_dataset_json_are_integers(dataset, value):
    """Or lists of integers, for regions."""
    folder = dataset(labels={"background": 0, "organ": value})
    with pytest.raises(UsageError, match=r"dataset\.json' has no labels \(integers by their names"):
        find(folder, "*")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"labels": {"0": "background", "1": "tooth"}}, "names by numbers, as in nnU-Net 1"),
        ({"file_ending": None}, "has no file_ending"),
        ({"file_ending": ".bmp"}, "has file_ending '.bmp'; convert the labels to one of .nii.gz"),
        ({"file_ending": [".tif"]}, "has file_ending ['.tif']"),
        ({"dataset": ["a"]}, "lists '' otherwise than nnU-Net"),
        ({"dataset": {"../a": {"images": [], "label": "x"}}}, "lists '../a' otherwise"),
        ({"dataset": {"a": {"images": [1], "label": "x"}}}, "lists 'a' otherwise"),
    ],
)
def test_what_is_wrong_with_dataset_json_is_said(dataset, more, reason):
    """No option is to blame."""
    folder = dataset(**more)
    with pytest.raises(UsageError) as error:
        find(folder, "*")
    assert reason in str(error.value)
    assert "dataset.json" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"[]", b"3", b"\xff\xfe"])
def test_a_damaged_dataset_json(dataset, content):
    """It is named, where it is one of nnU-Net."""
    folder = dataset()
    (folder / "dataset.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"dataset\.json'"):
        find(folder, "*")
    (folder / "labelsTr").rename(folder / "labels")
    assert find(folder, "*/a.*").dataset is None


def test_labels_end_as_dataset_json_tells(dataset):
    """What nnU-Net would not find is listed."""
    files = "labelsTr/a.seg.nrrd", "labelsTr/b.nrrd", "labelsTr/c.nii.gz", "labelsTr/a.json"
    source = find(dataset("Dataset001_A", *files, ending=".seg.nrrd"), "*")
    assert source.cases == {"a": Path("a.seg.nrrd")}
    assert set(source.skipped) == {"b.nrrd", "c.nii.gz"}


def write(path, values):
    """Write a file with the tool that people use for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        pytest.importorskip("tifffile").imwrite(path, values)
    elif path.suffix == ".png":
        pytest.importorskip("PIL.Image").fromarray(values[1]).save(path)
    else:
        itk = pytest.importorskip("SimpleITK")
        itk.WriteImage(itk.GetImageFromArray(values), str(path))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".tif", ".png"])
def test_other_endings(dataset, ending, capsys):
    """With the files that tell the spacing of TIFF."""
    values = np.zeros((5, 30, 32), np.uint8)
    values[1:3, 8:22, 8:24] = 1
    values[1:3, 14:20, 12:20] = 2
    labels = {"background": 0, "organ": "1", "lesion": "2"}
    folder = dataset(
        "Dataset001_A",
        "labelsTr/a.json",
        "imagesTr/a.json",
        ending=ending,
        labels=labels,
        channel_names={"0": "CT"},
    )
    for name in "labelsTr", "imagesTr":
        (folder / name / "a.json").write_text('{"spacing": [5, 1, 0.5]}')
    write(folder / f"imagesTr/a_0000{ending}", values * 9)
    write(folder / f"labelsTr/a{ending}", values)
    target = folder.with_name("Dataset501_Noisy")
    options = ["--noise", "natural", "--strength", "2"]
    assert main(["perturb", str(folder), str(target), *options]) == 0
    before, after = (each / "labelsTr" / f"a{ending}" for each in (folder, target))
    assert before.read_bytes() != after.read_bytes()
    assert (target / "labelsTr/a.json").read_text() == '{"spacing": [5, 1, 0.5]}'
    assert (target / "imagesTr/a.json").read_text() == '{"spacing": [5, 1, 0.5]}'
    capsys.readouterr()
    checker = pytest.importorskip("nnunetv2.experiment_planning.verify_dataset_integrity")
    checker.verify_dataset_integrity(str(target), 1)
    assert "WARNING" not in capsys.readouterr().out


def listed_dataset(dataset, monkeypatch):
    """Make a dataset whose files lie elsewhere; return its folder."""
    folder = dataset("Dataset001_A", "x/1.png", "y/1.png", "../pool/2.png", "../pool/l2.png")
    monkeypatch.setenv("POOL", str(folder.parent / "pool"))
    listed = {
        "one": {"images": ["x/1.png"], "label": "y/1.png"},
        "two": {"images": ["$POOL/2.png", "../pool/2.png"], "label": "${POOL}/l2.png"},
        "gone": {"images": ["x/1.png"], "label": "y/3.png"},
    }
    return dataset("Dataset001_A", "x/1.png", ending=".png", dataset=listed)


def images_of(target, case):
    """Return the images of a case as nnU-Net finds them."""
    described = json.loads((target / "dataset.json").read_text())
    texts = described["dataset"][case]["images"]
    return [Path(os.path.abspath(target / os.path.expandvars(text))) for text in texts]


def test_dataset_json_may_list_cases(dataset, monkeypatch):
    """The copy has labels of its own, and finds the images."""
    folder = listed_dataset(dataset, monkeypatch)
    source, target = find(folder, "*"), folder.with_name(".Dataset501_B.labelnoise")
    assert source.cases == {"one": Path("one.png"), "two": Path("two.png")}
    assert source.inner == "labelsTr"
    assert source.path("one") == folder / "y/1.png"
    assert source.path("two").resolve() == (folder.parent / "pool/l2.png").resolve()
    assert "No such file" in source.skipped["gone.png"]
    assert list(find(folder, "o*").cases) == ["one"]
    target.mkdir()
    assert copy_rest(source, target, False) == {}
    described = json.loads((target / "dataset.json").read_text())
    assert list(described["dataset"]) == ["one", "two"]
    assert described["dataset"]["two"]["label"] == "labelsTr/two.png"
    assert described["dataset"]["two"]["images"][0] == "$POOL/2.png"
    assert described["numTraining"] == 2
    assert images_of(target, "one") == [folder / "x/1.png"]
    assert images_of(target, "two") == [folder.parent / "pool/2.png"] * 2
    moved = folder.parent.parent / "moved"
    folder.parent.rename(moved)
    assert images_of(moved / target.name, "one")[0].is_file()


def test_images_that_are_listed_can_be_copied(dataset, monkeypatch):
    """Then nothing outside of the copy is needed."""
    folder = listed_dataset(dataset, monkeypatch)
    (folder.parent / "pool/2.png").unlink()
    target = folder.with_name("Dataset501_B")
    failed = copy_rest(find(folder, "*"), target, True)
    assert set(failed) == {"imagesTr/two_0000.png", "imagesTr/two_0001.png"}
    assert images_of(target, "one") == [target / "imagesTr/one_0000.png"]
    assert images_of(target, "one")[0].is_file()
    assert not images_of(target, "one")[0].is_symlink()


def test_links_between_datasets_survive_a_move(dataset, tmp_path):
    """Those to other places are absolute, also when the source has links itself."""
    folder = dataset()
    (tmp_path / "far.nii.gz").touch()
    for name, to in {"b": tmp_path / "far.nii.gz", "c": "a_0000.nii.gz", "d": "../annex/d"}.items():
        (folder / "imagesTr" / f"{name}_0000.nii.gz").symlink_to(to)
    target = folder.with_name("Dataset501_B")
    target.mkdir()
    assert copy_rest(find(folder, "*"), target, False) == {}
    (tmp_path / "far").mkdir()
    moved = tmp_path / "far" / "moved"
    folder.parent.rename(moved)
    links = {path.name[0]: path for path in (moved / target.name).glob("imagesTr/*")}
    a = moved / folder.name / "imagesTr" / "a_0000.nii.gz"
    assert links["a"].resolve() == links["c"].resolve() == a
    assert links["b"].resolve() == tmp_path / "far.nii.gz"
    assert links["d"].resolve() == moved / folder.name / "annex" / "d"
    assert not links["d"].exists()  # as in the source, until it is fetched


def test_a_missing_right_to_link_is_said(raw, monkeypatch, capsys):
    """Before any label is written."""

    def refuse(self, *args, **kwargs):
        raise OSError(1314, "A required privilege is not held by the client", str(self))

    monkeypatch.setattr(Path, "symlink_to", refuse)
    target = raw.with_name("Dataset501_B")
    options = ["--noise", "random", "--strength", "0.1"]
    assert main(["perturb", str(raw), str(target), *options]) == 2
    assert "privilege is not held by the client); pass --copy-images" in capsys.readouterr().err
    assert [path.name for path in raw.parent.iterdir()] == [raw.name]


def test_no_image_is_copied_by_half(dataset, monkeypatch):
    """A full disk leaves none that looks whole."""

    def fill(source, target):
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    folder = dataset()
    monkeypatch.setattr(shutil, "copyfile", fill)
    target = folder.with_name("Dataset501_B")
    with pytest.raises(OSError, match="No space left"):
        copy_rest(find(folder, "*"), target, True)
    assert not [path for path in target.rglob("*") if path.is_file()]


def test_images_that_were_not_fetched_cannot_be_copied(dataset):
    """They are named, the others are copied."""
    folder = dataset()
    (folder / "imagesTr/b_0000.nii.gz").symlink_to("../annex/key")
    failed = copy_rest(find(folder, "*"), folder.with_name("Dataset501_B"), True)
    assert list(failed) == ["imagesTr/b_0000.nii.gz"]
    assert (folder.with_name("Dataset501_B") / "imagesTr/a_0000.nii.gz").is_file()


def test_other_parts_of_a_dataset(dataset):
    """Splits, a license, further folders of images."""
    more = "splits_final.json", "LICENSE", "imagesVal/v_0000.nii.gz", "labelsTs/t.nii.gz"
    not_copied = "manifest.json", ".DS_Store", "imagesTr/.DS_Store", "notes.docx"
    files = "labelsTr/a.nii.gz", "imagesTr/a_0000.nii.gz", *more
    folder = dataset("Dataset001_Organ", *files, *not_copied)
    target = folder.with_name("Dataset501_B")
    copy_rest(find(folder, "*"), target, False)
    made = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert made == {"dataset.json", "imagesTr/a_0000.nii.gz", *more}
