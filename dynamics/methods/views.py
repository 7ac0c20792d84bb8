# SPDX-License-Identifier: Apache-2.0
"""Base of methods that learn from views: views, projector; correct = the positive is the nearest in the batch.

SimCLR's loss is a classification with 2B - 1 classes (Chen et al., 2020, arXiv:2002.05709, eq. 1): which of the
other views is the positive, the second view of the same image? The same question can be asked of any method that
embeds views, so r_t(x) is defined for all of them.
"""

import inspect
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
from dynamics.methods.base import ImageStatistics, Judgement, Method, how_clearly
from dynamics.methods.rivals import Rivals, count_rivals

SMALLEST_TEMPERATURE = 1e-37
"""Temperature at or below which a cosine divided by it may be infinite in float32."""


@dataclass(frozen=True, kw_only=True)
class ViewRecipe(Recipe):
    """Two views under SimCLR's strong augmentation."""

    crop_scale_min: float = 0.08
    """Smallest fraction of the image's area that a random crop keeps."""
    flip_probability: float = 0.5
    """Probability of a horizontal flip."""
    jitter_probability: float = 0.8
    """Probability that brightness, contrast, saturation and hue change."""
    jitter_strength: float = 1.0
    """Strength s of that change: factors within 0.8 s of 1, hue within 0.2 s of the circle."""
    grayscale_probability: float = 0.2
    """Probability of a grey view."""
    blur: bool = True
    """Gaussian blur with a kernel of a tenth of the image and a standard deviation of 0.1 to 2 pixels."""
    temperature: float = 0.07
    """Divisor of the cosines, tau: in the loss, if it has one, and in the probability that the panel records."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "temperature")
        # The views check their own parameters.
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

    def why_not_finite(self) -> str:
        """Name the temperature where cosines divided by it are not finite."""
        if self.recipe.temperature > SMALLEST_TEMPERATURE:
            return super().why_not_finite()
        return f"cosines overflow when they are divided by `temperature` {self.recipe.temperature}: raise it"

    def judge(
        self, outputs: Float[Tensor, "view example output"], labels: Int64[Tensor, " example"]
    ) -> Judgement:
        """Call a view correct when no other view of its panel batch is as near to it as its positive.

        The panel's examples are split into consecutive batches of `panel_batch`; within each, every one of
        the 2B views is compared with the 2B - 1 others by cosine. A tie counts as wrong, so that a collapsed
        network has no view correct.
        """
        batch = min(self.recipe.panel_batch, outputs.shape[1])
        parts = [self.compared(part.float()) for part in outputs.split(batch, dim=1)]
        units = [functional.normalize(part, dim=-1) for part in parts]
        judged = [retrieve_partner(first, second, self.recipe.temperature) for first, second in units]
        correct, probability, margin, error_norm, _ = zip(*judged, strict=True)
        return Judgement(*(torch.cat(parts, dim=1) for parts in (correct, probability, margin, error_norm)))

    def rivals(
        self, outputs: Float[Tensor, "view example output"], labels: Int64[Tensor, " example"]
    ) -> Rivals:
        """Count the examples that are in the way of each view's positive (:mod:`dynamics.methods.rivals`).

        What the loss transforms over a batch is transformed over the whole panel at once.
        """
        return count_rivals(self.compared(outputs.float()), labels)

    def compared(self, outputs: Float[Tensor, "view batch output"]) -> Float[Tensor, "view batch output"]:
        """Return a panel batch's embeddings as the loss compares them: unchanged, unless the loss transforms them."""
        return outputs


def cosines(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"]
) -> Float[Tensor, "twice twice"]:
    """Return the cosines of all 2B unit vectors with each other, -inf on the diagonal.

    Examples
    --------
    >>> cosines(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([[-inf, 1.],
            [1., -inf]])
    """
    both = torch.cat([first, second])
    return (both @ both.T).masked_fill(torch.eye(len(both), dtype=torch.bool, device=both.device), -torch.inf)


def partners(batch: int, device: torch.device) -> Int64[Tensor, " twice"]:
    """Return for each of 2B views the index of its positive, the other view of its image.

    Examples
    --------
    >>> partners(3, torch.device("cpu"))
    tensor([3, 4, 5, 0, 1, 2])
    """
    return torch.arange(2 * batch, device=device).roll(batch)


def retrieve_partner(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"], temperature: float
) -> Judgement:
    """Look for each view's positive among the 2B - 1 other views of one batch.

    Parameters
    ----------
    first, second
        Unit vectors: the two views of the same images, in the same order.
    temperature
        Divisor of the cosines before the softmax that gives the probability.

    Examples
    --------
    >>> first, second = torch.eye(2), torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    >>> retrieve_partner(first, second, 0.5).correct  # the views of the second image are not nearest to each other
    tensor([[ True,  True],
            [ True, False]])
    """
    similarity = cosines(first, second)
    positive = partners(len(first), first.device)
    found = how_clearly(similarity, (similarity / temperature).softmax(dim=1), positive)
    shape = (2, len(first))
    return Judgement((found.margin > 0).view(shape), *(values.view(shape) for values in found))


@dataclass(frozen=True, kw_only=True)
class JointRecipe(ViewRecipe):
    """Views, encoder, projector."""

    projector: tuple[int, ...] = (1024, 1024, 1024)
    """Outputs of the projector's linear layers, with batch norm and ReLU between them."""
    projector_norm: bool = True
    """Whether batch norm also follows the projector's last layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width < 1 for width in self.projector):
            raise UserError(f"`projector` must hold widths >= 1, got {self.projector}")


@dataclass(frozen=True, kw_only=True)
class CropRecipe(JointRecipe):
    """The VICReg coursework's recipe: resized crops and flips only, Adam, 30 epochs.

    The coursework gives neither a learning rate nor a schedule; 1e-3 along one cosine is this project's choice.
    """

    epochs: int = 30
    lr: float = 1e-3
    weight_decay: float = 1e-6
    schedule_period: int = 30
    jitter_probability: float = 0.0
    grayscale_probability: float = 0.0
    blur: bool = False


def scored_at_a_temperature(recipe: type[Recipe]) -> bool:
    """Whether only the panel's probability has a temperature, not the loss: it was `panel_temperature` in version 0.1.

    Examples
    --------
    >>> from dynamics import methods
    >>> [scored_at_a_temperature(methods.recipe(name)) for name in ("vicreg", "moco", "simclr")]
    [True, False, False]
    """
    above = recipe.__mro__[: recipe.__mro__.index(JointRecipe)] if issubclass(recipe, JointRecipe) else ()
    return issubclass(recipe, JointRecipe) and not any(
        "temperature" in inspect.get_annotations(kind) for kind in above
    )


class JointMethod(ViewMethod):
    """Two or more views of each image, embedded by encoder and projector."""

    recipe: Any

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.head = mlp(self.encoder.num_features, recipe.projector, norm_last=recipe.projector_norm)

    @property
    def dimensions(self) -> int:
        """Dimensions of the embedding, d."""
        return self.recipe.projector[-1] if self.recipe.projector else self.encoder.num_features

    def embed(
        self, views: Float[Tensor, "view batch channel height width"]
    ) -> Float[Tensor, "view batch output"]:
        """Return the embeddings of each view, from one call of the network per view."""
        return torch.stack([self(view) for view in views])


def mlp(inputs: int, widths: Sequence[int], *, norm_last: bool, bias_last: bool = False) -> nn.Module:
    """Return linear layers to `widths` outputs each, with batch norm and ReLU between them.

    Parameters
    ----------
    inputs
        Number of features.
    widths
        Outputs of each layer; without any, the identity is returned.
    norm_last
        Whether batch norm follows the last layer too (without ReLU).
    bias_last
        Whether the last layer has a bias; before batch norm it would have no effect.

    Examples
    --------
    >>> [type(layer).__name__ for layer in mlp(8, (4, 2), norm_last=False)]
    ['Linear', 'BatchNorm1d', 'ReLU', 'Linear']
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
