# SPDX-License-Identifier: Apache-2.0
"""The interface of a method: a network with a loss on views and a verdict on the panel's examples."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from dynamics import encoders
from dynamics.augment import Views
from dynamics.config import Recipe
from dynamics.schedules import cosine

LARGEST_MARGIN = 6e4
"""Larger margins, also that of the only class, are cut off: they are stored as float16."""


class ImageStatistics(NamedTuple):
    """What a method may know about the data before it sees a batch of them."""

    num_classes: int
    image_size: int
    mean: tuple[float, ...]
    """Mean per channel of the training images, in [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation per channel, in the same units."""


class Judgement(NamedTuple):
    """A verdict on every view of every panel example."""

    correct: Bool[Tensor, "view example"]
    probability: Float[Tensor, "view example"]
    """Probability that the network gives to the true answer, 0 to 1."""
    margin: Float[Tensor, "view example"] | None = None
    """How far the true answer is ahead of the best other one; below 0 it is wrong."""
    error_norm: Float[Tensor, "view example"] | None = None
    """Euclidean norm of the probabilities of all answers less those of the true one, 0 to the root of 2."""
    predicted: Int64[Tensor, "view example"] | None = None
    """The class that is answered, where answers are classes."""


class Clearness(NamedTuple):
    """How clearly an answer is given: the fields of a :class:`Judgement`."""

    probability: Float[Tensor, "*answer"]
    margin: Float[Tensor, "*answer"]
    error_norm: Float[Tensor, "*answer"]


def how_clearly(
    scores: Float[Tensor, "*answer option"],
    probabilities: Float[Tensor, "*answer option"],
    true: Int64[Tensor, "*answer"],
) -> Clearness:
    """Return probability and margin of the true option, and the error norm of all of them.

    Parameters
    ----------
    scores
        Logits or cosines of the options; minus infinity for one that cannot be chosen.
    probabilities
        Their probabilities, which add up to 1.
    true
        The true option.

    Examples
    --------
    >>> scores = torch.tensor([[2.0, 0.5, -1.0]])
    >>> [round(value.item(), 2) for value in how_clearly(scores, scores.softmax(dim=-1), torch.tensor([0]))]
    [0.79, 1.5, 0.28]
    """
    place = true.unsqueeze(-1)
    probability = probabilities.gather(-1, place).squeeze(-1)
    others = scores.scatter(-1, place, -torch.inf).amax(dim=-1)
    margin = (scores.gather(-1, place).squeeze(-1) - others).clamp(max=LARGEST_MARGIN)
    # |p - y|^2, in which only the true option has a y of 1
    error_norm = (probabilities.square().sum(dim=-1) + 1 - 2 * probability).clamp(min=0).sqrt()
    return Clearness(probability, margin.clamp(min=-LARGEST_MARGIN), error_norm)


class Representation(NamedTuple):
    """Activations of a network for a batch of images, as float32."""

    features: Float[Tensor, "batch feature"]
    """Outputs of the encoder: the input of probes."""
    outputs: Float[Tensor, "batch output"]
    """Outputs of the head: the input of the loss and of the indicator."""


class Method(nn.Module, ABC):
    """A method of training: all its networks, its loss, its optimiser, and what "correct" means.

    Whatever must survive a restart lives in the module's state (parameters and buffers, including momentum encoders
    and queues), so that resuming needs no knowledge of the method.
    """

    recipe_type: ClassVar[type[Recipe]] = Recipe
    """Its hyperparameters."""
    labels: ClassVar[Literal["none", "true", "permuted"]] = "none"
    """Labels that it is trained on."""
    terms: ClassVar[tuple[str, ...]] = ("loss",)
    """Names of the scalars that :meth:`loss` returns."""
    captured: ClassVar[bool] = True
    """Whether a step may be captured in a CUDA graph, which every kernel of the loss must allow."""
    panel_views: ClassVar[int] = 1
    """Views per augmentation that are scored together: 2 where the positive is to be found."""

    head: nn.Module
    """Maps features to the input of the loss: logits or embeddings."""

    def __init__(self, recipe: Recipe, statistics: ImageStatistics) -> None:
        super().__init__()
        self.recipe = recipe
        self.bf16 = False
        """Whether the networks run under bf16 autocast; losses and indicators are float32 in any case."""
        self.encoder = encoders.build(recipe.encoder, width=recipe.width)

    @staticmethod
    @abstractmethod
    def views(recipe: Recipe, statistics: ImageStatistics) -> Views:
        """Return the distribution of views, the same for training and for the panel."""

    @property
    def training_views(self) -> int:
        """Number of views of each image in a training step."""
        return self.panel_views

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Return the context in which networks compute in the run's precision."""
        context = torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.bf16)
        return cast(AbstractContextManager[None], context)

    def represent(self, images: Float[Tensor, "batch channel height width"]) -> Representation:
        """Return features and outputs, computed in the run's precision."""
        with self.autocast(images.device):
            features = self.encoder(images)
            return Representation(features.float(), self.head(features).float())

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch output"]:
        """Return the input of the loss and of the indicator, as float32: logits or embeddings."""
        return self.represent(images).outputs

    @abstractmethod
    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the scalar to minimise under "loss", and its terms under their names where it has several."""

    @abstractmethod
    def judge(
        self, outputs: Float[Tensor, "view example output"], labels: Int64[Tensor, " example"]
    ) -> Judgement:
        """Decide which panel examples are correct, from their outputs under one augmentation."""

    def learning_rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        recipe = self.recipe
        return cosine(epoch, base=recipe.lr, period=recipe.schedule_period, start=recipe.schedule_start)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the trainable parameters; a group with `fixed` = True keeps its learning rate, without schedule."""
        return [{"params": [parameter for parameter in self.parameters() if parameter.requires_grad]}]

    def optimizer(self, *, on_device: bool = False) -> torch.optim.Optimizer:
        """Return a new optimiser over all trainable parameters.

        Parameters
        ----------
        on_device
            Keep on the device whatever a step reads and writes, including learning rates, and update all parameters
            in one fused kernel: such a step can be captured.
        """
        recipe = self.recipe
        groups = self.parameter_groups()
        if on_device:
            device = groups[0]["params"][0].device
            groups = [{**group, "lr": torch.tensor(recipe.lr, device=device)} for group in groups]
        if recipe.optimizer == "adam":
            adam = torch.optim.Adam(
                groups,
                lr=recipe.lr,
                weight_decay=recipe.weight_decay,
                fused=on_device,
                capturable=on_device,
            )
            # Steps before a capture, or without one, are intended: PyTorch need not warn of them.
            adam._warned_capturable_if_run_uncaptured = True
            return adam
        return torch.optim.SGD(
            groups,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=on_device,
        )

    def why_not_finite(self) -> str:
        """Say what to change when training has diverged: by default the learning rate."""
        return f"lower `lr` {self.recipe.lr}"

    def after_initialise(self, generator: torch.Generator) -> None:
        """Finish the initialisation: nothing, unless a method keeps copies of the weights, or a queue."""

    def start_epoch(self, epoch: int) -> None:
        """Set the buffers that are constant within an epoch, counted from 1; by default there are none."""

    def after_step(self) -> None:
        """Update the state after an optimiser's step, without waiting for the device: nothing by default.

        A :meth:`loss` leaves what is to be remembered (keys for a queue, a running covariance) in an attribute that
        is not a buffer; this method makes it part of the state. So computing a loss twice gives the same value twice.
        """
