# SPDX-License-Identifier: Apache-2.0
"""What methods that learn from views share: views, projector, correct = the partner view is the nearest in the batch.

SimCLR's loss is a classification with 2B - 1 classes (Chen et al., 2020, arXiv:2002.05709, eq. 1): which of
the other views is the partner? The same question can be asked of any method that embeds views, so r_t(x) is
defined for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from dynamics.augment import SimCLRViews, Views
from dynamics.config import Recipe, check_positive
from dynamics.errors import UserError
from dynamics.methods.base import ImageStatistics, Judgement, Method


@dataclass(frozen=True, kw_only=True)
class ViewRecipe(Recipe):
    """Two views under SimCLR's strong augmentation."""

    crop_scale_min: float = 0.08
    """Smallest share of the image's area that a random crop keeps."""
    flip_probability: float = 0.5
    """Probability of a horizontal flip."""
    jitter_probability: float = 0.8
    """Probability that brightness, contrast, saturation and hue change."""
    jitter_strength: float = 1.0
    """Strength s of that change: factors within 0.8 s, hue within 0.2 s."""
    grayscale_probability: float = 0.2
    """Probability of a grey view."""
    blur: bool = True
    """Gaussian blur, kernel a tenth of the image, sigma 0.1 to 2."""
    temperature: float = 0.07
    """Divisor of the cosines, tau: in the loss, where it has one, and in the probability that the panel records."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "temperature")
        # The views know what they can do.
        ViewMethod.views(self, ImageStatistics(num_classes=1, image_size=1, mean=(), std=()))


class ViewMethod(Method):
    """Encoder and head to an embedding, trained on two or more views of each image, without labels."""

    panel_views: ClassVar[int] = 2
    recipe: Any

    @staticmethod
    def views(recipe: Any, statistics: ImageStatistics) -> Views:
        """Return SimCLR's strong augmentation, of the recipe's strength."""
        return SimCLRViews(
            crop_scale_min=recipe.crop_scale_min,
            flip_probability=recipe.flip_probability,
            jitter_probability=recipe.jitter_probability,
            jitter_strength=recipe.jitter_strength,
            grayscale_probability=recipe.grayscale_probability,
            blur=recipe.blur,
        )

    def judge(
        self, outputs: Float[Tensor, "view example output"], labels: Int64[Tensor, " example"]
    ) -> Judgement:
        """Call a view right when no other view of its panel batch is as near to it as its partner.

        The panel's examples are split into consecutive batches of `panel_batch`; within each, every one of
        the 2B views is compared with the 2B - 1 others by cosine. A tie counts as wrong, so a collapsed
        network gets nothing right.
        """
        batch = min(self.recipe.panel_batch, outputs.shape[1])
        parts = [self.compared(part.float()) for part in outputs.split(batch, dim=1)]
        units = [functional.normalize(part, dim=-1) for part in parts]
        judged = [retrieve_partner(first, second, self.recipe.temperature) for first, second in units]
        return Judgement(
            torch.cat([j.correct for j in judged], dim=1),
            torch.cat([j.probability for j in judged], dim=1),
        )

    def compared(self, outputs: Float[Tensor, "view batch output"]) -> Float[Tensor, "view batch output"]:
        """Return a panel batch's embeddings as the loss compares them: as they are, unless it transforms them first."""
        return outputs


def cosines(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"]
) -> Float[Tensor, "twice twice"]:
    """Return the cosines of all 2B unit vectors with each other, -inf on the diagonal."""
    both = torch.cat([first, second])
    return (both @ both.T).masked_fill(torch.eye(len(both), dtype=torch.bool, device=both.device), -torch.inf)


def partners(batch: int, device: torch.device) -> Int64[Tensor, " twice"]:
    """Return for each of 2B views the index of the other view of its image."""
    return torch.arange(2 * batch, device=device).roll(batch)


def retrieve_partner(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"], temperature: float
) -> Judgement:
    """Look for each view's partner among the 2B - 1 other views of one batch.

    Parameters
    ----------
    first, second
        Unit vectors: the two views of the same images, in the same order.
    temperature
        Divisor of the cosines before the softmax that gives the probability.
    """
    similarity = cosines(first, second)
    partner = partners(len(first), first.device).unsqueeze(1)
    to_partner = similarity.gather(1, partner)
    to_others = similarity.scatter(1, partner, -torch.inf).amax(dim=1, keepdim=True)
    probability = (similarity / temperature).softmax(dim=1).gather(1, partner)
    shape = (2, len(first))
    return Judgement((to_partner > to_others).view(shape), probability.view(shape))


@dataclass(frozen=True, kw_only=True)
class JointRecipe(ViewRecipe):
    """Views, encoder, projector."""

    projector: tuple[int, ...] = (1024, 1024, 1024)
    """Outputs of the projector's linear layers; batch norm and ReLU between them."""
    projector_norm: bool = True
    """Batch norm after the projector's last layer, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width < 1 for width in self.projector):
            raise UserError(f"`projector` must hold widths >= 1, got {self.projector}")


@dataclass(frozen=True, kw_only=True)
class CropRecipe(JointRecipe):
    """The VICReg coursework's: resized crops and flips only, Adam, 30 epochs.

    It prints neither the learning rate nor a schedule; 1e-3 along one cosine are ours.
    """

    epochs: int = 30
    lr: float = 1e-3
    weight_decay: float = 1e-6
    schedule_period: int = 30
    jitter_probability: float = 0.0
    grayscale_probability: float = 0.0
    blur: bool = False


class JointMethod(ViewMethod):
    """Two or more views of each image, embedded by encoder and projector."""

    recipe: Any

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.head = mlp(self.encoder.num_features, recipe.projector, norm_last=recipe.projector_norm)

    @property
    def dimensions(self) -> int:
        """Outputs of the projector, d."""
        return self.recipe.projector[-1] if self.recipe.projector else self.encoder.num_features

    def embed(
        self, views: Float[Tensor, "view batch channel height width"]
    ) -> Float[Tensor, "view batch output"]:
        """Return the embeddings of each view, one call of the network a view."""
        return torch.stack([self(view) for view in views])


def mlp(inputs: int, widths: Sequence[int], *, norm_last: bool, bias_last: bool = False) -> nn.Module:
    """Return linear layers to `widths` outputs each, with batch norm and ReLU between them.

    Parameters
    ----------
    inputs
        Number of features.
    widths
        Outputs of each layer; none at all gives the identity.
    norm_last
        Whether batch norm follows the last layer too (without ReLU).
    bias_last
        Whether the last layer has a bias; one that batch norm follows would do nothing.
    """
    layers: list[nn.Module] = []
    for place, outputs in enumerate(widths):
        last = place == len(widths) - 1
        layers.append(nn.Linear(inputs, outputs, bias=last and bias_last and not norm_last))
        if not last or norm_last:
            layers.append(nn.BatchNorm1d(outputs))
        if not last:
            layers.append(nn.ReLU())
        inputs = outputs
    return nn.Sequential(*layers) if layers else nn.Identity()
