# SPDX-License-Identifier: Apache-2.0
"""Whether points of one class lie together: same-class neighbours, and clusters found without the classes."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64


def same_class_share(
    points: Float[np.ndarray, "example feature"], labels: Int64[np.ndarray, " example"], *, neighbours: int
) -> Float[np.ndarray, " example"]:
    """Return for each example the fraction of its nearest neighbours that have its class.

    Parameters
    ----------
    points
        Places of the examples; distances are Euclidean. An example is not its own neighbour.
    labels
        Class of each example.
    neighbours
        How many to look at, below the number of examples.

    Returns
    -------
    ndarray
        0 to 1; on average :func:`chance_share` where places say nothing of the class.

    Raises
    ------
    ValueError
        When there are too few examples for so many neighbours.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [5.0], [6.0]])
    >>> same_class_share(points, np.array([0, 0, 1, 1]), neighbours=1)
    array([1., 1., 1., 1.])
    """
    from sklearn.neighbors import NearestNeighbors  # a second of imports

    if not 1 <= neighbours < len(points):
        raise ValueError(f"neighbours is {neighbours}: use 1 to {len(points) - 1}, one fewer than examples")
    index = NearestNeighbors(n_neighbors=neighbours).fit(points)
    nearest = index.kneighbors(return_distance=False)
    return (labels[nearest] == labels[:, None]).mean(axis=1)


def chance_share(labels: Int64[np.ndarray, " example"]) -> float:
    """Return the expected fraction of same-class neighbours when they are drawn from the other examples at random.

    Examples
    --------
    >>> round(chance_share(np.array([0, 0, 1, 1])), 3)
    0.333
    """
    counts = np.bincount(labels)
    return float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1)))


class ClusterAgreement(NamedTuple):
    """How well clusters agree with classes; both are 1 when they are the same partition."""

    nmi: float
    """Normalised mutual information, 0 to 1, by the mean of both entropies; above 0 by chance."""
    ami: float
    """The same, adjusted: 0 on average where clusters are drawn at random (Vinh et al., 2010, JMLR 11)."""


def cluster_agreement(
    points: Float[np.ndarray, "example feature"],
    labels: Int64[np.ndarray, " example"],
    *,
    random_state: int,
    restarts: int = 10,
) -> ClusterAgreement:
    """Cluster points by k-means, with as many clusters as classes, and compare the clusters with the classes.

    Where fewer points differ than there are classes, there are fewer clusters.

    Parameters
    ----------
    points
        Places of the examples.
    labels
        Class of each example.
    random_state
        Seed of the starts.
    restarts
        Starts, of which the one with the smallest inertia counts.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [5.0], [6.0]])
    >>> round(cluster_agreement(points, np.array([0, 0, 1, 1]), random_state=0).nmi, 3)
    1.0
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    classes = len(np.unique(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of too few different points
        clusters = KMeans(classes, n_init=restarts, random_state=random_state).fit(points).labels_
    return ClusterAgreement(
        float(normalized_mutual_info_score(labels, clusters)),
        float(adjusted_mutual_info_score(labels, clusters)),
    )
