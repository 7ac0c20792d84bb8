# SPDX-License-Identifier: Apache-2.0
"""Are examples equally hard once augmentations are averaged: r_t (memorization thesis, figure 4.4)."""

from matplotlib.figure import Figure

from figures import Results
from figures._binomial_panels import draw_against_noise

NUMBER = "4.4"
TITLE = "average over augmentations against binomial noise"
NEEDS = ("learning", "binomial")
TABLES = ("binomial.averaged",)
READING = (
    "As figure 4.3, but averaged over all augmentations of an example; the area between curve and noise "
    "is shaded. The noise is that of N trials, though the curve has N times M, so that a narrow area does "
    "not mean that examples are equally hard."
)


def draw(results: Results) -> Figure:
    """Draw one panel per method: sorted r_t at the tested epochs, a draw of equally hard examples, the MAE."""
    return draw_against_noise(results, "r", shaded=True)
