# SPDX-License-Identifier: Apache-2.0
"""Are all examples equally hard? Learning probabilities against binomial noise (memorization thesis, 4.2).

If they were, N r~_t(x~) would be Bin(N, p0) with p0 the mean of r~_t (eq. 4.7). Each method is tested at the
first epochs whose p0 reaches 1/4, 1/2 and 3/4; an epoch that is the first for several of them is tested once.
Two quantities, one row each:

    r_tilde  one fixed augmentation, N trials per example: the thesis's table 4.1, and tests that hold their level
    r        all M augmentations, N * M trials: the thesis's table 4.2; trials of one seed are not independent
             there, so only the test that permutes within seeds is made (with M = 1, r_tilde's row is its row)

The thesis's chi-square has expected counts far below 5 in its tails and is marked invalid there: one example
in a tail moves it by orders of magnitude. Its MAE compares values of N * M trials with noise of N: beside it
stand the MAE between two draws of that noise (the floor), and the MAE to be expected were all examples
equally hard and all trials independent. What says how unequal examples are is the intraclass correlation.

python -m analysis.binomial
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.false_discoveries import control_false_discoveries
from analysis.framework.random_state import generator
from analysis.framework.table import Column, Table
from analysis.framework.targets import (
    TARGETS,
    check_targets,
    first_to_reach,
    never_reached,
    of_quantity,
)
from analysis.framework.without_learning import hardly_learnt, means_without_learning
from analysis.statistics import homogeneity, intraclass, thesis_noise, within_seeds
from analysis.statistics.noise_floor import expected_distance
from analysis.statistics.spread import spread as spread_of
from dynamics.answers import MethodCounts
from dynamics.kinds import checked
from dynamics.names import label
from dynamics.study import Study

COLUMNS: Mapping[str, str] = {
    **shared("method"),
    "quantity": "`r_tilde`, one fixed augmentation, or `r`, all M of them; for one augmentation they are the same.",
    **shared("targets", "epoch", "seeds", "augmentations"),
    "trials": "Answers on each example: N for r_tilde, N M for r.",
    **shared("examples"),
    "p0": "Mean fraction of right answers, 0 to 1: that of the binomial noise.",
    "sd": "Standard deviation of r or r~ over examples, with the noise of N seeds, 0 to 1/2.",
    **shared("sd_examples_like_these_low", "sd_examples_like_these_high"),
    "chi2": "Chi-square of N r~ against Bin(N, p0), cell by cell, as in the thesis; empty for r.",
    "chi2_p": "p-value of `chi2`; not to be trusted unless `chi2_valid`.",
    "chi2_valid": "Whether every cell of `chi2` is expected to hold five examples; false for r.",
    "chi2_smallest_expected": "Expected number of examples in the emptiest cell of `chi2`.",
    "pooled_chi2": "Chi-square over cells merged until each is expected to hold five; empty below three cells, for r.",
    "pooled_p": "p-value of `pooled_chi2`: small where counts are not binomial.",
    "pooled_dof": "Degrees of freedom of `pooled_chi2`: cells less two.",
    "dispersion": "Variance of counts over that of Bin(N, p0): 1 equally hard, above 1 not; empty for r.",
    **shared("dispersion_p", "dispersion_p_two_sided"),
    "tarone_z": "Tarone's Z of r~: about standard normal if equally hard, above 0 where they differ; empty for r.",
    "tarone_p": "p-value of `tarone_z`: small where augmented examples differ.",
    **shared("tarone_p_two_sided"),
    "cochran_q": "Cochran's Q of r~, given each seed's accuracy: about K - 1 if equally hard; empty for r.",
    "cochran_p": "p-value of `cochran_q`: small where augmented examples differ.",
    "mae": "Mean absolute error between sorted r and sorted noise of N trials, 0 to 1, as in the thesis.",
    "mae_sd": "Standard deviation of `mae` over ten draws of the noise.",
    "mae_floor": "`mae` between two draws of the noise.",
    "mae_floor_sd": "Standard deviation of `mae_floor` between pairs of draws.",
    "mae_if_equal": "`mae` to expect if all examples were equally hard and all trials independent.",
    "mae_if_equal_sd": "Standard deviation of `mae_if_equal` between draws.",
    "icc": "Intraclass correlation: 0 equally hard, 1 where every seed is right on the same examples.",
    **shared("icc_these_examples_low", "icc_these_examples_high"),
    "permutation_z": "Variance over examples less its mean with answers shuffled within seeds, in their sd.",
    "permutation_p": "p-value of `permutation_z`: small where examples differ; at least 1 / (1 + permutations).",
    **shared("permutation_q"),
}
"""What the columns mean."""


class Case(NamedTuple):
    """One row of the table: a method's counts at one epoch."""

    method: str
    quantity: str
    targets: tuple[float, ...]
    """The means that this epoch is the first to reach."""
    augmentations: int
    """M, of the method's panel."""
    epoch: int
    counts: Int32[np.ndarray, " example"]
    trials: int
    correct: Bool[np.ndarray, "seed augmentation example"]
    """The indicators whose sums are the counts."""

    @property
    def p0(self) -> float:
        """Mean fraction of correct answers, 0 to 1."""
        return float(self.counts.mean() / self.trials)


@checked
def analyse(
    study: Study, *, targets: Sequence[float] = TARGETS, random_state: int = 0, permutations: int = 999
) -> results.Result:
    """Compare all methods of a study with binomial noise.

    The result has a row for each method, quantity and epoch that is the first to reach a target; see :func:`row`.
    With one augmentation r is r_tilde, and both are one row (:func:`~analysis.framework.targets.of_quantity`).
    The arrays `<method>.<quantity>.noise` (row, example) are sorted draws of Bin(N, p0) / N, in the order of the rows,
    and `<method>.<quantity>.curve` the sorted r or r_tilde that they are set against.

    Parameters
    ----------
    study
        The study.
    targets
        Means of r_t, 0 to 1; each is tested at the first epoch that reaches it.
    random_state
        Seed of noise and permutations.
    permutations
        Number of permutations of the permutation test.

    Raises
    ------
    UserError
        When `random_state` is negative, `permutations` is not from 1 to a million, or `targets` is empty or not
        within [0, 1].

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> result = analyse(example_study(), targets=[0.5], permutations=9)
    >>> result.table[["method", "quantity", "epoch"]].values.tolist()
    [['simclr', 'r_tilde', 5], ['simclr', 'r', 5], ['supervised', 'r_tilde', 5], ['supervised', 'r', 5]]
    """
    study.check_right_or_wrong()
    study = study.complete()
    check_targets(targets)
    within_seeds.check_permutations(permutations)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    for method in study.methods:
        several = study.counts(method).num_augmentations > 1
        for quantity in ("r_tilde", "r") if several else ("r_tilde",):
            noise, curves = [], []
            for case in cases(study, method, quantity, targets):
                rng = generator(random_state, len(rows))
                noise.append(thesis_noise.noise_curve(len(case.counts), len(case.correct), case.p0, rng))
                curves.append(np.sort(case.counts / case.trials))
                rows.append(row(case, rng, permutations=permutations))
            shape = len(noise), len(study.counts(method).examples)
            arrays[f"{method}.{quantity}.noise"] = np.array(noise).reshape(shape)
            arrays[f"{method}.{quantity}.curve"] = np.array(curves).reshape(shape)
    control_false_discoveries(rows, "permutation_p", "permutation_q")
    settings = {
        "targets": list(targets),
        "random_state": random_state,
        "permutations": permutations,
        "without_learning": means_without_learning(study),
    }
    return results.Result(name="binomial", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings)


def cases(study: Study, method: str, quantity: str, targets: Sequence[float]) -> list[Case]:
    """Return the cases to test: the method's counts at the first epochs that reach the targets.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [(case.epoch, case.trials) for case in cases(example_study(), "simclr", "r", [0.25, 0.5])]
    [(3, 8), (5, 8)]
    """
    counts = study.counts(method)
    means = {"r_tilde": counts.single_augmentation.mean(axis=1), "r": counts.mean}[quantity]
    reached = first_to_reach(means, targets)
    if not reached:
        return []
    epochs = sorted(int(counts.epochs[at]) for at in reached)
    correct = study.indicators(method, epochs)[:, :, 0]
    return [
        _case(counts, quantity, own, at, correct[:, epochs.index(int(counts.epochs[at]))])
        for at, own in reached.items()
    ]


def _case(
    counts: MethodCounts,
    quantity: str,
    targets: Sequence[float],
    at: int,
    correct: Bool[np.ndarray, "seed augmentation example"],
) -> Case:
    single = quantity == "r_tilde"
    return Case(
        method=counts.method,
        quantity=quantity,
        targets=tuple(targets),
        augmentations=counts.num_augmentations,
        epoch=int(counts.epochs[at]),
        counts=counts.single[at] if single else counts.correct[0, at],
        trials=counts.num_seeds if single else counts.trials,
        correct=correct[:, :1] if single else correct,
    )


def row(case: Case, rng: np.random.Generator, *, permutations: int) -> results.Row:
    """Return all statistics of one case; None (empty in the table) where one does not apply.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> (case,) = cases(example_study(), "simclr", "r_tilde", [0.5])
    >>> found = row(case, np.random.default_rng(0), permutations=99)
    >>> round(found["p0"], 3), round(found["dispersion"], 2)
    (0.583, 1.37)
    """
    seeds = len(case.correct)
    values = case.counts / case.trials
    distance = thesis_noise.noise_distance(values, seeds, case.p0, rng)
    floor = expected_distance(len(values), trials=seeds, noise_trials=seeds, p0=case.p0, rng=rng)
    equal = expected_distance(len(values), trials=case.trials, noise_trials=seeds, p0=case.p0, rng=rng)
    permuted = within_seeds.permutation_test(case.correct, rng=rng, permutations=permutations)
    icc = intraclass.icc_of_seeds(case.correct)
    low, high = intraclass.icc_interval(case.correct)
    spread = spread_of(case.correct.mean(axis=1))
    return {
        "method": case.method,
        "quantity": case.quantity,
        "targets": list(case.targets),
        "epoch": case.epoch,
        "seeds": seeds,
        "augmentations": case.augmentations,
        "trials": case.trials,
        "examples": len(values),
        "p0": case.p0,
        "sd": spread.sd,
        "sd_examples_like_these_low": float(spread.examples_like_these.low),
        "sd_examples_like_these_high": float(spread.examples_like_these.high),
        **_independent_trials(case),
        "mae": distance.mean,
        "mae_sd": distance.sd,
        "mae_floor": floor.mean,
        "mae_floor_sd": floor.sd,
        "mae_if_equal": equal.mean,
        "mae_if_equal_sd": equal.sd,
        "icc": icc,
        "icc_these_examples_low": float(low),
        "icc_these_examples_high": float(high),
        "permutation_z": permuted.z,
        # One seed, or seeds with all answers right or wrong: every permutation is the same, and tests nothing.
        "permutation_p": permuted.p_over if np.isfinite(permuted.z) else None,
    }


def _independent_trials(case: Case) -> results.Row:
    """Return the tests that need several independent trials of an example, as those of several seeds are."""
    if case.trials != len(case.correct) or case.trials == 1:
        return dict.fromkeys(INDEPENDENT, None) | {"chi2_valid": False}
    thesis = thesis_noise.chi_square(case.counts, case.trials)
    pooled = homogeneity.pooled_chi_square(case.counts, case.trials)
    dispersion = homogeneity.dispersion(case.counts, case.trials)
    tarone = homogeneity.tarone(case.counts, case.trials)
    cochran = within_seeds.cochran_q(case.correct[:, 0])
    found = (
        (thesis.chi2, thesis.p_value, thesis.valid, thesis.smallest_expected)
        + (pooled.chi2, pooled.p_value, pooled.dof)
        + (dispersion.phi, dispersion.p_over, dispersion.p_two_sided)
        + (tarone.z, tarone.p_over, tarone.p_two_sided)
        + (cochran.q, cochran.p_over)
    )
    return dict(zip(INDEPENDENT, found, strict=True))


INDEPENDENT = (
    "chi2",
    "chi2_p",
    "chi2_valid",
    "chi2_smallest_expected",
    "pooled_chi2",
    "pooled_p",
    "pooled_dof",
    "dispersion",
    "dispersion_p",
    "dispersion_p_two_sided",
    "tarone_z",
    "tarone_p",
    "tarone_p_two_sided",
    "cochran_q",
    "cochran_p",
)


def tables(result: results.Result) -> list[Table]:
    """Return the thesis's two tables with the valid statistics beside them: `single` (r~) and `averaged` (r).

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [(table.key, len(table.rows)) for table in tables(analyse(example_study(), permutations=9))]
    [('single', 5), ('averaged', 4)]
    """
    first = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("targets", "first to reach"),
        Column("seeds", "N", "d"),
        Column("p0", "p0", ".3f"),
    ]
    single = [
        Column("chi2", "chi2 (thesis)", ".2g"),
        Column("chi2_valid", "valid"),
        Column("dispersion", "dispersion", ".2f"),
        Column("tarone_z", "Tarone Z", ".1f"),
        Column("tarone_p", "Tarone p", ".2g"),
        Column("cochran_p", "Cochran p", ".2g"),
        Column("icc", "ICC", ".3f"),
        Column("icc_these_examples", "95 %, these examples", "interval"),
        Column("permutation_q", "permutation q", "p"),
    ]
    averaged = [
        Column("mae", "MAE (thesis)", ".3f", "mae_sd"),
        Column("mae_floor", "floor", ".3f"),
        Column("mae_if_equal", "if equally hard", ".3f"),
        Column("icc", "ICC", ".3f"),
        Column("icc_these_examples", "95 %, these examples", "interval"),
        Column("permutation_p", "permutation p", "p"),
        Column("permutation_q", "permutation q", "p"),
    ]
    captions = {
        "r_tilde": "one augmentation: N r~ against Bin(N, p0); dispersion 1, ICC 0: equally hard augmented examples",
        "r": "all augmentations: r_t against noise of N trials; MAE means little unless far from both floors",
    }
    by_quantity = {quantity: of_quantity(result.rows, quantity) for quantity in captions}
    notes = [
        f"{label(method)} has one augmentation: r_t is r~_t, and its tests are those above"
        for method in dict.fromkeys(row["method"] for row in result.rows if row["augmentations"] == 1)
    ]
    notes += hardly_learnt(by_quantity["r"], result.settings.get("without_learning", {}), "p0")
    notes += never_reached(by_quantity["r"], result.inputs, result.settings["targets"])
    return [
        Table(
            key=key,
            caption=captions[quantity],
            columns=first + columns,
            rows=by_quantity[quantity],
            notes=notes if quantity == "r" else (),
        )
        for key, quantity, columns in (("single", "r_tilde", single), ("averaged", "r", averaged))
    ]


if __name__ == "__main__":
    main("binomial")
