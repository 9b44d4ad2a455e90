"""Annotators on the command line: one of them, and several who draw the same cases."""

import json
import shlex

import numpy as np
import pytest

import labelnoise
from labelnoise import Annotator, Chain, Noise, PerLabel, sample_rng
from labelnoise.cli import main
from labelnoise.cli._arguments import _EXAMPLES, _FIT_EXAMPLES, PUBLISHED

nibabel = pytest.importorskip("nibabel")
Image = pytest.importorskip("PIL.Image")
READER = Annotator(radius=8.0, sigma=1.0, length=6.0, bias=0.5)
LESION = Annotator(radius=4.0, sigma=1.5, hand=0.2)
# Arrays (x, y, z) of the first orientation, (z, x, y) of the second.
ZOOMS, AXES, SPACING = (1.5, 1.0, 3.0), (2, 1, 0), (3.0, 1.0, 1.5)
LPS = np.diag([-1.5, -1.0, 3.0, 1.0])


def organs(case, size=1):
    """Draw a ball of label 1 and a smaller one of label 2, (x, y, z)."""
    labels = np.zeros((24 * size, 52 * size, 12 * size), np.uint8)
    for label, middle in ((1, 15), (2, 39)):
        offsets = (np.indices(labels.shape).T / size - (12, middle, 6)) * ZOOMS
        distance = np.linalg.norm(offsets, axis=-1).T
        labels[distance < 13 - 4 * label + case] = label
    return labels


CASES = {f"case_{number}": organs(number) for number in range(3)}
OTHERS = {name: np.roll(labels, 1, axis=1) for name, labels in CASES.items()}


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
    assert "there are NIfTI files, whose annotators are in mm, and pictures;" in (
        capsys.readouterr().err
    )
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
        tol=0.02,
        keys=list(CASES),
        rng=0,
    ).strength
    search = ["--dice", "0.8", "--tol", "0.02"]
    manifest = run(volumes, *reader, *search, target="other")
    assert manifest["found"]["strength"] == found
    assert {case["strength"] for case in manifest["cases"]} == {found}
    told = f"The strengths that were found, lengths in mm: annotator:{found:.4g}\n"
    assert told in capsys.readouterr().out
    arguments = ["calibrate", volumes / "in", *reader, *search, "--json"]
    assert main([*map(str, arguments)]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["noise"], row["strength"]) == ("annotator", found)


def test_each_case_is_matched_to_its_score(volumes):
    """By a strength of its own; the larger the balls, the less their score jumps."""
    cases = {name: organs(number, 2) for number, name in enumerate(CASES)}
    save(volumes / "in", cases)
    options = ["--annotator", volumes / "reader.json", "--dice", 0.9, "--tol", 0.02, "--per-case"]
    for case in run(volumes, *options)["cases"]:
        expected = READER(
            cases[case["case"]],
            case["strength"],
            axes=AXES,
            spacing=SPACING,
            rng=sample_rng(0, case["case"]),
        )
        np.testing.assert_array_equal(load(volumes / "out" / case["file"]), expected)
        assert abs(np.mean(list(case["dice"].values())) - 0.9) <= 0.02


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
    assert "case_0: was written, and changed since; remove 'rater2/case_0.nii.gz' and" in (
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


@pytest.fixture
def drawn_twice(volumes):
    """Write what another person drew of the three volumes."""
    save(volumes / "other", OTHERS)
    return volumes


@pytest.fixture
def fitted(monkeypatch):
    """Keep what is fitted, and take the fit for done."""
    calls = []

    def keep(pairs, **options):
        pairs = list(pairs)
        if not pairs:
            raise ValueError("pairs: an empty sequence")
        calls.append((pairs, options))
        return READER

    monkeypatch.setattr(Annotator, "fit", staticmethod(keep))
    return calls


def fit(folder, *options, others=("other",), code=0):
    """Fit an annotator to what is there; return the file."""
    path = folder / "new.json"
    path.unlink(missing_ok=True)
    folders = [folder / name for name in ("in", *others)]
    assert main(["fit", *map(str, folders), "-o", str(path), *map(str, options)]) == code
    return path


def upright(labels):
    """Return (slice, row, column) of an array whose first axes run left and back."""
    return labels[::-1, ::-1].transpose(2, 1, 0)


def check_pair(pair, reference, others, spacing):
    """Compare a pair that is fitted with what it should be."""
    np.testing.assert_array_equal(pair[0], reference)
    assert len(pair[1]) == len(others)
    for drawn, expected in zip(pair[1], others, strict=True):
        np.testing.assert_array_equal(drawn, expected)
    np.testing.assert_allclose(pair[2], spacing, rtol=1e-5)


def test_a_person_is_found_again(volumes, capsys):
    """In mm; a copy as from this person is about as wrong as what they drew."""
    person = Annotator(radius=60.0, sigma=6.0, length=36.0, bias=4.0)
    rows, columns = np.indices((52, 60)) * 4.0
    balls = {
        str(number): (np.hypot(rows - 100, columns - 116) < 54 + number % 7)[..., np.newaxis]
        for number in range(10)
    }
    drawn = {
        name: person(mask, axes=(1, 0), spacing=(4, 4), rng=sample_rng(0, name))
        for name, mask in balls.items()
    }
    flat = np.diag([-4.0, -4.0, 4.0, 1.0])
    (volumes / "planes").mkdir()
    save(volumes / "planes" / "in", {name: np.uint8(mask) for name, mask in balls.items()}, flat)
    save(volumes / "planes" / "other", {name: np.uint8(mask) for name, mask in drawn.items()}, flat)
    path = fit(volumes / "planes", "--no-volumes")
    found = Annotator.load(path)
    assert 1 / 2 < found.sigma / person.sigma < 2
    assert abs(found.bias - person.bias) < 3
    assert found.cases == 10
    said = capsys.readouterr().out
    told = f"10 of 10 cases in {volumes / 'planes' / 'in'} were used; pass {path} to labelnoise "
    assert said == f"{found}\n{told}perturb --annotator\n"
    scores = [
        dice
        for case in run(volumes / "planes", "--annotator", path, "--no-volumes")["cases"]
        for dice in case["dice"].values()
    ]
    expected = [labelnoise.dice(balls[name], drawn[name]) for name in balls]
    assert abs(np.mean(scores) - np.mean(expected)) < 0.03 < 1 - np.mean(expected)


@pytest.mark.parametrize("turned", ["in", "other"])
@pytest.mark.parametrize("axes", ["RAS", "SRP", "AIL"])
def test_orientation_makes_no_difference(drawn_twice, fitted, turned, axes):
    """To what is fitted; files of a case may have different ones, and be oblique."""
    oblique = LPS + np.array([[0, 0.1, 0, 4], [0.05, 0, 0, 5], [0, 0, 0, 6], [0, 0, 0, 0]])
    for name, cases in (("in", CASES), ("other", OTHERS)):
        save(drawn_twice / name, cases, oblique)
    wanted = nibabel.orientations.axcodes2ornt(axes)
    for path in (drawn_twice / turned).iterdir():
        image = nibabel.load(path)
        ways = nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), wanted)
        nibabel.save(image.as_reoriented(ways), path)
    fit(drawn_twice)
    [(pairs, options)] = fitted
    assert options == {"labels": None, "axes": (-3, -2, -1), "rng": 0}
    steps = nibabel.affines.voxel_sizes(oblique)[list(AXES)]
    for name, pair in zip(CASES, pairs, strict=True):
        check_pair(pair, upright(CASES[name]), [upright(OTHERS[name])], steps)


@pytest.mark.parametrize(
    ("options", "axes", "order", "spacing"),
    [
        (["--no-volumes"], (-2, -1), (2, 1, 0), SPACING[1:]),
        (["--no-volumes", "--plane", "coronal"], (-2, -1), (1, 2, 0), (3.0, 1.5)),
        (["--spacing", "pixel", "--seed", 7], (-3, -2, -1), (2, 1, 0), (1.0, 1.0, 1.0)),
    ],
)
def test_planes_and_pixels_are_fitted(drawn_twice, fitted, options, axes, order, spacing):
    """As they are drawn."""
    fit(drawn_twice, *options)
    [(pairs, asked)] = fitted
    assert asked == {"labels": None, "axes": axes, "rng": 7 if "--seed" in options else 0}
    labels = CASES["case_0"][::-1, ::-1].transpose(order)
    others = OTHERS["case_0"][::-1, ::-1].transpose(order)
    check_pair(pairs[0], labels, [others], spacing)


@pytest.mark.parametrize(("ending", "volumes"), [("png", False), ("tif", False), ("tif", True)])
def test_pictures_are_fitted_in_pixels(tmp_path, fitted, ending, volumes):
    """In planes; stacks in volumes, if that is asked for."""
    for folder, labels in (("in", CASES["case_0"]), ("other", OTHERS["case_0"])):
        (tmp_path / folder).mkdir()
        first, *more = (Image.fromarray(plane) for plane in upright(labels)[5:8])
        stack = {"save_all": True, "append_images": more} if ending == "tif" else {}
        first.save(tmp_path / folder / f"a.{ending}", **stack)
    fit(tmp_path, *["--volumes"] * volumes)
    [([pair], options)] = fitted
    assert options["axes"] == ((-3, -2, -1) if volumes else (-2, -1))
    drawn, other = (
        upright(labels)[5 if ending == "png" else slice(5, 8)]
        for labels in (CASES["case_0"], OTHERS["case_0"])
    )
    check_pair(pair, drawn, [other], (1.0,) * len(options["axes"]))


def test_several_others_share_a_case(drawn_twice, fitted):
    """Each of those who drew something."""
    third = {name: np.roll(labels, 2, axis=1) for name, labels in CASES.items()}
    save(drawn_twice / "third", {"case_0": third["case_0"], "case_1": third["case_1"] * 0})
    fit(drawn_twice, others=("other", "third"))
    [(pairs, _)] = fitted
    for name, pair in zip(CASES, pairs, strict=True):
        others = [OTHERS[name], third[name]] if name == "case_0" else [OTHERS[name]]
        check_pair(pair, upright(CASES[name]), [upright(other) for other in others], SPACING)


def test_listed_labels_are_fitted(drawn_twice, fitted):
    """The annotator draws no others; nnU-Net lists them, too."""
    assert Annotator.load(fit(drawn_twice)) == READER
    assert Annotator.load(fit(drawn_twice, "--labels", 2)) == PerLabel({2: READER})
    (drawn_twice / "in").rename(drawn_twice / "labelsTr")
    (drawn_twice / "in").mkdir()
    (drawn_twice / "labelsTr").rename(drawn_twice / "in" / "labelsTr")
    labels = {"background": 0, "organ": 1, "lesion": 2, "ignore": 3}
    described = json.dumps({"labels": labels, "file_ending": ".nii.gz"})
    (drawn_twice / "in" / "dataset.json").write_text(described)
    fit(drawn_twice)
    assert [options["labels"] for _, options in fitted] == [None, [2], [1, 2]]


def test_cases_that_cannot_be_fitted_are_listed(tmp_path, fitted, capsys):
    """And cost no other."""
    labels = CASES["case_0"]
    moved, longer = LPS.copy(), LPS.copy()
    moved[0, 3], longer[2, 2] = 1.5, 3.5
    reasons = {
        "elsewhere": "'{other}/elsewhere.nii.gz': lies elsewhere than in REFERENCE, as the affines",
        "empty": "is empty in REFERENCE",
        "mirrored": "'{other}/mirrored.nii.gz': lies elsewhere than in REFERENCE, as the affines",
        "new": "is in '{other}', but not in REFERENCE",
        "shape": "'{other}/shape.nii.gz': has shape (24, 52, 11), but (24, 52, 12) in REFERENCE;",
        "steps": "'{other}/steps.nii.gz': lies elsewhere than in REFERENCE, as the affines tell;",
        "torn": "'{other}/torn.nii.gz': cannot be read (",
        "unseen": "is empty in every OTHER",
    }
    same = {"good": labels, **{name: labels for name in reasons if name != "new"}}
    save(tmp_path / "in", same | {"empty": labels * 0, "not doubly": labels})
    save(tmp_path / "other", same | {"new": labels, "shape": labels[..., 1:], "unseen": labels * 0})
    for name, affine in (("elsewhere", moved), ("mirrored", abs(LPS)), ("steps", longer)):
        save(tmp_path / "other", {name: labels}, affine)
    (tmp_path / "other" / "torn.nii.gz").write_bytes(b"torn")
    assert Annotator.load(fit(tmp_path, code=1)) == READER
    [([pair], _)] = fitted
    check_pair(pair, upright(labels), [upright(labels)], SPACING)
    said = capsys.readouterr()
    assert f"1 of 9 cases in {tmp_path / 'in'} were used" in said.out
    lines = [line for line in said.err.splitlines() if line.startswith("labelnoise: ")]
    for line, (name, reason) in zip(lines, sorted(reasons.items()), strict=True):
        assert line.startswith(f"labelnoise: {name}: {reason.format(other=tmp_path / 'other')}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "{folder}/reader.json"], "-o {folder}/reader.json: is there already; move it"),
        (["-o", "{folder}/no/a.json"], "-o {folder}/no/a.json: '{folder}/no' is no folder; make"),
        (["{folder}/nobody"], "'{folder}/nobody' is no folder; pass one that holds labels"),
        (["{folder}/pictures"], "'{folder}/in', '{folder}/other', '{folder}/pictures': there are "),
        (["--pattern", "a*"], "'{folder}/in' holds no label file that matches 'a*' and ends in "),
        (["--labels", "0"], "--labels 0: list different integers, at least one;"),
        (["--labels", "7"], "REFERENCE and OTHER: no structure of label 7 was drawn by both"),
        (["--seed", "-1"], "--seed=-1: pass an integer of at least 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(drawn_twice, capsys, arguments, message):
    """In one sentence; no file is written."""
    (drawn_twice / "pictures").mkdir()
    Image.fromarray(CASES["case_0"][:, :, 6]).save(drawn_twice / "pictures" / "case_0.png")
    before = {path: path.read_bytes() for path in drawn_twice.rglob("*.*")}
    folders = [str(drawn_twice / name) for name in ("in", "other")]
    arguments = [argument.format(folder=drawn_twice) for argument in arguments]
    assert main(["fit", "-o", str(drawn_twice / "new.json"), *folders, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.splitlines()[-1].startswith(f"labelnoise: {message.format(folder=drawn_twice)}")
    assert error.count("labelnoise: ") == 1
    assert {path: path.read_bytes() for path in drawn_twice.rglob("*.*")} == before


def test_without_a_case_nothing_is_fitted(volumes, fitted, capsys):
    """All are listed."""
    save(volumes / "other", {"case_0": CASES["case_0"] * 0, "a": CASES["case_0"]})
    assert not fit(volumes, code=2).exists()
    assert capsys.readouterr().err.endswith(
        "labelnoise: no case can be used; mend one, or pass another folder\n"
        f"  a: is in {str(volumes / 'other')!r}, but not in REFERENCE\n"
        "  case_0: is empty in every OTHER\n"
    )
    assert not fitted


def test_examples_of_the_help_run(drawn_twice, fitted, monkeypatch):
    """Those with annotators."""
    for name in "labels", "consensus", "nodules":
        save(drawn_twice / name, CASES)
    for name in "second_reader", "reader1", "reader2", "reader3":
        save(drawn_twice / name, OTHERS)
    monkeypatch.chdir(drawn_twice)
    for path in drawn_twice.glob("*.json"):
        path.unlink()
    examples = [
        shlex.split(line)[1:]
        for line in (_FIT_EXAMPLES + _EXAMPLES).splitlines()
        if line.startswith("  labelnoise ") and ("fit" in line or "--annotator" in line)
    ]
    for number, arguments in enumerate(examples):
        if arguments[0] == "perturb":
            arguments[2] += str(number)
        assert main(arguments) == 0
    assert len(examples) == 6
    assert [len(pairs[0][1]) for pairs, _ in fitted] == [1, 3, 1]
