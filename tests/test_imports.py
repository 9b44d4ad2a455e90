"""What imports what, and when."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import labelnoise

SOURCE = Path(labelnoise.__file__).parent
LAYERS = [
    {"_validate"},
    {"_kernel", "_streams"},
    {"_counts", "_narrow"},
    {"_labels"},
    {"_planes", "_runs", "metrics"},
    {"_contours", "_pixels"},
    {"perturbations"},
    {"calibration"},
    {"__init__"},
]


def run(code, **environment):
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modules_import_lower_layers_only():
    """Arrows point one way: representations, perturbations, calibration."""
    allowed = set()
    for layer in LAYERS:
        for name in layer:
            tree = ast.parse((SOURCE / f"{name}.py").read_text())
            used = {
                node.module
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.level == 1
            }
            assert used <= allowed, f"{name} imports {used - allowed}"
        allowed |= layer
    assert allowed == {path.stem for path in SOURCE.glob("*.py")} - {"__main__"}


def test_each_hook_imports_its_own_framework_only():
    """Besides what all hooks share and the library's public names."""
    frameworks = {"albumentations", "batchgeneratorsv2", "monai", "torchio", "torchvision"}
    allowed = {"batchgenerators": {"batchgeneratorsv2"}, "dataset": set(), "_noise": set()}
    for path in (SOURCE / "hooks").glob("*.py"):
        outside, inside = set(), set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                outside |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                outside.add(node.module.split(".")[0])
            elif isinstance(node, ast.ImportFrom) and node.level == 2:
                inside.add(node.module)
        assert outside & frameworks <= allowed.get(path.stem, {path.stem}), path.name
        assert inside <= {"_streams"}, path.name


def test_heavy_packages_wait_until_they_are_needed():
    """Neither importing the package nor scoring masks loads them."""
    code = (
        "import sys, numpy, labelnoise; mask = numpy.eye(5, dtype=bool); "
        "labelnoise.dice(mask, mask); labelnoise.sample_rng(0, 'a'); "
        "print({'numba', 'cv2', 'scipy', 'skimage', 'torch', 'tqdm'} & set(sys.modules))"
    )
    assert run(code) == "set()\n"


def test_kernels_work_where_nothing_can_be_written(tmp_path):
    """Without a folder for compiled code, it is kept in memory."""
    package = tmp_path / "labelnoise"
    package.mkdir()
    for path in SOURCE.glob("*.py"):
        (package / path.name).write_bytes(path.read_bytes())
    (package / "__pycache__").write_text("a file where a folder should be")
    code = (
        "import numpy, labelnoise; mask = numpy.ones((3, 3), numpy.int32); "
        "print(labelnoise.natural(mask, 0, rng=0).sum(), labelnoise.__file__)"
    )
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "LOCALAPPDATA": os.devnull}
    expected = f"9 {package / '__init__.py'}\n"
    assert run(code, PYTHONPATH=str(tmp_path), **nowhere) == expected
    assert {path.suffix for path in tmp_path.rglob("*")} == {"", ".py"}
