# SPDX-License-Identifier: Apache-2.0
"""Curves of several seeds: a line at their mean, a band from the lowest to the highest."""

from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

BAND = 0.2
"""Opacity of the band."""
WIDE = 30.0
"""Minimum ratio of the largest value to the smallest for a logarithmic axis."""
DECADES = 6
"""Maximum number of powers of ten that a logarithmic axis shows below the largest value."""


def draw_seeds(
    panel: Axes,
    epochs: Integer[np.ndarray, " epoch"],
    values: Float[np.ndarray, "seed epoch"],
    **style: Any,
) -> None:
    """Draw curves of several seeds; where a seed has no finite value, the line is the mean of the other seeds."""
    known = np.isfinite(values)
    at = np.flatnonzero(known.any(axis=0))
    seen = np.ma.masked_array(values[:, at], ~known[:, at])
    if "marker" not in style and len(at) == 1:
        style |= {"marker": "o", "markersize": 3}
    panel.plot(epochs[at], np.asarray(seen.mean(axis=0)), **style)
    if len(values) > 1:
        low, high = np.asarray(seen.min(axis=0)), np.asarray(seen.max(axis=0))
        panel.fill_between(epochs[at], low, high, color=style["color"], alpha=BAND, linewidth=0)


def number_epochs(panel: Axes) -> None:
    """Put integers on an axis of epochs."""
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))


def scale_values(panel: Axes) -> None:
    """Make the y axis logarithmic where no line goes below zero and their range is wider than WIDE."""
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in panel.get_lines()]
    values = np.concatenate([*drawn, np.zeros(0)])
    positive = values[values > 0]
    if len(positive) == 0 or values.min() < 0 or positive.max() <= WIDE * positive.min():
        return
    panel.set_yscale("log")
    bottom, top = panel.get_ylim()
    panel.set_ylim(bottom=max(bottom, top * 10.0**-DECADES))
