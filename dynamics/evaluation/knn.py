# SPDX-License-Identifier: Apache-2.0
"""Weighted k-nearest-neighbour classification (Wu et al., 2018, arXiv:1805.01978, section 3.4).

Nothing is trained: the accuracy says whether similar features mean the same class. With the k training examples
of largest cosine similarity s_i to an image,

    votes(c) = sum over i = 1..k with class c of exp(s_i / tau)
"""

import torch
from jaxtyping import Float64, Int64, Real
from torch import Tensor
from torch.nn import functional

from dynamics.evaluation.recipes import KnnRecipe

QUERIES, BLOCK = 1024, 4096
"""Number of queries, and of training examples, compared at a time: 32 MiB of similarities."""


def class_votes(
    bank: Real[Tensor, "example feature"],
    labels: Int64[Tensor, " example"],
    queries: Real[Tensor, "query feature"],
    *,
    num_classes: int,
    recipe: KnnRecipe,
) -> Float64[Tensor, "query class"]:
    """Sum the votes of each query's nearest training examples by class, on their device.

    Similarities are computed in float64: the features of an untrained encoder all but coincide.

    Parameters
    ----------
    bank
        Features of the training examples, or pixels in any unit: lengths do not matter.
    labels
        Class of each training example.
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
    votes = []
    for batch in queries.split(QUERIES):
        similarity, classes = _nearest(bank, labels, _unit(batch), recipe.neighbours)
        weights = ((similarity - similarity[:, :1]) / recipe.knn_temperature).exp()
        # Class by class: scattered sums come out in any order on a GPU.
        votes.append(torch.stack([(weights * (classes == c)).sum(dim=1) for c in range(num_classes)], dim=1))
    return torch.cat(votes)


def _nearest(
    bank: Real[Tensor, "example feature"],
    labels: Int64[Tensor, " example"],
    queries: Float64[Tensor, "query feature"],
    count: int,
) -> tuple[Float64[Tensor, "query neighbour"], Int64[Tensor, "query neighbour"]]:
    """Return similarity and class of the `count` nearest examples, or of all, the nearest first."""
    similarity, classes = queries.new_empty(len(queries), 0), labels.new_empty(len(queries), 0)
    for rows, of_rows in zip(bank.split(BLOCK), labels.split(BLOCK), strict=True):
        similarity = torch.cat([similarity, queries @ _unit(rows).T], dim=1)
        classes = torch.cat([classes, of_rows.expand(len(queries), -1)], dim=1)
        similarity, place = similarity.topk(min(count, similarity.shape[1]), dim=1)
        classes = classes.gather(1, place)
    return similarity, classes


def _unit(rows: Real[Tensor, "row feature"]) -> Float64[Tensor, "row feature"]:
    return functional.normalize(rows.double(), dim=1)
