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
def test_python_blocks_run(page):
    """Block after block; blocks whose package is not there are left out, and said to be."""
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


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """Go to a folder with the raw dataset of nnU-Net that the pages speak of."""
    nibabel = pytest.importorskip("nibabel")
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


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    """To a file of the repository; what stands in it, Sphinx checks."""
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
