# SPDX-License-Identifier: Apache-2.0
"""The precision that a run's networks compute in, as its recipe asks for it and its device can."""

from typing import Any, Literal

import torch

from dynamics.config import Recipe
from dynamics.provenance import bf16_units

Resolved = Literal["bf16", "fp32"]

SMALLEST_IMAGE = 16
"""Height and width in pixels from which auto is bf16 on a processor with units for it: at 8 px it gains little, and so
the same bits come out of every processor."""


def resolve(recipe: Recipe, device: torch.device, *, image_size: int) -> Resolved:
    """Return the precision of a recipe on a device.

    What the recipe names is taken. Auto is bf16 on a GPU, and on a CPU that has units for it
    (:func:`dynamics.provenance.bf16_units`) where images have at least :data:`SMALLEST_IMAGE` pixels a side; else
    fp32. Nothing is timed: the same recipe gets the same precision on every machine of a kind.

    Parameters
    ----------
    recipe
        Its `precision` and nothing else decides.
    device
        Where the networks are.
    image_size
        Height and width of the images in pixels.

    Examples
    --------
    >>> resolve(Recipe(), torch.device("cpu"), image_size=8)
    'fp32'
    >>> resolve(Recipe(precision="bf16"), torch.device("cpu"), image_size=8)
    'bf16'
    """
    if recipe.precision != "auto":
        return recipe.precision
    pays = device.type == "cuda" or (image_size >= SMALLEST_IMAGE and bool(bf16_units()))
    return "bf16" if pays else "fp32"


def begun(recipe: Recipe, provenance: dict[str, Any]) -> Resolved:
    """Return the precision that a run began in, which it keeps on every machine that it goes on.

    Before it was recorded, auto was bf16 on every GPU and fp32 on every CPU.

    Examples
    --------
    >>> begun(Recipe(), {"precision": "bf16"}), begun(Recipe(), {"device": "cpu"})
    ('bf16', 'fp32')
    """
    if recipe.precision != "auto":
        return recipe.precision
    before: Resolved = "fp32" if provenance.get("device", "cpu") == "cpu" else "bf16"
    return provenance.get("precision", before)
