# SPDX-License-Identifier: Apache-2.0
"""Tell sphinx-gallery of the figure that an example's block ends with: they are drawn without pyplot."""

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figure and return the reStructuredText that shows it."""
    figure = block_vars["example_globals"].get("___")
    if not isinstance(figure, Figure):
        return ""
    path = next(iter(block_vars["image_path_iterator"]))
    figure.savefig(path, dpi=200)
    return figure_rst([path], gallery_conf["src_dir"])
