"""The command line does what the library does: every error, its options, the same strengths."""

import inspect
import json

import numpy as np
import pytest

import labelnoise
from labelnoise._patch import ERRORS
from labelnoise.cli import main
from labelnoise.cli._arguments import OWN

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")
AFFINE = np.diag([-0.7, -0.8, 3.0, 1.0])


def disc(radius=12):
    """Draw a disc with a smaller one in it."""
    distance = np.hypot(*(np.indices((48, 40)) - np.array([24, 20]).reshape(2, 1, 1)))
    return (distance < radius).astype(np.uint8) + (distance < radius / 2)


def discs():
    """Draw nine discs, five of them of another label."""
    one = (np.hypot(*(np.indices((20, 20)) - 9.5)) < 6).astype(np.uint8)
    return np.kron([[1, 2, 1], [2, 2, 1], [2, 1, 2]], one).astype(np.uint8)


def pictures(folder, **masks):
    """Write masks as PNG files, and return the folder as a text."""
    folder.mkdir(parents=True)
    for name, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{name}.png")
    return str(folder)


def volumes(folder, *radii):
    """Write volumes of two axial slices as NIfTI files, and return the folder as a text."""
    folder.mkdir(parents=True)
    for number, radius in enumerate(radii):
        volume = np.stack([disc(radius), disc(radius - 2)], axis=2)
        nibabel.save(nibabel.Nifti1Image(volume, AFFINE), folder / f"case_{number}.nii.gz")
    return str(folder)


def perturb(source, target, *options):
    """Perturb a folder; return the settings in the manifest."""
    assert main(["perturb", source, str(target), *map(str, options)]) == 0
    return json.loads((target / "manifest.json").read_text())["settings"]


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_can_be_chosen(tmp_path, name):
    """The manifest's noise is a value that gives the same labels again."""
    stack = np.stack([0 * discs(), *[discs()] * 3, 0 * discs()])
    (tmp_path / "in").mkdir()
    pages = [Image.fromarray(plane) for plane in stack]
    pages[0].save(tmp_path / "in" / "a.tif", save_all=True, append_images=pages[1:])
    strength = 0.4 if labelnoise.noise.strength_name(ERRORS[name]) == "rate" else 1.5
    options = ["--noise", name, "--strength", strength, "--volumes"]
    settings = perturb(str(tmp_path / "in"), tmp_path / "out", *options)
    assert settings["noise"] == {"error": name, "strength": strength}
    noise = labelnoise.Noise.from_dict(settings["noise"])
    expected = noise(stack, axes=(0, 1, 2), rng=labelnoise.sample_rng(0, "a"))
    assert (expected != stack).any()
    with Image.open(tmp_path / "out" / "a.tif") as image:
        for number, plane in enumerate(expected):
            image.seek(number)
            np.testing.assert_array_equal(np.asarray(image), plane)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("natural", "knots", 9),
        ("random", "prevalence", 0.25),
        ("bias", "direction", "in"),
        ("wobble", "length", 2.5),
    ],
)
def test_options_of_errors_reach_them(tmp_path, name, option, value):
    """With the type that their signature tells."""
    source = pictures(tmp_path / "in", a=disc())
    options = ["--noise", name, "--strength", 1, f"--{option}", value, "--labels", 1]
    settings = perturb(source, tmp_path / "out", *options)
    assert settings["noise"] == {"error": name, "strength": 1, option: value, "labels": [1]}
    expected = ERRORS[name](
        disc(), 1, labels=[1], rng=labelnoise.sample_rng(0, "a"), **{option: value}
    )
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), expected)


def test_help_explains_every_option_of_every_kind(capsys, monkeypatch):
    """With the default of each kind that takes it."""
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main(["perturb", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, error in ERRORS.items():
        for option in list(inspect.signature(error).parameters.values())[2:]:
            if option.name in OWN:
                described = (
                    inspect.getdoc(error).split(f"\n{option.name} : ")[1].split("\n    ", 1)[1]
                )
                default = "" if option.default is None else f" ({option.default})"
                sentence = " ".join(described.split("\n\n")[0].split()).split(". ")[0].rstrip(".")
                assert f"{name}: {sentence}{default}" in text


def test_a_new_error_is_an_argument(tmp_path, monkeypatch):
    """Whatever has been registered."""

    def shrink(mask, steps, *, labels=None, within=None, axes=None, spacing=None, rng=None):
        return mask * (np.arange(mask.shape[-1]) >= steps).astype(mask.dtype)

    monkeypatch.setitem(ERRORS, "shrink", shrink)
    source = pictures(tmp_path / "in", a=disc())
    perturb(source, tmp_path / "out", "--noise", "shrink", "--strength", 15)
    result = np.asarray(Image.open(tmp_path / "out" / "a.png"))
    np.testing.assert_array_equal(result[:, 15:], disc()[:, 15:])
    assert not result[:, :15].any()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_strengths_are_those_of_calibrate(tmp_path, capsys, workers):
    """The same search, draws and sample; cases that cannot be read are left out of both."""
    source = volumes(tmp_path / "in", *range(7, 17))
    (tmp_path / "in" / "case_3.nii.gz").write_bytes(b"not an image")
    names = [f"case_{number}" for number in range(10) if number != 3]
    pairs = []
    for name in names:
        labels = np.asarray(nibabel.load(tmp_path / "in" / f"{name}.nii.gz").dataobj)
        pairs.append((labels, {"axes": (1, 0), "spacing": (np.float32(0.8), np.float32(0.7))}))
    found = labelnoise.calibrate(
        pairs,
        labelnoise.Noise("natural", 1.0, knots=7, labels=[2, 1]),
        0.85,
        sample=6,
        labels=[2, 1],
        keys=names,
        rng=5,
    )
    options = ["--knots", "7", "--labels", "2", "1", "--sample", "6", "--spacing", "mm"]
    options += ["--noise", "natural", "--dice", "0.85", "--seed", "5", "--workers", workers]
    assert main(["calibrate", source, *options, "--json"]) == 1
    printed = capsys.readouterr()
    assert "case_3: cannot be read" in printed.err
    [row] = json.loads(printed.out)
    assert (row["strength"], row["score"]) == (found.strength, found.score)
    assert (row["cases"], row["evaluations"]) == (6, found.nfev)


def test_a_case_that_fails_when_it_is_probed_is_kept(tmp_path, monkeypatch):
    """The search stays below the strengths at which one case cannot be perturbed."""
    failed = []

    def brittle(mask, steps, *, labels=None, within=None, axes=None, spacing=None, rng=None):
        if steps > 0.02 and 0 < np.count_nonzero(mask) < 300:
            failed.append(steps)
            raise ValueError("mask: is too small")
        kept = np.cumsum(mask > 0, axis=-1) > 150 * steps
        return mask * kept.astype(mask.dtype)

    monkeypatch.setitem(ERRORS, "brittle", brittle)
    source = pictures(tmp_path / "in", small=disc(8), large=disc(18))
    perturb(source, tmp_path / "out", "--noise", "brittle", "--dice", 0.97, "--tol", 0.03)
    assert failed
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [case["case"] for case in manifest["cases"]] == ["large", "small"]
    assert manifest["found"]["cases"] == 2
    assert manifest["failed"] == {}


@pytest.mark.parametrize(
    ("values", "dtype", "listed"),
    [
        ((1035, 2006), np.int32, [2006, 1035]),  # FreeSurfer's
        ((-1, 26001), np.int32, [-1, 26001]),  # Cityscapes'
        ((-1, 26001), np.int32, None),
    ],
)
def test_labels_of_every_size(tmp_path, capsys, values, dtype, listed):
    """Whatever the files can hold can be listed, perturbed and compared."""
    labels = np.choose(np.stack([disc()] * 2, axis=2), (0, *values)).astype(dtype)
    (tmp_path / "in").mkdir()
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "in" / "a.nii.gz")
    options = ["--noise", "wobble", "--strength", 2]
    options += [] if listed is None else ["--labels", *listed]
    perturb(str(tmp_path / "in"), tmp_path / "out", *options)
    expected = labelnoise.wobble(
        labels, 2.0, labels=listed, axes=(1, 0), rng=labelnoise.sample_rng(0, "a")
    )
    result = np.asarray(nibabel.load(tmp_path / "out" / "a.nii.gz").dataobj)
    np.testing.assert_array_equal(result, expected)
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "in"), str(tmp_path / "out"), "--csv"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [int(row.split(",")[1]) for row in rows] == sorted(values)


def test_more_than_255_labels(tmp_path, capsys):
    """Instance masks of 400 cells."""
    cells = np.zeros((400, 400), np.uint16)
    for number, (row, column) in enumerate(np.ndindex(20, 20), 1):
        cells[20 * row + 3 : 20 * row + 17, 20 * column + 3 : 20 * column + 17] = number
    source = pictures(tmp_path / "in", a=cells)
    perturb(source, tmp_path / "out", "--noise", "wobble", "--dice", 0.9)
    capsys.readouterr()
    assert main(["compare", source, str(tmp_path / "out"), "--csv"]) == 0
    scores = [float(row.split(",")[2]) for row in capsys.readouterr().out.splitlines()[1:]]
    assert len(scores) == 400
    assert abs(np.mean(scores) - 0.9) <= 0.005


@pytest.mark.parametrize("amount", [["--strength", 0.2], ["--dice", 0.9]])
def test_a_prevalence_adds_the_label_of_the_data_set(tmp_path, amount):
    """The one that all cases together have, to cases without it too."""
    full = (disc() > 0) * np.uint8(255)
    source = pictures(tmp_path / "in", full=full, empty=full * 0)
    options = ["--noise", "random", "--prevalence", 0.2, *amount]
    settings = perturb(source, tmp_path / "out", *options)
    assert settings["noise"]["labels"] == [255]
    empty = np.asarray(Image.open(tmp_path / "out" / "empty.png"))
    assert np.unique(empty).tolist() == [0, 255]
    manifest = json.loads(
        (tmp_path / "out" / "manifest.json").read_text(), parse_constant=pytest.fail
    )
    rates = {case["case"]: case["error_rate"] for case in manifest["cases"]}
    assert rates["empty"] is None  # errors without foreground, and JSON has no infinity
    assert rates["full"] > 0.1


def test_a_prevalence_needs_one_label(tmp_path, capsys):
    """Several are refused, and so is none; one that is listed will do."""
    several = pictures(tmp_path / "several", a=(disc() > 0) * np.uint8(7), b=disc())
    empty = pictures(tmp_path / "empty", a=disc() * 0)
    options = ["--noise", "random", "--strength", "0.2", "--prevalence", "0.2"]
    assert main(["perturb", several, str(tmp_path / "out"), *options]) == 2
    assert "SRC has several labels: 1, 2, 7; pass one by --labels" in capsys.readouterr().err
    assert main(["perturb", empty, str(tmp_path / "out"), *options]) == 2
    assert "SRC has none; pass one by --labels" in capsys.readouterr().err
    assert main(["perturb", several, str(tmp_path / "out"), *options, "--labels", "1", "2"]) == 2
    assert "--labels 1 2: a prevalence is the share of one label" in capsys.readouterr().err
    perturb(several, tmp_path / "out", *options, "--labels", 7)


def test_a_prevalence_takes_the_label_of_dataset_json(tmp_path):
    """Though no case has it."""
    volumes(tmp_path / "Dataset001_In" / "labelsTr", 0)
    described = {"labels": {"background": 0, "lesion": 3}, "file_ending": ".nii.gz"}
    (tmp_path / "Dataset001_In" / "dataset.json").write_text(json.dumps(described))
    target = tmp_path / "Dataset501_Out"
    options = ["--noise", "random", "--strength", 0.2, "--prevalence", 0.2]
    perturb(str(tmp_path / "Dataset001_In"), target, *options)
    result = np.asarray(nibabel.load(target / "labelsTr" / "case_0.nii.gz").dataobj)
    assert np.unique(result).tolist() == [0, 3]


def test_rates_have_no_millimetres(tmp_path, capsys):
    """They alone are refused; beside others they are left as they are."""
    source = volumes(tmp_path / "in", 10)
    options = [source, "--dice", "0.9", "--json", "--noise", "random"]
    assert main(["calibrate", *options]) == 0
    expected = json.loads(capsys.readouterr().out)
    assert main(["calibrate", *options, "--spacing", "mm"]) == 2
    assert "--spacing=mm: random noise has a rate" in capsys.readouterr().err
    assert main(["calibrate", *options, "choppy", "--spacing", "mm"]) == 0
    assert json.loads(capsys.readouterr().out)[:1] == expected


@pytest.mark.parametrize("amount", [["--strength", "2"], ["--dice", "0.9"]])
def test_planes_one_pixel_wide_are_refused(tmp_path, capsys, amount):
    """A case of one sagittal slice costs no other case, and learns of its plane."""
    source = volumes(tmp_path / "in", 10)
    image = nibabel.Nifti1Image(disc()[np.newaxis], np.eye(4))
    nibabel.save(image, tmp_path / "in" / "slice.nii.gz")
    options = [source, str(tmp_path / "out"), "--noise", "choppy", *amount]
    assert main(["perturb", *options]) == 1
    assert "slice: shape (1, 48, 40) has no axial planes" in capsys.readouterr().err
    assert (tmp_path / "out" / "case_0.nii.gz").exists()
    options[1] = str(tmp_path / "sagittal")
    assert main(["perturb", *options, "--plane", "sagittal", "--pattern", "slice*"]) == 0
    expected = tmp_path / "sagittal" / "manifest.json"
    assert json.loads(expected.read_text())["settings"]["plane"] == "sagittal"


def test_a_search_that_fails_leaves_the_folder_free(tmp_path, capsys):
    """Its message names the arguments; what it advises works."""
    tiny = np.zeros((40, 36), np.uint8)
    tiny[10, 10:12] = 1
    source = pictures(tmp_path / "in", a=tiny)
    options = ["perturb", source, str(tmp_path / "out"), "--noise", "natural", "--dice", "0.9"]
    assert main(options) == 2
    message = capsys.readouterr().err
    assert "--dice=0.9: not reached" in message
    assert "more masks or another --seed" in message
    tol = message.split("pass a --tol of ")[1].split(",")[0]
    assert main([*options, "--per-case", "--strict"]) == 2
    assert "a: --dice=0.9: not reached" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert main([*options, "--tol", tol]) == 0


def test_a_case_gets_the_nearest_score(tmp_path, capsys):
    """And is flagged; --strict makes it fail."""
    tiny = np.zeros((40, 36), np.uint8)
    tiny[10, 10:12] = 1
    square = np.zeros((40, 36), np.uint8)
    square[5:35, 5:30] = 1
    source = pictures(tmp_path / "in", a=tiny, b=square)
    options = ["perturb", source, str(tmp_path / "out"), "--noise", "natural", "--dice", "0.9"]
    assert main([*options, "--per-case"]) == 0
    assert "1 of 2 cases have the nearest score that can be reached: a" in capsys.readouterr().err
    far, near = json.loads((tmp_path / "out" / "manifest.json").read_text())["cases"]
    assert far["reached"] is False
    assert "reached" not in near
    assert main([*options, "--per-case", "--strict", "--overwrite"]) == 1
    assert not (tmp_path / "out" / "a.png").exists()


def test_one_strength_that_is_not_found_costs_no_other(tmp_path, capsys):
    """Those that are found are printed; without any, the arguments were unusable."""
    square = np.zeros((40, 40), np.uint8)
    square[12:28, 12:28] = 1
    options = ["calibrate", pictures(tmp_path / "in", a=square), "--dice", "0.8", "--json"]
    assert main([*options, "--tol", "0.001", "--noise", "bias", "random"]) == 1
    printed = capsys.readouterr()
    assert [row["noise"] for row in json.loads(printed.out)] == ["random"]
    assert "bias 0.8: --dice=0.8: not reached" in printed.err
    assert main([*options, "--tol", "0.001", "--noise", "bias"]) == 2
