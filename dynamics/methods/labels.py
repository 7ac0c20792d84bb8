# SPDX-License-Identifier: Apache-2.0
"""Base of methods that learn from labels: cross-entropy; correct = the largest logit is that of the label."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from dynamics.augment import CropFlipViews, Views
from dynamics.config import Optimizer, Recipe, fields_renamed
from dynamics.errors import UserError
from dynamics.methods.base import ImageStatistics, Judgement, Method, how_clearly


class LabelMethod(Method):
    """Encoder and one linear layer to the classes, trained by cross-entropy."""

    panel_views: ClassVar[int] = 1

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.head = nn.Linear(self.encoder.num_features, statistics.num_classes)

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the mean cross-entropy, in nats."""
        logits = self(views.flatten(0, 1))
        return {"loss": functional.cross_entropy(logits, labels.repeat(len(views)))}

    def judge(
        self, outputs: Float[Tensor, "view example output"], labels: Int64[Tensor, " example"]
    ) -> Judgement:
        """Call an example correct when its largest logit is that of the label used in training."""
        answer = labels.expand(outputs.shape[:2])
        predicted = outputs.argmax(dim=-1)
        return Judgement(
            predicted == answer, *how_clearly(outputs, outputs.softmax(dim=-1), answer), predicted
        )


@dataclass(frozen=True, kw_only=True)
class LabelRecipe(Recipe):
    """Labels and SGD, as in the thesis."""

    optimizer: Optimizer = "sgd"


@dataclass(frozen=True, kw_only=True)
class CropFlipRecipe(LabelRecipe):
    """Labels under weak augmentation."""

    crop_padding: int = 4
    """Black pixels on each side of the image before a crop of the image's size."""
    flip_probability: float = 0.5
    """Probability of a horizontal flip."""
    mean: tuple[float, float, float] | None = None
    """Mean per channel that is subtracted from the pixels; by default that of the training images."""
    std: tuple[float, float, float] | None = None
    """Standard deviation per channel that the pixels are divided by; by default that of the training images."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, bound in (("mean", -math.inf), ("std", 0.0)):
            values = getattr(self, name)
            if values is not None and not all(bound < value < math.inf for value in values):
                above = "" if name == "mean" else " and > 0"
                raise UserError(f"`{name}` must hold finite numbers{above}, got {values}")
        neutral = ImageStatistics(num_classes=1, image_size=1, mean=(0.0,) * 3, std=(1.0,) * 3)
        with fields_renamed(padding="crop_padding"):  # the views check their own parameters
            CropFlipMethod.views(self, neutral)


class CropFlipMethod(LabelMethod):
    """Cross-entropy on labels, under padded crops, flips and normalisation per channel."""

    @staticmethod
    def views(recipe: Any, statistics: ImageStatistics) -> Views:
        """Return padded crops and flips, normalised per channel."""
        return CropFlipViews(
            padding=recipe.crop_padding,
            flip_probability=recipe.flip_probability,
            mean=statistics.mean if recipe.mean is None else recipe.mean,
            std=statistics.std if recipe.std is None else recipe.std,
        )
