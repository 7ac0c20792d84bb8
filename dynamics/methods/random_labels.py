# SPDX-License-Identifier: Apache-2.0
"""Training on one fixed permutation of the labels, without augmentation (Zhang et al., 2017, arXiv:1611.03530).

Below the entropy of the labels only memorisation can reduce the loss (and of labels that the permutation kept, what
images have in common). The augmentation is the identity, so the panel has one augmentation (M = 1).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dynamics.augment import IdentityViews, Views
from dynamics.methods.base import ImageStatistics
from dynamics.methods.labels import LabelMethod, LabelRecipe


@dataclass(frozen=True, kw_only=True)
class Recipe(LabelRecipe):
    """Random labels as the thesis trained on them."""

    epochs: int = 20


class Method(LabelMethod):
    """Cross-entropy on permuted labels; pixels in [0, 1], as they are."""

    recipe_type = Recipe
    labels: ClassVar[Literal["none", "true", "permuted"]] = "permuted"

    @staticmethod
    def views(recipe: Any, statistics: ImageStatistics) -> Views:
        """Return the images themselves."""
        return IdentityViews()
