# SPDX-License-Identifier: Apache-2.0
"""The documentation site: `make docs` executes its pages and writes docs/_build/html."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

from sphinx.application import Sphinx  # noqa: E402

import dynamics  # noqa: E402

project = "training-dynamics"
author = "the training-dynamics authors"
project_copyright = author
version = release = dynamics.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
    "sphinx_gallery.gen_gallery",
    "executed",
    "generated",
]
exclude_patterns = ["_build", "gallery", "extensions", "**.ipynb"]
nitpicky = False

# What blocks of code see: this environment's programs, one thread, a page's width, no screen.
os.environ |= {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONPATH": str(HERE.parent),
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "96",
    "KERAS_BACKEND": "torch",
    "HF_HUB_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore",
}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js = {}  # no script of another host
myst_enable_extensions = ["deflist", "dollarmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say types and shapes
default_role = "code"
templates_path = ["_templates"]
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",
    "image_scrapers": ("drawn.scraper",),
    "capture_repr": (),
    "filename_pattern": r"/figure_",
    "ignore_pattern": r"__init__\.py",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,  # its page loads scripts of another host
    "show_signature": False,
    "min_reported_time": 10**6,
    "abort_on_example_error": True,
    "run_stale_examples": True,  # what they draw changes with the program
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "training-dynamics"
html_show_sourcelink = False
html_sidebars = {page: [] for page in ("index", "ten-minutes", "glossary", "search")}
html_theme_options = {
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_exclude = ".linenos, .gp, .go"


def setup(app: Sphinx) -> None:
    """Read pages in parallel: the extension of formulas only copies files, and does not say that this is safe."""
    app.extensions["sphinx-mathjax-offline"].parallel_read_safe = True
    app.extensions["sphinx-mathjax-offline"].parallel_write_safe = True
