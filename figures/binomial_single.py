# SPDX-License-Identifier: Apache-2.0
"""Are augmented examples equally hard: r~_t of one augmentation (memorization thesis, figure 4.3)."""

from matplotlib.figure import Figure

from figures import Results
from figures._binomial_panels import draw_against_noise

NUMBER = "4.3"
TITLE = "one augmentation against binomial noise"
NEEDS = ("learning", "binomial")
TABLES = ("binomial.single",)
READING = (
    "Solid: one fixed augmentation of every example, sorted; dashed: a draw from the binomial "
    "distribution that would hold if all of these were equally hard. The further the solid line is from the dashed "
    "one, the less can chance alone explain that some augmented examples are right more often; whether it is "
    "the example or its augmentation, this cannot tell."
)


def draw(results: Results) -> Figure:
    """Draw one panel per method: sorted r~_t at the tested epochs, and a draw of equally hard examples."""
    return draw_against_noise(results, "r_tilde", shaded=False)
