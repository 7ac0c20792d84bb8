# SPDX-License-Identifier: Apache-2.0
"""Display names of methods and encoders, their order in tables and figures, and which names are allowed."""

import re
from collections.abc import Iterable
from types import MappingProxyType

from dynamics.errors import UserError

ORDER = ("simclr", "supervised", "random-labels", "random-labels-aug")
"""The memorization thesis's four settings come first, in its order; the others follow alphabetically."""

UNTRAINED = "random-initialisation"
"""Takes the place of a method in tables: a network that was never trained."""
PIXELS = "pixels"
"""Takes the place of a method in tables: the images themselves."""

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
"""Names as the theses write them; any other method is written as on the command line."""

ENCODERS = MappingProxyType({"n1": "N1", "resnet18": "ResNet-18"})
"""Names as the theses write them (the coursework's N2 is a ResNet-18)."""

USUAL_WIDTH = 64
"""Channels of the first stage of a standard ResNet-18; any other width is written beside its name."""

LONGEST_NAME = 255
"""Maximum number of characters of a folder's name on common file systems."""
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
METHOD_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

LONGEST = 24
"""Number of characters of a method's name that fit above a figure's panel."""


def label(method: str) -> str:
    """Return a method's display name; a long one is truncated so that the titles of panels do not overlap.

    Examples
    --------
    >>> label("simclr"), label("my-method")
    ('SimCLR', 'my-method')
    """
    name = LABELS.get(method, method)
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the plural, unless it is 1.

    Examples
    --------
    >>> counted(1, "seed"), counted(30, "seed")
    ('1 seed', '30 seeds')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def duration(seconds: int | float | None) -> str:
    """Return a duration in readable form: 42 s, 3 min 10 s, 5 h 02 min.

    Examples
    --------
    >>> duration(190), duration(None)
    ('3 min 10 s', 'unknown time')
    """
    if seconds is None:
        return "unknown time"
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60:02d} s"
    return f"{rounded // 3600} h {rounded % 3600 // 60:02d} min"


def encoder_label(encoder: str | None, width: int | None = None) -> str:
    """Return an encoder's display name; an empty string if the run did not record its encoder.

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
    """Return methods in the order of tables and figures: the thesis's four, then the others alphabetically.

    Examples
    --------
    >>> ordered(["byol", "supervised", "simclr"])
    ('simclr', 'supervised', 'byol')
    """
    return tuple(sorted(methods, key=lambda m: (ORDER.index(m) if m in ORDER else len(ORDER), m)))


def check_study_name(study: str) -> None:
    """Refuse a name that is not safe as the name of a folder.

    Raises
    ------
    UserError
        When it is empty or holds other characters than letters, digits, dots, hyphens and underscores.

    Examples
    --------
    >>> check_study_name("digits-1")
    """
    if not isinstance(study, str) or not STUDY_NAME.fullmatch(study):
        raise UserError(f"`study` must be letters, digits, dots, hyphens and underscores, got {study!r}")
    if len(study) > LONGEST_NAME:
        raise UserError(
            f"`study` must have at most {LONGEST_NAME} characters, got {len(study)}: {study[:40]}..."
        )


def check_method_name(method: str) -> None:
    """Refuse a name that is not written as methods are.

    Raises
    ------
    UserError
        When it holds other characters than lower-case letters, digits and hyphens; suggests one that does not.

    Examples
    --------
    >>> check_method_name("my-net")
    >>> check_method_name("My_Net")
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: method must be lower-case letters, digits and hyphens, got 'My_Net': use my-net
    """
    if not isinstance(method, str) or not METHOD_NAME.fullmatch(method):
        instead = f": use {plain}" if isinstance(method, str) and (plain := plain_name(method)) else ""
        raise UserError(f"`method` must be lower-case letters, digits and hyphens, got {method!r}{instead}")


def plain_name(name: str) -> str:
    """Return a name in lower-case letters, digits and hyphens; "" if nothing is left of it.

    Examples
    --------
    >>> plain_name("ResNet_18 (ours)")
    'resnet-18-ours'
    """
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))
