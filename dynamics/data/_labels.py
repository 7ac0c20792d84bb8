# SPDX-License-Identifier: Apache-2.0
"""How are labels spread over examples: the permutation of random labels, subsets that balance classes."""

import bisect

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


def permuted_labels(
    labels: Int64[Tensor, " example"], generator: torch.Generator
) -> Int64[Tensor, " example"]:
    """Deal the labels out again, in a random order: every class keeps its count, no image its meaning.

    Parameters
    ----------
    labels
        True class of each training example.
    generator
        Source of the permutation. The same state gives the same permutation for a given number of examples.

    Returns
    -------
    Tensor
        Label to train on, in the order of the examples, on the device of `labels`.

    Notes
    -----
    Zhang et al., 2017 (arXiv:1611.03530), section 2, "random labels"; the memorization thesis permutes, so
    that the class balance stays. About one example in the number of classes keeps its label by chance.
    """
    order = torch.randperm(len(labels), generator=generator, device=generator.device)
    return labels[order.to(labels.device)]


def rank_within_class(labels: Int64[np.ndarray, " example"]) -> Int64[np.ndarray, " example"]:
    """Return how many earlier examples have the label of each example: 0 for the first of a class."""
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], labels[order])  # where the class begins in the sorted labels
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels)) - first
    return rank


def balanced_subset(labels: Int64[np.ndarray, " example"], n: int) -> Int64[np.ndarray, " chosen"]:
    """Choose `n` examples, as many of each class as of another; of a class, those that come first.

    A class with too few examples gives them all and the others share the rest. Where `n` leaves a remainder,
    the first classes give one more. A larger subset holds every smaller one.

    Parameters
    ----------
    labels
        Class of each example, from 0.
    n
        How many to choose, 1 to the number of examples.

    Returns
    -------
    ndarray
        Indices of the chosen examples, in increasing order.

    Raises
    ------
    ValueError
        When `n` is outside its range.
    """
    if not 1 <= n <= len(labels):
        raise ValueError(f"n is {n}: choose 1 to {len(labels)} examples")
    counts = np.bincount(labels)
    # The largest number that every class may give, as far as it has them, without exceeding n.
    level = (
        bisect.bisect_right(range(counts.max() + 1), n, key=lambda each: np.minimum(counts, each).sum()) - 1
    )
    quota = np.minimum(counts, level)
    quota[np.flatnonzero(counts > level)[: n - quota.sum()]] += 1
    return np.flatnonzero(rank_within_class(labels) < quota[labels]).astype(np.int64)
