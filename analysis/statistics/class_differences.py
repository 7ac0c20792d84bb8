# SPDX-License-Identifier: Apache-2.0
"""One-way analysis of variance of r_t(x) by class: whether classes differ in how hard their examples are.

r_t(x) differs between examples anyway, so that classes of some hundred examples differ in their means by
chance. F compares the variance between classes with that within them; its 5 % point and the standard
deviation of class means under shuffled labels say what chance does. What does not depend on the number of
examples is the fraction of the variance of r_t that lies between classes: eta squared, which chance makes
(L - 1) / (K - 1) on average for L classes of K examples in all, and epsilon and omega squared, which are
corrected for that and so may be slightly negative (Kelley 1935, PNAS 21:554; Hays 1963; Okada 2013,
Behaviormetrika 40:129).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Integer, Shaped
from scipy import stats

from analysis.statistics.quasi_f import MeanSquare, QuasiF, quasi_f

DECIMALS = 12
"""Decimals of class means: sums of equal numbers differ in their last bits, which does not order the classes."""


class ClassMeans(NamedTuple):
    """Mean values of the classes that have an example."""

    classes: Int64[np.ndarray, " class"]
    """Their numbers, ascending."""
    sizes: Int64[np.ndarray, " class"]
    """Examples of each."""
    means: Float[np.ndarray, "epoch class"]
    """Mean value of each (memorization thesis, eq. 5.3)."""


class Differences(NamedTuple):
    """How far classes differ: one number for each epoch.

    nan where no example differs from another, or there is one class only; F is infinite where examples
    differ between classes and not within them.
    """

    between: int
    """Degrees of freedom between classes, L - 1."""
    within: int
    """Degrees of freedom within classes, K - L."""
    f: Float[np.ndarray, " epoch"]
    """About 1 where classes do not differ."""
    critical: float
    """The 5 % point of F: where classes do not differ, F is above it in one case of twenty."""
    p: Float[np.ndarray, " epoch"]
    """Probability of a larger F where classes do not differ."""
    eta_squared: Float[np.ndarray, " epoch"]
    """Fraction of the variance over examples that lies between classes, 0 to 1, chance included."""
    epsilon_squared: Float[np.ndarray, " epoch"]
    """The same, chance taken off: 1 - MS within / variance over all examples."""
    omega_squared: Float[np.ndarray, " epoch"]
    """The same for the variance components, a little smaller."""
    spread: Float[np.ndarray, " epoch"]
    """Easiest less hardest class mean."""
    sd: Float[np.ndarray, " epoch"]
    """Standard deviation of the class means, every class counting once."""
    sd_if_equal: Float[np.ndarray, " epoch"]
    """What this standard deviation would be (root mean square) had the labels been shuffled."""


def class_means(
    values: Float[np.ndarray, "epoch example"], labels: Integer[np.ndarray, " example"]
) -> ClassMeans:
    """Average the values of each class.

    Parameters
    ----------
    values
        r_t(x), or another value of each example.
    labels
        Class of each example.

    Raises
    ------
    ValueError
        When there are no examples.

    Examples
    --------
    >>> class_means(np.array([[0.1, 0.3, 0.8]]), np.array([0, 0, 1])).means
    array([[0.2, 0.8]])
    """
    if labels.size == 0:
        raise ValueError("no examples to average")
    classes, member = np.unique(labels, return_inverse=True)
    sizes = np.bincount(member)
    sums = values @ np.eye(len(classes))[member]
    return ClassMeans(classes.astype(np.int64), sizes.astype(np.int64), (sums / sizes).round(DECIMALS))


def class_differences(
    values: Float[np.ndarray, "epoch example"], labels: Integer[np.ndarray, " example"]
) -> Differences:
    """Compare the classes by one-way analysis of variance.

    Parameters
    ----------
    values, labels
        As in :func:`class_means`.

    Examples
    --------
    >>> found = class_differences(np.array([[0.1, 0.3, 0.7, 0.9]]), np.array([0, 0, 1, 1]))
    >>> found.f.round(1), found.p.round(3), found.spread.round(1)
    (array([18.]), array([0.051]), array([0.6]))
    """
    classes, sizes, means = class_means(values, labels)
    between, within = len(sizes) - 1, len(labels) - len(sizes)
    grand = values.mean(axis=-1, keepdims=True)
    total = ((values - grand) ** 2).sum(axis=-1)
    total = np.where(np.ptp(values, axis=-1) == 0, 0.0, total)  # equal values leave rounding errors
    # summed by itself: as a difference of two nearly equal sums it would have few right digits
    unexplained = ((values - means[:, np.searchsorted(classes, labels)]) ** 2).sum(axis=-1)
    unexplained = np.where(unexplained > 1e-20 * total, unexplained, 0.0)
    explained = np.minimum(((means - grand) ** 2) @ sizes, total)
    possible = (total > 0) & (between > 0) & (within > 0)
    mean_square = unexplained / max(within, 1)
    f = _ratio(explained / max(between, 1), mean_square, where=possible)
    nothing = np.full(total.shape, np.nan)
    return Differences(
        between=between,
        within=within,
        f=f,
        critical=float(stats.f.isf(0.05, between, within)) if between and within else np.nan,
        p=np.asarray(stats.f.sf(f, between, within)) if between and within else nothing,
        eta_squared=_ratio(explained, total, where=possible),
        epsilon_squared=_ratio(explained - between * mean_square, total, where=possible),
        omega_squared=_ratio(explained - between * mean_square, total + mean_square, where=possible),
        spread=np.ptp(means, axis=-1),
        sd=means.std(axis=-1, ddof=1) if between else nothing,
        sd_if_equal=np.sqrt(total / (len(labels) - 1) * np.mean(1 / sizes)) if between else nothing,
    )


def crossed_class_test(
    outcomes: Shaped[np.ndarray, "seed example"], labels: Integer[np.ndarray, " example"]
) -> QuasiF:
    """Test whether classes differ where seeds are random, so that other seeds and examples would show it too.

    F' = (MS class + MS seed x example) / (MS example + MS seed x class), examples within classes. The F of
    :func:`class_differences` asks this of the given seeds only: a seed that favours one class makes it large.

    Parameters
    ----------
    outcomes
        Each seed's mean answer to each example, or any other value of it.
    labels
        Class of each example.

    Returns
    -------
    QuasiF
        0-d arrays; nan for one seed, or one class.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(100) % 2
    >>> favoured = rng.normal(size=(8, 2))[:, labels]  # every seed favours a class of its own
    >>> round(float(crossed_class_test(favoured + rng.normal(size=(8, 100)), labels).p), 2)
    0.22
    """
    classes, member = np.unique(labels, return_inverse=True)
    sizes = np.bincount(member)
    seeds, examples, count = len(outcomes), len(labels), len(classes)
    values = outcomes - outcomes.mean()
    by_class = values @ np.eye(count)[member] / sizes
    of_class, of_seed, of_example = (
        by_class.mean(axis=0),
        values.mean(axis=1, keepdims=True),
        values.mean(axis=0),
    )
    sums = (
        seeds * (sizes * of_class**2).sum(),
        seeds * ((of_example - of_class[member]) ** 2).sum(),
        (sizes * (by_class - of_seed - of_class) ** 2).sum(),
        ((values - by_class[:, member] - of_example + of_class[member]) ** 2).sum(),
    )
    dofs = (count - 1, examples - count, (seeds - 1) * (count - 1), (seeds - 1) * (examples - count))
    between, within, of_seeds, rest = (
        MeanSquare(np.asarray(total / max(dof, 1)), dof) for total, dof in zip(sums, dofs, strict=True)
    )
    return quasi_f([between, rest], [within, of_seeds])


def _ratio(
    above: Float[np.ndarray, " epoch"], below: Float[np.ndarray, " epoch"], *, where: np.ndarray
) -> Float[np.ndarray, " epoch"]:
    """Divide; nan outside `where`, infinite where only the divisor is 0."""
    nothing = np.where(where, np.inf, np.nan)
    return np.divide(above, below, out=nothing, where=where & (below > 0))
