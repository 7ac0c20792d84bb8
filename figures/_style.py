# SPDX-License-Identifier: Apache-2.0
"""The style of all figures: one colour per method, sizes as printed, the same bytes on every machine.

Figures are made at the size at which they are printed: 5.5 inches is the text column of most one-column
papers and of a thesis. Text is 8 and 9 points there; do not scale them down.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.colors import Colormap, ListedColormap, to_hex, to_rgb

from dynamics.names import ordered

COLOURS = MappingProxyType(
    {
        "simclr": "#5D3A9B",
        "supervised": "#E69F00",
        "random-labels": "#2A9D8F",
        "random-labels-aug": "#661100",
        "vicreg": "#3C6CFF",
        "barlow-twins": "#EE3377",
        "w-mse": "#B35900",
        "tico": "#000000",
        "vicreg-tico": "#882255",
        "byol": "#95A954",
        "simsiam": "#5205F3",
        "moco": "#B56FD3",
    }
)
"""Distinguishable under normal, protan, deutan and tritan vision: CIELAB distance above 40 between the first
four, above 17 between all; and, the first four, in lightness (by 12 or more), for a print in grey."""

SHADES = (68.0, 48.0, 25.0)
"""Lightness (CIELAB, 0 black to 100 white) of a method's shades, first to last."""

RC: MappingProxyType[str, Any] = MappingProxyType(
    {
        "font.family": "STIXGeneral",
        "mathtext.fontset": "stix",
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "figure.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.title_fontsize": 8,
        "legend.frameon": False,
        "legend.handlelength": 1.2,
        "legend.handletextpad": 0.5,
        "legend.labelspacing": 0.25,
        "legend.borderaxespad": 0.5,
        "legend.borderpad": 0.0,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.titlepad": 4,
        "grid.color": "#E6E6E6",
        "grid.linewidth": 0.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "lines.linewidth": 1.1,
        "lines.solid_joinstyle": "round",
        "pdf.fonttype": 42,  # TrueType: the text stays text, and journals accept it
    }
)

SCALE: Colormap = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, 0.93, 256)), name="time")
"""Colours of time in training. Lightness rises evenly, so that the order of epochs survives colour blindness
and grey print, which a rainbow's does not; the lightest end is cut off: it would not show on white."""


def style() -> AbstractContextManager[None]:
    """Return the context in which figures are made and written: matplotlib's defaults and RC, no user settings."""
    return matplotlib.style.context(["default", dict(RC)])


def colours(methods: Iterable[str]) -> dict[str, str]:
    """Give every method of a study its colour: its own, or one that no method of the study has."""
    methods = ordered(methods)
    spare = [colour for name, colour in reversed(list(COLOURS.items())) if name not in methods] or ["#777777"]
    unnamed = [method for method in methods if method not in COLOURS]
    return {
        method: COLOURS[method] if method in COLOURS else spare[unnamed.index(method) % len(spare)]
        for method in methods
    }


def shades(colour: str, count: int) -> list[str]:
    """Return `count` shades of one hue, light to dark, of lightness SHADES: pure, or mixed with white."""
    wanted = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(SHADES)), SHADES)
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    pure = linear / linear.max() if linear.any() else np.ones(3)  # black has shades of grey
    return [_mixed(pure, luminance=((lightness + 16) / 116) ** 3) for lightness in wanted]


def _mixed(pure: np.ndarray, *, luminance: float) -> str:
    own = float(pure @ (0.2126, 0.7152, 0.0722))
    linear = pure * luminance / own
    if luminance > own:
        linear = pure + (luminance - own) / (1 - own) * (1 - pure)
    red, green, blue = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return to_hex((red, green, blue))
