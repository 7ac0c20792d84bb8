# SPDX-License-Identifier: Apache-2.0
"""Divergence between classes in feature space: that of Gaussians fitted to them (eqs. 5.1, 5.2).

    mu_y = mean of the features of class y         Sigma_y = their covariance, divided by n - 1       (5.1)
    KL(N_y || N_z) = 1/2 [ tr(Sigma_z^-1 Sigma_y) + (mu_z - mu_y)' Sigma_z^-1 (mu_z - mu_y)
                           - D + ln(det Sigma_z / det Sigma_y) ]                                      (5.2)

(memorization thesis). With Cholesky factors Sigma = L L', the trace is the squared Frobenius norm of
L_z^-1 L_y and the quadratic form that of L_z^-1 (mu_z - mu_y): triangular solves, no inverse. As an estimate it
is too large, by tens of nats for the thesis's 5000 examples in 512 dimensions: see corrected_divergence.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer
from scipy import linalg


class ClassMoments(NamedTuple):
    """Means and unbiased covariances of all classes (eq. 5.1), in float64."""

    mean: Float64[np.ndarray, "class feature"]
    covariance: Float64[np.ndarray, "class feature feature"]
    """nan for a class of one example."""
    examples: Integer[np.ndarray, " class"]
    """Number of examples of each class."""


class Divergences(NamedTuple):
    """Divergences of all pairs of classes, and why some are missing."""

    kl: Float64[np.ndarray, "class other_class"]
    """KL(N_y || N_z) in nats at [y, z], 0 on the diagonal; nan where y or z is singular."""
    singular: dict[int, str]
    """For each class without a usable covariance, what is wrong with it."""


def class_moments(
    features: Float[np.ndarray, "example feature"],
    labels: Integer[np.ndarray, " example"],
    *,
    num_classes: int,
) -> ClassMoments:
    """Compute the mean and the unbiased covariance of each class (eq. 5.1).

    Parameters
    ----------
    features
        Any float type, memory-mapped too: one class is in memory as float64 at a time.
    labels
        Class of each example, 0 to num_classes - 1.
    num_classes
        Number of classes.

    Raises
    ------
    ValueError
        When a class has no examples.

    Examples
    --------
    >>> class_moments(np.array([[0.0], [2.0], [5.0], [9.0]]), np.array([0, 0, 1, 1]), num_classes=2).mean.ravel()
    array([1., 7.])
    """
    dimensions = features.shape[1]
    count = np.bincount(labels, minlength=num_classes)
    if len(count) != num_classes or count.min() == 0:
        raise ValueError(f"labels must name each of {num_classes} classes at least once")
    mean = np.empty((num_classes, dimensions))
    covariance = np.full((num_classes, dimensions, dimensions), np.nan)
    for index in range(num_classes):
        own = features[labels == index].astype(np.float64)
        mean[index] = own.mean(axis=0)
        own -= mean[index]
        if len(own) > 1:
            covariance[index] = own.T @ own / (len(own) - 1)
    return ClassMoments(mean, covariance, count)


def gaussian_kl(moments: ClassMoments) -> Divergences:
    """Compute KL(N_y || N_z) of all pairs of classes by the thesis's formula (eq. 5.2).

    A class whose covariance has no inverse (too few examples, dead or linearly dependent features) gets no
    divergence to or from any other: its Gaussian lies in a subspace and the true divergence is infinite.

    Examples
    --------
    >>> moments = ClassMoments(np.array([[0.0], [1.0]]), np.ones((2, 1, 1)), np.array([9, 9]))
    >>> gaussian_kl(moments).kl
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    singular = {}
    for index, (covariance, count) in enumerate(zip(moments.covariance, moments.examples, strict=True)):
        if (why := why_singular(covariance, int(count))) is not None:
            singular[index] = why
    usable = [index for index in range(len(moments.examples)) if index not in singular]
    kl = np.full((len(moments.examples), len(moments.examples)), np.nan)
    if usable:
        kl[np.ix_(usable, usable)] = divergence(moments.mean[usable], factors(moments.covariance[usable]))
        kl[usable, usable] = 0  # a Gaussian's divergence from itself, but for rounding
    return Divergences(kl, singular)


def divergence(
    mean: Float64[np.ndarray, "class feature"], factor: Sequence[Float64[np.ndarray, "feature feature"]]
) -> Float64[np.ndarray, "class other_class"]:
    """Compute eq. 5.2 for all pairs of Gaussians, from the Cholesky factors of their covariances.

    Examples
    --------
    >>> divergence(np.array([[0.0], [1.0]]), [np.eye(1), np.eye(1)])
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    classes, dimensions = mean.shape
    half_log_det = np.array([np.log(np.diagonal(lower)).sum() for lower in factor])
    squares = np.empty((classes, classes))
    stacked = np.concatenate([*factor, np.empty((dimensions, classes))], axis=1)
    for z, lower in enumerate(factor):
        stacked[:, classes * dimensions :] = (mean[z] - mean).T
        solved = np.square(linalg.solve_triangular(lower, stacked, lower=True, check_finite=False))
        columns = solved.sum(axis=0)
        trace = columns[: classes * dimensions].reshape(classes, dimensions).sum(axis=1)
        squares[:, z] = trace + columns[classes * dimensions :]
    return (squares - dimensions) / 2 + half_log_det[None, :] - half_log_det[:, None]


def factors(
    covariance: Float64[np.ndarray, "class feature feature"],
) -> list[Float64[np.ndarray, "feature feature"]]:
    """Return the lower Cholesky factor of each covariance; all must be positive definite.

    Examples
    --------
    >>> factors(np.full((1, 1, 1), 4.0))
    [array([[2.]])]
    """
    return [linalg.cholesky(own, lower=True, check_finite=False) for own in covariance]


def why_singular(covariance: Float64[np.ndarray, "feature feature"], count: int) -> str | None:
    """Say why a covariance of `count` examples has no inverse, or None where it has one.

    Singular means: a pivot of the Cholesky decomposition (the variance that a feature has left, given those
    before it) is below D times the rounding error of that feature's variance.

    Examples
    --------
    >>> why_singular(np.eye(3), 3), why_singular(np.eye(3), 4)
    ('3 examples for 3 features', None)
    """
    dimensions = len(covariance)
    if count <= dimensions:
        return f"{count} examples for {dimensions} features"
    variance = np.diagonal(covariance)
    if not variance.all():
        return f"{np.count_nonzero(variance == 0)} of {dimensions} features are dead (constant)"
    try:
        lower = linalg.cholesky(covariance, lower=True, check_finite=False)
    except linalg.LinAlgError:
        return "features are linearly dependent"
    if (np.diagonal(lower) ** 2 <= dimensions * np.finfo(np.float64).eps * variance).any():
        return "features are linearly dependent"
    return None
