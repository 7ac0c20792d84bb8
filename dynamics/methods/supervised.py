# SPDX-License-Identifier: Apache-2.0
"""Supervised training on the true labels, with random crops and flips (memorization thesis, section 4.1)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dynamics.methods._labelled import THESIS_NORMALISATION, CropFlipMethod, CropFlipRecipe


@dataclass(frozen=True, kw_only=True)
class Recipe(CropFlipRecipe):
    """Supervised training as the thesis did it."""

    epochs: int = 50

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "thesis": THESIS_NORMALISATION,
        "quick": {
            "epochs": 20,
            "lr": 1e-3,
            "schedule_period": 40,
            "crop_padding": 1,
            "flip_probability": 0.0,
        },
    }


class Method(CropFlipMethod):
    """Cross-entropy on the true labels."""

    recipe_type = Recipe
    labels: ClassVar[Literal["none", "true", "permuted"]] = "true"
