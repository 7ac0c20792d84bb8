# SPDX-License-Identifier: Apache-2.0
"""Correlation of difficulties without noise: against loops over pairs of seeds, planted values, and what is refused."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import correlation
from analysis.framework.targets import crossing
from analysis.statistics.disattenuated import Scores, correlate, reliability, seeds_needed
from tests.analysis.studies import in_memory, opened, rising, write


def by_pairs(first: Scores, second: Scores) -> float:
    """The definition, pair by pair; equal seed numbers are none."""

    def shared(a: Scores, b: Scores) -> float:
        return float(
            np.mean(
                [
                    np.cov(a.values[i], b.values[j])[0, 1]
                    for i in range(len(a.seeds))
                    for j in range(len(b.seeds))
                    if a.seeds[i] != b.seeds[j]
                ]
            )
        )

    return shared(first, second) / np.sqrt(shared(first, first) * shared(second, second))


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(2, 5))
def test_it_is_the_mean_over_pairs_of_seeds(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    difficulty = 3 * rng.normal(size=60)
    first = Scores(difficulty + rng.normal(size=(n, 60)), range(n))
    second = Scores(difficulty + rng.normal(size=(m, 60)), range(1, m + 1))
    assert correlate(first, second).rho == pytest.approx(by_pairs(first, second))
    assert correlate(second, first).rho == pytest.approx(correlate(first, second).rho)


def test_what_equal_seeds_share_does_not_count(rng: np.random.Generator) -> None:
    """Seed number i starts from one encoder in all methods: what it does to examples is no common difficulty."""
    start = 2 * rng.normal(size=(30, 500))
    one, other = (
        Scores(rng.normal(size=500) + start + rng.normal(size=(30, 500)), range(30)) for _ in range(2)
    )
    found = correlate(one, other)
    assert abs(found.rho) < 0.15 and found.observed > found.rho
    assert found.examples_like_these.low < 0 < found.examples_like_these.high


def by_augmentation(answers: np.ndarray) -> Scores:
    """Return answers (seed, augmentation, example) as a row for each seed and augmentation."""
    seeds, augmentations, examples = answers.shape
    rows = [(seed, at) for seed in range(seeds) for at in range(augmentations)]
    return Scores(answers.reshape(-1, examples), [seed for seed, _ in rows], [at for _, at in rows])


def test_pairs_of_other_augmentations(rng: np.random.Generator) -> None:
    """Against a loop over pairs of other seeds and other augmentations."""
    one, other = rng.normal(size=100) + rng.normal(size=(2, 3, 2, 100))

    def shared(first: np.ndarray, second: np.ndarray) -> float:
        pairs = itertools.product(np.ndindex(3, 2), np.ndindex(3, 2))
        return float(
            np.mean([np.cov(first[u], second[v])[0, 1] for u, v in pairs if u[0] != v[0] and u[1] != v[1]])
        )

    wanted = shared(one, other) / np.sqrt(shared(one, one) * shared(other, other))
    assert correlate(by_augmentation(one), by_augmentation(other)).rho == pytest.approx(wanted)


@pytest.mark.parametrize("same", [True, False], ids=["the same augmentations", "each its own"])
def test_of_the_examples_whatever_augmentations_methods_share(same: bool, rng: np.random.Generator) -> None:
    """A loss of one's own and SimCLR are asked about the same views: rho was .5 where that of the examples is .3."""
    of_r, of_examples = [], []
    for _ in range(60):
        difficulty = 0.7 * rng.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], size=256).T
        augmentation = rng.normal(size=(2, 4, 256))
        augmentation[1] = augmentation[0] if same else augmentation[1]
        effects = difficulty[:, None, None] + augmentation[:, None] + 0.3 * rng.normal(size=(2, 5, 1, 256))
        answers = (effects + rng.normal(size=(2, 5, 4, 256)) > 0).astype(float)
        of_r.append(correlate(*(Scores(own.mean(axis=1), range(5)) for own in answers)).rho)
        of_examples.append(correlate(*map(by_augmentation, answers)))
    assert abs(np.mean([found.rho for found in of_examples]) - 0.3) < 0.05
    covered = [
        found.examples_like_these.low <= 0.3 <= found.examples_like_these.high for found in of_examples
    ]
    assert np.mean(covered) > 0.85
    assert np.mean(of_r) > 0.45 if same else np.mean(of_r) < 0.25


def test_within_classes_common_classes_do_not_count(rng: np.random.Generator) -> None:
    labels = np.arange(600) % 6
    of_class = np.linspace(-4, 4, 6)[labels]
    own = rng.normal(size=(2, 600))
    one, other = (Scores(of_class + own[at] + rng.normal(size=(5, 600)), range(5)) for at in range(2))
    assert correlate(one, other).rho > 0.8
    assert abs(correlate(one, other, labels).rho) < 0.15


def test_nothing_shared_has_no_correlation(rng: np.random.Generator) -> None:
    noise = Scores(rng.normal(size=(4, 100)), range(4))
    signal = Scores(rng.normal(size=100) + rng.normal(size=(4, 100)), range(4))
    found = correlate(noise, signal)
    assert found.shared == (False, True) and np.isnan(found.rho)
    single = Scores(signal.values[:1], (0,))
    assert np.isnan(correlate(single, signal).rho) and np.isnan(reliability(single))


def test_what_seeds_favour_is_not_shared(rng: np.random.Generator) -> None:
    """The error of c(A, A) over examples alone called it shared in .14 to .47 of studies."""
    labels = np.arange(1000) % 10
    shared = 0
    for _ in range(60):
        favoured = 0.7 * rng.normal(size=(6, 10))[:, labels]
        scores = Scores(favoured + rng.normal(size=(6, 1000)), range(6))
        shared += correlate(scores, scores).shared[0]
    assert shared <= 9


def test_reliability_is_the_correlation_with_new_seeds(rng: np.random.Generator) -> None:
    difficulty = rng.normal(size=20_000)
    old, new = (Scores(difficulty + 2 * rng.normal(size=(4, 20_000)), range(4)) for _ in range(2))
    expected = np.corrcoef(old.values.mean(axis=0), new.values.mean(axis=0))[0, 1]
    assert reliability(old) == pytest.approx(expected, abs=0.02)
    assert seeds_needed(expected, 4) == pytest.approx(4 * 4, rel=0.1)  # 0.8: a noise variance of 4 / N = 0.25
    assert np.isinf(seeds_needed(-0.1, 4)) and np.isnan(seeds_needed(np.nan, 4))


def test_methods_are_taken_where_their_means_are_equal(tmp_path: Path, rng: np.random.Generator) -> None:
    for method in ("simclr", "supervised"):
        write(tmp_path, method, rising(rng, seeds=5), labels=np.arange(60) % 3)
    study = opened(tmp_path)
    result = correlation.analyse(study, targets=[0.5])
    assert len(result.rows) == 6  # three pairs, over all examples and within classes
    for row in result.rows:
        for name, prefix in ((row["method"], ""), (row["other"], "other_")):
            counts = study.counts(name)
            found = crossing(counts.mean, 0.5)
            assert row[f"{prefix}epoch"] == pytest.approx(found.between(counts.epochs.astype(float)))
            assert row[f"{prefix}epoch_low"] < row[f"{prefix}epoch"] < row[f"{prefix}epoch_high"]
        aligned, counts = correlation.at_equal_mean(study, row["method"], 0.5), study.counts(row["method"])
        assert aligned.scores.values.mean() == pytest.approx(0.5)
        found = crossing(counts.mean, 0.5)
        answers = study.indicators(row["method"], counts.epochs[[found.before, found.after]].tolist())[
            :, :, 0
        ].mean(axis=2)
        known = [reliability(Scores(answers[:, at], counts.seeds)) for at in (0, 1)]
        assert row["reliability"] == pytest.approx((1 - found.weight) * known[0] + found.weight * known[1])


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        ({"file": "correct.npy"}, "nothing says which examples those of supervised are, or in which order"),
        ({"data_fingerprint": "other"}, "they were not trained on the same images"),
    ],
)
def test_examples_that_may_be_others_are_not_compared(
    provenance: dict[str, str], said: str, rng: np.random.Generator
) -> None:
    study = in_memory({"simclr": rising(rng), "supervised": rising(rng)})
    study.runs["supervised"] = in_memory({"x": rising(rng)}, provenance=provenance).runs["x"]
    for run in study.runs["supervised"]:
        run.method = "supervised"
    result = correlation.analyse(study)
    assert {(row["method"], row["other"]) for row in result.rows} == {("simclr",) * 2, ("supervised",) * 2}
    assert result.settings["left_out"] == [f"SimCLR and supervised are not compared: {said}"]


def test_a_mean_that_is_never_passed_has_no_row(rng: np.random.Generator) -> None:
    result = correlation.analyse(in_memory({"simclr": rising(rng)[:, :3]}), targets=[0.05, 0.9])
    assert result.rows == []  # above the first from the start, below the second to the end
    (note, *_) = result.tables()[0].notes
    assert note.startswith("SimCLR never is at a mean r_t of 0.05, 0.9: it begins at 0.")
