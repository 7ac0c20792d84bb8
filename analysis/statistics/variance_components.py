# SPDX-License-Identifier: Apache-2.0
"""Variance components of an answer: how much the example, its augmentation, the seed and chance contribute.

The answer of seed i to augmentation j of example k as a sum of random effects,

    y_ijk = p + e_k + a_jk + s_i + (se)_ik + u_ijk,

with augmentations nested in examples and seeds crossed with both; (se)_ik is a seed's luck with an example under all
its augmentations, u the rest. The variances of the five are estimated by the method of moments of the balanced
analysis of variance (Searle, Casella and McCulloch 1992, Variance Components, ch. 4): unbiased whatever the
distributions, hence for binary answers too, and for the same reason slightly negative now and then where a part is
absent. The true r~ of an augmented example is p + e_k + a_jk, without the noise of the N seeds; its variance lies
between examples (e) and between the augmentations of one example (a).

With one augmentation an example and its augmentation are one, and so are (se) and u: `example` is then the variance
between augmented examples, `seed_by_example` all of the rest.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer, Shaped

from analysis.statistics.jackknife import Interval, Intervals, crossed_interval, groups_of, jackknife_interval
from analysis.statistics.quasi_f import MeanSquare, QuasiF, quasi_f


class Components(NamedTuple):
    """Variances, in squared units of the answers, and what follows from them; nan where they cannot be told apart.

    Each is one number, or one for every seed or example that is left out.
    """

    example: Float[np.ndarray, "*left_out"]
    """Between examples: how far their r_t(x) under infinitely many augmentations and seeds spread."""
    augmentation: Float[np.ndarray, "*left_out"]
    """Between augmentations of one example; nan for one augmentation."""
    seed: Float[np.ndarray, "*left_out"]
    """Between seeds: how far their accuracies spread."""
    seed_by_example: Float[np.ndarray, "*left_out"]
    """What a seed does to one example under all its augmentations."""
    residual: Float[np.ndarray, "*left_out"]
    """The rest: one seed, one augmentation of one example; nan for one augmentation."""
    r: Float[np.ndarray, "*left_out"]
    """Of r_t over examples, without the noise of the seeds: example + augmentation / M."""
    r_tilde: Float[np.ndarray, "*left_out"]
    """Of r~_t over augmented examples, without the noise of the seeds: example + augmentation."""
    augmentation_share: Float[np.ndarray, "*left_out"]
    """augmentation / (example + augmentation): the fraction of the true variance of r~ that lies between the
    augmentations of one example. Near 0: averaging over augmentations changes little. Near 1: it evens the
    examples out. Outside 0..1 where an estimate is negative; nan where the sum is not positive."""
    generalizability: Float[np.ndarray, "*left_out"]
    """Fraction of the variance of r_t over examples, with these numbers of seeds and augmentations, that is the
    examples' own: example / (example + augmentation / M + seed_by_example / N + residual / (N M)) (Brennan 2001,
    Generalizability Theory, ch. 2). Near 0: another study would order the examples anew. Near 1: in the same way."""


LOGARITHMIC = ("example", "r", "r_tilde")
"""Variances whose intervals for examples like these are made of their logarithms, as long as all are above 0: the
variance of a new panel is skewed, above all near the ends of the range of r."""
INTERVALS = ("example", "r", "r_tilde", "augmentation_share", "generalizability")
"""The components that have intervals."""


def variance_components(correct: Shaped[np.ndarray, "seed augmentation example"]) -> Components:
    """Estimate the variances, each as a 0-d array.

    Parameters
    ----------
    correct
        Answers, as indicators or numbers: N seeds by M augmentations of each of K examples.

    Returns
    -------
    Components
        All nan for fewer than two seeds or examples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.choice([0.1, 0.9], size=(2, 400))  # hard or easy by the augmentation alone
    >>> round(float(variance_components(rng.random((30, 2, 400)) < p).augmentation_share), 1)
    1.0
    """
    return _Sums(correct).components()


def generalizability(
    components: Components, *, seeds: int | float, augmentations: int | float
) -> Float[np.ndarray, "*left_out"]:
    """Return the generalizability of r_t with other numbers of seeds and augmentations; both may be infinite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = variance_components(rng.random((8, 4, 500)) < rng.random(500))
    >>> round(float(generalizability(found, seeds=8, augmentations=4)), 2) == round(float(found.generalizability), 2)
    True
    >>> round(float(generalizability(found, seeds=np.inf, augmentations=np.inf)), 2)
    1.0
    """
    noise = components.seed_by_example / seeds
    if not np.isnan(components.augmentation).all():
        noise = (
            noise + components.augmentation / augmentations + components.residual / (seeds * augmentations)
        )
    total = np.asarray(components.example + noise)
    return np.divide(components.example, total, out=np.full(total.shape, np.nan), where=total > 1e-12)


def component_intervals(
    correct: Shaped[np.ndarray, "seed augmentation example"], *, level: float = 0.95
) -> dict[str, Intervals]:
    """Return the jackknife intervals of :data:`INTERVALS`, by name.

    Parameters
    ----------
    correct
        As in :func:`variance_components`.
    level
        The coverage aimed at, between 0 and 1.

    Examples
    --------
    >>> correct = np.random.default_rng(0).random((8, 2, 40)) < np.linspace(0, 1, 40)
    >>> low, high = component_intervals(correct)["example"].these_examples
    >>> bool(low < variance_components(correct).example < high)
    True
    """
    sums = _Sums(correct)
    value = sums.components()
    seeds, groups, both = sums.left_out()
    found = {}
    for name in INTERVALS:
        estimate, *left_out = (getattr(one, name) for one in (value, seeds, groups, both))
        here = jackknife_interval(estimate, left_out[0], level=level)
        if name in LOGARITHMIC and estimate > 0 and min(one.min() for one in left_out) > 0:
            low, high = crossed_interval(np.asarray(np.log(estimate)), *map(np.log, left_out), level=level)
            found[name] = Intervals(here, Interval(np.exp(low), np.exp(high)))
        else:
            found[name] = Intervals(here, crossed_interval(estimate, *left_out, level=level))
    return found


def example_test(
    correct: Shaped[np.ndarray, "seed augmentation example"],
    labels: Integer[np.ndarray, " example"] | None = None,
) -> QuasiF:
    """Test whether examples differ beyond what their augmentations and the seeds' luck with them explain.

    F' = (MS example + MS residual) / (MS augmentation + MS seed x example), each with Satterthwaite's degrees of
    freedom. With one augmentation MS example / MS seed x example, which tests augmented examples.

    Parameters
    ----------
    correct
        As in :func:`variance_components`.
    labels
        Class of each example, to compare examples within classes. Where a seed favours some classes its luck is shared
        by their examples, which then count for more than they are: without labels the test would see examples differ.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.choice([0.1, 0.9], size=(2, 400))  # hard or easy by the augmentation alone
    >>> bool(example_test(rng.random((30, 2, 400)) < p).p > 0.05)
    True
    """
    n, m, k = correct.shape
    values = correct.astype(np.float64)
    member = np.zeros(k, dtype=np.int64) if labels is None else np.unique(labels, return_inverse=True)[1]
    indicator = np.eye(member.max() + 1)[member]
    by_example = values.mean(axis=1)
    luck = by_example - (by_example @ indicator / indicator.sum(axis=0))[:, member]
    example, left = luck.mean(axis=0), k - indicator.shape[1]
    within = values - by_example[:, np.newaxis]
    augmentation = within.mean(axis=0)

    def mean_square(total: float, dof: int) -> MeanSquare:
        return MeanSquare(np.asarray(total / max(dof, 1)), dof)

    examples = mean_square(n * m * (example**2).sum(), left)
    seeds = mean_square(m * ((luck - example) ** 2).sum(), (n - 1) * left)
    if m == 1:
        return quasi_f([examples], [seeds])
    augmentations = mean_square(n * (augmentation**2).sum(), k * (m - 1))
    residual = mean_square(((within - augmentation) ** 2).sum(), k * (m - 1) * (n - 1))
    return quasi_f([examples, residual], [augmentations, seeds])


class _Sums:
    """Sums of products of two seeds' answers over groups of examples: all that components need.

    Products of different seeds hold what seeds agree on, e and a, without the noise of either.
    """

    def __init__(self, correct: Shaped[np.ndarray, "seed augmentation example"]) -> None:
        self.seeds, self.augmentations, self.examples = correct.shape
        self.groups = groups_of(self.examples)
        values = correct.astype(np.float64)
        by_example = values.mean(axis=1)
        within = values - by_example[:, np.newaxis]
        members = [np.flatnonzero(self.groups == group) for group in range(self.groups.max() + 1)]
        self.sizes = np.array(list(map(len, members)))
        self.totals = np.stack([by_example[:, own].sum(axis=1) for own in members])
        self.products = np.stack([by_example[:, own] @ by_example[:, own].T for own in members])
        flat = [within[:, :, own].reshape(self.seeds, -1) for own in members]
        self.within = np.stack([one @ one.T for one in flat])

    def components(self) -> Components:
        """Return the components of all answers."""
        return Components(
            *(np.asarray(values[0, 0]) for values in self._components(np.zeros((1, len(self.sizes)))))
        )

    def left_out(self) -> tuple[Components, Components, Components]:
        """Return the components without each seed, without each group, and without both (group, seed)."""
        no_group, each_group = np.zeros((1, len(self.sizes))), np.eye(len(self.sizes))
        return (
            Components(*(values[0] for values in self._components(no_group, without_seed=True))),
            Components(*(values[:, 0] for values in self._components(each_group))),
            self._components(each_group, without_seed=True),
        )

    def _components(
        self, left_out: Float[np.ndarray, "choice group"], *, without_seed: bool = False
    ) -> Components:
        """Return the components of every choice of groups (left out where 1) by all seeds, or by all but each.

        Of the products of deviations from an example's own mean, those of one seed with itself have the mean a + u,
        and those of two seeds a. Of the examples' means, in the same order, e + a/M + (se) + u/M and e + a/M.
        """
        kept = 1 - left_out
        m, n, k = self.augmentations, self.seeds - without_seed, (kept @ self.sizes)[:, np.newaxis]
        if n < 2 or k.min() < 2:
            shape = (len(kept), self.seeds if without_seed else 1)
            return Components(*(np.full(shape, np.nan) for _ in Components._fields))
        within, products = (np.einsum("cg,gij->cij", kept, one) for one in (self.within, self.products))
        means = kept @ self.totals / k
        squares = np.einsum("ci,cj->cij", means, means)
        sums = (within, products - k[:, :, np.newaxis] * squares, squares)
        sizes = (np.maximum(k * (m - 1), 1), k - 1, 1)
        own, shared = zip(
            *(_averages(one, size, without_seed) for one, size in zip(sums, sizes, strict=True)), strict=True
        )
        augmentation, residual = shared[0], own[0] - shared[0]  # both 0 for one augmentation
        example = shared[1] - augmentation / m
        luck = own[1] - shared[1] - residual / m
        seed = own[2] - shared[2] - luck / k - residual / (k * m)
        if m == 1:
            augmentation = residual = np.full(example.shape, np.nan)
        r_tilde, r = (example, example) if m == 1 else (example + augmentation, shared[1])
        share = np.divide(augmentation, r_tilde, out=np.full(r.shape, np.nan), where=r_tilde > 1e-12)
        found = Components(example, augmentation, seed, luck, residual, r, r_tilde, share, share)
        return found._replace(generalizability=generalizability(found, seeds=self.seeds, augmentations=m))


def _averages(
    products: Float[np.ndarray, "choice seed seed"], size: Any, without_seed: bool
) -> tuple[Float[np.ndarray, "choice left_out"], Float[np.ndarray, "choice left_out"]]:
    """Return the mean product of a seed with itself, and of two different seeds: of all seeds, or of all but each."""
    seeds = products.shape[1]
    own = np.einsum("cii->ci", products)
    total, trace = products.sum(axis=(1, 2))[:, np.newaxis], own.sum(axis=1, keepdims=True)
    if without_seed:
        total, trace, seeds = total - 2 * products.sum(axis=2) + own, trace - own, seeds - 1
    return trace / (seeds * size), (total - trace) / (seeds * (seeds - 1) * size)
