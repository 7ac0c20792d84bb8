# SPDX-License-Identifier: Apache-2.0
"""What a method is: a network that makes a loss of views, and tells which panel examples it gets right."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from dynamics import encoders
from dynamics.augment import Views
from dynamics.config import Config
from dynamics.schedules import cosine


class ImageStatistics(NamedTuple):
    """What a method may know about the data before it sees a batch."""

    num_classes: int
    image_size: int
    mean: tuple[float, ...]
    """Mean per channel of the training images, in [0, 1]."""
    std: tuple[float, ...]


class Judgement(NamedTuple):
    """A verdict on every view of every panel example."""

    correct: Bool[Tensor, "view example"]
    probability: Float[Tensor, "view example"]
    """Probability that the network gives to the true answer, 0 to 1."""


class Method(nn.Module, ABC):
    """One way of training: all its networks, its loss, its optimiser, and what "correct" means.

    Whatever must survive a restart lives in the module's state (parameters and buffers: momentum encoders and
    queues too), so that resuming needs no knowledge of the method.
    """

    recipe_type: ClassVar[type[Config]] = Config
    """Its hyperparameters."""
    labels: ClassVar[Literal["none", "true", "permuted"]] = "none"
    """Labels it is trained on."""
    terms: ClassVar[tuple[str, ...]] = ("loss",)
    """Names of the scalars that :meth:`loss` returns."""
    panel_views: ClassVar[int] = 1
    """Views of one augmentation that are scored together: 2 where the partner is to be found."""

    def __init__(self, recipe: Config, statistics: ImageStatistics) -> None:
        super().__init__()
        self.recipe = recipe
        self.bf16 = False
        """Whether the networks run under bf16 autocast; losses and indicators are float32 all the same."""
        self.encoder = encoders.build(recipe.encoder, width=recipe.width)

    @staticmethod
    @abstractmethod
    def views(recipe: Config, statistics: ImageStatistics) -> Views:
        """Return the distribution of views that training and panel share."""

    @property
    def training_views(self) -> int:
        """How many views of each image a step sees."""
        return self.panel_views

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch output"]:
        """Return :meth:`outputs` as float32, computed in the run's precision."""
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            return self.outputs(images).float()

    @abstractmethod
    def outputs(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch output"]:
        """Return what the loss and the indicator look at: logits or embeddings."""

    @abstractmethod
    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the scalar to descend under "loss", and its named terms where it has several."""

    @abstractmethod
    def judge(
        self, outputs: Float[Tensor, "view example output"], labels: Int64[Tensor, " example"]
    ) -> Judgement:
        """Say which panel examples are right, from their outputs under one augmentation."""

    def learning_rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        recipe = self.recipe
        return cosine(epoch, base=recipe.lr, period=recipe.schedule_period, start=recipe.schedule_start)

    def optimizer(self) -> torch.optim.Optimizer:
        """Return a new optimiser over all trainable parameters."""
        recipe = self.recipe
        parameters = [p for p in self.parameters() if p.requires_grad]
        fused = parameters[0].device.type == "cuda"
        if recipe.optimizer == "adam":
            return torch.optim.Adam(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused)
        return torch.optim.SGD(
            parameters,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=fused,
        )

    def after_step(self) -> None:
        """Do what follows an optimiser's step: nothing, unless a method keeps a momentum encoder."""
