"""A raw dataset of nnU-Net becomes another one, with noisy training labels."""

import json

import numpy as np
import pytest

from labelnoise.cli import main

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


@pytest.mark.parametrize("name", ["noisy", "Dataset001_Noisy", "Dataset7_Noisy"])
def test_nnunet_needs_a_number_of_its_own(raw, capsys, name):
    """It finds datasets by number."""
    options = ["--noise", "random", "--strength", "0.1"]
    assert main(["perturb", str(raw), str(raw.with_name(name)), *options]) == 2
    assert "Dataset" in capsys.readouterr().err
    assert not raw.with_name(name).exists()


@pytest.mark.filterwarnings("ignore")
def test_nnunets_own_checker_accepts_it(noisy):
    """It reads every image and label."""
    checker = pytest.importorskip("nnunetv2.experiment_planning.verify_dataset_integrity")
    checker.verify_dataset_integrity(str(noisy[0]), 1)


@pytest.mark.parametrize("value", [[[1]], {"x": 1}, ["a"], "b", None])
def test_labels_of_dataset_json_are_integers(raw, capsys, value):
    """Or lists of integers, for regions."""
    described = {**DATASET, "labels": {"background": 0, "organ": value}}
    (raw / "dataset.json").write_text(json.dumps(described))
    target = raw.with_name("Dataset501_OrganNoisy")
    options = ["--noise", "choppy", "--strength", "1"]
    assert main(["perturb", str(raw), str(target), *options]) == 2
    assert "has no labels (integers by their names)" in capsys.readouterr().err
    assert not target.exists()
