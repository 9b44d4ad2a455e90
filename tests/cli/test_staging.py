"""A copy appears when it is whole; what fails or is interrupted leaves nothing that looks done."""

import json
import subprocess
import sys

import numpy as np
import pytest

from labelnoise.cli import _cases, main
from labelnoise.files import digest_of, read

Image = pytest.importorskip("PIL.Image")
SHAPE = 40, 36


@pytest.fixture
def folder(tmp_path):
    """Write four masks."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        mask = np.zeros(SHAPE, np.uint8)
        mask[8:30, 6 : 28 + number] = 1
        mask[12:20, 10:20] = 2
        Image.fromarray(mask).save(tmp_path / "in" / f"{number}.png")
    return tmp_path


def perturb(folder, *options, strength="2"):
    """Run the command; return its exit code."""
    arguments = ["--noise", "natural", "--strength", strength, *options]
    return main(["perturb", str(folder / "in"), str(folder / "out"), *arguments])


def files(folder):
    """Return what is there, by its name."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def interrupt(monkeypatch, after):
    """Stop a run after some cases."""
    done, real = [], _cases.perturb

    def stop(*arguments, **options):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(_cases, "perturb", stop)


def test_an_interrupted_run_is_finished_or_thrown_away(folder, monkeypatch, capsys):
    """Nothing is at DST until then."""
    assert perturb(folder) == 0
    expected = files(folder / "out")
    assert perturb(folder, "--overwrite") == 0
    assert files(folder / "out") == expected | {
        "manifest.json": (folder / "out" / "manifest.json").read_bytes()
    }
    (folder / "out").rename(folder / "first")
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        assert perturb(folder) == 130
    assert "go on with --resume, or begin anew with --overwrite" in capsys.readouterr().err
    assert not (folder / "out").exists()
    assert perturb(folder) == 2
    assert "was begun and not finished; pass --resume, or --overwrite" in capsys.readouterr().err
    assert perturb(folder, "--resume", "--seed", "1") == 2
    assert perturb(folder, "--resume") == 0
    assert {**files(folder / "out"), "manifest.json": expected["manifest.json"]} == expected
    assert {path.name for path in folder.iterdir()} == {"in", "out", "first"}
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        assert perturb(folder, "--overwrite", strength="3") == 130
    assert {**files(folder / "out"), "manifest.json": expected["manifest.json"]} == expected
    assert perturb(folder, "--overwrite", strength="3") == 0
    assert files(folder / "out")["0.png"] != expected["0.png"]
    assert {path.name for path in folder.iterdir()} == {"in", "out", "first"}


def test_what_is_not_ours_is_never_replaced(folder, capsys):
    """Whatever is asked for."""
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("mine")
    for option in ("--overwrite", "--resume", "--seed=1"):
        assert perturb(folder, option) == 2
        assert "pass another folder" in capsys.readouterr().err
        assert files(folder / "out") == {"mine.txt": b"mine"}
        assert {path.name for path in folder.iterdir()} == {"in", "out"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "1", "7"], "--labels 1 7: none of 4 cases has 7; 0 has 1, 2"),
        (["--annotator", "nobody"], "--annotator=nobody: "),
    ],
)
def test_a_run_that_fails_leaves_nothing(folder, capsys, options, message):
    """One sentence, and no folder."""
    noise = [] if "--annotator" in options else ["--noise", "natural", "--strength", "2"]
    command = ["perturb", str(folder / "in"), str(folder / "out"), *noise, *options]
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"in"}


def test_two_runs_exclude_each_other(folder, capsys):
    """The second says so."""
    filelock = pytest.importorskip("filelock")
    with filelock.FileLock(folder / ".out.labelnoise.lock"):
        assert perturb(folder) == 2
    assert "another run writes to it; wait until it ends" in capsys.readouterr().err
    assert perturb(folder) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda journal: journal + b"\0" * 40 + b"\n",
        lambda journal: b"\xc5" + journal,
        lambda journal: b"[1]\n",
        lambda journal: b'{"settings": [1], "command": ""}\n',
        lambda journal: journal.split(b"\n")[0] + b'\n{"case": "0"}\n',
    ],
)
def test_a_damaged_journal_is_a_sentence(folder, monkeypatch, capsys, damage):
    """That tells how to begin anew."""
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        perturb(folder)
    journal = folder / ".out.labelnoise" / "manifest.part.jsonl"
    journal.write_bytes(damage(journal.read_bytes()))
    capsys.readouterr()
    assert perturb(folder, "--resume") == 2
    assert "is damaged" in capsys.readouterr().err
    assert perturb(folder, "--overwrite") == 0


def test_a_journal_that_is_cut_anywhere_is_finished(folder, monkeypatch):
    """A line that is not whole was not done."""
    assert perturb(folder) == 0
    expected = files(folder / "out")
    (folder / "out").rename(folder / "first")
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        perturb(folder)
    journal = folder / ".out.labelnoise" / "manifest.part.jsonl"
    whole = journal.read_bytes()
    for end in range(0, len(whole), 97):
        journal.parent.mkdir(exist_ok=True)
        journal.write_bytes(whole[:end])
        assert perturb(folder, "--resume") == 0
        assert {**files(folder / "out"), "manifest.json": expected["manifest.json"]} == expected
        (folder / "out").rename(folder / ".out.labelnoise")
        (folder / ".out.labelnoise" / "manifest.json").unlink()


def test_a_full_disk_costs_a_case(folder, monkeypatch, capsys):
    """Which is listed; the others are there."""
    from labelnoise.files import writing

    real = writing.write

    def full(path, content):
        if path.name == "2.png":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(writing, "write", full)
    assert perturb(folder) == 1
    assert "2: [Errno 28] No space left on device" in capsys.readouterr().err
    assert sorted(files(folder / "out")) == ["0.png", "1.png", "3.png", "manifest.json"]


def test_digests_are_those_of_labels(folder):
    """Whatever wrote the file."""
    assert perturb(folder) == 0
    path = folder / "out" / "0.png"
    [case] = [
        case
        for case in json.loads((folder / "out" / "manifest.json").read_text())["cases"]
        if case["case"] == "0"
    ]
    labels = np.array(Image.open(path))
    assert case["sha256"] == digest_of(labels) == digest_of(read(path).labels)
    assert digest_of(labels.astype(np.int16)) == digest_of(labels.astype(">i2"))
    assert digest_of(labels.astype(np.int16)) != digest_of(labels)
    Image.fromarray(labels).save(path, compress_level=1)
    assert perturb(folder, "--resume") == 0


def test_a_closed_error_stream_stops_nothing(folder):
    """As some daemons have it."""
    command = [sys.executable, "-m", "labelnoise", "perturb", str(folder / "in")]
    command += [str(folder / "out"), "--noise", "natural", "--strength", "1"]
    line = " ".join(command) + " 2>&-"
    assert subprocess.run(line, shell=True, check=False, capture_output=True).returncode == 0
    assert len(files(folder / "out")) == 5
