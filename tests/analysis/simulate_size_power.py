"""How often does each test of homogeneity reject, when it should not and when it should?

python -m tests.analysis.simulate_size_power --studies 2000

Size: the share of studies with equally hard examples that are rejected at 0.05 and at 0.001. Power: the share
of studies with an intraclass correlation that are rejected at 0.05. From 2000 studies a share has a standard
error of 0.005 near 0.05 and of 0.0007 near 0.001. The permutation test is run on fewer studies and with too few
permutations for 0.001; its z, taken as normal, is shown for all studies. About 25 minutes on one core.
"""

from collections.abc import Callable

import numpy as np
import tyro
from scipy import stats

from analysis.framework import console
from analysis.statistics.betabinomial import fit
from analysis.statistics.homogeneity import dispersion, pooled_chi_square, tarone
from analysis.statistics.thesis_noise import chi_square
from analysis.statistics.within_seeds import cochran_q, permutation_test
from tests.references.simulated_studies import equal_examples, unequal_examples, unequal_seeds

Study = Callable[[np.random.Generator], np.ndarray]

OF_COUNTS: dict[str, Callable[[np.ndarray, int], float]] = {
    "chi-square of the thesis": lambda counts, trials: chi_square(counts, trials).p_value,
    "chi-square, pooled cells": lambda counts, trials: pooled_chi_square(counts, trials).p_value,
    "dispersion": lambda counts, trials: dispersion(counts, trials).p_over,
    "Tarone's Z": lambda counts, trials: tarone(counts, trials).p_over,
    "beta-binomial ratio": lambda counts, trials: fit(counts, trials).p_value,
}


def p_values(study: Study, studies: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return each test's p-values over simulated studies, without the permutation test."""
    found: dict[str, list[float]] = {name: [] for name in [*OF_COUNTS, "Cochran's Q", "permutation z"]}
    for _ in range(studies):
        correct = study(rng)
        counts = correct.sum(axis=0)
        for name, p_value in OF_COUNTS.items():
            found[name].append(p_value(counts, len(correct)))
        found["Cochran's Q"].append(cochran_q(correct).p_over)
        z = permutation_test(correct, rng=rng, permutations=1).z
        found["permutation z"].append(float(stats.norm.sf(z)))
    return {name: np.array(values) for name, values in found.items()}


def shares(study: Study, sizes: tuple[int, int, int], rng: np.random.Generator) -> dict[str, tuple[str, str]]:
    """Return for each test the shares rejected at 0.05 and 0.001, as text."""
    studies, permutation_studies, permutations = sizes
    found = {
        name: (f"{(values < 0.05).mean():.3f}", f"{(values < 0.001).mean():.4f}")
        for name, values in p_values(study, studies, rng).items()
    }
    permuted = [
        permutation_test(study(rng), rng=rng, permutations=permutations).p_over
        for _ in range(permutation_studies)
    ]
    name = f"permutation ({permutation_studies} studies, {permutations} permutations)"
    found[name] = (f"{(np.array(permuted) <= 0.05).mean():.3f}", "")
    return found


def show(title: str, columns: dict[str, dict[str, tuple[str, str]]], levels: int) -> None:
    """Print one row a test and one column a kind of study."""
    names = list(next(iter(columns.values())))
    rows = [
        [name, *(" / ".join(filter(None, column[name][:levels])) for column in columns.values())]
        for name in names
    ]
    console.table(title, ["test", *columns], rows)


def main(
    studies: int = 2000,
    permutation_studies: int = 400,
    permutations: int = 199,
    examples: int = 1024,
    seeds: int = 30,
    seed: int = 0,
) -> None:
    """Simulate studies with known truth and count rejections."""
    rng, sizes = np.random.default_rng(seed), (studies, permutation_studies, permutations)
    shape = {"seeds": seeds, "examples": examples}
    size: dict[str, Study] = {
        f"p={p}": lambda rng, p=p: equal_examples(rng, p=p, **shape) for p in (0.25, 0.5, 0.75, 0.9)
    }
    size["p=0.5, seeds' sd 0.10"] = lambda rng: unequal_seeds(rng, p=0.5, sd=0.1, **shape)
    power: dict[str, Study] = {
        f"rho={rho}": lambda rng, rho=rho: unequal_examples(rng, p=0.5, rho=rho, **shape)
        for rho in (0.002, 0.005, 0.01)
    }
    about = f"{studies} studies, K = {examples}, N = {seeds}"
    found = {name: shares(study, sizes, rng) for name, study in size.items()}
    show(f"size at 0.05 / 0.001 of equally hard examples ({about})", found, levels=2)
    found = {name: shares(study, sizes, rng) for name, study in power.items()}
    show(f"power at 0.05 against intraclass correlation, p = 0.5 ({about})", found, levels=1)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
