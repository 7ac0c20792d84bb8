# SPDX-License-Identifier: Apache-2.0
"""The hyperparameters of probes. A field's docstring is its help text; nothing here loads torch."""

from dataclasses import dataclass, field
from typing import Literal

from dynamics.config import MAX_EPOCH, check_min, check_non_negative, check_positive
from dynamics.errors import UserError
from dynamics.kinds import check_fields
from dynamics.schedules import cosine

Mode = Literal["linear", "semi", "knn"]
Schedule = Literal["cosine", "constant"]
Augment = Literal["none", "crop", "crop-flip"]


class Training:
    """Fields and checks common to probes that are trained step by step."""

    epochs: int
    batch_size: int
    min_steps: int

    def steps(self, examples: int) -> int:
        """Return the steps of an epoch of `examples` training examples."""
        raise NotImplementedError

    def actual_epochs(self, examples: int) -> int:
        """Return for how many epochs a probe is trained: `epochs`, or more to get to `min_steps`.

        Raises
        ------
        UserError
            When there would be more than 4095.
        """
        epochs = max(self.epochs, -(-self.min_steps // self.steps(examples)))
        if epochs > MAX_EPOCH:
            raise UserError(
                f"a probe must be trained for <= {MAX_EPOCH} epochs, got {epochs}: lower `epochs` or `min_steps`"
            )
        return epochs


@dataclass(frozen=True, kw_only=True)
class ProbeRecipe(Training):
    """Logistic regression as in the memorization thesis: Adam, no regularisation, features as they are.

    Examples
    --------
    >>> ProbeRecipe().actual_epochs(50_000), ProbeRecipe().actual_epochs(512)
    (10, 975)
    """

    epochs: int = 10
    """Epochs of training, unless --min-steps asks for more."""
    batch_size: int = 256
    """Examples per step; the last incomplete batch of an epoch is dropped."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    min_steps: int = 1950
    """Train for more epochs if needed for this many steps. The default are those of 10 epochs of CIFAR-10, so that
    probes of small data sets are trained as long as those of large ones."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_min(self, 1, "epochs", "batch_size")
        check_min(self, 0, "min_steps")
        check_positive(self, "lr")

    def steps(self, examples: int) -> int:
        """Return the steps of an epoch: complete batches, or one of all examples."""
        return max(examples // self.batch_size, 1)


@dataclass(frozen=True, kw_only=True)
class KnnRecipe:
    """Weighted nearest neighbours (Wu et al., 2018, arXiv:1805.01978, section 3.4)."""

    neighbours: int = 200
    """Nearest training examples that vote on a test image's class; at most all of them do."""
    knn_temperature: float = 0.07
    """A neighbour's vote weighs exp(cosine similarity / temperature)."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_min(self, 1, "neighbours")
        check_positive(self, "knn_temperature")


@dataclass(frozen=True, kw_only=True)
class EvaluationRecipe(Training):
    """How an encoder is evaluated: a linear layer on it, all of it fine-tuned, or nearest neighbours.

    The VICReg coursework states 20 epochs, SGD, cross-entropy and batches of 256; rates, momentum and schedule are
    ours. Accuracies are those after the last epoch, never the best.

    Examples
    --------
    >>> recipe = EvaluationRecipe(mode="semi")
    >>> recipe.label_fraction, recipe.steps(384), recipe.actual_epochs(384)
    (0.1, 2, 500)
    """

    mode: Mode = "linear"
    """linear: a linear layer on the frozen encoder, whose features are computed once, without augmentation;
    semi: encoder and layer are fine-tuned together; knn: weighted nearest neighbours among those features."""
    fraction: float | None = None
    """Fraction of the training labels that are used, above 0, at most 1: equally many of each class, drawn by the
    run's seed; a larger fraction contains the smaller ones. By default 0.1 for semi, otherwise 1."""
    epochs: int = 20
    """Epochs of training, unless --min-steps asks for more."""
    batch_size: int = 256
    """Maximum number of examples per step; those of an epoch are split evenly over its steps, none is dropped."""
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
    min_steps: int = 1000
    """Train for more epochs if needed for this many steps: 20 epochs of a few hundred labels are too few to
    converge. With 0 the number of epochs is --epochs whatever the data, as the coursework states."""
    standardise: bool = True
    """Subtract from each feature (linear) its mean over the training examples used, and divide by its standard
    deviation, so that one learning rate suits every encoder; the probe is still a linear layer on the features."""
    augment: Augment = "none"
    """Augmentation of training images (semi): none, as the coursework states none; crop takes a window of the image
    padded by an eighth of its size; crop-flip also mirrors half of them."""
    knn: KnnRecipe = field(default_factory=KnnRecipe)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise UserError(f"`fraction` must be in (0, 1], got {self.fraction}")
        check_min(self, 1, "epochs")
        check_min(self, 2, "batch_size")
        check_min(self, 0, "min_steps")
        check_positive(self, "lr", "encoder_lr")
        check_non_negative(self, "weight_decay")
        if not 0 <= self.momentum < 1:
            raise UserError(f"`momentum` must be in [0, 1), got {self.momentum}")

    @property
    def label_fraction(self) -> float:
        """Fraction of the training labels that are used, in (0, 1]."""
        if self.fraction is not None:
            return self.fraction
        return 0.1 if self.mode == "semi" else 1.0

    def steps(self, examples: int) -> int:
        """Return the steps of an epoch."""
        return -(-examples // self.batch_size)

    def rate(self, epoch: int, *, base: float, epochs: int) -> float:
        """Return the learning rate of an epoch, counted from 1, from the largest."""
        return cosine(epoch, base=base, period=epochs) if self.schedule == "cosine" else base
