"""One case before and after."""

import webbrowser

import numpy as np
import pytest

import labelnoise
from labelnoise import plot
from labelnoise.cli import main
from labelnoise.data import phantom

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Write a label volume and its image; return their files."""
    folder = tmp_path_factory.mktemp("case")
    drawn = phantom(slices=12, size=96, seed=(1, 0))
    for name, array in ("labels", drawn.labels), ("image", drawn.image.astype(np.float32)):
        volume = nibabel.Nifti1Image(array.T, np.diag([0.8, 0.8, 2.5, 1]))
        nibabel.save(volume, folder / f"{name}.nii.gz")
    return folder / "labels.nii.gz", folder / "image.nii.gz"


def preview(*arguments, code=0):
    """Run the command."""
    assert main(["preview", *map(str, arguments)]) == code


@pytest.mark.parametrize("with_image", [False, True])
def test_a_picture_is_drawn_and_scores_are_printed(case, tmp_path, capsys, with_image):
    """Those of the copy that perturb makes of the file; nothing else is left."""
    labels, image = case
    more = ["--image", image] if with_image else []
    how = ["--noise", "wobble", "--assd", "0.6", "--labels", "1"]
    preview(labels, *how, *more, "-o", tmp_path / "a.png")
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png"}
    grey = np.ptp(picture.astype(int), axis=1) == 0
    assert (np.mean(grey & (picture[:, 0] > 20) & (picture[:, 0] < 235)) > 0.2) == with_image
    for red, green, blue in (bytes.fromhex(plot.CLEAN[0][1:]), bytes.fromhex(plot.NOISY[0][1:])):
        assert min(np.abs(picture - np.array([red, green, blue])).sum(axis=1)) < 9
    row = capsys.readouterr().out.splitlines()[1].split()
    noise = labelnoise.Noise("wobble", 1.0, labels=[1], axes=(1, 0))
    array = np.asarray(nibabel.load(labels).dataobj)
    score = labelnoise.metrics.assd
    found = labelnoise.match(
        array,
        noise,
        0.6,
        metric=lambda *maps, **more: score(*maps, spacing=(0.8, 0.8, 2.5), **more),
        labels=[1],
        rng=labelnoise.sample_rng(0, "labels"),
    )
    assert row[:2] == ["labels", "1"]
    assert float(row[2]) == pytest.approx(labelnoise.dice(array, found.mask, labels=[1]), abs=1e-4)
    assert float(row[6]) == pytest.approx(found.score, abs=1e-4)


def test_a_browser_shows_it(case, monkeypatch, capsys):
    """If no file is named."""
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    preview(case[0], "--annotator", "kits23-kidney")
    [url] = shown
    path = url.removeprefix("file://")
    assert f"Picture in {path}" in capsys.readouterr().out
    Image.open(path).verify()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{labels}", "--noise", "bias"], "--noise bias: has no strength"),
        (["{labels}", "--noise", "bias", "--dice", "0.7:0.8", "-o", "{new}.jpg"], "ends in .png"),
        (["{labels}", "--noise", "bias:1", "-o", "{labels}"], "is there already"),
        (["{folder}", "--noise", "bias:1"], "pass one file of its 2"),
        (["{labels}", "--noise", "bias:1", "--image", "{other}", "-o", "{new}.png"], "has shape"),
        (["{labels}", "--noise", "bias:1", "--image", "{new}", "-o", "{new}.png"], "--image"),
        (["{labels}", "--noise", "omit", "--volume", "2", "-o", "{new}.png"], "--volume=2"),
    ],
)
def test_what_cannot_be_shown_is_told(case, tmp_path, capsys, arguments, message):
    """In one sentence, and nothing is written."""
    other = tmp_path / "other.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), other)
    names = {"labels": case[0], "folder": case[0].parent, "other": other, "new": tmp_path / "new"}
    preview(*(one.format(**names) for one in arguments), code=2)
    error = capsys.readouterr().err.splitlines()
    assert message in error[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["other.nii.gz"]
