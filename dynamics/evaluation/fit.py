# SPDX-License-Identifier: Apache-2.0
"""How does a network learn the classes, and how well does it tell them: one loop for both modes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from dynamics.errors import UserError
from dynamics.evaluation.examples import Examples
from dynamics.evaluation.recipe import EvaluationRecipe
from dynamics.linear_probe import accuracy
from dynamics.streams import generator

SCORED = 512
"""Examples that are scored at a time."""
LEAST_SPREAD = 0.1
"""Smallest standard deviation that a feature is divided by, as a share of the usual one: a unit that is nearly
dead, or a pixel at the edge, would otherwise dwarf all others when an image excites it after all."""
LEAST_CLASSES = 6
"""With fewer, top-5 accuracy is 1 whatever is learnt, so it is not defined."""


class Standardise(nn.Module):
    """Subtract a mean from each feature and divide by a spread, both fixed."""

    mean: Float32[Tensor, " feature"]
    spread: Float32[Tensor, " feature"]

    def __init__(self, mean: Float[Tensor, " feature"], std: Float[Tensor, " feature"]) -> None:
        super().__init__()
        usual = std.square().mean().sqrt()
        spread = std.clamp(min=LEAST_SPREAD * usual) if usual > 0 else torch.ones_like(std)
        self.register_buffer("mean", mean.float())
        self.register_buffer("spread", spread.float())

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch feature"]:
        """Return the features in units of their spread."""
        return (features - self.mean) / self.spread

    @classmethod
    def of(cls, examples: Examples) -> "Standardise":
        """Measure rows of features, in float64."""
        total = square = torch.zeros((), dtype=torch.float64, device=examples.labels.device)
        for index in _in_order(examples):
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
    after_epoch: Callable[[int, float], None],
) -> list[float]:
    """Train a network by SGD on cross-entropy, in place.

    Parameters
    ----------
    network
        From the inputs of `train` to logits.
    rates
        Its parts that learn, and their largest learning rates.
    train
        What to learn.
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
                f"the loss is {losses[-1]} in epoch {epoch}: lower --lr {recipe.lr} or --encoder-lr"
            )
        after_epoch(epoch, losses[-1])
    return losses


def logits(network: nn.Module, examples: Examples) -> Float32[Tensor, "example class"]:
    """Return what a network makes of all examples, in eval mode and unaugmented."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(examples.inputs(index)) for index in _in_order(examples)])


def score(network: nn.Module, examples: Examples) -> tuple[float, float | None]:
    """Return top-1 and top-5 accuracy, 0 to 1; top-5 is None where there are fewer than six classes."""
    outputs = logits(network, examples)[None]
    top1, top5 = (float(accuracy(outputs, examples.labels, top=top)) for top in (1, 5))
    return top1, top5 if outputs.shape[2] >= LEAST_CLASSES else None


def _in_order(examples: Examples) -> tuple[Int64[Tensor, " batch"], ...]:
    everything = torch.arange(len(examples.labels), device=examples.labels.device)
    return everything.split(SCORED)
