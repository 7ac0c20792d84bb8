# SPDX-License-Identifier: Apache-2.0
"""The numbers in the memorization thesis: its tables 4.1, 4.2 and B.1, and numbers read off its figures.

Numbers are strings, to keep the digits that were printed. CIFAR-10, ResNet-18, N = 30 seeds, M = 10
augmentations, K = 1024 examples. Methods have this project's names.
"""

from typing import NamedTuple

METHODS = ("simclr", "supervised", "random-labels", "random-labels-aug")
SEEDS, AUGMENTATIONS, EXAMPLES = 30, 10, 1024
TARGETS = (0.25, 0.5, 0.75)
"""Rows of tables 4.1 and 4.2 are the first epochs whose p0 reaches these."""


class Noise(NamedTuple):
    """A row of table 4.1 or 4.2."""

    epoch: int
    p0: str
    value: str
    """chi-square, or MAE."""
    sd: str | None = None
    """Standard deviation of the MAE over ten draws of noise; chi-squares have none."""


class Accuracy(NamedTuple):
    """A row of table B.1."""

    train: str
    test: str


TABLE_4_1 = {
    "simclr": (
        Noise(2, "0.279", "1.3e17"),
        Noise(5, "0.521", "2.1e11"),
        Noise(39, "0.751", "1.3e19"),
    ),
    "supervised": (
        Noise(1, "0.368", "6.7e13"),
        Noise(4, "0.512", "8.0e10"),
        Noise(20, "0.752", "2.4e18"),
    ),
    "random-labels": (
        Noise(5, "0.265", "8.4e4"),
        Noise(12, "0.515", "4.2e4"),
        Noise(17, "0.798", "4.5e5"),
    ),
    "random-labels-aug": (
        Noise(278, "0.251", "4.4e13"),
        Noise(374, "0.501", "5.2e6"),
        Noise(423, "0.751", "5.9e8"),
    ),
}

TABLE_4_2 = {
    "simclr": (
        Noise(2, "0.289", "0.042", "0.001"),
        Noise(5, "0.532", "0.055", "0.002"),
        Noise(37, "0.751", "0.048", "0.001"),
    ),
    "supervised": (
        Noise(1, "0.363", "0.248", "0.001"),
        Noise(4, "0.508", "0.267", "0.002"),
        Noise(20, "0.751", "0.208", "0.001"),
    ),
    "random-labels": (
        Noise(5, "0.265", "0.037", "0.002"),
        Noise(12, "0.515", "0.052", "0.001"),
        Noise(17, "0.798", "0.031", "0.002"),
    ),
    "random-labels-aug": (
        Noise(277, "0.251", "0.093", "0.002"),
        Noise(373, "0.504", "0.081", "0.001"),
        Noise(421, "0.752", "0.038", "0.002"),
    ),
}

TABLE_B_1 = {
    "simclr": Accuracy("0.8186", "0.8060"),
    "supervised": Accuracy("1.0000", "0.9532"),
    "random-labels": Accuracy("0.3369", "0.3248"),
    "random-labels-aug": Accuracy("0.4395", "0.4275"),
    "random-initialisation": Accuracy("0.2891", "0.2982"),
    "pixels": Accuracy("0.4227", "0.3768"),
}

FIGURE_4_1 = {
    "simclr": {
        1: ".099", 2: ".289", 5: ".532", 10: ".633", 25: ".722", 50: ".771", 100: ".816", 200: ".864",
    },
    "supervised": {1: ".363", 4: ".508", 5: ".543", 10: ".645", 20: ".751", 50: ".878"},
    "random-labels": {1: ".127", 5: ".265", 12: ".515", 17: ".798", 20: ".987"},
    "random-labels-aug": {
        1: ".102", 100: ".178", 277: ".251", 373: ".504", 400: ".633", 421: ".752", 500: ".976",
    },
}  # fmt: skip
"""E[r_t] by epoch."""

ALIGNED_TO = (1, 5, 10, 25, 50, 200)
FIGURE_4_2 = {
    "simclr": ALIGNED_TO,
    "supervised": (1, 5, 9, 17, 23, 45),
    "random-labels": (1, 13, 15, 16, 17, 18),
    "random-labels-aug": (1, 379, 400, 416, 425, 449),
}
"""Epochs aligned to SimCLR's (eq. 4.4)."""

FIGURE_4_3_SD = {
    "simclr": (".353", ".419", ".371"),
    "supervised": (".374", ".389", ".329"),
}
"""Standard deviation of r~_t over examples, at the epochs of table 4.1."""

FIGURE_4_4_SD = {
    "simclr": (".134", ".157", ".139"),
    "supervised": (".356", ".375", ".319"),
    "random-labels": (".129", ".154", ".114"),
    "random-labels-aug": (".191", ".184", ".124"),
}
"""Standard deviation of r_t over examples, at the epochs of table 4.2."""

FIGURE_4_5 = {
    "simclr": (".95", ".92", ".83"),
    "supervised": (".05", ".08", ".05"),
    "random-labels-aug": (".09", ".07", ".06"),
}
"""Fraction of the true variance of r~_t that lies between augmentations of an example; from 21 examples."""

FIGURE_5_1 = {"simclr": ".634", "supervised": "1.000", "random-labels": ".115", "random-labels-aug": ".147"}
"""Fraction of the ten nearest neighbours that have the same class."""

FIGURE_5_2 = {"simclr": ("66", "328", "1061"), "supervised": ("6309", "9846", "18697")}
"""Smallest, median and largest KL between classes."""
FIGURE_5_2_RATIO = {"simclr": "7.0", "supervised": "1.9"}
"""KL(cat || automobile) / KL(cat || dog)."""

FIGURE_5_3 = {
    1: {
        "bird": ".085", "cat": ".132", "horse": ".324", "dog": ".328", "truck": ".348",
        "airplane": ".351", "deer": ".369", "frog": ".441", "automobile": ".556", "ship": ".579",
    },
    50: {
        "cat": ".749", "dog": ".801", "bird": ".832", "deer": ".865", "airplane": ".877",
        "horse": ".889", "frog": ".910", "ship": ".935", "truck": ".937", "automobile": ".950",
    },
}  # fmt: skip
"""E[r_t] of every class in supervised training, by epoch."""
FIGURE_5_3_SPREAD = {
    "simclr": {1: ".041", 5: ".066", 200: ".030"},
    "supervised": {1: ".494", 50: ".201"},
}
"""Largest less smallest class mean, by epoch (supervised: from FIGURE_5_3)."""
EASY, HARD = ("automobile", "truck", "ship"), ("cat", "bird", "dog")

FIGURE_B_1 = {
    "averaged": {1: ".016", 2: ".027", 5: ".034", 30: ".031", 200: ".031"},
    "one pair": {1: ".032", 2: ".059", 5: ".076", 30: ".062", 200: ".044"},
}
"""MAE of SimCLR's r_t of first against second views, by epoch."""
