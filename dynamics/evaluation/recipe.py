# SPDX-License-Identifier: Apache-2.0
"""How is an encoder evaluated: the coursework's recipe, and what it leaves open."""

from dataclasses import dataclass
from typing import Literal

from dynamics.errors import UserError
from dynamics.schedules import cosine
from dynamics.streams import MAX_EPOCH

Mode = Literal["linear", "semi"]
Schedule = Literal["cosine", "constant"]
Augment = Literal["none", "crop", "crop-flip"]

LABELS: dict[Mode, float] = {"linear": 1.0, "semi": 0.1}
"""Share of the labels that a mode uses where none is given."""


@dataclass(frozen=True, kw_only=True)
class EvaluationRecipe:
    """How a linear layer is trained, alone or with the encoder.

    The VICReg coursework states 20 epochs, SGD, cross-entropy and batches of 256; rates, momentum and schedule are
    ours. Accuracies are those after the last epoch, never the best.
    """

    mode: Mode = "linear"
    """linear: a linear layer on the frozen encoder, whose features are computed once, without augmentation;
    semi: encoder and layer are fine-tuned together."""
    fraction: float | None = None
    """Share of the training labels that are used, above 0, at most 1: as many of each class, drawn by the
    run's seed, those of a smaller share among those of a larger. By default 1 for linear and 0.1 for semi."""
    epochs: int = 20
    """Epochs of training, unless --least-steps asks for more."""
    batch_size: int = 256
    """Examples per step at most; an epoch's are split evenly over its steps, and none is dropped."""
    lr: float = 0.1
    """Learning rate of the linear layer."""
    encoder_lr: float = 0.02
    """Learning rate of the encoder (semi)."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 0.0
    """L2 penalty, added to the gradient."""
    schedule: Schedule = "cosine"
    """cosine: the rates fall to zero over the epochs; constant: they stay."""
    least_steps: int = 1000
    """Train for more epochs until there are so many steps: 20 epochs of a few hundred labels are too few to
    converge. With 0 there are --epochs whatever the data, as the coursework states."""
    standardise: bool = True
    """Subtract from each feature (linear) its mean over the training examples used, and divide by its standard
    deviation, so that one rate suits every encoder; a linear layer on that is one on the features."""
    augment: Augment = "none"
    """What training images go through (semi): none, as the coursework states none; crop is a window of the image
    padded by an eighth of its size; crop-flip mirrors half of them, too."""

    def __post_init__(self) -> None:
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise UserError(f"--fraction {self.fraction} is no share: use a number above 0, at most 1")
        for name, value, least in (
            ("epochs", self.epochs, 1),
            ("batch-size", self.batch_size, 2),
            ("least-steps", self.least_steps, 0),
        ):
            if value < least:
                raise UserError(f"--{name} {value} is too small: use {least} or more")
        for name, rate in (("lr", self.lr), ("encoder-lr", self.encoder_lr)):
            if not 0 < rate < float("inf"):
                raise UserError(f"--{name} {rate} is no rate: use a number above 0")
        if not 0 <= self.momentum < 1:
            raise UserError(f"--momentum {self.momentum}: use a number from 0 up, below 1")
        if not 0 <= self.weight_decay < float("inf"):
            raise UserError(f"--weight-decay {self.weight_decay}: use a number from 0 up")

    @property
    def share(self) -> float:
        """Share of the training labels that are used, 0 to 1."""
        return LABELS[self.mode] if self.fraction is None else self.fraction

    def steps(self, examples: int) -> int:
        """Return the steps of an epoch."""
        return -(-examples // self.batch_size)

    def actual_epochs(self, examples: int) -> int:
        """Return the epochs that `examples` training examples are seen for.

        Raises
        ------
        UserError
            When there would be more than 4095.
        """
        epochs = max(self.epochs, -(-self.least_steps // self.steps(examples)))
        if epochs > MAX_EPOCH:
            raise UserError(f"{epochs} epochs are too many: lower --epochs or --least-steps")
        return epochs

    def rate(self, epoch: int, *, base: float, epochs: int) -> float:
        """Return the learning rate of an epoch, counted from 1, from the largest."""
        return cosine(epoch, base=base, period=epochs) if self.schedule == "cosine" else base
