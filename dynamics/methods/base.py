# SPDX-License-Identifier: Apache-2.0
"""What a method is: a network that makes a loss of views, and tells which panel examples it gets right."""

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


class Representation(NamedTuple):
    """What a network makes of images, as float32."""

    features: Float[Tensor, "batch feature"]
    """Outputs of the encoder: what probes look at."""
    outputs: Float[Tensor, "batch output"]
    """Outputs of the head: what the loss and the indicator look at."""


class Method(nn.Module, ABC):
    """One way of training: all its networks, its loss, its optimiser, and what "correct" means.

    Whatever must survive a restart lives in the module's state (parameters and buffers: momentum encoders and
    queues too), so that resuming needs no knowledge of the method.
    """

    recipe_type: ClassVar[type[Recipe]] = Recipe
    """Its hyperparameters."""
    labels: ClassVar[Literal["none", "true", "permuted"]] = "none"
    """Labels it is trained on."""
    terms: ClassVar[tuple[str, ...]] = ("loss",)
    """Names of the scalars that :meth:`loss` returns."""
    captured: ClassVar[bool] = True
    """Whether a step may be captured in a CUDA graph: whether every kernel of the loss allows it."""
    panel_views: ClassVar[int] = 1
    """Views of one augmentation that are scored together: 2 where the partner is to be found."""

    head: nn.Module
    """From features to what the loss looks at: logits or embeddings."""

    def __init__(self, recipe: Recipe, statistics: ImageStatistics) -> None:
        super().__init__()
        self.recipe = recipe
        self.bf16 = False
        """Whether the networks run under bf16 autocast; losses and indicators are float32 all the same."""
        self.encoder = encoders.build(recipe.encoder, width=recipe.width)

    @staticmethod
    @abstractmethod
    def views(recipe: Recipe, statistics: ImageStatistics) -> Views:
        """Return the distribution of views that training and panel share."""

    @property
    def training_views(self) -> int:
        """How many views of each image a step sees."""
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
        """Return what the loss and the indicator look at, as float32: logits or embeddings."""
        return self.represent(images).outputs

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

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the trainable parameters; the rate of a group that has `fixed` = True follows no schedule."""
        return [{"params": [parameter for parameter in self.parameters() if parameter.requires_grad]}]

    def optimizer(self, *, on_device: bool = False) -> torch.optim.Optimizer:
        """Return a new optimiser over all trainable parameters.

        Parameters
        ----------
        on_device
            Keep on the device whatever a step reads and writes, learning rates too, and update all parameters in one
            fused kernel: such a step can be captured.
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
            # Steps before the capture, or instead of one, are meant: PyTorch need not warn of them.
            adam._warned_capturable_if_run_uncaptured = True
            return adam
        return torch.optim.SGD(
            groups,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=on_device,
        )

    def after_initialise(self, generator: torch.Generator) -> None:
        """Do what follows the first weights: nothing, unless a method keeps copies of them, or a queue."""

    def start_epoch(self, epoch: int) -> None:
        """Set what is constant within an epoch, counted from 1, in buffers: nothing, unless a coefficient moves."""

    def after_step(self) -> None:
        """Do what follows an optimiser's step, on the device alone: nothing, unless a method has a memory.

        What :meth:`loss` would remember (keys for a queue, a running covariance) it leaves in an attribute
        that is no buffer; here it becomes state. So a loss that is computed twice is the same twice.
        """
