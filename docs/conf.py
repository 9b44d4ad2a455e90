"""How Sphinx builds these pages; contributing.md has the command."""

import inspect
import os
import re
import warnings
from importlib.metadata import version as installed

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

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
}

html_theme = "pydata_sphinx_theme"
html_title = "labelnoise"
html_theme_options = {
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {page: [] for page in ("index", "generated/tutorial/*", "changes", "contributing")}
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


def setup(app):
    """Write formulas as MathML: no script to load, and every browser reads it."""
    app.connect("source-read", _link_to_made_page)
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    app.connect("autodoc-process-signature", _show_init)
