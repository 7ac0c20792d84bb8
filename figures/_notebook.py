# SPDX-License-Identifier: Apache-2.0
"""Let a notebook show a figure that is the last value of a cell, as it does once pyplot has been used."""

import sys

from matplotlib.figure import Figure


def show_figures() -> None:
    """Tell IPython how to show a figure, unless it knows."""
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython
    from IPython.core.pylabtools import select_figure_formats

    shell = get_ipython()
    if shell is not None and Figure not in shell.display_formatter.formatters["image/png"].type_printers:
        select_figure_formats(shell, {"png"}, dpi=150)
