# SPDX-License-Identifier: Apache-2.0
"""Training on classes by SGD: one loop for linear layers and for fine-tuning."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from dynamics.errors import UserError
from dynamics.evaluation.accuracy import top1_top5
from dynamics.evaluation.examples import Examples
from dynamics.evaluation.recipes import EvaluationRecipe
from dynamics.streams import generator

MIN_SPREAD = 0.1
"""Smallest standard deviation that a feature is divided by, as a fraction of the usual one: a unit that is nearly
dead, or a pixel at the edge, would otherwise dwarf all others when an image excites it after all."""


class Standardise(nn.Module):
    """Subtract a mean from each feature and divide by a spread, both fixed."""

    mean: Float32[Tensor, " feature"]
    spread: Float32[Tensor, " feature"]

    def __init__(self, mean: Float[Tensor, " feature"], std: Float[Tensor, " feature"]) -> None:
        super().__init__()
        usual = std.square().mean().sqrt()
        spread = std.clamp(min=MIN_SPREAD * usual) if usual > 0 else torch.ones_like(std)
        self.register_buffer("mean", mean.float())
        self.register_buffer("spread", spread.float())

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch feature"]:
        """Return the features in units of their spread."""
        return (features - self.mean) / self.spread

    @classmethod
    def of(cls, examples: Examples) -> "Standardise":
        """Measure rows of features, in float64.

        Examples
        --------
        >>> Standardise.of(Examples(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1])))(torch.tensor([[4.0]])).tolist()
        [[2.0]]
        """
        total = square = torch.zeros((), dtype=torch.float64, device=examples.labels.device)
        for index in examples.in_order():
            rows = examples.inputs(index).double()
            total = total + rows.sum(dim=0)
            square = square + rows.square().sum(dim=0)
        count = len(examples.labels)
        mean = total / count
        return cls(mean, (square / count - mean.square()).clamp(min=0).sqrt())


def fit(
    network: nn.Module,
    rates: Sequence[tuple[nn.Module, float]],
    train: Examples,
    *,
    seed: int,
    recipe: EvaluationRecipe,
    after_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> list[float]:
    """Train a network by SGD on cross-entropy, in place.

    Parameters
    ----------
    network
        From the inputs of `train` to logits.
    rates
        Its parts that are trained, and their largest learning rates.
    train
        Examples to learn.
    seed
        Decides the order of examples and the augmentations.
    recipe
        How to train.
    after_epoch
        Called with the epoch and its mean loss.

    Returns
    -------
    list
        Mean loss of each epoch, in nats.

    Raises
    ------
    UserError
        When a loss is not finite.

    Examples
    --------
    >>> layer, rows = nn.Linear(2, 2), Examples(torch.eye(2), torch.tensor([0, 1]))
    >>> losses = fit(layer, [(layer, 1.0)], rows, seed=0, recipe=EvaluationRecipe(min_steps=0))
    >>> len(losses), losses[-1] < losses[0]
    (20, True)
    """
    groups: list[dict[str, Any]] = [
        {"params": list(part.parameters()), "lr": lr, "base": lr} for part, lr in rates
    ]
    optimizer = torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    examples, device = len(train.labels), train.labels.device
    epochs = recipe.actual_epochs(examples)
    losses = []
    for epoch in range(1, epochs + 1):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(epoch, base=group["base"], epochs=epochs)
        network.train()
        order = torch.randperm(examples, generator=generator(seed, "probe", epoch)).to(device)
        draws = generator(seed, "evaluation-augmentation", epoch, device=device)
        total = torch.zeros((), dtype=torch.float64, device=device)
        for index in order.tensor_split(recipe.steps(examples)):
            outputs = network(train.training_inputs(index, draws))
            loss = functional.cross_entropy(outputs, train.labels[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(index)
        losses.append(float(total) / examples)
        if not math.isfinite(losses[-1]):
            raise UserError(
                f"the loss must be finite, got {losses[-1]} in epoch {epoch}: lower `lr` (now {recipe.lr:g}) or "
                f"`encoder_lr` (now {recipe.encoder_lr:g})"
            )
        after_epoch(epoch, losses[-1])
    return losses


def score(network: nn.Module, examples: Examples) -> tuple[float, float | None]:
    """Return a network's top-1 and top-5 accuracy in eval mode on unaugmented examples (:func:`top1_top5`).

    Examples
    --------
    >>> score(nn.Identity(), Examples(torch.eye(3), torch.tensor([0, 1, 1])))
    (0.6666666666666666, None)
    """
    network.eval()
    with torch.inference_mode():
        outputs = torch.cat([network(examples.inputs(index)) for index in examples.in_order()])
    return top1_top5(outputs, examples.labels)
