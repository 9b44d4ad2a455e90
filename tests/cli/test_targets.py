"""Scores other than Dice as targets, and targets of single labels."""

import gzip
import json
import struct

import numpy as np
import pytest

import labelnoise
from labelnoise.cli import main
from labelnoise.data import phantom
from labelnoise.files import read

nibabel = pytest.importorskip("nibabel")
SPACING = (2.5, 0.8, 0.8)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """Write four label volumes with an organ and lesions."""
    folder = tmp_path_factory.mktemp("volumes")
    for number in range(4):
        labels = phantom(slices=12, size=96, seed=(1, number)).labels
        image = nibabel.Nifti1Image(labels.T, np.diag([*SPACING[::-1], 1]))
        image.header.set_xyzt_units("mm")
        nibabel.save(image, folder / f"case_{number}.nii.gz")
    return folder


def perturb(source, target, *options, code=0):
    """Perturb them by wobble; return pairs of volumes, slices first, and the manifest."""
    command = ["perturb", source, target, "--noise", "wobble", *options]
    assert main(list(map(str, command))) == code
    pairs = [
        [read(folder / path.name).labels.T for folder in (source, target)]
        for path in sorted(target.glob("*.nii.gz"))
    ]
    return pairs, json.loads((target / "manifest.json").read_text())


@pytest.mark.parametrize(
    ("options", "score", "target"),
    [
        (["--iou", "0.8"], labelnoise.iou, 0.8),
        (["--nsd", "0.9", "--tolerance", "1"], labelnoise.nsd, 0.9),
        (["--assd", "0.5"], labelnoise.assd, 0.5),
        (["--hd95", "2.5"], labelnoise.hd95, 2.5),
        (["--volume", "0.05"], labelnoise.volume_difference, 0.05),
    ],
)
def test_every_score_can_be_the_target(volumes, tmp_path, capsys, options, score, target):
    """In mm; what the manifest tells is what compare finds."""
    pairs, manifest = perturb(volumes, tmp_path / "noisy", *options)
    more = {} if score in (labelnoise.iou, labelnoise.volume_difference) else {"spacing": SPACING}
    more |= {"tolerance": 1.0} if score is labelnoise.nsd else {}
    each = [score(*pair, **more) for pair in pairs]
    assert np.mean(each) == pytest.approx(manifest["found"]["score"])
    assert np.mean(each) == pytest.approx(target, abs=0.026 if target > 1 else 0.006)
    name = score.__name__
    told = [np.mean(list(case[name].values())) for case in manifest["cases"]]
    assert told == pytest.approx(each)
    assert f"{np.mean(each):.4f}" in capsys.readouterr().out
    command = ["compare", volumes, tmp_path / "noisy", "--json", "--tolerance", "1"]
    assert main(list(map(str, command))) == 0
    found = json.loads(capsys.readouterr().out)
    of_cases = {
        case["case"]: [row[name] for row in found["cases"] if row["case"] == case["case"]]
        for case in manifest["cases"]
    }
    for case in manifest["cases"]:
        assert of_cases[case["case"]] == pytest.approx(list(case[name].values()))
    assert {row["unit"] for row in found["cases"]} == {"mm"}
    means = {row["label"]: row[name] for row in found["summary"] if row["case"] == "mean"}
    first = [row[name] for row in found["cases"] if row["label"] == 1]
    assert means[1] == pytest.approx(np.mean(first))


def test_a_case_may_reach_a_distance_of_its_own(volumes, tmp_path):
    """In a range, or in pixels."""
    pairs, manifest = perturb(volumes, tmp_path / "a", "--assd", "0.5:1", "--per-case")
    for pair, case in zip(pairs, manifest["cases"], strict=True):
        assert labelnoise.assd(*pair, spacing=SPACING) == pytest.approx(case["target"], abs=0.006)
    assert len({case["target"] for case in manifest["cases"]}) == 4
    pixels = ["--assd", "0.5", "--per-case", "--spacing", "pixel"]
    for pair in perturb(volumes, tmp_path / "b", *pixels)[0]:
        assert labelnoise.assd(*pair) == pytest.approx(0.5, abs=0.006)


@pytest.mark.parametrize("per_case", [[], ["--per-case"]])
def test_each_label_may_have_a_target(volumes, tmp_path, capsys, per_case):
    """By a strength of its own; it can be resumed, and scaled noise is told."""
    options = ["--dice", "1=0.9", "2=0.8", "--tol", "0.02", *per_case]
    pairs, manifest = perturb(volumes, tmp_path / "noisy", *options)
    scores = [labelnoise.dice(*pair, labels=[1, 2], per_label=True) for pair in pairs]
    far = [case["case"] for case in manifest["cases"] if not case.get("reached", True)]
    if per_case:
        assert len(far) < 3
        for score, case in zip(scores, manifest["cases"], strict=True):
            assert set(case["strength"]) <= {"1", "2"}
            if case["case"] not in far:
                known = {label: each for label, each in score.items() if not np.isnan(each)}
                assert known == pytest.approx({k: {1: 0.9, 2: 0.8}[k] for k in known}, abs=0.021)
    else:
        for label, target in (1, 0.9), (2, 0.8):
            mean = np.nanmean([score[label] for score in scores])
            assert mean == pytest.approx(target, abs=0.021)
        assert "label 1: wobble:" in capsys.readouterr().out
        assert set(manifest["found"]["scaled"]["per_label"]) == {"1", "2"}
    (tmp_path / "noisy" / "case_2.nii.gz").unlink()
    again, told = perturb(volumes, tmp_path / "noisy", *options, "--resume")
    assert told["cases"] == manifest["cases"]
    np.testing.assert_array_equal(again[2][1], pairs[2][1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--assd", "-1"], "--assd=-1: pass a score above 0"),
        (["--volume=-1.5"], "--volume=-1.5: pass a score above -1"),
        (["--dice", "1=0.9", "2=2"], "--dice=2: pass a score above 0, up to 1"),
        (["--nsd", "0.9", "--tolerance", "-1"], "--tolerance=-1.0: pass a number from 0"),
        (
            ["--dice", "1=0.9", "--labels", "2"],
            "--dice 1=0.9: --labels 2 must be the labels with a",
        ),
        (["--volume=-0.1"], "--volume=-0.1: not reached"),
        (["--dice", "9=0.9"], "SRC: all 4 have none of --labels 9"),
    ],
)
def test_targets_that_cannot_be_are_refused(volumes, tmp_path, capsys, options, message):
    """As they were written, with the remedy; nothing is written."""
    command = ["perturb", volumes, tmp_path / "noisy", "--noise", "bias", *options]
    assert main(list(map(str, command))) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "noisy").exists()


@pytest.mark.parametrize("scores", [["0.9", "0.8"], ["1=0.9", "0.8"], ["1=0.9", "1=0.8"], ["1=x"]])
def test_several_scores_are_of_different_labels(tmp_path, capsys, scores):
    """Or there is one."""
    with pytest.raises(SystemExit) as error:
        main(["perturb", "a", "b", "--noise", "bias", "--dice", *scores])
    assert error.value.code == 2
    assert "argument --dice: " in capsys.readouterr().err


def test_distances_need_millimetres(volumes, tmp_path, capsys):
    """Where the header has no valid spacing, pixels must be asked for."""
    content = bytearray(gzip.decompress((volumes / "case_0.nii.gz").read_bytes()))
    struct.pack_into("<3f", content, 80, 0.0, 0.0, 0.0)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.nii.gz").write_bytes(gzip.compress(content))
    command = ["perturb", tmp_path / "in", tmp_path / "out", "--noise", "bias", "--assd", "1"]
    assert main(list(map(str, command))) == 2
    assert "pass --spacing=pixel" in capsys.readouterr().err
    assert main(list(map(str, [*command, "--spacing", "pixel"]))) == 0
    assert "mean ASSD 1.0" in capsys.readouterr().out
    assert main(list(map(str, ["compare", tmp_path / "in", tmp_path / "out"]))) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(" pixel")


def test_strengths_of_other_scores_are_printed(volumes, capsys):
    """Under the score's name."""
    command = ["calibrate", volumes, "--noise", "wobble", "--assd", "0.5", "1.0", "--json"]
    assert main(list(map(str, command))) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["assd"] for row in rows] == [0.5, 1.0]
    assert [row["score"] for row in rows] == pytest.approx([0.5, 1.0], abs=0.006)
    assert main(list(map(str, command[:-1]))) == 0
    assert "ASSD" in capsys.readouterr().out
