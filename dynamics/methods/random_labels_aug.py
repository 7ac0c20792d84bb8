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
        "quick": {
            "epochs": 80,
            "batch_size": 64,
            "optimizer": "adam",  # SGD takes several times as long to remember what it sees shifted
            "lr": 3e-3,
            "weight_decay": 0.0,
            "schedule_period": 100,
            "crop_padding": 1,
            "flip_probability": 0.0,
        },
    }


class Method(CropFlipMethod):
    """Cross-entropy on permuted labels, under crops and flips."""

    recipe_type = Recipe
    labels: ClassVar[Literal["none", "true", "permuted"]] = "permuted"
