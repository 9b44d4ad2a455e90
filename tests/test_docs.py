"""The pages run, and so do the commands on them; links lead somewhere."""

import json
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *(p for p in sorted(DOCS.rglob("*.md")) if "generated" not in p.parts)]
SCRIPTS = [path for path in sorted(DOCS.glob("*/*.py")) if "generated" not in path.parts]


def name(path):
    """Name a page in a test's name."""
    return path.relative_to(ROOT).with_suffix("").as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """Block after block; blocks whose package is not there are left out, and said to be."""
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "page"}
    missing = set()
    for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.S):
        try:
            exec(code, scope)
        except ImportError as error:
            missing.add(error.name)
        except NameError:  # of a block that needs an earlier one
            if not missing:
                raise
    if missing:
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
@pytest.mark.filterwarnings("ignore::FutureWarning:monai", "ignore:FigureCanvasAgg")
def test_gallery_scripts_run(script):
    """Each as it stands, without a screen."""
    for needed in ("matplotlib", "monai", "torch"):
        pytest.importorskip(needed)
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot

    runpy.run_path(str(script))
    assert matplotlib.pyplot.get_fignums()
    matplotlib.pyplot.close("all")


def livers(case):
    """Draw a volume of a liver, 1, with eight lesions, 2 and 3, as many as a score needs."""
    volume = np.zeros((64, 64, 16), np.uint8)
    volume[4:60, 4:60, 2:14] = 1
    for lesion in range(8):
        size = 3 + (3 * lesion + case) % 7
        x, y = 8 + 14 * (lesion % 4), 12 + 28 * (lesion // 4)
        volume[x : x + size, y : y + size + 2, 8 - size // 2 : 9 + size // 2] = 2 + lesion % 2
    return volume


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """Go to a folder with the raw dataset of nnU-Net and the labels that the pages speak of."""
    nibabel = pytest.importorskip("nibabel")
    (tmp_path / "labels").mkdir()
    for case in range(3):
        volume = livers(case)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / f"labels/{case}.nii.gz")
    liver = np.zeros((24, 24, 5), np.uint8)
    liver[6:18, 5:17, 1:4] = 1
    for folder, drawn in ("first", liver), ("second", np.roll(liver, 1, 0)), ("others", liver):
        (tmp_path / folder).mkdir()
        nibabel.save(nibabel.Nifti1Image(drawn, np.eye(4)), tmp_path / folder / "a.nii.gz")
    labels = np.zeros((48, 40, 4), np.uint8)
    labels[10:36, 8:30] = 1
    labels[16:24, 12:20] = 2
    for folder in "imagesTr", "labelsTr":
        (tmp_path / "Dataset003_Liver" / folder).mkdir(parents=True)
    source = tmp_path / "Dataset003_Liver"
    for file in "imagesTr/a_0000", "labelsTr/a":
        nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), source / f"{file}.nii.gz")
    described = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "liver": 1, "lesion": 2},
        "numTraining": 1,
        "file_ending": ".nii.gz",
    }
    (source / "dataset.json").write_text(json.dumps(described))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_shell_blocks_are_possible(page, datasets):
    """Commands of the library run; scripts that the pages name are there, with those options."""
    from labelnoise.cli import main

    text = page.read_text().replace("\\\n", " ")
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.splitlines():
            if line.startswith("labelnoise "):
                assert main(shlex.split(line, comments=True)[1:]) == 0
    for script, rest in re.findall(r"python ((?:benchmarks|examples)/\w+\.py)([^`&|\n]*)", text):
        options = re.findall(r"--[a-z-]+", rest.split("#")[0])
        code = (ROOT / script).read_text() + (ROOT / "benchmarks/masks.py").read_text()
        assert all(f'"{option}"' in code for option in options), (script, options)


def test_table_of_noises_runs(datasets):
    """Each line in Python changes a volume, and the same is said to the command line."""
    from labelnoise import Chain, Noise
    from labelnoise.cli import main

    labels = livers(0)
    rows = re.findall(r"\| `((?:Noise|Chain)\(.*?)` \|(.*)\|", (DOCS / "kinds.md").read_text())
    assert len(rows) > 8
    for number, (python, shell) in enumerate(rows):
        noise = eval(python, {"Noise": Noise, "Chain": Chain})
        noisy = noise(labels, rng=0, axes=(2, 1, 0), spacing=(1, 1, 1))
        assert 0.3 < np.mean(noisy == labels) < 1, python
        if shell.strip().startswith("`--noise"):
            options = [*shlex.split(shell.strip(" `")), "--volumes", "--spacing", "mm"]
            assert main(["perturb", "labels", f"noisy_{number}", *options]) == 0
            manifest = json.loads(Path(f"noisy_{number}/manifest.json").read_text())
            told, meant = manifest["settings"]["noise"], json.loads(json.dumps(noise.to_dict()))
            steps = zip(told.get("chain", [told]), meant.get("chain", [meant]), strict=True)
            assert all(step.items() <= said.items() for said, step in steps), shell


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    """To a file of the repository; what stands in it, Sphinx checks."""
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
