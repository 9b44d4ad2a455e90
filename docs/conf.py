"""How Sphinx builds these pages; contributing.md has the command."""

import inspect
import os
import re
import warnings
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
from docutils.nodes import SkipNode, entry
from docutils.utils.math.latex2mathml import tex2mathml
from PIL import Image, ImageOps

warnings.filterwarnings("ignore", category=FutureWarning, module="monai")  # of its own functions
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # its import asks the network for a newer version

project = "labelnoise"
copyright = "The labelnoise developers"
version = release = installed("labelnoise")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["gallery", "tutorial"]  # what the gallery is made from
templates_path = ["templates"]
nitpicky = True

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_mock_imports = ["torchvision"]  # its releases fit one of PyTorch each
autodoc_typehints = "none"  # the parameters' sections tell them
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["tutorial", "gallery"],
    "gallery_dirs": ["generated/tutorial", "generated/gallery"],
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("labelnoise",),
    "reference_url": {"labelnoise": None},
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "thumbnail_size": (560, 392),
}
# What of each picture its thumbnail shows: left, top, right and bottom, as shares.
thumbnails = {
    "gallery/0_annotator": (0, 0, 0.25, 0.82),
    "gallery/0_kinds": (0, 0, 0.5, 0.64),
    "gallery/1_circle": (0, 0, 0.4, 0.61),
    "gallery/2_liver": (1 / 3, 0, 2 / 3, 0.45),
    "gallery/3_cut": (2 / 3, 0, 1, 0.92),
    "gallery/4_bracket": (0, 0, 0.36, 1),
    "gallery/5_labels": (1 / 3, 0, 2 / 3, 0.48),
    "gallery/6_scores": (0, 0, 0.5, 0.5),
    "gallery/7_bias": (0, 0, 1 / 3, 0.88),
    "gallery/8_wobble": (1 / 3, 0.46, 2 / 3, 0.92),
    "gallery/9a_moved": (0, 0.48, 1 / 3, 0.94),
    "gallery/9b_objects": (0, 0, 1 / 3, 0.48),
    "gallery/9c_ends": (0, 0, 1 / 3, 0.9),
    "tutorial/tutorial": (0, 0, 1 / 3, 0.5),
}

html_theme = "pydata_sphinx_theme"
html_title = "labelnoise"
html_logo = html_favicon = "static/logo.svg"
html_theme_options = {
    "logo": {"text": "labelnoise", "alt_text": "labelnoise"},
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {
    page: [] for page in ("index", "generated/tutorial/*", "changes", "cite", "contributing")
}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_math_renderer = "mathml"


def _visit_math(translator, node):
    translator.body.append(tex2mathml(node.astext()))
    raise SkipNode


def _visit_math_block(translator, node):
    block = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="formula">{block}</div>')
    raise SkipNode


def _show_init(app, what, name, obj, options, signature, returns):
    """Tell a class's arguments also where a framework's metaclass hides them."""
    if what != "class":
        return None
    arguments = list(inspect.signature(obj.__init__).parameters.values())[1:]
    bare = [argument.replace(annotation=inspect.Parameter.empty) for argument in arguments]
    return str(inspect.Signature(bare)), None


def _link_to_made_page(app, page, source):
    """Let links to the gallery's scripts, which lead there in the repository, lead to its pages."""
    script = r"\]\(((?:\.\./)*)(gallery|tutorial)/(\w+)\.(?:py|rst)\)"
    source[0] = re.sub(script, r"](\1generated/\2/\3.rst)", source[0])
    source[0] = source[0].replace("/GALLERY_HEADER.rst)", "/index.rst)")


def _crop_thumbnails(app):
    """Show a part of each picture that can be read when it is small."""
    for page, box in thumbnails.items():
        section, script = page.split("/")
        folder = Path(app.srcdir, "generated", section, "images")
        with Image.open(folder / f"sphx_glr_{script}_001.png") as picture:
            whole = np.tile(picture.size, 2)
            part = picture.convert("RGB").crop(np.rint(box * whole).astype(int).tolist())
        size = sphinx_gallery_conf["thumbnail_size"]
        ImageOps.pad(part, size, color="white").save(folder / f"thumb/sphx_glr_{script}_thumb.png")


def _mark_long_cells(app, page):
    """Let the style sheet give cells with sentences a width at which they can be read."""
    for cell in page.findall(entry):
        if len(cell.astext()) > 40:
            cell["classes"].append("long")


def setup(app):
    """Write formulas as MathML: no script to load, and every browser reads it."""
    app.connect("source-read", _link_to_made_page)
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    app.connect("autodoc-process-signature", _show_init)
    app.connect("builder-inited", _crop_thumbnails, priority=900)  # after the gallery is made
    app.connect("doctree-read", _mark_long_cells)
