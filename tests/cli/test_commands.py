"""The commands: what they write, print and refuse."""

import csv
import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import labelnoise
from labelnoise.cli import main

nibabel = pytest.importorskip("nibabel")


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """Write twelve cases of one ball with a smaller one in it, and an empty one."""
    folder = tmp_path_factory.mktemp("clean") / "labels"
    folder.mkdir()
    grid = np.indices((60, 50, 9)) - np.array([30, 25, 4]).reshape(3, 1, 1, 1)
    for case in range(13):
        distance = np.sqrt((grid**2).sum(axis=0))
        volume = (distance < 10 + case / 2).astype(np.int16) + (distance < 5 + case / 4)
        image = nibabel.Nifti1Image((volume * (case < 12)).astype(np.int16), np.eye(4))
        nibabel.save(image, folder / f"case_{case:02}.nii.gz")
    return folder


def contents(folder):
    """Return the results of a run, and its manifest but for the command."""
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest.pop("command").startswith("labelnoise perturb ")
    return {path.name: path.read_bytes() for path in folder.glob("*.nii.gz")}, manifest


COMMAND = ["--noise", "choppy", "--dice", "0.9"]


@pytest.fixture(scope="module")
def undisturbed(labels):
    """Perturb them in this process."""
    target = labels.parent / "undisturbed"
    assert main(["perturb", str(labels), str(target), *COMMAND]) == 0
    return contents(target)


def test_the_manifest_tells_what_was_done(undisturbed, capsys):
    """The mean of the cases' scores is the target; the empty case is as it was."""
    files, manifest = undisturbed
    scores = [list(case["dice"].values()) for case in manifest["cases"]]
    assert [len(one) for one in scores] == [2] * 12 + [0]
    assert abs(np.mean([np.mean(one) for one in scores[:12]]) - 0.9) <= 0.005
    assert manifest["found"]["score"] == pytest.approx(np.mean(scores[:12]))
    assert manifest["failed"] == {}
    assert len(files) == 13
    assert {case["strength"] for case in manifest["cases"]} == {manifest["found"]["strength"]}


def test_each_case_reaches_its_target(labels, tmp_path):
    """With --per-case; the strengths differ, and what is empty stays."""
    target = tmp_path / "noisy"
    assert main(["perturb", str(labels), str(target), *COMMAND, "--per-case"]) == 0
    cases = contents(target)[1]["cases"]
    for case in cases[:12]:
        assert abs(np.mean(list(case["dice"].values())) - 0.9) <= 0.005
    assert len({case["strength"] for case in cases}) > 10
    assert cases[12]["dice"] == {}


def test_processes_give_the_same_bytes(labels, undisturbed, tmp_path):
    """Two of them."""
    assert main(["perturb", str(labels), str(tmp_path / "a"), *COMMAND, "--workers", "2"]) == 0
    assert contents(tmp_path / "a") == undisturbed


def test_a_cluster_gives_the_same_bytes(labels, undisturbed, tmp_path):
    """Of two worker processes."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        where = ["--scheduler", cluster.scheduler_address]
        assert main(["perturb", str(labels), str(tmp_path / "a"), *COMMAND, *where]) == 0
    assert contents(tmp_path / "a") == undisturbed


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_killed_ten_times(labels, undisturbed, tmp_path):
    """Kill -9 after each new result or two; what is there in the end is the same."""
    target, killed = tmp_path / "noisy", 0
    command = [sys.executable, "-m", "labelnoise", "perturb", str(labels), str(target)]
    command += [*COMMAND, "--resume", "--workers", "2"]
    for wanted in range(1, 11):
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as run:
            for line in run.stderr:
                if line.startswith(f"{wanted}/13"):
                    os.killpg(run.pid, signal.SIGKILL)
                    break
        killed += run.returncode == -signal.SIGKILL
        if target.exists():  # it was faster than the signal
            break
    assert killed >= 5
    if target.exists():
        target.rename(target.with_name(".noisy.labelnoise"))
    (target.with_name(".noisy.labelnoise") / ".case_12.nii.gz.1.part").write_bytes(b"half")
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert contents(target) == undisturbed
    assert {path.name for path in target.iterdir()} == {*undisturbed[0], "manifest.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["noisy"]


def test_broken_files_cost_their_case_alone(labels, undisturbed, tmp_path, capsys):
    """Truncated, fractional and no NIfTI at all; mended, they are resumed."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for path in labels.glob("*.nii.gz"):
        (source / path.name).write_bytes(path.read_bytes())
    whole = (source / "case_00.nii.gz").read_bytes()
    (source / "case_00.nii.gz").write_bytes(whole[:-20])
    nibabel.save(nibabel.Nifti1Image(np.full((9, 9, 2), 0.5), None), source / "case_01.nii.gz")
    (source / "case_02.nii.gz").write_bytes(b"hello")
    strength = str(undisturbed[1]["found"]["strength"])
    command = ["perturb", str(source), str(target), "--noise", "choppy", "--strength", strength]
    for workers in "1", "2":
        assert main([*command, "--workers", workers, "--resume"]) == 1
        errors = capsys.readouterr().err
        assert "case_00: cannot be read" in errors
        assert "case_01: holds the label 0.5, but labels are integers" in errors
        assert "case_02: cannot be read" in errors
    for case in range(3):
        name = f"case_{case:02}.nii.gz"
        (source / name).write_bytes((labels / name).read_bytes())
    assert main([*command, "--resume"]) == 0
    assert contents(target)[0] == undisturbed[0]


def test_resuming_verifies_results_and_sources(labels, tmp_path, capsys):
    """One that was changed is neither trusted nor overwritten."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for path in sorted(labels.glob("*.nii.gz"))[:3]:
        (source / path.name).write_bytes(path.read_bytes())
    command = ["perturb", str(source), str(target), "--noise", "random", "--strength", "0.1"]
    assert main(command) == 0
    (target / "case_00.nii.gz").write_bytes(b"mine")
    (source / "case_01.nii.gz").write_bytes((source / "case_02.nii.gz").read_bytes())
    (target / "case_02.nii.gz").unlink()
    assert main([*command, "--resume"]) == 1
    errors = capsys.readouterr().err
    assert "case_00: was written, and changed since" in errors
    assert "case_01: has changed since it was perturbed" in errors
    assert "labelnoise: case_02" not in errors
    assert (target / "case_00.nii.gz").read_bytes() == b"mine"
    assert (target / "case_02.nii.gz").exists()
    assert main([*command, "--resume", "--seed", "1"]) == 2
    assert "begun with --seed=0, not --seed=1" in capsys.readouterr().err


def test_a_subset_has_the_same_noise(labels, undisturbed, tmp_path):
    """A case's noise depends on its name and the seed."""
    strength = str(undisturbed[1]["found"]["strength"])
    command = ["perturb", str(labels), str(tmp_path / "a"), "--noise", "choppy"]
    assert main([*command, "--strength", strength, "--pattern", "*_05*"]) == 0
    files, _ = contents(tmp_path / "a")
    assert files == {"case_05.nii.gz": undisturbed[0]["case_05.nii.gz"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{labels}", "{labels}/noisy", "--strength", "1"], "lie in each other"),
        (["{labels}", "{full}", "--strength", "1"], "is not empty"),
        (["{labels}", "{full}", "--strength", "1", "--resume"], "was not begun by labelnoise"),
        (["{labels}", "{new}", "--strength", "-1"], "--strength=-1: pass a number"),
        (["{labels}", "{new}", "--dice", "1.5"], "--dice=1.5: pass a score above 0, up to 1"),
        (["{labels}", "{new}", "--dice", "0.9", "--tol", "0"], "--tol=0: pass a number above 0"),
        (["{labels}", "{new}", "--dice", "0.9", "--sample", "0"], "--sample=0: pass an integer"),
        (["{labels}", "{new}", "--strength", "1", "--knots", "7"], "--knots=7: goes with --noise"),
        (
            ["{labels}", "{new}", "--dice", "0.9", "--labels", "7"],
            "SRC: all 13 have none of --labels 7",
        ),
        (["{labels}", "{new}", "--dice", "0.9", "--labels", "1", "0"], "--labels 1 0: list"),
        (["{labels}", "{new}", "--strength", "1", "--per-case"], "--per-case goes with --dice"),
        (
            ["{labels}", "{new}", "--strength", "1", "--workers", "0"],
            "--workers=0: pass an integer",
        ),
        (["{labels}", "{new}", "--strength", "1", "--seed", "-1"], "--seed=-1: pass an integer"),
        (["{labels}", "{new}", "--strength", "1", "--pattern", "x*"], "no label file"),
        *(
            (
                ["{labels}", "{new}", "--strength", "1", "--pattern", pattern],
                f"--pattern={pattern!r}:",
            )
            for pattern in ("", "/x/*", "**x")
        ),
        (["{loop}", "{new}", "--strength", "1"], "Symlink loop"),
        (["{missing}", "{new}", "--strength", "1"], "is no folder"),
    ],
)
def test_unusable_arguments(labels, tmp_path, capsys, arguments, message):
    """One sentence, exit code 2, nothing written."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "loop").symlink_to("loop")
    names = {key: str(tmp_path / key) for key in ("full", "new", "missing", "loop")}
    filled = [one.format(labels=labels, **names) for one in arguments]
    assert main(["perturb", *filled, "--noise", "choppy"]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.nii.gz"))


def test_calibrate_prints_strengths(labels, undisturbed, capsys):
    """As perturb finds them."""
    arguments = ["calibrate", str(labels), "--noise", "choppy", "random", "--dice", "0.9"]
    assert main([*arguments, "--json"]) == 0
    choppy, random = json.loads(capsys.readouterr().out)
    assert choppy["strength"] == undisturbed[1]["found"]["strength"]
    assert random["strength"] == pytest.approx(0.1, abs=0.01)
    assert main([*arguments, "--workers", "2"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in table[1:]] == [["choppy", "0.9"], ["random", "0.9"]]


def test_compare_prints_the_scores_of_the_manifest(labels, tmp_path, capsys):
    """For each label; cases that one folder lacks are listed."""
    target = tmp_path / "noisy"
    arguments = ["perturb", str(labels), str(target), "--noise", "natural", "--strength", "2"]
    assert main(arguments) == 0
    manifest = contents(target)[1]
    capsys.readouterr()
    assert main(["compare", str(labels), str(target), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    expected = [
        (case["case"], label, dice)
        for case in manifest["cases"]
        for label, dice in case["dice"].items()
    ]
    assert [(row["case"], row["label"], float(row["dice"])) for row in rows] == expected
    assert all(0 < float(row["changed"]) < 0.2 for row in rows)
    rates = {case["case"]: case["error_rate"] for case in manifest["cases"]}
    assert rates["case_12"] == 0.0  # the empty one
    for row in rows:
        first, second = (
            np.asarray(nibabel.load(folder / f"{row['case']}.nii.gz").dataobj)
            for folder in (labels, target)
        )
        rate = labelnoise.error_rate(first, second)
        assert float(row["error_rate"]) == rates[row["case"]] == rate
        assert rate > float(row["changed"])
    assert all(float(row["iou"]) < float(row["dice"]) for row in rows)
    (target / "case_03.nii.gz").unlink()
    assert main(["compare", str(labels), str(target)]) == 1
    printed = capsys.readouterr()
    assert "case_03: is in" in printed.err
    lines = printed.out.splitlines()
    assert len(lines) == 27
    ends = [line.split()[:2] for line in lines[-4:]]
    assert ends == [["mean", "1"], ["sd", "1"], ["mean", "2"], ["sd", "2"]]
