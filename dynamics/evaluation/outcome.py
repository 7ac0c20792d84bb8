# SPDX-License-Identifier: Apache-2.0
"""What did an evaluation of one seed find."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Accuracies after the last epoch, 0 to 1, and how training went."""

    seed: int
    top1: float
    """Share of test images whose class has the largest logit."""
    top5: float | None
    """Share whose class is among the five largest; not defined with fewer than six classes."""
    train_top1: float
    """Share of the training examples that were used, unaugmented."""
    examples: int
    """Training examples that were used."""
    loss: tuple[float, ...]
    """By epoch, mean cross-entropy of the training examples, in nats, while the network was trained."""
    test_top1: tuple[float, ...] | None
    """By epoch; None where only the last was scored."""
    test_top5: tuple[float | None, ...] | None
    encoder_before: str | None = None
    """Hash of the encoder's weights and batch-norm buffers; None for pixels."""
    encoder_after: str | None = None
    """The same where the encoder was frozen."""
