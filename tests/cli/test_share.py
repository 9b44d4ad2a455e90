"""A share of the cases is noisy; each case may have a score of its own."""

import json

import numpy as np
import pytest

import labelnoise
from labelnoise.cli import main
from labelnoise.files import digest_of

Image = pytest.importorskip("PIL.Image")
NAMES = [f"case {number}" for number in range(12)]


def disc(radius):
    """Draw a disc with a smaller one in it."""
    distance = np.hypot(*(np.indices((48, 40)) - np.array([24, 20]).reshape(2, 1, 1)))
    return (distance < radius).astype(np.uint8) + (distance < radius / 2)


@pytest.fixture
def masks(tmp_path):
    """Write twelve discs; return them by name."""
    (tmp_path / "in").mkdir()
    found = {name: disc(8 + number) for number, name in enumerate(NAMES)}
    for name, mask in found.items():
        Image.fromarray(mask).save(tmp_path / "in" / f"{name}.png")
    return found


def perturb(tmp_path, *options, code=0):
    """Perturb them; return the manifest."""
    command = ["perturb", str(tmp_path / "in"), str(tmp_path / "out"), "--noise", "choppy"]
    assert main([*command, *map(str, options)]) == code
    return json.loads((tmp_path / "out" / "manifest.json").read_text())


def test_a_share_of_the_cases_is_noisy(tmp_path, masks, capsys):
    """Those of in_share; the others are the same bytes, and the mean Dice is not theirs."""
    noisy = {name for name in NAMES if labelnoise.in_share(3, name, 0.6)}
    assert 2 < len(noisy) < 9
    strange = tmp_path / "in" / f"{min(set(NAMES) - noisy)}.png"
    strange.write_bytes(strange.read_bytes() + b"kept")
    manifest = perturb(tmp_path, "--strength", 2, "--share", 0.6, "--seed", 3)
    assert manifest["settings"]["share"] == 0.6
    assert {case["case"] for case in manifest["cases"] if case["noisy"]} == noisy
    scores = []
    for case in manifest["cases"]:
        name = case["case"]
        before, after = (tmp_path / folder / f"{name}.png" for folder in ("in", "out"))
        if name in noisy:
            expected = labelnoise.choppy(masks[name], 2, rng=labelnoise.sample_rng(3, name))
            np.testing.assert_array_equal(np.asarray(Image.open(after)), expected)
            scores.append(labelnoise.dice(masks[name], expected))
        else:
            assert before.read_bytes() == after.read_bytes()
            assert case["sha256"] == digest_of(masks[name])
            assert (case["strength"], case["error_rate"]) == (0.0, 0.0)
    said = capsys.readouterr().out
    assert f", {len(noisy)} of them noisy, mean Dice {np.mean(scores):.4f}, averaged over" in said
    assert not list((tmp_path / "out").glob(".*.part"))


def test_all_cases_are_noisy_without_a_share(tmp_path, masks, capsys):
    """The manifest says so, and nothing else needs to."""
    manifest = perturb(tmp_path, "--strength", 2)
    assert all(case["noisy"] for case in manifest["cases"])
    assert capsys.readouterr().out.startswith(f"12 of 12 cases in {tmp_path / 'out'}, mean Dice ")


def test_a_search_is_that_of_the_noisy_cases(tmp_path, masks, capsys):
    """The strength is what the library finds for them alone, in both commands."""
    noisy = [name for name in NAMES if labelnoise.in_share(0, name, 0.5)]
    assert 2 < len(noisy) < 10
    found = labelnoise.calibrate(
        [masks[name] for name in noisy], labelnoise.choppy, 0.85, keys=noisy, rng=0
    )
    manifest = perturb(tmp_path, "--dice", 0.85, "--share", 0.5, "--workers", 2)
    assert manifest["found"]["strength"] == found.strength
    assert manifest["found"]["cases"] == len(noisy)
    scores = [case["dice"] for case in manifest["cases"] if case["noisy"]]
    assert np.mean([np.mean(list(score.values())) for score in scores]) == found.score
    capsys.readouterr()
    options = ["--noise", "choppy", "--dice", "0.85", "--share", "0.5", "--json"]
    assert main(["calibrate", str(tmp_path / "in"), *options]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["strength"], row["cases"]) == (found.strength, len(noisy))


def test_copies_are_verified_and_finished_too(tmp_path, masks, capsys):
    """With --resume, whether a case is noisy or not."""
    options = ["--strength", 2, "--share", 0.5]
    whole = perturb(tmp_path, *options)
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")}
    noisy = {case["case"]: case["noisy"] for case in whole["cases"]}
    one, other, third = [name for name in NAMES if not noisy[name]][:3]
    drawn = next(name for name in NAMES if noisy[name])
    for name in one, drawn:
        (tmp_path / "out" / f"{name}.png").unlink()
    again = perturb(tmp_path, *options, "--resume")
    assert again["cases"] == whole["cases"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")} == files
    (tmp_path / "out" / f"{other}.png").write_bytes(b"mine")
    (tmp_path / "in" / f"{third}.png").write_bytes(b"yours")
    capsys.readouterr()
    perturb(tmp_path, *options, "--resume", code=1)
    errors = capsys.readouterr().err
    assert f"{other}: was written, and changed since" in errors
    assert f"{third}: has changed since it was perturbed" in errors
    options = ["--strength", "2", "--share", "0.6", "--resume"]
    command = ["perturb", str(tmp_path / "in"), str(tmp_path / "out"), "--noise", "choppy"]
    assert main([*command, *options]) == 2
    assert "was begun with --share=0.5, not --share=0.6" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ("0", "--share=0: chooses none of 12 cases; pass a larger share, or another --seed"),
        ("0.001", "--share=0.001: chooses none of 12 cases"),
        ("1.5", "--share=1.5: pass a number from 0 to 1"),
    ],
)
@pytest.mark.parametrize("command", ["perturb", "calibrate"])
def test_a_share_without_cases_is_refused(tmp_path, masks, capsys, command, share, message):
    """Nothing is written."""
    where = [str(tmp_path / "in")]
    where += [str(tmp_path / "out")] if command == "perturb" else []
    assert main([command, *where, "--noise", "choppy", "--dice", "0.9", "--share", share]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))


def test_each_case_has_a_target_of_its_own(tmp_path, masks):
    """That of its name, between the two; the library finds the same masks."""
    manifest = perturb(tmp_path, "--dice", "0.70:0.95", "--per-case", "--seed", 3)
    assert manifest["settings"]["dice"] == [0.7, 0.95]
    targets = [case["target"] for case in manifest["cases"]]
    assert 0.7 <= min(targets) < 0.75
    assert 0.8 < max(targets) <= 0.95
    for case in manifest["cases"]:
        name = case["case"]
        target = labelnoise.sample_rng(3, f"target of {name}").uniform(0.70, 0.95)
        assert case["target"] == target
        rng = labelnoise.sample_rng(3, name)
        found = labelnoise.match(masks[name], labelnoise.Noise("choppy", 1.0), target, rng=rng)
        result = np.asarray(Image.open(tmp_path / "out" / f"{name}.png"))
        np.testing.assert_array_equal(result, found.mask)
        assert abs(labelnoise.dice(masks[name], result) - target) <= 0.005


def test_one_target_stands_in_the_manifest_too(tmp_path, masks):
    """Of noisy cases, where each has one."""
    manifest = perturb(tmp_path, "--dice", "0.9", "--per-case", "--share", 0.6)
    for case in manifest["cases"]:
        assert case["target"] == (0.9 if case["noisy"] else None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dice", "0.7:0.95"], "--dice=0.7:0.95: a range gives each case a score of its own; pa"),
        (["--dice", "0.95:0.7", "--per-case"], "--dice=0.95:0.7: pass the lower score first"),
        (["--dice", "0.7:1.5", "--per-case"], "--dice=1.5: pass a score above 0, up to 1"),
        (["--dice", "0:0.9", "--per-case"], "--dice=0: pass a score above 0"),
    ],
)
def test_ranges_that_cannot_be_are_refused(tmp_path, masks, capsys, options, message):
    """With the remedy; nothing is written."""
    command = ["perturb", str(tmp_path / "in"), str(tmp_path / "out"), "--noise", "choppy"]
    assert main([*command, *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_range_is_not_resumed(tmp_path, masks, capsys):
    """The message has both as they are written."""
    options = ["--per-case", "--dice"]
    perturb(tmp_path, *options, "0.7:0.95")
    perturb(tmp_path, *options, "0.70:0.950", "--resume")
    command = ["perturb", str(tmp_path / "in"), str(tmp_path / "out"), "--noise", "choppy"]
    assert main([*command, *options, "0.7:0.9", "--resume"]) == 2
    assert "was begun with --dice=0.7:0.95, not --dice=0.7:0.9;" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, *options, "0.7:", "--resume"])
    assert "argument --dice: '0.7:': pass a number" in capsys.readouterr().err
