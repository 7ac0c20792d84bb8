# SPDX-License-Identifier: Apache-2.0
"""Random labels by permutation, and subsets with balanced classes."""

import bisect

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


def permuted_labels(
    labels: Int64[Tensor, " example"], generator: torch.Generator
) -> Int64[Tensor, " example"]:
    """Return the labels in a random order: class counts are kept, the relation to the images is lost.

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
    Zhang et al., 2017 (arXiv:1611.03530), section 2, "random labels"; the memorization thesis permutes labels,
    so that the class balance is kept. With C balanced classes, about 1 / C of the examples keep their label by chance.

    Examples
    --------
    >>> labels = torch.tensor([0, 0, 1, 1, 2, 2])
    >>> permuted_labels(labels, torch.Generator().manual_seed(0)).bincount()
    tensor([2, 2, 2])
    """
    order = torch.randperm(len(labels), generator=generator, device=generator.device)
    return labels[order.to(labels.device)]


def flipped_labels(
    labels: Int64[Tensor, " example"], fraction: float, num_classes: int, generator: torch.Generator
) -> Int64[Tensor, " example"]:
    """Return the labels with a fraction of them wrong: another class, each with the same probability.

    Parameters
    ----------
    labels
        True class of each training example.
    fraction
        How many get a wrong label, 0 to 1; rounded to whole examples.
    num_classes
        Number of classes; with one there is no wrong label.
    generator
        Source of the choice of examples and of their labels. A larger fraction flips the same examples and more.

    Examples
    --------
    >>> labels = torch.arange(100) % 4
    >>> int((flipped_labels(labels, 0.1, 4, torch.Generator().manual_seed(0)) != labels).sum())
    10
    """
    order = torch.randperm(len(labels), generator=generator)
    shift = torch.randint(1, max(num_classes, 2), (len(labels),), generator=generator)
    wrong = order[: round(fraction * len(labels))].to(labels.device)
    flipped = labels.clone()
    flipped[wrong] = (labels[wrong] + shift.to(labels.device)[wrong]) % num_classes
    return flipped


def rank_within_class(labels: Int64[np.ndarray, " example"]) -> Int64[np.ndarray, " example"]:
    """Return for each example how many earlier ones have its label: 0 for the first of a class.

    Examples
    --------
    >>> rank_within_class(np.array([1, 0, 1, 1])).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], labels[order])  # where the class begins in the sorted labels
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels)) - first
    return rank


def balanced_subset(labels: Int64[np.ndarray, " example"], n: int) -> Int64[np.ndarray, " chosen"]:
    """Choose `n` examples, equally many of each class; within a class, those that come first.

    A class with too few examples contributes all of them, the other classes the rest in equal parts. Where a remainder
    is left, the first classes contribute one more. A larger subset contains every smaller one.

    Parameters
    ----------
    labels
        Class of each example, from 0.
    n
        Size of the subset, 1 to the number of examples.

    Returns
    -------
    ndarray
        Indices of the chosen examples, in increasing order.

    Raises
    ------
    ValueError
        When `n` is out of range.

    Examples
    --------
    >>> balanced_subset(np.array([0, 0, 0, 1, 1]), 3).tolist()
    [0, 1, 3]
    """
    if not 1 <= n <= len(labels):
        raise ValueError(f"n is {n}: choose 1 to {len(labels)} examples")
    counts = np.bincount(labels)
    # The largest number that every class, as far as it has as many, can contribute without exceeding n.
    level = (
        bisect.bisect_right(range(counts.max() + 1), n, key=lambda each: np.minimum(counts, each).sum()) - 1
    )
    quota = np.minimum(counts, level)
    quota[np.flatnonzero(counts > level)[: n - quota.sum()]] += 1
    return np.flatnonzero(rank_within_class(labels) < quota[labels]).astype(np.int64)
