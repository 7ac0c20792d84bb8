# SPDX-License-Identifier: Apache-2.0
"""Linear probes: logistic regression on fixed features (memorization thesis, table B.1).

The probes of all seeds are trained side by side, as one batched problem; each has its own random numbers, so
the result is that of training it alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

from dynamics.evaluation.recipes import ProbeRecipe
from dynamics.streams import generator


class Probes(NamedTuple):
    """Linear layers, one per seed."""

    weight: Float32[Tensor, "seed feature class"]
    bias: Float32[Tensor, "seed 1 class"]


def fit(
    features: Float32[Tensor, "seed example feature"],
    labels: Int64[Tensor, " example"],
    *,
    num_classes: int,
    seeds: Sequence[int],
    recipe: ProbeRecipe,
) -> Probes:
    """Train a probe on each seed's features, on their device.

    Parameters
    ----------
    features
        One matrix per seed; a single one may be expanded along the axis of seeds.
    labels
        Class of each example, on the same device.
    num_classes
        Number of classes.
    seeds
        For each matrix, the seed of the probe's first weights and of the order of examples.
    recipe
        How to train.

    Examples
    --------
    >>> features, labels = torch.eye(2)[None], torch.tensor([0, 1])
    >>> probes = fit(features, labels, num_classes=2, seeds=[0], recipe=ProbeRecipe(lr=0.1, min_steps=50))
    >>> logits(probes, features).argmax(dim=2).tolist()
    [[0, 1]]
    """
    count, examples, dimensions = features.shape
    if len(seeds) != count:
        raise ValueError(f"{count} matrices of features, but {len(seeds)} seeds")
    probes = _first(seeds, dimensions, num_classes, features.device)
    optimizer = torch.optim.Adam(probes, lr=recipe.lr)
    row = torch.arange(count, device=features.device)[:, None]
    steps = recipe.steps(examples)
    for epoch in range(1, recipe.actual_epochs(examples) + 1):
        orders = [torch.randperm(examples, generator=generator(seed, "probe", epoch)) for seed in seeds]
        order = torch.stack(orders)[:, : steps * recipe.batch_size].to(features.device)
        for batch in order.tensor_split(steps, dim=1):
            outputs = logits(probes, features[row, batch])
            # A sum over seeds of means over examples: no seed's gradient depends on another seed.
            loss = functional.cross_entropy(outputs.flatten(0, 1), labels[batch].flatten(), reduction="sum")
            optimizer.zero_grad(set_to_none=True)
            (loss / batch.shape[1]).backward()
            optimizer.step()
    return Probes(probes.weight.detach(), probes.bias.detach())


def logits(
    probes: Probes, features: Float32[Tensor, "seed batch feature"]
) -> Float32[Tensor, "seed batch class"]:
    """Return each seed's logits of its own features.

    Examples
    --------
    >>> logits(Probes(torch.ones(1, 2, 3), torch.zeros(1, 1, 3)), torch.ones(1, 1, 2)).tolist()
    [[[2.0, 2.0, 2.0]]]
    """
    return torch.baddbmm(probes.bias, features, probes.weight)


def _first(seeds: Sequence[int], dimensions: int, num_classes: int, device: torch.device) -> Probes:
    """Draw the first weights as PyTorch's linear layer does: uniform on +-1/sqrt(features)."""
    drawn = [
        (2 * torch.rand(dimensions + 1, num_classes, generator=generator(seed, "probe")) - 1)
        / dimensions**0.5
        for seed in seeds
    ]
    both = torch.stack(drawn).to(device)
    return Probes(
        both[:, :-1].clone().requires_grad_(),
        both[:, -1:].clone().requires_grad_(),
    )
