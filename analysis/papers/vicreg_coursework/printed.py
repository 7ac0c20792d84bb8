# SPDX-License-Identifier: Apache-2.0
"""The numbers in the VICReg coursework and the loss-modification slides, and those of the literature.

Accuracies in per cent, as they were printed. Encoders: `n1` is the coursework's N1, `resnet18` its N2.
"""

from collections.abc import Sequence
from typing import NamedTuple

from analysis.framework.results import Row

METHODS = ("vicreg", "barlow-twins", "w-mse", "tico", "vicreg-tico", "byol", "simsiam", "moco")
"""Methods that the documents define or cite beside the thesis's."""


class Printed(NamedTuple):
    """An accuracy that a document prints."""

    source: str
    method: str
    encoder: str | None
    """None where the document does not say."""
    dataset: str
    mode: str
    fraction: float
    top1: str
    top5: str | None
    remark: str = ""


CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""By these a folder of images is taken for the documents' CIFAR-10."""

EXTRAORDINARY = "extraordinary for 30 epochs of crops and flips: 92.1 is reported after 1000, 86.8 by others"
BELOW_N1 = "below the five convolutions: the ResNet-18 was trained too little"
LEAK = "far above its own linear layer on all labels, unlike every published encoder: probably measured on other data"
ABOVE_ALL = "above every published value of a ResNet-18 after 1000 epochs (51.0 at most)"
FLOOR = "at or below the pixels themselves (37.7 with a linear layer)"
NEAR_FLOOR = "little above the pixels themselves (37.7 with a linear layer)"

PRINTED = (
    Printed("coursework", "supervised", "n1", "cifar10", "linear", 1.0, "70.6", "97.6"),
    Printed("coursework", "supervised", "resnet18", "cifar10", "linear", 1.0, "68.1", "96.5", BELOW_N1),
    Printed("coursework", "vicreg", "n1", "cifar10", "linear", 1.0, "64.8", "96.9"),
    Printed("coursework", "vicreg", "resnet18", "cifar10", "linear", 1.0, "89.6", "99.7", EXTRAORDINARY),
    Printed("coursework", "vicreg", "resnet18", "cifar10", "semi", 0.01, "85.5", "99.2"),
    Printed("coursework", "vicreg", "resnet18", "cifar10", "semi", 0.1, "90.3", "99.7"),
    Printed("coursework", "vicreg", "resnet18", "tiny-imagenet", "linear", 1.0, "52.3", "74.0", ABOVE_ALL),
    Printed("coursework", "vicreg", "resnet18", "tiny-imagenet", "semi", 0.01, "79.7", "94.7", LEAK),
    Printed("coursework", "vicreg", "resnet18", "tiny-imagenet", "semi", 0.1, "86.4", "95.9", LEAK),
    Printed("slides", "tico", None, "cifar10", "linear", 1.0, "30.4", None, FLOOR),
    Printed("slides", "vicreg-tico", None, "cifar10", "linear", 1.0, "37.7", None, FLOOR),
    Printed("slides", "vicreg", None, "cifar10", "linear", 1.0, "42.1", None, NEAR_FLOOR),
)

IMAGENET = {
    "supervised": "76.5", "MoCo": "60.6", "SimCLR": "69.3", "MoCo v2": "71.1", "W-MSE": "69.4",
    "Barlow Twins": "73.2", "VICReg": "73.2",
}  # fmt: skip
"""ResNet-50, ImageNet, linear top-1, as the coursework quotes them."""

CIFAR10 = {
    "simclr": ("90.74", "91.80"), "vicreg": ("92.07", "86.76"), "barlow-twins": ("92.10", "87.76"),
    "w-mse": ("88.67", "91.55"), "byol": ("92.58", "91.73"), "simsiam": ("90.51", None),
}  # fmt: skip
"""ResNet-18, CIFAR-10, linear top-1 after 1000 epochs: solo-learn; table 1 of W-MSE with what others added."""


def ours(printed: Printed, rows: Sequence[Row]) -> Row | None:
    """Return our row for a printed value: the same method, encoder, data, mode and fraction of the labels.

    Examples
    --------
    >>> same = {"method": "tico", "features": "tico", "encoder": "n1", "dataset": "cifar10", "mode": "linear"}
    >>> ours(PRINTED[9], [same | {"fraction": 0.1}, same | {"fraction": 1.0, "top1": 0.3}])["top1"]
    0.3
    """
    for row in rows:
        same = all(row[name] == getattr(printed, name) for name in ("method", "dataset", "mode", "fraction"))
        if same and row["features"] == row["method"] and printed.encoder in (None, row["encoder"]):
            return row
    return None
