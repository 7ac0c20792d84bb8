# SPDX-License-Identifier: Apache-2.0
"""Variance components of an answer: how much the example, its augmentation, the seed and chance contribute.

The answer of seed i to augmentation j of example k as a sum of random effects,

    y_ijk = p + e_k + a_jk + s_i + (se)_ik + u_ijk,

with augmentations nested in examples and seeds crossed with both; (se)_ik is a seed's luck with an example
under all its augmentations, u the rest. The variances of the five are estimated by the method of moments of
the balanced analysis of variance (Searle, Casella and McCulloch 1992, Variance Components, ch. 4): unbiased
whatever the distributions, hence for binary answers too, and for the same reason slightly negative now and
then where a part is absent. The true r~ of an augmented example is p + e_k + a_jk, without the noise of the
N seeds; its variance lies between examples (e) and between the augmentations of one example (a).

All sums of squares come from products of two seeds' answers. Products of different seeds hold what seeds
agree on, e and a; so resamples of the seeds cost no more than the matrix of products, and count only pairs of
different seeds (see `analysis.statistics.bootstrap`).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Shaped

from analysis.statistics.bootstrap import percentile_interval, resample_weights


class Components(NamedTuple):
    """Variances, in squared units of the answers; nan where they cannot be told apart.

    Each is one number, or one for every resample.
    """

    example: Float[np.ndarray, "*resample"]
    """Between examples: how far their r_t(x) under infinitely many augmentations and seeds spread."""
    augmentation: Float[np.ndarray, "*resample"]
    """Between augmentations of one example."""
    seed: Float[np.ndarray, "*resample"]
    """Between seeds: how far their accuracies spread."""
    seed_by_example: Float[np.ndarray, "*resample"]
    """What a seed does to one example under all its augmentations."""
    residual: Float[np.ndarray, "*resample"]
    """The rest: one seed, one augmentation of one example."""
    augmentation_share: Float[np.ndarray, "*resample"]
    """augmentation / (example + augmentation): the fraction of the true variance of r~ that lies between the
    augmentations of one example. Near 0: averaging over augmentations changes little. Near 1: it evens the
    examples out. Outside 0..1 where an estimate is negative; nan where the sum is not positive."""


class ComponentIntervals(NamedTuple):
    """Ends of the confidence intervals of all components; nan where there are too few seeds."""

    low: Components
    high: Components


def variance_components(correct: Shaped[np.ndarray, "seed augmentation example"]) -> Components:
    """Estimate the variances, each as a 0-d array.

    Parameters
    ----------
    correct
        Answers, as indicators or numbers: N seeds by M augmentations of each of K examples.

    Returns
    -------
    Components
        All nan for fewer than two seeds, augmentations or examples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.choice([0.1, 0.9], size=(2, 400))  # hard or easy by the augmentation alone
    >>> round(float(variance_components(rng.random((30, 2, 400)) < p).augmentation_share), 1)
    1.0
    """
    products = _Products(correct)
    found = products.components(np.ones((1, products.seeds), dtype=np.int64))
    return Components(*(values[0] for values in found))


def component_intervals(
    correct: Shaped[np.ndarray, "seed augmentation example"],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> ComponentIntervals:
    """Return bootstrap intervals over seeds of :func:`variance_components`, for these examples and augmentations.

    In simulations about 93 % of them hold the true value with 30 seeds, and 90 % with 8 or 4.

    Parameters
    ----------
    correct
        As in :func:`variance_components`.
    rng
        Source of the resamples.
    resamples, level
        How many resamples; the coverage aimed at, between 0 and 1.

    Returns
    -------
    ComponentIntervals
        0-d arrays; nan for fewer than three seeds, or where the component is nan.

    Examples
    --------
    >>> correct = np.random.default_rng(0).random((8, 2, 40)) < np.linspace(0, 1, 40)
    >>> low, high = component_intervals(correct, rng=np.random.default_rng(0))
    >>> bool(low.example < variance_components(correct).example < high.example)
    True
    """
    products = _Products(correct)
    if products.seeds < 3:
        nothing = Components(*(np.array(np.nan) for _ in Components._fields))
        return ComponentIntervals(nothing, nothing)
    weights = resample_weights(products.seeds, rng=rng, resamples=resamples)
    ends = [percentile_interval(values, level=level) for values in products.components(weights)]
    return ComponentIntervals(
        Components(*(np.asarray(end.low) for end in ends)),
        Components(*(np.asarray(end.high) for end in ends)),
    )


class _Products:
    """Products of two seeds' answers, split as the answers are: within examples, between them, in all."""

    def __init__(self, correct: Shaped[np.ndarray, "seed augmentation example"]) -> None:
        self.seeds, self.augmentations, self.examples = correct.shape
        values = correct.astype(np.float64)
        by_example = values.mean(axis=1)
        self.means = by_example.mean(axis=1)
        within = (values - by_example[:, np.newaxis]).reshape(self.seeds, -1)
        between = by_example - self.means[:, np.newaxis]
        self.within = within @ within.T / max(self.examples * (self.augmentations - 1), 1)
        self.between = between @ between.T / max(self.examples - 1, 1)

    def components(self, weights: Int64[np.ndarray, "resample seed"]) -> Components:
        """Return the components of every resample.

        Of the products of deviations from an example's own mean, those of one seed with itself have the mean
        a + u, and those of two seeds a. Of the examples' means, in the same order, e + a/M + (se) + u/M and
        e + a/M.
        """
        if min(self.seeds, self.augmentations, self.examples) < 2:
            return Components(*(np.full(len(weights), np.nan) for _ in Components._fields))
        m, k = self.augmentations, self.examples
        own, augmentation = _averages(self.within, weights)
        residual = own - augmentation
        own, shared = _averages(self.between, weights)
        example = shared - augmentation / m
        seed_by_example = own - shared - residual / m
        squares, crossed = _averages(np.outer(self.means, self.means), weights)
        seed = squares - crossed - seed_by_example / k - residual / (k * m)
        total = example + augmentation
        share = np.divide(augmentation, total, out=np.full(len(total), np.nan), where=total > 1e-12)
        return Components(example, augmentation, seed, seed_by_example, residual, share)


def _averages(
    products: Float[np.ndarray, "seed seed"], weights: Int64[np.ndarray, "resample seed"]
) -> tuple[Float[np.ndarray, " resample"], Float[np.ndarray, " resample"]]:
    """Return the mean product of a seed with itself, and of two different seeds, in every resample.

    The second is nan where a resample holds one seed only.
    """
    seeds = weights.shape[1]
    diagonal = np.diagonal(products)
    every = np.einsum("ri,ij,rj->r", weights, products, weights, optimize=True)
    pairs = seeds**2 - (weights**2).sum(axis=1)
    different = np.divide(
        every - weights**2 @ diagonal, pairs, out=np.full(len(weights), np.nan), where=pairs > 0
    )
    return weights @ diagonal / seeds, different
