# SPDX-License-Identifier: Apache-2.0
"""Supervised training on the true labels, with random crops and flips (memorization thesis, section 4.1)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from dynamics.methods.labels import CropFlipMethod, CropFlipRecipe


@dataclass(frozen=True, kw_only=True)
class Recipe(CropFlipRecipe):
    """Supervised training as the thesis did it."""

    epochs: int = 50


class Method(CropFlipMethod):
    """Cross-entropy on the true labels."""

    recipe_type = Recipe
    labels: ClassVar[Literal["none", "true", "permuted"]] = "true"
