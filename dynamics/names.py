# SPDX-License-Identifier: Apache-2.0
"""How documents write the names of methods and encoders, and in which order they stand."""

from collections.abc import Iterable
from types import MappingProxyType

ORDER = ("simclr", "supervised", "random-labels", "random-labels-aug")
"""The memorization thesis's four settings come first, in its order; others follow by name."""

UNTRAINED = "random-initialisation"
"""Stands in a table's column of methods for a network that was never trained."""
PIXELS = "pixels"
"""Stands there for the images themselves."""

LABELS = MappingProxyType(
    {
        "simclr": "SimCLR",
        "supervised": "supervised",
        "random-labels": "random labels",
        "random-labels-aug": "random labels + aug.",
        "vicreg": "VICReg",
        "barlow-twins": "Barlow Twins",
        "w-mse": "W-MSE",
        "tico": "TiCo",
        "vicreg-tico": "VICReg + TiCo",
        "byol": "BYOL",
        "simsiam": "SimSiam",
        "moco": "MoCo v2",
        UNTRAINED: "random initialisation",
    }
)
"""How the documents write their methods; another method is written as on the command line."""

ENCODERS = MappingProxyType({"n1": "N1", "resnet18": "ResNet-18"})
"""How the documents write their encoders (the coursework's N2 is a ResNet-18)."""

USUAL_WIDTH = 64
"""Channels of the first stage of a ResNet-18; another width is written beside its name."""

LONGEST = 24
"""Characters of a method's name that fit above a panel."""


def label(method: str) -> str:
    """Return a method's name as it is printed; a long one is cut, so that panels stay apart.

    Examples
    --------
    >>> label("simclr"), label("my-method")
    ('SimCLR', 'my-method')
    """
    name = LABELS.get(method, method)
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def encoder_label(encoder: str | None, width: int | None = None) -> str:
    """Return an encoder's name as it is printed; nothing where a run does not say which it was.

    Examples
    --------
    >>> encoder_label("resnet18", 16)
    'ResNet-18, width 16'
    """
    if encoder is None:
        return ""
    narrow = encoder == "resnet18" and width not in (None, USUAL_WIDTH)
    return ENCODERS.get(encoder, encoder) + (f", width {width}" if narrow else "")


def ordered(methods: Iterable[str]) -> tuple[str, ...]:
    """Return methods in the order of tables and figures: the thesis's four, then the others by name.

    Examples
    --------
    >>> ordered(["byol", "supervised", "simclr"])
    ('simclr', 'supervised', 'byol')
    """
    return tuple(sorted(methods, key=lambda m: (ORDER.index(m) if m in ORDER else len(ORDER), m)))
