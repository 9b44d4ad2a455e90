"""The pages about hooks run, each with the real package."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs"
PAGES = [FOLDER / "hooks.md", *sorted((FOLDER / "hooks").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page):
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
