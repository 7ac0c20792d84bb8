# SPDX-License-Identifier: Apache-2.0
"""How well does a linear layer tell the classes from fixed features: logistic regression (thesis, table B.1).

The thesis's recipe: no regularisation, Adam with rate 1e-3, 10 epochs, batches of 256, the features as they
are. The probes of all seeds are trained side by side, as one batched problem; each has random numbers of its
own, so it comes out as if it were trained alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from dynamics.errors import UserError
from dynamics.streams import MAX_EPOCH, generator


@dataclass(frozen=True, kw_only=True)
class ProbeRecipe:
    """How a linear probe is trained."""

    epochs: int = 10
    """Epochs of training, unless --least-steps asks for more."""
    batch_size: int = 256
    """Examples per step; the last incomplete batch of an epoch is dropped."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    least_steps: int = 1950
    """Train for more epochs until there are so many steps: those of 10 epochs of CIFAR-10, so that a small data
    set's probes are trained as long as a large one's."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("epochs", self.epochs, 1),
            ("batch-size", self.batch_size, 1),
            ("least-steps", self.least_steps, 0),
        ):
            if value < least:
                raise UserError(f"--{name} {value} is too small: use {least} or more")
        if not 0 < self.lr < float("inf"):
            raise UserError(f"--lr {self.lr} is no rate: use a number above 0")

    def steps(self, examples: int) -> int:
        """Return the steps of an epoch; a batch of all examples is the least."""
        return max(examples // self.batch_size, 1)

    def actual_epochs(self, examples: int) -> int:
        """Return the epochs that `examples` training examples are seen for.

        Raises
        ------
        UserError
            When there would be more than 4095.
        """
        epochs = max(self.epochs, -(-self.least_steps // self.steps(examples)))
        if epochs > MAX_EPOCH:
            raise UserError(f"{epochs} epochs of a probe are too many: lower --epochs or --least-steps")
        return epochs


class Probes(NamedTuple):
    """Linear layers, one a seed."""

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
    """Train a probe on each seed's features, on the device that they are on.

    Parameters
    ----------
    features
        One matrix a seed; the same one may be expanded along the axis of seeds.
    labels
        Class of each example, on the same device.
    num_classes
        Number of classes.
    seeds
        For each matrix, the seed of the probe's first weights and of the order of examples.
    recipe
        How to train.
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
    """Return each seed's logits of its own features."""
    return torch.baddbmm(probes.bias, features, probes.weight)


def accuracy(
    outputs: Float[Tensor, "seed example class"], labels: Int64[Tensor, " example"], *, top: int = 1
) -> Float64[Tensor, " seed"]:
    """Return the share of examples whose class is among the `top` largest logits, 0 to 1.

    A class counts as below those that tie with it, so equal logits are never right.
    """
    own = outputs.gather(2, labels.expand(outputs.shape[:2]).unsqueeze(2))
    not_below = (outputs >= own).sum(dim=2) - 1
    return (not_below < top).double().mean(dim=1)


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
