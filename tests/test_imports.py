"""What imports what, and when."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import labelnoise

SOURCE = Path(labelnoise.__file__).parent
ROOT = Path(__file__).parents[1]
LEVELS = {
    **dict.fromkeys(("errors", "annotators", "metrics", "data", "files"), 1),
    **{"noise": 2, "calibration": 3, "plot": 4, "hooks": 5, "cli": 5},
}


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


def level(module):
    """Return the level of a module: representations are private, and lowest."""
    return 0 if module.startswith("_") else LEVELS[module]


def modules():
    """Yield each module of the package, and those of the package that it imports, inside too."""
    for path in sorted(SOURCE.rglob("*.py")):
        name, *inner = path.relative_to(SOURCE).with_suffix("").parts
        if name in ("__init__", "__main__"):
            continue
        tree = ast.parse(path.read_text())
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        outer = [node for node in nodes if node.level == len(inner) + 1]
        imported = {node.module.split(".")[0] for node in outer if node.module}
        if any(node.module is None for node in outer):  # the package itself
            assert level(name) == 5, path
        yield path, name, imported


def test_modules_import_lower_levels_only():
    """Arrows point one way: representations, errors, noise, calibration, hooks and commands."""
    used = {}
    for path, name, imported in modules():
        for other in imported:
            assert level(other) <= level(name), f"{path} imports {other}"
        if level(name) == 0:
            used[name] = imported
    while used:  # representations form no circle
        free = {name for name, imported in used.items() if not imported & used.keys()}
        assert free, used
        used = {name: imported for name, imported in used.items() if name not in free}


def test_kernels_inline_functions_of_their_own_file():
    """Compiled code is kept as long as the file of its kernel stays the same."""
    inlines = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                names = [getattr(decorator, "id", "") for decorator in node.decorator_list]
                if "inline" in names:
                    inlines[node.name] = path
    assert inlines
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not inlines.keys() & {alias.name for alias in node.names}, path


def test_threads_that_come_first_compile_once():
    """They wait for one of them."""
    code = """
import threading, numpy, labelnoise
from labelnoise import _kernel
made, compile_one = [], _kernel._compile
_kernel._compile = lambda *args: made.append(args) or compile_one(*args)
mask = numpy.eye(9, dtype=bool)
threads = [threading.Thread(target=labelnoise.choppy, args=(mask, 1.0)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(made))
"""
    assert run(code) == "2\n"


def test_each_hook_imports_its_own_framework_only():
    """Besides what all hooks share and the library's public names."""
    frameworks = {"albumentations", "batchgeneratorsv2", "monai", "torchio", "torchvision"}
    allowed = {"batchgenerators": {"batchgeneratorsv2"}, "dataset": set()}
    allowed |= {"_noise": set(), "_geometry": set()}
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
        known = {"_integers", "_streams", "_validate", "noise"}
        if path.stem == "_geometry":
            known |= {"_patch", "annotators", "files", "files._geometry"}
        assert inside <= known, path.name


@pytest.mark.parametrize(
    ("hook", "package", "message"),
    [
        ("monai", "monai", 'needs MONAI; install the extra "monai"'),
        ("torchio", "torchio", 'needs TorchIO; install the extra "torchio"'),
        ("albumentations", "albumentations", "needs Albumentations; install the extra"),
        ("batchgenerators", "batchgeneratorsv2", "needs batchgeneratorsv2; install the extra"),
        ("torchvision", "torchvision", "needs torchvision; install it with the PyTorch"),
    ],
)
def test_missing_frameworks_name_their_extra(hook, package, message):
    """The module cannot be imported without it."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"try: import labelnoise.hooks.{hook}\n"
        "except ImportError as error: print(error)"
    )
    assert message in run(code)


@pytest.mark.parametrize("content", [b"", b"cut"])
def test_damaged_caches_are_compiled_again(tmp_path, content):
    """And kept again, whole."""
    code = "import numpy as np, labelnoise; labelnoise.choppy(np.ones((4, 4), bool), 1.0, rng=0)"
    run(code, NUMBA_CACHE_DIR=str(tmp_path))
    kept = [path for path in tmp_path.rglob("*") if path.suffix in (".nbi", ".nbc")]
    assert {path.suffix for path in kept} == {".nbi", ".nbc"}
    for suffix in ".nbi", ".nbc":
        for path in tmp_path.rglob(f"*{suffix}"):
            path.write_bytes(path.read_bytes()[:-9] if content == b"cut" else content)
        run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert all(path.stat().st_size > 20 for path in tmp_path.rglob("*.nbi"))
    changed = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert changed == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}


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
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__pycache__").write_text("a file where a folder should be")
    code = (
        "import numpy, labelnoise; mask = numpy.ones((3, 3), numpy.int32); "
        "print(labelnoise.natural(mask, 0, rng=0).sum(), labelnoise.__file__)"
    )
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "LOCALAPPDATA": os.devnull}
    expected = f"9 {package / '__init__.py'}\n"
    assert run(code, PYTHONPATH=str(tmp_path), **nowhere) == expected
    assert {path.suffix for path in tmp_path.rglob("*")} == {"", ".html", ".json", ".py", ".typed"}


def test_no_code_comes_from_data():
    """Files are not unpickled, and what they hold is not run."""
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "examples").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "pickle.load", "joblib.load"), path
                if called in ("np.load", "numpy.load"):
                    assert "allow_pickle=False" in ast.unparse(node), path
                if called == "torch.load":
                    assert "weights_only=True" in ast.unparse(node), path
