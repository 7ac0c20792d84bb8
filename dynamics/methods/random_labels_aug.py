# SPDX-License-Identifier: Apache-2.0
"""Random labels with the augmentation of supervised training: the same permutation as random-labels."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from dynamics.methods.labels import CropFlipMethod, CropFlipRecipe


@dataclass(frozen=True, kw_only=True)
class Recipe(CropFlipRecipe):
    """Random labels with crops and flips as the thesis trained on them."""

    epochs: int = 500


class Method(CropFlipMethod):
    """Cross-entropy on permuted labels, under crops and flips."""

    recipe_type = Recipe
    labels: ClassVar[Literal["none", "true", "permuted"]] = "permuted"
