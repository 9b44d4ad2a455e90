"""Several kinds of error one after the other, on the command line and in recipes."""

import json

import numpy as np
import pytest

import labelnoise
from labelnoise import Chain, Noise, sample_rng
from labelnoise.cli import main

Image = pytest.importorskip("PIL.Image")


def crowd(seed):
    """Draw thirty discs of two labels that do not touch, some small."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((120, 100), np.uint8)
    for number in range(30):
        centre = np.array([number // 5 * 20 + 10, number % 5 * 20 + 10]).reshape(2, 1, 1)
        distance = np.hypot(*(np.indices(mask.shape) - centre))
        mask[distance < rng.uniform(2, 8)] = 1 + number % 2
    return mask


MASKS = {f"case_{number}": crowd(number) for number in range(4)}


@pytest.fixture
def source(tmp_path):
    """Write four pictures."""
    (tmp_path / "in").mkdir()
    for name, mask in MASKS.items():
        Image.fromarray(mask).save(tmp_path / "in" / f"{name}.png")
    return tmp_path


def run(source, *options, code=0, target="out"):
    """Perturb them; return the manifest."""
    command = ["perturb", str(source / "in"), str(source / target), *map(str, options)]
    assert main(command) == code
    path = source / target / "manifest.json"
    return json.loads(path.read_text()) if path.exists() else None


def results(source, target="out"):
    """Return what was written."""
    return {name: np.asarray(Image.open(source / target / f"{name}.png")).copy() for name in MASKS}


def recipe(source, noise):
    """Write a recipe; return its path."""
    path = source / "recipe.json"
    path.write_text(json.dumps(noise if isinstance(noise, dict) else noise.to_dict()))
    return path


CHAIN = Chain(Noise("omit", 0.2), Noise("wobble", 1.0))


def check(source, noise, factor=1.0, seed=0):
    """Compare with the library's own call."""
    for name, result in results(source).items():
        expected = noise(MASKS[name], factor, rng=sample_rng(seed, name))
        assert (expected != MASKS[name]).any()
        np.testing.assert_array_equal(result, expected)


def test_a_chain_has_the_strengths_that_are_written(source):
    """In its order; the manifest holds it as to_dict writes it."""
    manifest = run(source, "--noise", "omit:0.2", "wobble:1")
    assert manifest["settings"]["noise"] == CHAIN.to_dict()
    assert labelnoise.noise.from_dict(manifest["settings"]["noise"]) == CHAIN
    assert {case["strength"] for case in manifest["cases"]} == {1.0}
    check(source, CHAIN)


def test_one_kind_with_a_strength_is_that_kind(source):
    """As with --strength, with which it can be resumed."""
    manifest = run(source, "--noise", "wobble:1.5")
    assert manifest["settings"]["noise"] == Noise("wobble", 1.5).to_dict()
    assert {case["strength"] for case in manifest["cases"]} == {1.5}
    check(source, Noise("wobble", 1.5))
    run(source, "--noise", "wobble", "--strength", 1.5, "--resume")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_scales_all_strengths_together(source, workers):
    """By the factor that the library finds for the chain."""
    options = ["--noise", "omit:0.2", "wobble:1", "--dice", 0.8, "--tol", 0.02]
    manifest = run(source, *options, "--workers", workers)
    found = labelnoise.calibrate(
        list(MASKS.values()), CHAIN, 0.8, tol=0.02, keys=list(MASKS), rng=0
    )
    assert manifest["found"]["strength"] == found.strength
    assert manifest["settings"]["noise"] == CHAIN.to_dict()
    check(source, CHAIN, found.strength)


def test_each_case_is_matched_by_a_factor_of_its_own(source):
    """With the proportions of the chain."""
    options = ["--noise", "omit:0.2", "wobble:1", "--dice", 0.8, "--tol", 0.03, "--per-case"]
    for case in run(source, *options)["cases"]:
        expected = CHAIN(MASKS[case["case"]], case["strength"], rng=sample_rng(0, case["case"]))
        np.testing.assert_array_equal(results(source)[case["case"]], expected)
        assert abs(np.mean(list(case["dice"].values())) - 0.8) <= 0.03


def test_a_single_written_strength_is_scaled_too(source):
    """The manifest tells the strength that was used, not the factor."""
    manifest = run(source, "--noise", "wobble:2", "--dice", 0.8)
    used = {case["strength"] for case in manifest["cases"]}
    assert used == {manifest["found"]["strength"]} == {2 * manifest["found"]["factor"]}
    check(source, Noise("wobble", 2), manifest["found"]["factor"])


def test_options_go_to_the_steps_that_take_them(source):
    """Labels to all; --length to wobble and elastic."""
    options = ["--noise", "omit:0.2", "wobble:1", "elastic:1", "--length", 5, "--labels", 2]
    manifest = run(source, *options)
    assert manifest["settings"]["labels"] == [2]
    steps = manifest["settings"]["noise"]["chain"]
    assert [step.get("length") for step in steps] == [None, 5.0, 5.0]
    assert [step["labels"] for step in steps] == [[2]] * 3
    assert all(list(case["dice"]) == ["2"] for case in manifest["cases"])
    chain = Chain(
        Noise("omit", 0.2, labels=[2]),
        Noise("wobble", 1.0, length=5.0, labels=[2]),
        Noise("elastic", 1.0, length=5.0, labels=[2]),
    )
    check(source, chain)


def test_a_recipe_has_labels_and_options_of_its_own(source):
    """The command line's are for the steps without, and for the score."""
    noise = Chain(
        Noise("omit", 0.3, labels=[2]),
        Chain(Noise("wobble", 1.0, length=4.0), Noise("wobble", 0.5)),
    )
    path = recipe(source, noise)
    manifest = run(source, "--recipe", path, "--labels", 1, 2, "--length", 9)
    expected = Chain(
        Noise("omit", 0.3, labels=[2]),
        Chain(
            Noise("wobble", 1.0, length=4.0, labels=[1, 2]),
            Noise("wobble", 0.5, length=9.0, labels=[1, 2]),
        ),
    )
    check(source, expected)
    assert labelnoise.noise.from_dict(manifest["settings"]["noise"]) == expected
    assert all(list(case["dice"]) == ["1", "2"] for case in manifest["cases"])


def test_a_recipe_of_one_kind(source):
    """What Noise.to_dict writes, at its strength or searched for."""
    path = recipe(source, Noise("natural", 1.0, knots=7))
    run(source, "--recipe", path)
    check(source, Noise("natural", 1.0, knots=7))
    manifest = run(source, "--recipe", path, "--dice", 0.85, target="other")
    assert abs(manifest["found"]["score"] - 0.85) <= 0.005


@pytest.mark.parametrize("into", [{2: {1: 0.5}}, [[0, 0], [0.5, 0.5]]])
def test_a_recipe_tells_what_is_taken_for_what(source, into):
    """A mapping or a matrix, which no word of the command line can hold."""
    noise = Noise("confuse", 1.0, into=into, labels=[1, 2])
    manifest = run(source, "--recipe", recipe(source, noise))
    assert labelnoise.noise.from_dict(manifest["settings"]["noise"]) == noise
    check(source, noise)
    run(source, "--recipe", recipe(source, noise), "--resume")
    with pytest.raises(SystemExit):
        run(source, "--noise", "confuse:1", "--into", "1")


def test_labels_that_a_recipe_draws_are_scored_with_all_others(source):
    """If none are named, as a missed lesion changes the liver too."""
    manifest = run(source, "--recipe", recipe(source, Noise("omit", 0.5, labels=[2])))
    for case in manifest["cases"]:
        assert case["dice"]["1"] == 1.0
        assert case["dice"]["2"] < 1.0


def test_a_prevalence_in_a_chain_gets_the_label_of_the_data_set(tmp_path):
    """The step that needs one, and no other."""
    (tmp_path / "in").mkdir()
    full = (crowd(0) > 0) * np.uint8(255)
    for name, mask in (("full", full), ("empty", full * 0)):
        Image.fromarray(mask).save(tmp_path / "in" / f"{name}.png")
    options = ["--noise", "wobble:1", "random:0.2", "--prevalence", 0.3]
    manifest = run(tmp_path, *options)
    wobble, random = manifest["settings"]["noise"]["chain"]
    assert random == {"error": "random", "strength": 0.2, "prevalence": 0.3, "labels": [255]}
    assert wobble == {"error": "wobble", "strength": 1.0}
    empty = np.asarray(Image.open(tmp_path / "out" / "empty.png"))
    assert np.unique(empty).tolist() == [0, 255]
    run(tmp_path, *options, "--resume")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [],
            "--noise: is missing; pass a kind of error, e.g. --noise natural, an --annotator or a",
        ),
        (["--noise", "bias:1", "--recipe", "r"], "--recipe=r: goes without --noise; leave one out"),
        (["--noise", "wobbel:2"], "--noise wobbel:2: no kind of error has this name; pass one of "),
        (["--noise", "wobble:two"], "--noise wobble:two: pass a number after the colon, e.g. wo"),
        (["--noise", "omit:"], "--noise omit:: pass a number after the colon, e.g. omit:0.05"),
        (["--noise", "omit:1.5", "bias:1"], "--noise omit:1.5: pass a number from 0 to 1"),
        (
            ["--noise", "natural"],
            "--noise natural: has no strength; write one after it, e.g. natu",
        ),
        (
            ["--noise", "bias:1", "omit", "--dice", "0.9"],
            "--noise omit: has no strength; write one after it, e.g. omit:0.05\n",
        ),
        (
            ["--noise", "bias:1", "--strength", "3"],
            "--strength=3: goes with one kind of error that has no strength of its own, not with "
            "--noise bias:1; leave it out",
        ),
        (
            ["--noise", "bias", "omit", "--strength", "3"],
            "--strength=3: goes with one kind of error that has no strength of its own, not with "
            "--noise bias omit; leave it out",
        ),
        (
            ["--recipe", "{recipe}", "--strength", "3"],
            "--strength=3: a recipe has strengths of its",
        ),
        (["--noise", "bias:1", "omit:0.1", "--knots", "7"], "--knots=7: goes with --noise natural"),
        (
            ["--recipe", "{recipe}", "--knots", "7"],
            "--knots=7: goes with natural steps that have no",
        ),
        (
            ["--recipe", "{recipe}", "--length", "7"],
            "--length=7: goes with elastic or wobble steps",
        ),
        (["--recipe", "nowhere"], "--recipe=nowhere: cannot be read ("),
        (["--noise", "omit:0.1", "random:0.1", "--spacing", "mm"], "--plane and --spacing go with"),
        (["--noise", "omit:0.1", "bias:1", "--labels", "1", "0"], "--labels 1 0: list different"),
    ],
)
def test_what_cannot_be_is_refused(source, capsys, options, message):
    """In one sentence; nothing is written."""
    path = recipe(source, Chain(Noise("omit", 0.1), Noise("wobble", 1.0, length=4.0)))
    run(source, *(option.format(recipe=path) for option in options), code=2)
    assert f"labelnoise: {message}" in capsys.readouterr().err
    assert not (source / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read (Expecting property name"),
        ("\udcff", "cannot be read ('utf-8' codec"),
        ("[" * 100_000, "cannot be read ("),
        *(
            (content, "describes no noise; write what to_dict of a labelnoise.Noise, Annotator or ")
            for content in (
                "null",
                "3",
                "[]",
                '"chain"',
                "{}",
                '{"chain": []}',
                '{"chain": 3}',
                '{"chain": "omit"}',
                '{"chain": ["omit"]}',
                '{"chain": {"error": "omit", "strength": 0.1}}',
                '{"chain": [{"error": "omit", "strength": 0.1}], "strength": 2}',
                '{"error": "omit"}',
                '{"error": ["omit"], "strength": 0.1}',
            )
        ),
        ('{"error": "drunk", "strength": 1}', "error='drunk': pass one of "),
        ('{"error": "omit", "strength": "much"}', "rate='much': pass a number from 0 to 1"),
        ('{"error": "omit", "strength": NaN}', "rate=nan: pass a number from 0 to 1"),
        ('{"error": "omit", "strength": 0.1, "knots": 5}', "knots=: omit takes"),
        ('{"error": "omit", "strength": 0.1, "rng": 5}', "rng=: omit takes"),
        ('{"error": "omit", "strength": 0.1, "labels": [0]}', "labels=(0,): list different"),
        ('{"error": "omit", "strength": 0.1, "axes": [0, 1]}', "has axes=[0, 1]; leave it out"),
        (
            '{"chain": [{"error": "bias", "strength": 1, "spacing": [1, 1]}]}',
            "has spacing=[1, 1]; leave it out, as --plane, --volumes and --spacing give it",
        ),
    ],
)
def test_recipes_that_cannot_be_are_refused(source, capsys, content, message):
    """With the file's name and what to do."""
    path = source / "recipe.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    run(source, "--recipe", path, code=2)
    error = capsys.readouterr().err
    assert f"labelnoise: --recipe={path}: {message}" in error
    assert error.count("\n") == 1
    assert not (source / "out").exists()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            ["--noise", "wobble:2", "omit:0.05"],
            ["--noise", "wobble:1.5", "omit:0.05"],
            "was begun with --noise wobble:2 omit:0.05, not --noise wobble:1.5 omit:0.05;",
        ),
        (
            ["--noise", "wobble:2", "omit:0.05"],
            ["--noise", "omit:0.05", "wobble:2"],
            "was begun with --noise wobble:2 omit:0.05, not --noise omit:0.05 wobble:2;",
        ),
        (
            ["--noise", "wobble:2", "omit:0.05"],
            ["--noise", "wobble:2"],
            "was begun with --noise wobble:2 omit:0.05, not --noise wobble;",
        ),
        (
            ["--noise", "wobble:2", "omit:0.05", "--length", "5"],
            ["--noise", "wobble:2", "omit:0.05"],
            "was begun with --length=5, not no --length;",
        ),
        (
            ["--noise", "wobble:2", "omit:0.05", "--labels", "1"],
            ["--noise", "wobble:2", "omit:0.05"],
            "was begun with --labels 1, not no --labels;",
        ),
        (
            ["--noise", "wobble:2", "omit:0.05"],
            ["--recipe", "{recipe}"],
            'was begun with --recipe=\'{"chain": [{"error": "wobble", "strength": 2.0}, ',
        ),
    ],
)
def test_other_chains_are_not_resumed(source, capsys, first, second, message):
    """The message has both as they would be written."""
    path = recipe(source, Chain(Noise("wobble", 2.0), Noise("omit", 0.05, labels=[1])))
    run(source, *first)
    run(source, *first, "--resume")
    capsys.readouterr()
    run(source, *(option.format(recipe=path) for option in second), "--resume", code=2)
    assert message in capsys.readouterr().err


def test_calibrate_takes_a_recipe_or_several_kinds(source, capsys):
    """One after the other in its table, never as a chain."""
    where = ["calibrate", str(source / "in"), "--dice", "0.8", "--tol", "0.02", "--json"]
    assert main([*where, "--recipe", str(recipe(source, CHAIN))]) == 0
    [row] = json.loads(capsys.readouterr().out)
    found = labelnoise.calibrate(
        list(MASKS.values()), CHAIN, 0.8, tol=0.02, keys=list(MASKS), rng=0
    )
    assert (row["noise"], row["strength"]) == ("recipe", found.strength)
    assert main([*where, "--noise", "wobble", "choppy"]) == 0
    assert [row["noise"] for row in json.loads(capsys.readouterr().out)] == ["wobble", "choppy"]
    assert main([*where, "--noise", "wobble:2", "choppy"]) == 2
    assert "--noise wobble:2: calibrate finds the strength; leave it" in capsys.readouterr().err
    assert main([*where, "--noise", "wobble", "--recipe", "r"]) == 2
    assert "--recipe=r: goes without --noise; leave one out" in capsys.readouterr().err
    assert main([*where, "--noise", "wobbel"]) == 2
    assert "--noise wobbel: no kind of error has this name" in capsys.readouterr().err


def test_labels_of_objects_are_listed(source):
    """They go to the kinds that have them, and bad ones are told as they were written."""
    manifest = run(source, "--noise", "omit:0.5", "bias:1", "--of", 2)
    assert manifest["settings"]["noise"]["chain"][0]["of"] == [2]
    check(source, Chain(Noise("omit", 0.5, of=[2]), Noise("bias", 1.0)))


def test_bad_labels_of_objects_are_told_as_written(source, capsys):
    """With the flag, not the argument."""
    run(source, "--noise", "omit:0.5", "--of", 3, "--labels", 1, 2, code=2)
    assert "labelnoise: --of 3: names label 3, but --labels 1 2; list it too" in (
        capsys.readouterr().err
    )


def test_what_was_found_and_done_is_told(source, capsys):
    """The strengths that all kinds came to; and that nothing changed."""
    manifest = run(source, "--noise", "omit:0.2", "wobble:1", "--dice", 0.8, "--tol", 0.03)
    factor = manifest["found"]["factor"]
    assert manifest["found"]["scaled"] == CHAIN.scaled(factor).to_dict()
    told = f"lengths in pixels: omit:{0.2 * factor:.4g} wobble:{factor:.4g}\n"
    printed = capsys.readouterr()
    assert told in printed.out
    assert "no case changed" not in printed.err
    run(source, "--noise", "omit:0.4", "--of", 9, target="other")
    assert "labelnoise: no case changed; look at its labels and options" in capsys.readouterr().err


def test_the_labels_that_a_case_had_are_scored(source):
    """By search and manifest alike, also where a confusion adds another, or takes the only one."""
    Image.fromarray(np.minimum(MASKS["case_0"], 1)).save(source / "in" / "case_0.png")
    path = recipe(source, Noise("confuse", 1.0, into={1: {7: 0.5}, 2: 1}))
    manifest = run(source, "--recipe", path, "--dice", 0.7, "--tol", 0.05)
    means = [np.mean(list(case["dice"].values())) for case in manifest["cases"]]
    assert np.mean(means) == pytest.approx(manifest["found"]["score"])
    assert all("7" not in case["dice"] for case in manifest["cases"])
    assert all(0 < case["error_rate"] < 1 for case in manifest["cases"])
    assert main(["compare", str(source / "in"), str(source / "out")]) == 0
