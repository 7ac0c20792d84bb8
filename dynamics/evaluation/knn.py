# SPDX-License-Identifier: Apache-2.0
"""Which class do the nearest training examples vote for: weighted kNN (Wu et al., 2018, arXiv:1805.01978, 3.4).

Nothing is trained: what is measured is whether similar features mean the same class. With the k training examples
of largest cosine similarity s_i to an image,

    votes(c) = sum over i = 1..k with class c of exp(s_i / tau)
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional

from dynamics.evaluation.recipes import KnnRecipe

SIMILARITIES = 2**25
"""Similarities that are in memory at a time: 128 MiB."""


def class_votes(
    bank: Float32[Tensor, "example feature"],
    labels: Int64[Tensor, " example"],
    queries: Float32[Tensor, "query feature"],
    *,
    num_classes: int,
    recipe: KnnRecipe,
) -> Float32[Tensor, "query class"]:
    """Sum the votes of each query's nearest training examples by class, on the device that they are on.

    Parameters
    ----------
    bank
        Features of the training examples; their length does not matter.
    labels
        Class of each.
    queries
        Features of the images to classify.
    num_classes
        Number of classes.
    recipe
        How many neighbours vote, and the temperature.

    Returns
    -------
    Tensor
        Votes, at least 0, in units of the nearest neighbour's: so that a small temperature does not overflow. The
        same bits every time; of training examples that are equally similar, the device's `topk` chooses.

    Examples
    --------
    >>> bank, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]), torch.tensor([0, 1, 1])
    >>> class_votes(bank, labels, torch.tensor([[3.0, 0.0]]), num_classes=2, recipe=KnnRecipe(neighbours=1)).tolist()
    [[1.0, 0.0]]
    """
    bank = functional.normalize(bank, dim=1)
    neighbours = min(recipe.neighbours, len(bank))
    votes = []
    for batch in functional.normalize(queries, dim=1).split(max(1, SIMILARITIES // len(bank))):
        similarity, index = (batch @ bank.T).topk(neighbours, dim=1)
        weights = ((similarity - similarity[:, :1]) / recipe.knn_temperature).exp()
        classes = labels[index]
        # Class by class: scattered sums come out in any order on a GPU.
        votes.append(torch.stack([(weights * (classes == c)).sum(dim=1) for c in range(num_classes)], dim=1))
    return torch.cat(votes)
