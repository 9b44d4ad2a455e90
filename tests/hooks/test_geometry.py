"""Transforms know where annotators draw: axes and spacing by the affine, names by the file."""

import functools
import json
import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import labelnoise
from labelnoise import Annotator, Chain, Noise, PerLabel
from labelnoise.cli import main
from labelnoise.data import phantom
from labelnoise.hooks._geometry import Geometry, Names

nibabel = pytest.importorskip("nibabel")

LABELS = phantom(slices=10, size=48, seed=3).labels.transpose(2, 1, 0)  # (x, y, z)
AFFINES = {
    "as stored": np.diag([0.7, 0.8, 2.5, 1.0]),
    "to the left": np.diag([-0.7, -0.8, 2.5, 1.0]),
    "oblique": np.diag([0.7, 0.8, 2.5, 1.0]),
}
AFFINES["oblique"][:3, :3] = Rotation.from_euler("xyz", [8, -5, 12], degrees=True).as_matrix() * [
    0.7,
    0.8,
    2.5,
]
KINDS = {
    "wobble": Noise("wobble", 1.5),
    "bias": Noise("bias", 1.2, labels=[1, 2]),
    "chain": Chain(Noise("shift", 1.0), Noise("choppy", 1.0)),
    "each": PerLabel({1: Noise("wobble", 1.0), 2: Noise("omit", 0.5)}),
    "person": Annotator(radius=12.0, sigma=1.0, bias=0.3),
}


@pytest.fixture(scope="module", params=AFFINES)
def folder(request, tmp_path_factory):
    """Write two label maps, called alike in folders of their own."""
    folder = tmp_path_factory.mktemp("data") / "labels"
    for case in "a", "b":
        (folder / case).mkdir(parents=True)
        image = nibabel.Nifti1Image(LABELS, AFFINES[request.param])
        image.header.set_xyzt_units("mm")
        nibabel.save(image, folder / case / "liver.nii.gz")
    return folder


def by_monai(path, noise, **options):
    """Load and perturb a file by MONAI."""
    transforms = pytest.importorskip("monai.transforms")
    from labelnoise.hooks.monai import LabelNoised

    load = transforms.LoadImaged("label", ensure_channel_first=True)
    noisy = LabelNoised("label", noise, 5, **options)(load({"label": str(path)}))
    return noisy["label"].numpy()[0]


def by_torchio(path, noise, **options):
    """Load and perturb a file by TorchIO."""
    torchio = pytest.importorskip("torchio")
    from labelnoise.hooks.torchio import FixedLabelNoise

    subject = torchio.Subject(organ=torchio.LabelMap(path))
    return FixedLabelNoise(noise, 5, **options)(subject)["organ"].numpy()[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("volumes", [False, True])
def test_all_ways_give_the_same_bits(folder, tmp_path, kind, volumes):
    """From one name and one seed: the function, the command line, MONAI and TorchIO."""
    noise, path = KINDS[kind], folder / "b" / "liver.nii.gz"
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(noise.to_dict()))
    how = ["--volumes" if volumes else "--no-volumes", "--spacing", "mm", "--seed", "5"]
    arguments = [
        "perturb",
        folder,
        tmp_path / "noisy",
        "--recipe",
        recipe,
        "--pattern",
        "*/*",
        *how,
    ]
    assert main(list(map(str, arguments))) == 0
    expected = np.asarray(nibabel.load(tmp_path / "noisy" / "b" / "liver.nii.gz").dataobj)
    assert (expected != LABELS).any()
    options = {"root": folder, "volumes": volumes, "unit": "mm"}
    for by in by_monai, by_torchio:
        np.testing.assert_array_equal(by(path, noise, **options), expected)
    steps = [float(f"{step:.6g}") for step in nibabel.load(path).header.get_zooms()]
    axes = (2, 1, 0) if volumes else (1, 0)
    spacing = tuple(steps[axis] for axis in axes)
    rng = labelnoise.sample_rng(5, "b/liver")
    np.testing.assert_array_equal(noise(LABELS, axes=axes, spacing=spacing, rng=rng), expected)


@pytest.mark.parametrize("by", [by_monai, by_torchio])
def test_defaults_are_those_of_the_command_line(folder, by):
    """Axial planes and pixels; volumes and mm for annotators."""
    path = folder / "a" / "liver.nii.gz"
    rng = labelnoise.sample_rng(5, "liver")
    expected = KINDS["wobble"](LABELS, axes=(1, 0), rng=rng)
    np.testing.assert_array_equal(by(path, KINDS["wobble"]), expected)
    named = Noise("wobble", 1.5, axes=(-2, -1))
    expected = named(LABELS, rng=labelnoise.sample_rng(5, "liver"))
    np.testing.assert_array_equal(by(path, named), expected)
    person = by(path, KINDS["person"])
    np.testing.assert_array_equal(
        person, by(path, KINDS["person"], planes="axial", volumes=True, unit="mm")
    )
    sagittal = KINDS["wobble"](LABELS, axes=(2, 1), rng=labelnoise.sample_rng(5, "liver"))
    np.testing.assert_array_equal(by(path, KINDS["wobble"], planes="sagittal"), sagittal)


@pytest.mark.parametrize("by", [by_monai, by_torchio])
def test_files_that_are_called_alike_are_noticed(folder, by):
    """Unless a folder tells them apart."""
    names = Names()
    assert names(folder / "a" / "liver.nii.gz") == names(folder / "a" / "liver.nii.gz") == "liver"
    message = r"/a/liver.nii.gz' and '.*/b/liver.nii.gz' are both called 'liver'.* pass root="
    with pytest.raises(ValueError, match=message):
        names(folder / "b" / "liver.nii.gz")
    rooted = Names(folder)
    assert [rooted(folder / case / "liver.nii.gz") for case in "ab"] == ["a/liver", "b/liver"]
    assert rooted([folder / "a/liver.nii.gz", folder / "b/liver.nii.gz"]) == "a/liver+b/liver"
    with pytest.raises(ValueError, match=r"root='.*/a': '.*' is not in it; pass a folder above it"):
        Names(folder / "a")(folder / "b" / "liver.nii.gz")
    first, second = (
        by(folder / case / "liver.nii.gz", KINDS["wobble"], root=folder) for case in "ab"
    )
    assert (first != second).any()


def test_names_do_not_depend_on_the_machine():
    """Nor on how it writes accents, and a copy forgets what was seen."""
    names = Names()
    assert names("/data/labels/Mu\u0308ller.nii.gz") == "M\u00fcller"
    assert names("/data/labels/M\u00fcller.nii.gz") == "M\u00fcller"
    assert names("/data/labels/a.b.nii.gz") == "a.b"
    assert pickle.dumps(names) == pickle.dumps(Names())
    assert pickle.loads(pickle.dumps(names))("/other/M\u00fcller.nii.gz") == "M\u00fcller"


@pytest.mark.parametrize("by", ["monai", "torchio"])
def test_random_transforms_know_the_geometry_too(by):
    """Of planes that the affine tells; TorchIO's history replays them."""
    torch = pytest.importorskip("torch")
    affine = np.array([[0, 0, 0.7, 0], [0, 0.8, 0, 0], [2.5, 0, 0, 0], [0, 0, 0, 1.0]])
    labels = torch.from_numpy(np.ascontiguousarray(LABELS.T))[None]  # (z, y, x)
    seen = []

    def step(patch):
        seen.append((patch.codes.shape, patch.spacing))
        return patch.codes

    @labelnoise.perturbation
    def look(mask, strength, **options):
        return labelnoise.perturb(mask, step, **options)

    noise = Noise("look", 1.0)
    options = {"planes": "axial", "volumes": True, "unit": "mm"}
    if by == "monai":
        data = pytest.importorskip("monai.data")
        from labelnoise.hooks.monai import RandLabelNoised

        label = data.MetaTensor(labels, affine=torch.from_numpy(affine))
        RandLabelNoised("label", noise, **options)({"label": label})
    else:
        torchio = pytest.importorskip("torchio")
        from labelnoise.hooks.torchio import RandomLabelNoise

        subject = torchio.Subject(organ=torchio.LabelMap(tensor=labels, affine=affine))
        noisy = RandomLabelNoise(noise, **options)(subject)
        assert seen
        noisy.get_composed_history()(subject)
        assert seen[1:] == seen[:1]
    assert seen[0] == ((10, 48, 48), (2.5, 0.8, 0.7))


def test_volumes_without_metadata_need_axes():
    """A plane does not, nor does noise that names them, nor a function of one's own."""
    wobble = Noise("wobble", 1.0)
    with pytest.raises(
        ValueError, match=r"^labels: a volume of shape \(1, 8, 8, 4\) without an affine; name"
    ):
        Geometry(wobble).options((1, 8, 8, 4), None)
    assert Geometry(wobble).options((1, 8, 8), None) == {}
    for own in (
        Noise("wobble", 1.0, axes=(-2, -3)),
        Chain(wobble, Noise("bias", 1.0, axes=(-2, -3))),
        functools.partial(labelnoise.bias, distance=1.0, axes=(-2, -3)),
        lambda mask, rng: mask,
        Chain(wobble, lambda mask, strength, rng: mask),
    ):
        assert Geometry(own).options((1, 8, 8, 4), None) == {}
        with pytest.raises(ValueError, match=r"leave planes, volumes and unit out, or the axes$"):
            Geometry(own, unit="mm")
    bias = functools.partial(labelnoise.bias, distance=1.0)
    for open_ in bias, labelnoise.bias, functools.partial(bias, direction="in"):
        assert Geometry(open_).options((1, 8, 8, 4), np.eye(4))["axes"] == (2, 1)
    with pytest.raises(ValueError, match=r"^planes='oblique': pass one of 'axial'"):
        Geometry(wobble, "oblique")
    with pytest.raises(ValueError, match=r"^unit='cm': pass one of 'pixel'"):
        Geometry(wobble, unit="cm")
