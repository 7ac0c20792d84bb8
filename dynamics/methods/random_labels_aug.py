# SPDX-License-Identifier: Apache-2.0
"""Random labels with the augmentation of supervised training: the same permutation as random-labels."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dynamics.methods._labelled import THESIS_NORMALISATION, CropFlipMethod, CropFlipRecipe


@dataclass(frozen=True, kw_only=True)
class Recipe(CropFlipRecipe):
    """Random labels with crops and flips as the thesis trained on them."""

    epochs: int = 500

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "thesis": THESIS_NORMALISATION,
        "quick": {"epochs": 80, "lr": 1e-2, "crop_padding": 1},
    }


class Method(CropFlipMethod):
    """Cross-entropy on permuted labels, under crops and flips."""

    recipe_type = Recipe
    labels: ClassVar[Literal["none", "true", "permuted"]] = "permuted"
