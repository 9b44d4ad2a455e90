"""What SRC may be besides a folder of label maps."""

import json

import numpy as np
import pytest

import labelnoise
from labelnoise.cli import main
from labelnoise.files import digest_of, read

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")
STRENGTH = ["--noise", "natural", "--strength", "2"]


def organs():
    """Draw two organs that touch."""
    labels = np.zeros((40, 36, 6), np.uint8)
    labels[8:20, 8:28, 1:5] = 1
    labels[20:32, 8:28, 1:5] = 2
    return labels


def save(path, labels):
    """Write a NIfTI file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([-1, -1, 3, 1])), path)


def perturb(*arguments, code=0):
    """Run the command."""
    assert main(["perturb", *map(str, arguments)]) == code


def expected(mask, key, **options):
    """Return the noise of the library."""
    rng = labelnoise.sample_rng(0, key)
    return labelnoise.natural(mask, 2.0, axes=(1, 0), rng=rng, **options)


def test_a_file_is_a_case(tmp_path, capsys):
    """DST is a folder, in which the file keeps its name."""
    save(tmp_path / "a.nii.gz", organs())
    perturb(tmp_path / "a.nii.gz", tmp_path / "out", *STRENGTH)
    np.testing.assert_array_equal(
        read(tmp_path / "out" / "a.nii.gz").labels, expected(organs(), "a")
    )
    perturb(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", *STRENGTH, code=2)
    assert "pass a folder; the file keeps its name" in capsys.readouterr().err
    save(tmp_path / "other.nii.gz", organs())
    assert main(["compare", str(tmp_path / "a.nii.gz"), str(tmp_path / "other.nii.gz")]) == 0
    same = "a 1 1.0000 1.0000 1.0000 0.0000 0.0000 0.000% 0.000% 0.000% mm"
    assert capsys.readouterr().out.splitlines()[1].split() == same.split()


def test_labels_have_names(tmp_path, monkeypatch, capsys):
    """Those of dataset.json; datasets are found in $nnUNet_raw."""
    source = tmp_path / "Dataset001_Two"
    save(source / "labelsTr" / "a.nii.gz", organs())
    (source / "imagesTr").mkdir()
    described = {"labels": {"background": 0, "liver": 1, "spleen": 2}, "file_ending": ".nii.gz"}
    (source / "dataset.json").write_text(json.dumps(described))
    monkeypatch.setenv("nnUNet_raw", str(tmp_path))
    perturb("Dataset001_Two", "Dataset501_Noisy", *STRENGTH, "--labels", "spleen")
    noisy = read(tmp_path / "Dataset501_Noisy" / "labelsTr" / "a.nii.gz").labels
    np.testing.assert_array_equal(noisy, expected(organs(), "a", labels=[2]))
    perturb("Dataset001_Two", "Dataset502_Noisy", *STRENGTH, "--labels", "kidney", code=2)
    assert "--labels kidney: is no label of SRC, which has background, liver" in (
        capsys.readouterr().err
    )


def test_lesions_move_inside_an_organ(tmp_path, capsys):
    """As in Python; what is scored is the lesion, and the organ keeps its outline."""
    labels = organs()
    labels[18:21, 12:20, 2:4] = 3
    save(tmp_path / "in" / "a.nii.gz", labels)
    options = [*STRENGTH, "--labels", 3, "--within", 1, 2]
    perturb(tmp_path / "in", tmp_path / "out", *options)
    noisy = read(tmp_path / "out" / "a.nii.gz").labels
    np.testing.assert_array_equal(noisy, expected(labels, "a", labels=[3], within=[1, 2]))
    assert ((noisy == 0) == (labels == 0)).all()
    assert (noisy != labels).any()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["settings"]["within"] == [1, 2]
    assert manifest["cases"][0]["dice"].keys() == {"3"}
    for wrong, message in (
        (["--within", 1], "--within 1: goes with --labels; name those that are drawn inside"),
        (["--labels", 1, 3, "--within", 1], "--within 1: --labels has 1, too; leave it out"),
        (["--labels", 3, "--within", 0], "--within 0: list different integers"),
        (["--labels", 3, "--within", "liver"], "--within liver: is no integer, and SRC has no"),
    ):
        perturb(tmp_path / "in", tmp_path / "new", *STRENGTH, *wrong, code=2)
        assert message in capsys.readouterr().err


def test_structures_make_a_map_together(tmp_path):
    """No gap opens where they touch; each has its file again, and is verified."""
    for number, name in enumerate(("liver", "spleen"), 1):
        save(tmp_path / "in" / "case" / f"{name}.nii.gz", (organs() == number).astype(np.uint8))
    command = [tmp_path / "in", tmp_path / "out", *STRENGTH, "--together"]
    perturb(*command)
    noisy = expected(organs(), "case")
    for number, name in enumerate(("liver", "spleen"), 1):
        drawn = read(tmp_path / "out" / "case" / f"{name}.nii.gz").labels
        np.testing.assert_array_equal(drawn, noisy == number)
    [case] = json.loads((tmp_path / "out" / "manifest.json").read_text())["cases"]
    assert case["sha256"] == digest_of(noisy)
    perturb(*command, "--resume")
    (tmp_path / "out" / "case" / "liver.nii.gz").unlink()
    perturb(*command, "--resume", code=1)
    perturb(*command, "--overwrite", "--labels", "liver")
    drawn = read(tmp_path / "out" / "case" / "spleen.nii.gz").labels
    np.testing.assert_array_equal(drawn, expected(organs(), "case", labels=[1]) == 2)


def coco():
    """Describe a square in an image."""
    square = [10.5, 10.5, 40.5, 10.5, 40.5, 35.5, 10.5, 35.5]
    drawn = {"id": 7, "image_id": 1, "category_id": 3, "segmentation": [square], "iscrowd": 0}
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [{**drawn, "bbox": [10.5, 10.5, 30.0, 25.0], "area": 750.0}],
        "categories": [{"id": 3, "name": "cell"}],
    }


def test_objects_of_coco_err_one_by_one(tmp_path, capsys):
    """Into another file, with its manifest."""
    pytest.importorskip("pycocotools")
    (tmp_path / "a.json").write_text(json.dumps(coco()))
    perturb(tmp_path / "a.json", tmp_path / "b.json", *STRENGTH)
    assert "1 objects in " in capsys.readouterr().out
    noisy = json.loads((tmp_path / "b.json").read_text())["annotations"]
    assert noisy != coco()["annotations"]
    assert (tmp_path / "b.manifest.json").exists()
    perturb(tmp_path / "a.json", tmp_path / "b.json", *STRENGTH, code=2)
    perturb(tmp_path / "a.json", tmp_path / "b.json", *STRENGTH, "--overwrite", "--labels", "3")
    perturb(tmp_path / "a.json", tmp_path / "c.json", *STRENGTH, "--size", "9", "9", code=2)
    assert "--size 9 9: COCO tells it; leave it out" in capsys.readouterr().err
    perturb(tmp_path / "a.json", tmp_path / "c.json", *STRENGTH, "--length", "3", code=2)
    assert "--length=3: goes with --noise elastic or wobble" in capsys.readouterr().err
    perturb(tmp_path / "a.json", tmp_path / "c.json", *STRENGTH, "--raters", "2", code=2)
    assert "--raters=2: does not apply to objects" in capsys.readouterr().err
    assert not (tmp_path / "c.json").exists()


def test_objects_of_yolo_err_one_by_one(tmp_path):
    """The size of the images is told, or found."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("2 0.2 0.2 0.7 0.2 0.7 0.8 0.2 0.8\n")
    command = [tmp_path / "labels", tmp_path / "noisy", *STRENGTH]
    perturb(*command, "--size", "64", "48")
    line = (tmp_path / "noisy" / "a.txt").read_text()
    assert line.startswith("2 ")
    assert line != (tmp_path / "labels" / "a.txt").read_text()
    (tmp_path / "images").mkdir()
    Image.new("L", (64, 48)).save(tmp_path / "images" / "a.png")
    perturb(*command, "--overwrite")
    assert (tmp_path / "noisy" / "a.txt").read_text() == line
    (tmp_path / "root").mkdir()
    for name in "labels", "images":
        (tmp_path / name).rename(tmp_path / "root" / name)
    perturb(tmp_path / "root", tmp_path / "again", *STRENGTH)
    assert (tmp_path / "again" / "labels" / "a.txt").exists()


def test_an_image_among_labels_is_noticed(tmp_path, capsys):
    """By its values."""
    image = np.random.default_rng(0).integers(0, 200, (60, 64)).astype(np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(image).save(tmp_path / "in" / "a.png")
    Image.fromarray((image > 300).astype(np.uint8)).save(tmp_path / "in" / "b.png")
    perturb(tmp_path / "in", tmp_path / "out", *STRENGTH, code=1)
    assert "a: has as many values as an image; choose labels by --pattern" in (
        capsys.readouterr().err
    )
