# SPDX-License-Identifier: Apache-2.0
"""Tests of equally hard examples that take each seed's accuracy as it is.

Seeds differ in accuracy, and the answers of one seed to several augmentations of an example depend on each
other; both break the binomial model. These tests need neither: if all examples were equally hard, then within
each seed any assignment of its answers to the examples would be as likely as the one observed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped
from scipy import stats

from dynamics.errors import UserError

MAX_PERMUTATIONS = 1_000_000
CHUNK_VALUES = 2**20
"""Number of values shuffled at a time: 8 MB."""
SHUFFLED = 4096
"""Up to so many examples are shuffled for every permutation; more are shifted in a random order."""


@dataclass(frozen=True, kw_only=True)
class CochranQ:
    """Cochran's test. `q` and `p_over` are nan where every seed has all answers right or all wrong."""

    q: float
    """About K - 1 for equally hard examples; more when they differ."""
    dof: int
    """K - 1."""
    p_over: float


@dataclass(frozen=True, kw_only=True)
class Permutation:
    """Permutation test of the variance between examples."""

    variance: float
    """Variance over examples of the mean over seeds and augmentations."""
    expected: float
    """Its exact mean over all permutations: what equally hard examples would show."""
    z: float
    """(variance - expected) / its exact standard deviation over all permutations: for effects beyond the
    reach of the p-value; nan where no permutation can change the variance, as for one seed."""
    p_over: float
    """(1 + permutations with at least the observed variance) / (1 + permutations); never below
    1 / (1 + permutations)."""
    permutations: int


def cochran_q(correct: Bool[np.ndarray, "seed example"]) -> CochranQ:
    """Test whether examples differ, given how many of them each seed got right.

    Q = (K - 1) [K sum_k C_k^2 - T^2] / [K T - sum_i R_i^2] with C_k, R_i, T the correct answers of an
    example, of a seed, and in all (Cochran 1950, Biometrika 37:256). A seed with all answers right or all
    wrong adds nothing. The variance of Q is about 2 (K - 1)(1 - 1/N): the test is conservative for few seeds.

    Parameters
    ----------
    correct
        Answers to one fixed view of each example.

    Examples
    --------
    >>> found = cochran_q(np.array([[True, False, False], [True, True, False], [True, False, False]]))
    >>> round(found.q, 2), found.dof, round(found.p_over, 3)
    (4.67, 2, 0.097)
    """
    examples = correct.shape[1]
    by_example, by_seed = correct.sum(axis=0, dtype=np.int64), correct.sum(axis=1, dtype=np.int64)
    total = int(by_seed.sum())
    unequal_seeds = examples * total - int((by_seed**2).sum())
    if unequal_seeds == 0:
        return CochranQ(q=np.nan, dof=examples - 1, p_over=np.nan)
    between = examples * int((by_example**2).sum()) - total**2
    q = (examples - 1) * between / unequal_seeds
    return CochranQ(q=q, dof=examples - 1, p_over=float(stats.chi2.sf(q, examples - 1)))


def check_permutations(permutations: int) -> None:
    """Raise a :class:`UserError` unless a number of permutations is from 1 to a million.

    More would not fit into memory, and their p-values are no better for it.

    Examples
    --------
    >>> check_permutations(999)
    """
    if not 1 <= permutations <= MAX_PERMUTATIONS:
        raise UserError(f"`permutations` must be from 1 to {MAX_PERMUTATIONS}, got {permutations}")


def permutation_test(
    outcomes: Shaped[np.ndarray, "seed *augmentation example"],
    labels: Integer[np.ndarray, " example"] | None = None,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
) -> Permutation:
    """Shuffle the examples within each seed and compare the variance between examples.

    Exact for any accuracies of the seeds and any dependence between augmentations: an example keeps all its
    augmentations under a seed together. It does assume that examples are exchangeable within a seed: those that are
    scored against each other in one panel batch count as independent, and a seed that favours some classes makes
    examples look unequal, unless they are shuffled within classes.

    Parameters
    ----------
    outcomes
        (seed, example) or (seed, augmentation, example): correct answers, as indicators, counts or fractions.
    labels
        Class of each example, to shuffle within classes and to compare examples of a class only.
    rng
        Source of the permutations.
    permutations
        How many. 999 take about a second for 30 seeds and 1024 examples, and memory does not grow with them.

    Raises
    ------
    ValueError
        When `outcomes` has no examples or no seeds.
    UserError
        When `permutations` is not from 1 to a million.

    Examples
    --------
    >>> correct = np.random.default_rng(0).random((8, 50)) < np.linspace(0, 1, 50)
    >>> permutation_test(correct, rng=np.random.default_rng(0), permutations=99).p_over
    0.01
    """
    check_permutations(permutations)
    if outcomes.size == 0:
        raise ValueError(f"no outcomes to permute: their shape is {outcomes.shape}")
    by_seed = outcomes.mean(axis=tuple(range(1, outcomes.ndim - 1)), dtype=np.float64)
    classes = [slice(None)] if labels is None else [labels == label for label in np.unique(labels)]
    parts = [_deviations(by_seed[:, own]) for own in classes]
    observed = sum(map(_between, parts))
    # Equal sums may differ in the last bits after a permutation; they must count as equal.
    permuted = np.sum([_permuted_between(part, rng, permutations) for part in parts], axis=0)
    reached = permuted >= observed * (1 - 1e-9)
    means, sds = zip(*map(_null_moments, parts), strict=True)
    mean, sd = sum(means), math.hypot(*sds)
    scale = by_seed.shape[1] * by_seed.shape[0] ** 2
    return Permutation(
        variance=observed / scale,
        expected=mean / scale,
        z=(observed - mean) / sd if sd > 0 else np.nan,
        p_over=float((1 + reached.sum()) / (1 + permutations)),
        permutations=permutations,
    )


def _deviations(by_seed: Float[np.ndarray, "seed example"]) -> Float[np.ndarray, "seed example"]:
    unequal = np.ptp(by_seed, axis=1, keepdims=True) > 0
    return np.where(unequal, by_seed - by_seed.mean(axis=1, keepdims=True), 0.0)


def _between(deviations: Float[np.ndarray, "seed example"]) -> float:
    """Return the sum over examples of the squared sum over seeds."""
    return float((deviations.sum(axis=0) ** 2).sum())


def _permuted_between(
    deviations: Float[np.ndarray, "seed example"], rng: np.random.Generator, permutations: int
) -> Float[np.ndarray, " permutation"]:
    """Return the same sum for every permutation. The first seed stays: only relative order matters.

    Many examples are brought into one random order, in which every seed is then shifted by a random number of places:
    shifts form a group of permutations, as shuffles do, so that the test stays exact, and take a tenth of the time.
    """
    fixed, moved = deviations[0], deviations[1:]
    if deviations.shape[1] > SHUFFLED:
        return np.fromiter(_shifted_between(deviations, rng, permutations), np.float64, permutations)
    at_once = max(1, CHUNK_VALUES // deviations.size)
    sums = np.empty(permutations)
    for start in range(0, permutations, at_once):
        count = min(at_once, permutations - start)
        shuffled = rng.permuted(np.broadcast_to(moved, (count, *moved.shape)), axis=2)
        sums[start : start + count] = ((fixed + shuffled.sum(axis=1)) ** 2).sum(axis=1)
    return sums


def _shifted_between(
    deviations: Float[np.ndarray, "seed example"], rng: np.random.Generator, permutations: int
) -> Iterator[float]:
    mixed = deviations[:, rng.permutation(deviations.shape[1])]
    examples, twice = mixed.shape[1], np.concatenate([mixed[1:], mixed[1:]], axis=1)
    for shifts in rng.integers(examples, size=(permutations, len(twice))):
        sums = mixed[0].copy()
        for row, shift in zip(twice, shifts.tolist(), strict=True):
            sums += row[shift : shift + examples]
        yield float(sums @ sums)


def _null_moments(deviations: Float[np.ndarray, "seed example"]) -> tuple[float, float]:
    """Return the mean and standard deviation of that sum over all permutations, exactly.

    Only products of different seeds change. They have mean 0 and variance v_i v_j / (K - 1), with v the sum
    of squares of a seed, and those of different pairs are uncorrelated.
    """
    squares = (deviations**2).sum(axis=1)
    others = float(squares.sum() ** 2 - (squares**2).sum())
    sd = np.sqrt(2 * max(others, 0.0) / (deviations.shape[1] - 1)) if deviations.shape[1] > 1 else 0.0
    return float(squares.sum()), float(sd)
