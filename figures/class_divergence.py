# SPDX-License-Identifier: Apache-2.0
"""How far apart are the classes in the features of a network? KL between Gaussians (memorization thesis, figure 5.2).

By the thesis's formula (eq. 5.2) where it has a value for every pair of classes, of every method and seed;
otherwise the corrected estimate is drawn, for all methods, and the title says so.
"""

import math

import matplotlib as mpl
import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.framework.results import Result
from dynamics.names import ordered
from figures import Results
from figures._names import label, plain

NUMBER = "5.2"
TITLE = "divergence between the classes in feature space"
NEEDS = ("divergence",)
READING = (
    "Each cell is the divergence of the row's class from the column's, between Gaussians fitted to the "
    "features, on a logarithmic colour scale. Values depend on the number of features and images: compare "
    "cells of one panel rather than panels of different networks."
)

SCALE = mpl.colormaps["viridis_r"]
"""Near classes are light, distant ones dark; lightness falls evenly."""
MOST_WITH_NUMBERS = 12
"""More classes than this get no numbers in their cells, which would be too small to read."""
MOST_WITH_NAMES = 30
SPAN = 1e4
"""Maximum ratio of the largest to the smallest divergence on the colour scale."""
MOST_TICKS = 8
NUMBERS = 6.0
"""Points."""


def draw(results: Results) -> Figure:
    """Draw a map of all pairs of classes for each method, on one colour scale."""
    result = results["divergence"]
    shown, estimator = ordered(result.settings["seeds"]), choose_estimator(result)
    maps = {method: divergences(result, method, estimator) for method in shown}
    classes = list(result.settings["classes"])
    figure, axes = _panels(
        len(shown),
        longest=max(len(plain(name)) for name in classes) if len(classes) <= MOST_WITH_NAMES else 0,
    )
    values = np.concatenate([one[np.isfinite(one)] for one in maps.values()])
    least, largest = limits(values)
    norm = LogNorm(least, largest)
    for panel, method in zip(axes, shown, strict=True):
        _draw_map(panel, maps[method], classes, norm, least)
        panel.set_title(label(method))
    bar = figure.colorbar(
        ScalarMappable(norm, SCALE),
        ax=axes,
        location="bottom",
        aspect=45,
        fraction=0.035,
        pad=0.02,
        extend="min" if (values < least).any() else "neither",
        ticks=ticks(least, largest),
        format=lambda value, _: _tick(value),
    )
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(rf"{SYMBOL} in nats, class $y$ (row) from class $z$ (column)")
    figure.suptitle(title(result, estimator), fontsize=9)
    return figure


def _panels(count: int, *, longest: int) -> tuple[Figure, list[Axes]]:
    """Make square panels, two side by side, with room for names of this many letters."""
    columns = min(count, 2)
    rows = math.ceil(count / columns)
    names = 0.06 * longest
    width = 5.5 if columns == 2 else 3.6
    side = (width - names - 0.2) / columns
    height = rows * (side + 0.25) + names + 1.05
    figure = Figure((width, height), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.06, wspace=0.02))
    axes = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for hole in axes[count:]:
        hole.remove()
    for lowest in axes[max(count - columns, 0) : count]:
        lowest.tick_params(labelbottom=True)
    return figure, axes[:count]


SYMBOL = r"$\mathrm{KL}(\mathcal{N}_y\,\Vert\,\mathcal{N}_z)$"


def choose_estimator(result: Result) -> str:
    """Return `thesis` where its formula has all values, otherwise `corrected`."""
    own = [row for row in result.rows if row["estimator"] == "thesis"]
    seeds = {method: len(numbers) for method, numbers in result.settings["seeds"].items()}
    whole = own and all(row["kl"] is not None and row["seeds"] == seeds[row["method"]] for row in own)
    return "thesis" if whole else "corrected"


def title(result: Result, estimator: str) -> str:
    """Return the title: estimator, split and number of seeds."""
    counts = {len(numbers) for numbers in result.settings["seeds"].values()}
    number = f"{counts.pop()} seed" if len(counts) == 1 else "all seed"
    plural = "" if number == "1 seed" else "s"
    what = (
        "thesis's formula (eq. 5.2)"
        if estimator == "thesis"
        else "corrected (eq. 5.2 has no value for some classes)"
    )
    images = "training" if result.settings["split"] == "train" else result.settings["split"]
    return f"{what}\n{images} images, mean over {number}{plural}"


def divergences(result: Result, method: str, estimator: str) -> Float64[np.ndarray, "class other_class"]:
    """Return a method's divergences at [y, z]; nan on the diagonal and where there is no value."""
    classes = list(result.settings["classes"])
    found = np.full((len(classes), len(classes)), np.nan)
    for row in result.rows:
        if (row["method"], row["estimator"]) == (method, estimator) and row["kl"] is not None:
            found[classes.index(row["y"]), classes.index(row["z"])] = row["kl"]
    return found


def limits(values: Float64[np.ndarray, " pair"]) -> tuple[float, float]:
    """Return the ends of the colour scale: the smallest and the largest value, at most four decades apart."""
    largest = float(values.max()) if values.size and values.max() > 0 else 1.0
    smallest = float(values[values > 0].min(initial=largest / 2))
    return max(smallest, largest / SPAN), largest


def ticks(least: float, largest: float) -> list[float]:
    """Return round numbers on the colour scale: 1, 2, 5, 10, ..., or powers of ten where those are too many."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(largest)) + 1)
    for digits in ((1, 2, 5), (1,)):
        found = [d * 10.0**p for p in powers for d in digits if least <= d * 10.0**p <= largest]
        if 2 <= len(found) <= MOST_TICKS:
            return found
    return [least, largest]


def _tick(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\N{THIN SPACE}") if value >= 100 else f"{value:.3g}"


def _draw_map(
    panel: Axes,
    values: Float64[np.ndarray, "class other_class"],
    classes: list[str],
    norm: LogNorm,
    least: float,
) -> None:
    coloured = np.maximum(values, least)  # below the scale, and below 0, is the lightest colour
    panel.imshow(np.ma.masked_invalid(coloured), cmap=SCALE, norm=norm, interpolation="nearest")
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0, pad=2)
    panel.set(xticks=[], yticks=[])
    if len(classes) <= MOST_WITH_NAMES:
        shown = list(map(plain, classes))
        panel.set_xticks(range(len(shown)), shown, rotation=90 if max(map(len, shown)) > 2 else 0)
        panel.set_yticks(range(len(shown)), shown)
    if len(classes) > MOST_WITH_NUMBERS:
        return
    for (y, z), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = _luminance(SCALE(norm(coloured[y, z]))) < 0.35
            panel.text(
                z,
                y,
                number(value),
                color="white" if dark else "black",
                fontsize=NUMBERS,
                ha="center",
                va="center",
            )


def number(value: float) -> str:
    """Write a divergence in up to five characters: 0.42, 5.8, 366, 9846, 18.7k, 2.85M."""
    size = abs(value)
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= 0.9995 * unit and size >= 9999.5:
            return _three(value / unit) + name
    return f"{value:.0f}" if size >= 99.5 else _three(value)


def _three(value: float) -> str:
    """Write a number below 1000 with up to three digits."""
    size = abs(value)
    digits = 0 if size >= 99.5 else 1 if size >= 0.995 else 2
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def _luminance(colour: tuple[float, float, float, float]) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
