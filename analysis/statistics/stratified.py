# SPDX-License-Identifier: Apache-2.0
"""A random subset of a data set in which classes keep their proportions."""

import numpy as np
from jaxtyping import Int64


def stratified_share(
    labels: Int64[np.ndarray, " example"], share: float, rng: np.random.Generator
) -> Int64[np.ndarray, " chosen"]:
    """Draw the same fraction of every class at random, without replacement, at least one example of each.

    Parameters
    ----------
    labels
        Class of each example.
    share
        The fraction, above 0 and at most 1.
    rng
        Source of the choice.

    Returns
    -------
    ndarray
        Indices of the chosen examples, in increasing order.

    Raises
    ------
    ValueError
        When `share` is outside its range.

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 0, 1, 1])
    >>> labels[stratified_share(labels, 0.5, np.random.default_rng(0))]
    array([0, 0, 1])
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    chosen = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        chosen.append(rng.permutation(own)[: max(1, round(share * len(own)))])
    return np.sort(np.concatenate(chosen)).astype(np.int64)
