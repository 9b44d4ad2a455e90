"""Volumes that are labelled in one go."""

import json
import re

import numpy as np
import pytest

import labelnoise
from labelnoise import Chain, Noise, sample_rng
from labelnoise._patch import ERRORS
from labelnoise.cli import main

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")
ZOOMS = (1.0, 2.0, 3.0)
AFFINE = np.array([[0, 0, 3, 0], [1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1.0]])


def balls(label=1):
    """Draw an array of two balls whose axes run front to back, feet to head, left to right."""
    grid = np.indices((30, 31, 32))
    labels = np.zeros((30, 31, 32), np.uint8)
    for centre, radius in (((10, 9, 10), 7), ((20, 22, 22), 6)):
        distance = np.sqrt(((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0))
        labels[distance < radius] = label
    return labels


def save(tmp_path, labels, affine=AFFINE, name="a"):
    """Write a NIfTI file."""
    (tmp_path / "in").mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "in" / f"{name}.nii.gz")


def run(tmp_path, *options, code=0):
    """Perturb what is there; return the settings."""
    command = ["perturb", str(tmp_path / "in"), str(tmp_path / "out"), *map(str, options)]
    assert main(command) == code
    path = tmp_path / "out" / "manifest.json"
    return json.loads(path.read_text())["settings"] if path.exists() else None


def result(tmp_path, name="a"):
    """Return the labels that were written."""
    return np.asarray(nibabel.load(tmp_path / "out" / f"{name}.nii.gz").dataobj)


@pytest.mark.parametrize(
    ("plane", "axes"),
    [("axial", (1, 0, 2)), ("sagittal", (2, 1, 0)), ("coronal", (0, 1, 2))],
)
def test_slices_lie_across_the_plane(tmp_path, plane, axes):
    """As the affine tells, with three distances."""
    save(tmp_path, balls())
    options = ["--noise", "wobble:2", "ends:2", "--volumes", "--plane", plane, "--spacing", "mm"]
    settings = run(tmp_path, *options)
    assert settings["volumes"] is True
    noise = Chain(Noise("wobble", 2.0), Noise("ends", 2.0))
    spacing = tuple(ZOOMS[axis] for axis in axes)
    expected = noise(balls(), axes=axes, spacing=spacing, rng=sample_rng(0, "a"))
    assert (expected != noise(balls(), axes=axes, rng=sample_rng(0, "a"))).any()
    np.testing.assert_array_equal(result(tmp_path), expected)


def test_each_volume_of_a_series_is_one(tmp_path):
    """Along the fourth axis; in voxels without --spacing."""
    series = np.stack([balls(), balls(2)], axis=3)
    save(tmp_path, series)
    run(tmp_path, "--noise", "ends", "--strength", 2, "--volumes")
    expected = labelnoise.ends(series, 2.0, axes=(1, 0, 2), rng=sample_rng(0, "a"))
    assert (expected[..., 0] != series[..., 0]).any()
    np.testing.assert_array_equal(result(tmp_path), expected)


def test_a_search_is_that_of_volumes(tmp_path, capsys):
    """The library's strength for the same axes."""
    save(tmp_path, balls())
    manifest = tmp_path / "out" / "manifest.json"
    run(tmp_path, "--noise", "wobble", "--dice", 0.8, "--volumes")
    found = labelnoise.calibrate(
        [(balls(), {"axes": (1, 0, 2)})], Noise("wobble", 1.0), 0.8, keys=["a"], rng=0
    )
    assert json.loads(manifest.read_text())["found"]["strength"] == found.strength
    run(tmp_path, "--noise", "wobble", "--dice", 0.8, "--volumes", "--resume")
    run(tmp_path, "--noise", "wobble", "--dice", 0.8, "--resume", code=2)
    assert "was begun with --volumes, not no --volumes" in capsys.readouterr().err


def test_pages_are_slices(tmp_path):
    """Of a TIFF with several."""
    (tmp_path / "in").mkdir()
    stack = balls()
    pages = [Image.fromarray(plane) for plane in stack]
    pages[0].save(tmp_path / "in" / "a.tif", save_all=True, append_images=pages[1:])
    run(tmp_path, "--noise", "ends:2", "--volumes")
    expected = labelnoise.ends(stack, 2.0, axes=(0, 1, 2), rng=sample_rng(0, "a"))
    assert (expected != stack).any()
    with Image.open(tmp_path / "out" / "a.tif") as image:
        for number, plane in enumerate(expected):
            image.seek(number)
            np.testing.assert_array_equal(np.asarray(image), plane)


def test_files_without_a_volume_are_named(tmp_path, capsys):
    """They cost no other case; PNG files have none, and are refused at once."""
    save(tmp_path, balls())
    save(tmp_path, balls()[10], np.eye(4), "plane")
    Image.fromarray(balls()[10]).save(tmp_path / "in" / "page.tif")
    run(tmp_path, "--noise", "bias:1", "--volumes", code=1)
    error = capsys.readouterr().err
    assert "labelnoise: plane: shape (31, 32) has no volume; pass --no-volumes" in error
    assert "labelnoise: page: a picture of one page has no volume; pass --no-volumes" in error
    assert (result(tmp_path) != balls()).any()
    Image.fromarray(balls()[10]).save(tmp_path / "in" / "picture.png")
    command = ["perturb", str(tmp_path / "in"), str(tmp_path / "new"), "--noise", "bias:1"]
    assert main([*command, "--volumes"]) == 2
    expected = "--volumes goes with NIfTI volumes and TIFF stacks; leave it out for PNG files\n"
    assert capsys.readouterr().err == f"labelnoise: {expected}"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--noise", "ends", "--strength", 2], "--noise ends: works on volumes only; pass --vol"),
        (["--noise", "ends", "--dice", 0.9], "--noise ends: works on volumes only; pass --vol"),
        (["--noise", "bias:1", "ends:2"], "--noise ends:2: works on volumes only; pass --volumes"),
        (["--recipe", "{recipe}"], "--recipe={recipe}: ends works on volumes only; pass --volumes"),
        (["--noise", "flat:2", "--volumes"], "--noise flat:2: works on planes only; pass --no-vol"),
    ],
)
def test_errors_of_other_patches_are_refused_at_once(
    tmp_path, capsys, monkeypatch, options, message
):
    """Whatever their names; nothing is written."""

    def flat(mask, steps, *, labels=None, within=None, axes=(-2, -1), spacing=None, rng=None):
        if len(axes) == 3:
            raise ValueError("axes: planes only")
        return mask

    monkeypatch.setitem(ERRORS, "flat", flat)
    save(tmp_path, balls())
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(Chain(Noise("bias", 1.0), Noise("ends", 1.0)).to_dict()))
    run(tmp_path, *(str(option).format(recipe=path) for option in options), code=2)
    assert f"labelnoise: {message.format(recipe=path)}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_calibrate_takes_the_kinds_that_fit(tmp_path, capsys):
    """All by default, whether they reach the score or not; ends for volumes only."""
    save(tmp_path, balls())
    options = ["calibrate", str(tmp_path / "in"), "--dice", "0.7", "--tol", "0.2", "--json"]
    for more, expected in ([], set(ERRORS) - {"ends"}), (["--volumes"], set(ERRORS)):
        main([*options, *more])
        printed = capsys.readouterr()
        found = {row["noise"] for row in json.loads(printed.out)}
        assert found | set(re.findall(r"(\w+) 0\.7: --dice", printed.err)) == expected
        assert ("ends" in found) == bool(more)
    assert main([*options, "--noise", "ends", "bias"]) == 2
    assert "--noise ends: works on volumes only; pass --volumes" in capsys.readouterr().err


def test_rates_alone_have_no_millimetres_in_volumes_either(tmp_path, capsys):
    """One kind with a length is enough."""
    save(tmp_path, balls())
    options = ["--volumes", "--spacing", "mm", "--noise", "random:0.1"]
    run(tmp_path, *options, "omit:0.1", code=2)
    assert "--spacing=mm: random noise has a rate" in capsys.readouterr().err
    run(tmp_path, *options, "bias:1")
