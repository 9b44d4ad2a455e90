"""Annotators on the command line: one of them, and several who draw the same cases."""

import json

import numpy as np
import pytest

import labelnoise
from labelnoise import Annotator, Chain, Noise, PerLabel, sample_rng
from labelnoise.cli import main
from labelnoise.cli._arguments import PUBLISHED

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")
READER = Annotator(radius=8.0, sigma=1.0, length=6.0, bias=0.5)
LESION = Annotator(radius=4.0, sigma=1.5, hand=0.2)
# Arrays (x, y, z) of the first orientation, (z, x, y) of the second.
ZOOMS, AXES, SPACING = (1.5, 1.0, 3.0), (2, 1, 0), (3.0, 1.0, 1.5)
LPS = np.diag([-1.5, -1.0, 3.0, 1.0])


def organs(case):
    """Draw a ball of label 1 and a smaller one of label 2, (x, y, z)."""
    labels = np.zeros((24, 52, 12), np.uint8)
    for label, middle in ((1, 15), (2, 39)):
        offsets = (np.indices(labels.shape).T - (12, middle, 6)) * ZOOMS
        distance = np.linalg.norm(offsets, axis=-1).T
        labels[distance < 13 - 4 * label + case] = label
    return labels


CASES = {f"case_{number}": organs(number) for number in range(3)}


@pytest.fixture
def volumes(tmp_path):
    """Write three volumes and an annotator; return the folder of both."""
    save(tmp_path / "in", CASES)
    READER.save(tmp_path / "reader.json")
    return tmp_path


def save(folder, cases, affine=LPS):
    """Write NIfTI files."""
    folder.mkdir(exist_ok=True)
    for name, labels in cases.items():
        nibabel.save(nibabel.Nifti1Image(labels, affine), folder / f"{name}.nii.gz")


def run(folder, *options, code=0, target="out"):
    """Perturb what is there; return the manifest."""
    command = ["perturb", str(folder / "in"), str(folder / target), *map(str, options)]
    assert main(command) == code
    path = folder / target / "manifest.json"
    return json.loads(path.read_text()) if path.exists() else None


def load(path):
    """Return what a file holds."""
    if path.suffix == ".gz":
        return np.asarray(nibabel.load(path).dataobj)
    with Image.open(path) as image:
        return np.asarray(image).copy()


def check(folder, noise, strength=1.0, axes=AXES, spacing=SPACING, **options):
    """Compare with the library's own call."""
    for name, labels in CASES.items():
        rng = sample_rng(0, name)
        expected = noise(labels, strength, axes=axes, spacing=spacing, rng=rng, **options)
        assert (expected != labels).any()
        np.testing.assert_array_equal(load(folder / "out" / f"{name}.nii.gz"), expected)


def recipe(folder, noise):
    """Write a recipe; return its path."""
    path = folder / "recipe.json"
    path.write_text(json.dumps(noise if isinstance(noise, dict) else noise.to_dict()))
    return path


@pytest.mark.parametrize("by", ["--annotator", "--recipe"])
def test_a_person_draws_volumes_in_millimetres(volumes, by):
    """Without being told; the manifest says so, and holds the numbers."""
    settings = run(volumes, by, volumes / "reader.json")["settings"]
    check(volumes, READER)
    assert (settings["volumes"], settings["spacing"]) == (True, "mm")
    assert Annotator.from_dict(settings["noise"]) == READER
    run(volumes, by, volumes / "reader.json", "--resume")


def test_planes_and_pixels_are_asked_for(volumes):
    """By their options."""
    run(volumes, "--annotator", volumes / "reader.json", "--no-volumes", "--spacing", "pixel")
    check(volumes, READER, axes=(1, 0), spacing=None)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_annotators_have_names(volumes, name):
    """They are the library's."""
    assert run(volumes, "--annotator", name)["settings"]["annotator"] == name
    check(volumes, Annotator.load(name))


def test_pictures_are_drawn_in_pixels(tmp_path, capsys):
    """For which a published annotator, in mm, has to be asked for."""
    (tmp_path / "in").mkdir()
    plane = organs(0)[:, :, 6]
    Image.fromarray(plane).save(tmp_path / "in" / "a.png")
    READER.save(tmp_path / "reader.json")
    settings = run(tmp_path, "--annotator", tmp_path / "reader.json")["settings"]
    assert (settings["volumes"], settings["spacing"]) == (False, "pixel")
    expected = READER(plane, rng=sample_rng(0, "a"))
    np.testing.assert_array_equal(load(tmp_path / "out" / "a.png"), expected)
    run(tmp_path, "--annotator", "lidc-nodule", code=2, target="new")
    assert (
        "--annotator=lidc-nodule: is in mm, which pictures do not tell" in capsys.readouterr().err
    )
    run(tmp_path, "--annotator", "lidc-nodule", "--spacing", "pixel", target="new")
    save(tmp_path / "in", {"b": organs(0)})
    run(tmp_path, "--annotator", tmp_path / "reader.json", code=2, target="other")
    assert "holds NIfTI files, whose annotators are in mm, and pictures;" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_strength_multiplies_what_was_fitted(volumes, capsys):
    """As does the factor that a search finds, in both commands."""
    reader = ["--annotator", volumes / "reader.json"]
    assert run(volumes, *reader, "--strength", 1.5)["cases"][0]["strength"] == 1.5
    check(volumes, READER, 1.5)
    run(volumes, *reader, "--strength", 1.5, "--resume")
    run(volumes, *reader, "--resume", code=2)
    assert "was begun with --strength=1.5, not no --strength;" in capsys.readouterr().err
    found = labelnoise.calibrate(
        [(labels, {"axes": AXES, "spacing": SPACING}) for labels in CASES.values()],
        READER,
        0.8,
        keys=list(CASES),
        rng=0,
    ).strength
    manifest = run(volumes, *reader, "--dice", 0.8, target="other")
    assert manifest["found"]["strength"] == found
    assert {case["strength"] for case in manifest["cases"]} == {found}
    told = f"The strengths that were found: annotator:{found:.4g}\n"
    assert told in capsys.readouterr().out
    arguments = ["calibrate", volumes / "in", *reader, "--dice", "0.8", "--json"]
    assert main([*map(str, arguments)]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["noise"], row["strength"]) == ("annotator", found)


def test_each_case_is_matched_to_its_score(volumes):
    """By a strength of its own."""
    options = ["--annotator", volumes / "reader.json", "--dice", 0.8, "--tol", 0.02, "--per-case"]
    for case in run(volumes, *options)["cases"]:
        expected = READER(
            CASES[case["case"]],
            case["strength"],
            axes=AXES,
            spacing=SPACING,
            rng=sample_rng(0, case["case"]),
        )
        np.testing.assert_array_equal(load(volumes / "out" / case["file"]), expected)
        assert abs(np.mean(list(case["dice"].values())) - 0.8) <= 0.02


def test_listed_labels_alone_are_drawn(volumes):
    """As in the library's call."""
    manifest = run(volumes, "--annotator", volumes / "reader.json", "--labels", 2)
    check(volumes, READER, labels=[2])
    assert all(list(case["dice"]) == ["2"] for case in manifest["cases"])


def test_annotators_of_labels_draw_these(volumes):
    """All labels are scored, or those that are listed."""
    person = PerLabel({2: LESION})
    person.save(volumes / "reader.json")
    reader = ["--annotator", volumes / "reader.json"]
    assert list(run(volumes, *reader)["cases"][0]["dice"]) == ["1", "2"]
    check(volumes, person)
    dice = run(volumes, *reader, "--labels", 2, target="other")["cases"][0]["dice"]
    assert list(dice) == ["2"]


def test_annotators_are_steps_of_a_chain(volumes, capsys):
    """With the labels that are listed, unless they are theirs; a search scales all steps."""
    chain = Chain(Noise("omit", 0.3, labels=[2]), READER, Chain(PerLabel({2: LESION})))
    path = recipe(volumes, chain)
    options = ["--recipe", path, "--labels", 1, 2]
    settings = run(volumes, *options)["settings"]
    check(volumes, chain)
    assert (settings["volumes"], settings["spacing"]) == (True, "mm")
    steps = settings["noise"]["chain"]
    assert [list(step.get("annotators", ())) for step in steps[:2]] == [[], ["1", "2"]]
    run(volumes, *options, "--resume")
    found = run(volumes, *options, "--dice", 0.7, "--tol", 0.1, target="other")["found"]
    factor = found["factor"]
    told = f"omit:{0.3 * factor:.4g} annotator:{factor:.4g} annotator:{factor:.4g}\n"
    assert told in capsys.readouterr().out
    run(volumes, "--recipe", recipe(volumes, Chain(chain, READER)), "--resume", code=2)
    assert "not --noise omit:0.3 annotator:1 annotator:1 annotator:1;" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--annotator", "nobody"],
            "--annotator=nobody: is neither a file nor one of kits23-kidney",
        ),
        (["--annotator", "{folder}/in"], "--annotator={folder}/in: cannot be read (["),
        (["--annotator", "{broken}"], "--annotator={broken}: describes no annotator ("),
        (
            ["--annotator", "lidc-nodule", "--noise", "omit"],
            "--annotator=lidc-nodule: goes without -",
        ),
        (["--annotator", "lidc-nodule", "--recipe", "r"], "--recipe=r: goes without --annotator;"),
        (["--annotator", "lidc-nodule", "--strength", "-1"], "--strength=-1: pass a number from 0"),
        (["--annotator", "lidc-nodule", "--knots", "7"], "--knots=7: goes with --noise natural;"),
        (
            ["--annotator", "{lesion}", "--labels", "1"],
            "--annotator={lesion}: draws label 2, but --labels 1; list it too",
        ),
        (
            ["--annotator", "lidc-nodule", "--labels", "2", "1"],
            "--labels 2 1: annotators draw labels",
        ),
        (
            ["--annotator", "lidc-nodule", "--raters", "0"],
            "--raters=0: pass an integer of at least",
        ),
        (["--annotator", "lidc-nodule", "--soft"], "--soft goes with --raters; pass how many"),
        (
            ["--annotator", "lidc-nodule", "--raters", "2", "--dice", "0.9", "--per-case"],
            "--raters=2: goes without --per-case; leave one out",
        ),
    ],
)
def test_what_cannot_be_is_refused(volumes, capsys, options, message):
    """In one sentence; nothing is written."""
    names = {"folder": volumes, "broken": volumes / "broken.json", "lesion": volumes / "l.json"}
    names["broken"].write_text('{"annotator": {"radius": 1}}')
    PerLabel({2: LESION}).save(names["lesion"])
    run(volumes, *(option.format(**names) for option in options), code=2)
    error = capsys.readouterr().err
    assert error.startswith(f"labelnoise: {message.format(**names)}")
    assert error.count("\n") == 1
    assert not (volumes / "out").exists()


@pytest.mark.parametrize(
    ("described", "message"),
    [
        *(
            (
                described,
                "describes no noise; write what to_dict of a labelnoise.Noise, Annotator or ",
            )
            for described in (
                {"annotator": 3},
                {"annotators": {}},
                {"annotators": [1]},
                {"annotators": {"1": 3}},
                {"annotators": {"liver": READER.to_dict()["annotator"]}},
                {**READER.to_dict(), "strength": 2},
                {"chain": [{**READER.to_dict(), "labels": [1]}]},
                {"person": {}},
            )
        ),
        ({"annotator": {"radius": 1}}, "{'radius': 1}: describes no noise;"),
        ({"annotator": {"radius": 1, "sigma": -1}}, "sigma=-1: pass a number from 0"),
    ],
)
def test_recipes_that_cannot_be_are_refused(volumes, capsys, described, message):
    """Those with annotators, too."""
    path = recipe(volumes, described)
    run(volumes, "--recipe", path, code=2)
    assert f"labelnoise: --recipe={path}: {message}" in capsys.readouterr().err
    assert not (volumes / "out").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_several_people_draw_the_same_cases(volumes, capsys, workers):
    """Each a complete copy; they share what is difficult, and the manifest has all scores."""
    reader = ["--annotator", volumes / "reader.json", "--workers", workers]
    manifest = run(volumes, *reader, "--raters", 3, "--soft")
    assert "3 of 3 cases by 3 raters in " in capsys.readouterr().out
    for case in manifest["cases"]:
        labels, rng = CASES[case["case"]], sample_rng(0, case["case"])
        maps = labelnoise.raters(labels, [READER] * 3, axes=AXES, spacing=SPACING, rng=rng)
        assert (maps[0] != maps[1]).any()
        for number, (drawn, told) in enumerate(zip(maps, case["raters"], strict=True), 1):
            assert told["file"] == f"rater{number}/{case['case']}.nii.gz"
            np.testing.assert_array_equal(load(volumes / "out" / told["file"]), drawn)
            for label, dice in told["dice"].items():
                assert dice == labelnoise.dice(labels, drawn, labels=[int(label)])
        for label, told in zip((1, 2), case["soft"], strict=True):
            assert told["file"] == f"soft/label{label}/{case['case']}.nii.gz"
            shares = load(volumes / "out" / told["file"])
            assert shares.dtype == np.float32
            np.testing.assert_array_equal(shares, labelnoise.soft(maps, [label])[0])
    one = run(volumes, *reader, "--raters", 1, target="one")
    assert one["cases"][0]["raters"][0] == manifest["cases"][0]["raters"][0]


def test_other_noise_has_raters_too(volumes):
    """Of one strength, which is found as without them."""
    options = ["--noise", "omit:0.3", "bias:1", "--dice", 0.85, "--tol", 0.03]
    manifest = run(volumes, *options, "--raters", 2)
    assert manifest["found"] == run(volumes, *options, target="alone")["found"]
    chain = Chain(Noise("omit", 0.3), Noise("bias", 1.0))
    for name, labels in CASES.items():
        rng, factor = sample_rng(0, name), manifest["found"]["factor"]
        maps = labelnoise.raters(labels, [chain] * 2, factor, axes=(1, 0), rng=rng)
        for number, drawn in enumerate(maps, 1):
            path = volumes / "out" / f"rater{number}" / f"{name}.nii.gz"
            np.testing.assert_array_equal(load(path), drawn)


def test_raters_are_verified_and_finished_too(volumes, capsys):
    """File by file."""
    options = ["--annotator", volumes / "reader.json", "--raters", 2, "--soft", "--share", 0.5]
    assert 0 < sum(labelnoise.in_share(0, name, 0.5) for name in CASES) < 3
    whole = run(volumes, *options)
    out = volumes / "out"
    files = {path: path.read_bytes() for path in out.rglob("*.nii.gz")}
    assert len(files) == 3 * (2 + 2)
    (out / "rater2" / "case_0.nii.gz").unlink()
    (out / "soft" / "label2" / "case_1.nii.gz").unlink()
    again = run(volumes, *options, "--resume")
    assert again["cases"] == whole["cases"]
    assert {path: path.read_bytes() for path in out.rglob("*.nii.gz")} == files
    (out / "rater2" / "case_0.nii.gz").write_bytes(b"mine")
    run(volumes, *options, "--resume", code=1)
    assert "case_0: was written, and changed since; remove 'rater2/case_0.nii.gz' from DST" in (
        capsys.readouterr().err
    )
    for case in whole["cases"]:
        if not case["noisy"]:
            source = (volumes / "in" / f"{case['case']}.nii.gz").read_bytes()
            assert {files[out / each["file"]] for each in case["raters"]} == {source}
            for label, told in enumerate(case["soft"], 1):
                np.testing.assert_array_equal(
                    load(out / told["file"]), CASES[case["case"]] == label
                )


def test_shares_have_the_geometry_of_their_source(volumes):
    """Header and affine; the numbers are not scaled."""
    affine = LPS + np.array([[0, 0.1, 0, 4], [0, 0, 0, 5], [0, 0, 0, 6], [0, 0, 0, 0]])
    image = nibabel.Nifti1Image(np.minimum(organs(0), 1).astype(np.int16), affine)
    image.header.set_qform(affine, 1)
    image.header.set_sform(affine, 4)
    image.header.set_xyzt_units("mm", "sec")
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a comment"))
    (volumes / "one" / "in").mkdir(parents=True)
    nibabel.save(image, volumes / "one" / "in" / "a.nii")
    run(volumes / "one", "--annotator", volumes / "reader.json", "--raters", 2, "--soft")
    path = volumes / "one" / "out" / "soft" / "a.nii"
    before, after = nibabel.load(volumes / "one" / "in" / "a.nii").header, nibabel.load(path).header
    assert after.get_data_dtype() == np.float32
    for key in set(before) - {"datatype", "bitpix"}:
        np.testing.assert_array_equal(after[key], before[key], err_msg=key)
    assert after.extensions == before.extensions
    assert np.frombuffer(path.read_bytes()[112:120], "<f4").tolist() == [1, 0]


@pytest.mark.parametrize(("name", "pages"), [("a.png", 1), ("a.tif", 1), ("a.TIFF", 3)])
def test_shares_of_pictures_are_tiff(tmp_path, name, pages):
    """With all pages, of whatever label."""
    (tmp_path / "in").mkdir()
    planes = [np.minimum(organs(0)[:, :, 6 + page], 1) * np.uint8(255) for page in range(pages)]
    images = [Image.fromarray(plane) for plane in planes]
    more = {"save_all": True, "append_images": images[1:]} if pages > 1 else {}
    images[0].save(tmp_path / "in" / name, **more)
    labels = planes[0] if pages == 1 else np.stack(planes)
    run(tmp_path, "--noise", "wobble:2", "--raters", 4, "--soft")
    maps = labelnoise.raters(labels, [Noise("wobble", 2.0)] * 4, rng=sample_rng(0, "a"))
    expected = labelnoise.soft(maps).reshape(pages, *planes[0].shape)
    with Image.open(tmp_path / "out" / "soft" / name.replace("png", "tif")) as image:
        for page in range(pages):
            image.seek(page)
            np.testing.assert_array_equal(np.asarray(image), expected[page])


def test_a_dataset_of_nnunet_has_no_raters(volumes, capsys):
    """Its labels have."""
    raw = volumes / "Dataset001_Organ"
    raw.mkdir()
    save(raw / "labelsTr", CASES)
    described = {"labels": {"background": 0, "organ": 1, "lesion": 2}, "file_ending": ".nii.gz"}
    (raw / "dataset.json").write_text(json.dumps(described))
    options = ["--annotator", "lidc-nodule", "--raters", "2"]
    assert main(["perturb", str(raw), str(volumes / "Dataset501_Noisy"), *options]) == 2
    assert f"has one label map a case; pass SRC='{raw / 'labelsTr'}'" in capsys.readouterr().err
    assert main(["perturb", str(raw / "labelsTr"), str(volumes / "noisy"), *options]) == 0


def test_shares_of_nothing_are_refused(tmp_path, capsys):
    """Without a label there is none to tell the share of."""
    save(tmp_path / "in", {"empty": organs(0) * 0})
    run(tmp_path, "--noise", "bias:1", "--raters", 2, "--soft", code=2)
    assert "labelnoise: --soft: SRC has no labels; pass another folder" in capsys.readouterr().err
