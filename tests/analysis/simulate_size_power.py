# SPDX-License-Identifier: Apache-2.0
"""Do tests hold their size, and intervals their coverage, where seeds differ and augmentations matter?

python -m tests.analysis.simulate_size_power --studies 1000

Studies with a known truth are simulated (:func:`tests.references.simulated_studies.crossed`) and analysed. Size: the
fraction of studies without the effect in which a test of level 0.05 sees one. Power: the same with the effect.
Coverage: the fraction of 95 % intervals that hold the true value. Of 1000 studies a fraction has a standard error of
0.007 near 0.05 and 0.95. About 20 minutes on one core; the tables in docs/statistics/measured.md are
its output, of 2000 studies.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tyro

from analysis.framework import console
from analysis.framework.table import Column, Table
from analysis.statistics.class_differences import class_differences, crossed_class_test
from analysis.statistics.disattenuated import Scores, correlate, shared_variances
from analysis.statistics.generalization_gap import generalization_gap
from analysis.statistics.homogeneity import dispersion, tarone
from analysis.statistics.intraclass import icc_interval, icc_of_seeds
from analysis.statistics.jackknife import Interval, mean_intervals
from analysis.statistics.mates import mates_share
from analysis.statistics.memorization import memorization
from analysis.statistics.variance_components import (
    component_intervals,
    example_test,
    generalizability,
    variance_components,
)
from analysis.statistics.within_seeds import cochran_q, permutation_test
from tests.references.simulated_studies import Crossed, among_mates, crossed, retrieved, twins, two_panels

LEVEL = 0.05
Study = Callable[..., Crossed]

TESTS: dict[str, Callable[[Crossed, np.random.Generator], float]] = {
    "examples, F'": lambda study, rng: float(example_test(study.correct, study.labels).p),
    "examples, F' without labels": lambda study, rng: float(example_test(study.correct).p),
    "augmented examples, F' (M = 1)": lambda study, rng: float(
        example_test(study.correct[:, :1], study.labels).p
    ),
    "dispersion (M = 1)": lambda study, rng: dispersion(_counts(study), len(study.correct)).p_over,
    "Tarone's Z (M = 1)": lambda study, rng: tarone(_counts(study), len(study.correct)).p_over,
    "Cochran's Q (M = 1)": lambda study, rng: cochran_q(study.correct[:, 0]).p_over,
    "permutation within seeds, r": lambda study, rng: (
        permutation_test(study.correct, rng=rng, permutations=99).p_over
    ),
    "classes, F'": lambda study, rng: float(crossed_class_test(study.correct.mean(axis=1), study.labels).p),
    "classes, F of these seeds": lambda study, rng: float(
        class_differences(study.correct.mean(axis=(0, 1))[np.newaxis], study.labels).p[0]
    ),
}

NOTHING: dict[str, dict[str, float]] = {
    "chance alone": {},
    "seeds differ": {"seed": 0.5, "luck": 0.5},
    "augmentations differ": {"augmentation": 1.0, "seed": 0.3},
    "seeds favour classes": {"favour": 0.5, "seed": 0.3},
    "examples differ, not classes": {"example": 1.0, "favour": 0.5, "luck": 0.3},
}
"""Studies by what differs in them; in none of them classes do."""

ABSENT = {
    "examples, F'": ("chance alone", "seeds differ", "augmentations differ", "seeds favour classes"),
    "examples, F' without labels": ("chance alone", "seeds favour classes"),
    "augmented examples, F' (M = 1)": ("chance alone", "seeds differ", "seeds favour classes"),
    "dispersion (M = 1)": ("chance alone", "seeds differ", "augmentations differ"),
    "Tarone's Z (M = 1)": ("chance alone", "seeds differ", "augmentations differ"),
    "Cochran's Q (M = 1)": ("chance alone", "seeds differ", "augmentations differ"),
    "permutation within seeds, r": ("chance alone", "seeds differ", "augmentations differ"),
    "classes, F'": tuple(NOTHING),
    "classes, F of these seeds": tuple(NOTHING),
}
"""The nulls of each test; those of augmented examples do not have "augmentations differ" for theirs, and show it."""

PRESENT: dict[str, dict[str, float]] = {
    "examples, F'": {"example": 0.5, "augmentation": 0.7, "luck": 0.3},
    "classes, F'": {"class_": 0.4, "example": 0.5, "luck": 0.3, "favour": 0.2},
}

KINDS: dict[str, dict[str, float]] = {
    "like supervised": {"example": 1.0, "augmentation": 0.3, "seed": 0.3, "luck": 0.5},
    "like SimCLR": {"example": 0.4, "augmentation": 1.0, "seed": 0.3, "luck": 0.3, "threshold": 0.5},
    "like random labels": {"example": 0.4, "augmentation": 0.15, "seed": 0.3, "luck": 0.8},
}


def _counts(study: Crossed) -> np.ndarray:
    counts: np.ndarray = study.correct[:, 0].sum(axis=0)
    return counts


def rejected(
    test: str, effects: Mapping[str, float], rng: np.random.Generator, *, studies: int, **sizes: int
) -> float:
    """Return the fraction of studies in which a test rejects."""
    p = [TESTS[test](crossed(rng, **sizes, **effects), rng) for _ in range(studies)]
    return float(np.mean(np.array(p) <= LEVEL))


def intervals(study: Crossed, truth: "Truth") -> Iterator[tuple[str, Interval, float]]:
    """Yield all intervals of a study with what they should hold."""
    correct, p = study.correct, study.p
    of_mean = mean_intervals(correct.mean(axis=(1, 2)), correct.mean(axis=(0, 1)))
    yield "E[r], these examples", of_mean.these_examples, float(p.mean())
    yield "E[r], examples like these", of_mean.examples_like_these, truth.mean
    single = correct[:, 0].astype(float)
    within = p[0].mean() * (1 - p[0].mean())
    yield "ICC of r~, these examples", icc_interval(single), float(p[0].var(ddof=1) / within)
    found = component_intervals(correct)
    augmentation = p.var(axis=0, ddof=1).mean()
    example = p.mean(axis=0).var(ddof=1) - augmentation / len(p)
    here = {
        "example": example,
        "r": p.mean(axis=0).var(ddof=1),
        "r_tilde": example + augmentation,
        "augmentation_share": augmentation / (example + augmentation),
    }
    for name, value in here.items():
        yield f"{name}, these examples", found[name].these_examples, float(value)
    for name, value in truth.components.items():
        yield f"{name}, examples like these", found[name].examples_like_these, value


class Truth:
    """Values of the population that the examples of a study are drawn from, from a very large study."""

    def __init__(
        self, effects: Mapping[str, float], rng: np.random.Generator, *, seeds: int, augmentations: int
    ) -> None:
        large = crossed(rng, seeds=40, augmentations=augmentations, examples=20_000, **effects)
        found = variance_components(large.correct)
        self.mean = float(large.p.mean())
        self.icc = icc_of_seeds(large.correct)
        at_size = generalizability(found, seeds=seeds, augmentations=augmentations)
        self.components = {
            name: float(getattr(found, name)) for name in ("example", "r", "r_tilde", "augmentation_share")
        } | {"generalizability": float(at_size)}


class Coverage(NamedTuple):
    """What became of an interval in many studies."""

    holds: float
    """Fraction of the intervals that hold the true value."""
    absent: float
    """Fraction of the studies that give no interval: a share of nothing, a correlation of noise."""

    @classmethod
    def of(cls, found: list[bool | None]) -> "Coverage":
        known = [one for one in found if one is not None]
        return cls(float(np.mean(known)) if known else np.nan, 1 - len(known) / len(found))


def held(interval: Interval, value: float) -> bool | None:
    """Whether an interval holds a value; None where there is none."""
    return None if np.isnan(interval.low) else bool(interval.low <= value <= interval.high)


def covered(
    effects: Mapping[str, float],
    rng: np.random.Generator,
    *,
    studies: int,
    seeds: int,
    augmentations: int,
    examples: int,
) -> dict[str, Coverage]:
    """Return the coverage of each interval."""
    truth = Truth(effects, rng, seeds=seeds, augmentations=augmentations)
    hits: dict[str, list[bool | None]] = {}
    for _ in range(studies):
        study = crossed(rng, seeds=seeds, augmentations=augmentations, examples=examples, **effects)
        for name, interval, value in intervals(study, truth):
            hits.setdefault(name, []).append(held(interval, value))
    return {name: Coverage.of(found) for name, found in hits.items()}


GAP, CHANCE, MEAN_M, BATCH = 0.2, 0.1, 0.3, 32


def true_share_of_mates(rng: np.random.Generator, *, examples: int) -> float:
    """Return the mates' share of what seeds agree on, over many panels and seeds."""
    parts = np.zeros(2)
    for _ in range(400):
        right, expected = (
            values[:, 0] for values in retrieved(rng, seeds=12, examples=examples, batch=BATCH)
        )
        pair = (Scores(expected, range(12)), Scores(right - expected, range(12)))
        parts += [shared_variances(one)[0] for one in pair]
    return float(parts[1] / parts.sum())


def memory_intervals(
    rng: np.random.Generator, *, seeds: int, examples: int, mates: float
) -> Iterator[tuple[str, Interval, float]]:
    """Yield the intervals of new studies about memory and mates, with what they should hold."""
    for gap in (0.0, GAP):
        answers = two_panels(rng, seeds=seeds, examples=examples, gap=gap)
        before = (np.full(answers[0].shape, CHANCE), np.full(answers[1].shape, CHANCE))
        found = generalization_gap(*answers, before=before)
        yield f"gap of {gap:g}, examples like these", found.gap_intervals.examples_like_these, gap
    ratio = (0.5 - CHANCE) / (0.5 + GAP - CHANCE)
    yield "ratio, examples like these", found.ratio_intervals.examples_like_these, ratio
    m = rng.choice([0.0, 2 * MEAN_M], size=examples)
    of_memory = memorization(*twins(rng, m, seeds=seeds))
    known = np.isfinite(of_memory.m)
    yield "E[m], these examples", of_memory.mean_intervals.these_examples, float(m[known].mean())
    yield "E[m], examples like these", of_memory.mean_intervals.examples_like_these, MEAN_M
    one = int(np.flatnonzero(known)[0])
    yield "m of one example", Interval(*(end[one] for end in of_memory.interval)), float(m[one])
    of_mates = mates_share(*among_mates(rng, 0.0, seeds=seeds, examples=examples), batch=BATCH)
    yield "mates' share of 0, examples like these", of_mates.interval, 0.0
    of_mates = mates_share(*retrieved(rng, seeds=seeds, examples=examples, batch=BATCH), batch=BATCH)
    yield f"mates' share, {examples // BATCH} batches, examples like these", of_mates.interval, mates


def covered_memory(
    rng: np.random.Generator, *, studies: int, seeds: int, examples: int
) -> dict[str, Coverage]:
    """Return the coverage of the intervals about memory and mates."""
    hits: dict[str, list[bool | None]] = {}
    mates = true_share_of_mates(rng, examples=examples)
    for _ in range(studies):
        for name, interval, value in memory_intervals(rng, seeds=seeds, examples=examples, mates=mates):
            hits.setdefault(name, []).append(held(interval, value))
    return {name: Coverage.of(found) for name, found in hits.items()}


def correlated(rng: np.random.Generator, planted: float, size: int) -> np.ndarray:
    """Return difficulties (method, example) of two methods that correlate by a planted value."""
    first, other = rng.normal(size=(2, size))
    return np.stack([first, planted * first + np.sqrt(1 - planted**2) * other])


def covered_correlation(
    rng: np.random.Generator, *, studies: int, seeds: int, examples: int, planted: float = 0.5
) -> Coverage:
    """Return the coverage of the correlation between two methods whose difficulties correlate by a planted value."""

    def answers(difficulty: np.ndarray) -> np.ndarray:
        luck = rng.normal(scale=0.5, size=(seeds, len(difficulty))) + rng.normal(scale=0.3, size=(seeds, 1))
        return (difficulty + luck + rng.normal(size=luck.shape) > 0).astype(float)

    from scipy.stats import norm

    truth = np.corrcoef(norm.cdf(correlated(rng, planted, 1_000_000) / np.sqrt(1 + 0.25 + 0.09)))[0, 1]
    found = [
        correlate(*(Scores(answers(one), range(seeds)) for one in correlated(rng, planted, examples)))
        for _ in range(studies)
    ]
    return Coverage.of([held(one.examples_like_these, truth) for one in found])


def covered_example_correlation(
    rng: np.random.Generator,
    *,
    studies: int,
    seeds: int,
    examples: int,
    augmentations: int,
    same: bool,
    planted: float = 0.5,
) -> Coverage:
    """Return the coverage of the correlation of examples under any augmentations, which two methods share or not."""
    from scipy.stats import norm

    def answers(difficulty: np.ndarray, augmentation: np.ndarray) -> Scores:
        luck = rng.normal(scale=0.5, size=(seeds, 1, examples)) + rng.normal(scale=0.3, size=(seeds, 1, 1))
        effects = difficulty + augmentation + luck
        right = effects + rng.normal(size=effects.shape) > 0
        rows = np.indices((seeds, augmentations)).reshape(2, -1).tolist()
        return Scores(right.reshape(-1, examples).astype(float), *rows)

    truth = np.corrcoef(norm.cdf(correlated(rng, planted, 1_000_000) / np.sqrt(1 + 1 + 0.25 + 0.09)))[0, 1]
    found: list[bool | None] = []
    for _ in range(studies):
        drawn = rng.normal(size=(2, augmentations, examples))
        drawn[1] = drawn[0] if same else drawn[1]
        one, other = map(answers, correlated(rng, planted, examples), drawn)
        found.append(held(correlate(one, other).examples_like_these, truth))
    return Coverage.of(found)


def show(caption: str, first: str, rows: Mapping[tuple[str, str], Mapping[int, float]]) -> None:
    """Print one row a test or interval and one column a number of seeds."""
    columns = [Column("what", first), Column("where", "study")]
    numbers = sorted({n for values in rows.values() for n in values})
    columns += [Column(str(n), f"N = {n}", ".3f") for n in numbers]
    table_rows = [
        {"what": what, "where": where} | {str(n): value for n, value in values.items()}
        for (what, where), values in rows.items()
    ]
    console.show(Table(caption=caption, columns=columns, rows=table_rows))


def main(
    studies: int = 1000,
    examples: int = 128,
    augmentations: int = 4,
    seeds: tuple[int, ...] = (5, 8, 30),
    random_state: int = 0,
) -> None:
    """Simulate studies with known truth, and count."""
    rng = np.random.default_rng(random_state)
    sizes = {"augmentations": augmentations, "examples": examples}
    about = f"{studies} studies, K = {examples}, M = {augmentations}"

    def by_seeds(count: Callable[..., Any]) -> dict[int, Any]:
        return {n: count(seeds=n) for n in seeds}

    size = {
        (test, null): by_seeds(partial(rejected, test, NOTHING[null], rng, studies=studies, **sizes))
        for test, nulls in ABSENT.items()
        for null in nulls
    }
    show(f"size at 0.05 ({about})", "test", size)
    power = {
        (test, "effect present"): by_seeds(partial(rejected, test, effects, rng, studies=studies, **sizes))
        for test, effects in PRESENT.items()
    }
    show(f"power at 0.05 ({about})", "test", power)
    coverage: dict[tuple[str, str], dict[int, Coverage]] = {}
    simulated = {kind: partial(covered, effects, **sizes) for kind, effects in KINDS.items()}
    simulated["memory and mates"] = partial(covered_memory, examples=examples)
    for kind, count in simulated.items():
        found = by_seeds(partial(count, rng=rng, studies=studies))
        for name in next(iter(found.values())):
            coverage[name, kind] = {n: values[name] for n, values in found.items()}
    correlated = by_seeds(partial(covered_correlation, rng, studies=studies, examples=examples))
    coverage["rho of two methods, examples like these", "correlation 0.5"] = correlated
    for same, called in ((True, "the same augmentations"), (False, "other augmentations")):
        count = partial(covered_example_correlation, rng, studies=studies, same=same, **sizes)
        coverage["rho of their examples, examples like these", called] = by_seeds(count)
    holds = {key: {n: one.holds for n, one in values.items()} for key, values in coverage.items()}
    show(f"coverage of 95 % intervals ({about})", "interval", holds)
    absent = {key: {n: one.absent for n, one in values.items()} for key, values in coverage.items()}
    absent = {key: values for key, values in absent.items() if any(values.values())}
    show(f"fraction of studies without an interval ({about})", "interval", absent)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
