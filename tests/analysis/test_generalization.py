# SPDX-License-Identifier: Apache-2.0
"""The gap between training and held-out examples: against loops, by simulation, and on networks that learnt nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from analysis import generalization
from analysis.framework import results
from analysis.papers.findings import Conclusion
from analysis.papers.memorization.memory import simclr_memorises
from analysis.statistics.generalization_gap import _Means, generalization_gap
from analysis.statistics.jackknife import groups_of
from dynamics import data, snapshots
from dynamics.errors import UserError
from dynamics.opening import open_study
from dynamics.study_file import preset
from dynamics.training.workbench import Workbench
from tests.references.simulated_studies import two_panels


def always(value: float, *panels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    one, other = (np.full(answers.shape, value) for answers in panels)
    return one, other


def row(
    trained: np.ndarray, held_out: np.ndarray, before: tuple[np.ndarray, np.ndarray] | None
) -> results.Row:
    return generalization.row(trained, held_out, before, np.ones(trained.shape, bool))


def slow_gap(trained: np.ndarray, held_out: np.ndarray, used: np.ndarray) -> float:
    means = [row[mask].mean() for row, mask in zip(trained, used, strict=True)]
    return float(np.mean(means) - np.mean([row.mean() for row in held_out]))


@pytest.mark.parametrize("shapes", [((5, 40), (5, 70)), ((2, 9), (2, 100)), ((3, 33), (3, 33))])
def test_the_gap_is_the_difference_of_means_of_seeds(
    shapes: tuple[tuple[int, int], tuple[int, int]], rng: np.random.Generator
) -> None:
    trained, held_out = (rng.random(shape) for shape in shapes)
    used = rng.random(shapes[0]) < 0.7
    found = generalization_gap(trained, held_out, before=always(0.1, trained, held_out), in_training=used)
    assert found.gap == pytest.approx(slow_gap(trained, held_out, used))
    assert found.ratio == pytest.approx((found.held_out - 0.1) / (found.trained - 0.1))
    everything = generalization_gap(trained, held_out)
    assert np.isnan(everything.ratio) and np.isnan(everything.gain.low)
    assert everything.gap == pytest.approx(trained.mean() - held_out.mean())
    by_seed = trained.mean(axis=1) - held_out.mean(axis=1)
    error = by_seed.std(ddof=1) / np.sqrt(len(by_seed))
    low, high = everything.gap_intervals.these_examples
    half = stats.t.isf(0.025, len(by_seed) - 1) * error
    np.testing.assert_allclose([low, high], [everything.gap - half, everything.gap + half])


def test_leaving_out_seeds_and_groups_is_leaving_them_out(rng: np.random.Generator) -> None:
    """The quick sums against the function itself, on arrays that lack the seed or the examples."""
    answers, used = rng.random((4, 50)), rng.random((4, 50)) < 0.6
    found = _Means.of(answers, used, 32)
    groups = groups_of(50) % 32

    def mean(rows: np.ndarray, keep: np.ndarray) -> float:
        return float(np.mean([answers[row][used[row] & keep].mean() for row in rows]))

    everything = np.ones(50, bool)
    assert found.value == pytest.approx(mean(np.arange(4), everything))
    for seed in range(4):
        others = np.delete(np.arange(4), seed)
        assert found.without_seed[seed] == pytest.approx(mean(others, everything))
        assert found.without_both[7, seed] == pytest.approx(mean(others, groups != 7))
    assert found.without_group[7] == pytest.approx(mean(np.arange(4), groups != 7))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 8, 30])
def test_panels_of_one_kind_have_no_gap(seeds: int) -> None:
    """Independent panels; an interval of these examples would find one too often."""
    rng = np.random.default_rng(seeds)
    found = [
        generalization_gap(*two_panels(rng, seeds=seeds, examples=100, gap=0.0)).gap_intervals
        for _ in range(400)
    ]
    covered = [np.mean([low <= 0 <= high for low, high in kind]) for kind in zip(*found, strict=True)]
    assert 0.92 <= covered[1] <= 0.985
    assert covered[0] < covered[1]


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_have_a_gap_and_no_verdict(seeds: int, rng: np.random.Generator) -> None:
    trained, held_out = rng.random((seeds, 60)) / 2 + 0.5, rng.random((seeds, 60)) / 2
    found = row(trained, held_out, always(0.1, trained, held_out))
    assert found["gap"] > 0.4 and found["verdict"] is None
    assert found["why_not"] == "fewer than three seeds"
    assert np.isnan(found["gap_these_examples_low"]) == (seeds == 1)


def test_there_is_no_ratio_of_what_is_no_gain(rng: np.random.Generator) -> None:
    trained, held_out = (rng.binomial(1, 0.1, size=(6, 100)).astype(float) for _ in range(2))
    found = row(trained, held_out, always(0.1, trained, held_out))
    assert found["ratio"] is None and found["why_not"] == "it has not clearly gained anything"
    assert found["gap_examples_like_these_low"] < 0 < found["gap_examples_like_these_high"]
    unknown = row(trained + 0.5, held_out, None)
    assert unknown["ratio"] is None and unknown["gap"] == pytest.approx(0.5 + found["gap"])
    assert unknown["why_not"] == "what it answers without learning is not known"


def test_what_untrained_networks_answer_is_not_learnt(rng: np.random.Generator) -> None:
    """Views are never at chance: remembering training images on top of that is no learning."""
    trained, held_out = (rng.binomial(3, p, size=(8, 100)) / 3 for p in (0.75, 0.45))
    assert row(trained, held_out, always(1 / 63, trained, held_out))["verdict"] == "learns"
    assert row(trained, held_out, always(0.45, trained, held_out))["verdict"] == "memorises"


def test_one_seed_that_learns_nothing_takes_no_verdict_away(rng: np.random.Generator) -> None:
    trained, held_out = (rng.binomial(3, p, size=(12, 100)) / 3 for p in (0.9, 0.1))
    trained[0], held_out[0] = 0.1, 0.1
    assert row(trained, held_out, always(0.1, trained, held_out))["verdict"] == "memorises"


def test_the_commonest_label_is_not_learnt(tmp_path: Path) -> None:
    """Of two classes, one with 85 of 100 images: answering it is no knowledge of any image."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        labels = (np.arange(200) % 100 >= 85).astype(int)
        answers = [rng.random((1, 1, 3, 100)) < p for p in (0.86, 0.85)]
        further = {
            "held_out_correct": answers[1], "held_out_example": np.arange(100), "held_out_label": labels[100:],
        }  # fmt: skip
        snapshots.write_finished(
            snapshots.seed_folder(tmp_path, "s", "random-labels", seed),
            method="random-labels", seed=seed, correct=answers[0], labels=labels[:100], further=further,
        )  # fmt: skip
    (found,) = generalization.analyse(open_study(tmp_path / "s")).rows
    assert (found["before"], found["before_held_out"]) == (0.85, 0.85)
    assert found["verdict"] is None and found["why_not"] == "it has not clearly gained anything"


@pytest.mark.parametrize("method", ["simclr", "supervised"])
def test_an_untrained_network_has_no_gap(method: str) -> None:
    recipe = preset(
        method, "quick", train_examples=None, width=2, batch_size=32, panel_examples=256, precision="fp32"
    )
    bench = Workbench(method, recipe, data.load("digits"), device=torch.device("cpu"), engine="eager")
    answers: dict[str, list[np.ndarray]] = {"correct": [], "held_out_correct": []}
    for seed in range(5):
        bench.begin(seed)
        scores = bench.score().arrays
        for name, values in answers.items():
            values.append(scores[name][0].mean(axis=0))
    trained, held_out = (np.stack(values) for values in answers.values())
    found = generalization_gap(trained, held_out)
    low, high = found.gap_intervals.examples_like_these
    assert low < 0 < high
    assert abs(found.gap) < 0.05


def write(runs: Path, method: str, trained: float, held_out: float, **config: object) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        right = [rng.random((2, 1, 3, 80)) < p for p in (trained, held_out)]
        snapshots.write_finished(
            snapshots.seed_folder(runs, "s", method, seed),
            method=method, seed=seed, correct=right[0], labels=np.arange(80) % 10, config=dict(config),
            further={
                "held_out_correct": right[1], "held_out_example": np.arange(80), "held_out_label": np.arange(80) % 10,
            },
        )  # fmt: skip


@pytest.mark.parametrize(
    ("simclr", "like", "conclusion"),
    [
        (0.9, 0.1, Conclusion.REFUTED),
        (0.15, 0.1, Conclusion.CONFIRMED),
        (0.15, 0.9, Conclusion.UNDECIDED),
    ],
)
def test_simclr_memorises_if_new_images_are_not_answered(
    simclr: float, like: float, conclusion: Conclusion, tmp_path: Path
) -> None:
    write(tmp_path, "simclr", 0.95, simclr)
    write(tmp_path, "random-labels", 0.95, like)
    found = generalization.analyse(open_study(tmp_path / "s"))
    finding = simclr_memorises({"generalization": found})
    assert finding.conclusion is conclusion, finding.number
    results.write(found, tmp_path / "results")
    assert results.read(tmp_path / "results", "generalization").rows[0]["gap"] == found.rows[0]["gap"]


def test_left_out_examples_are_no_training_examples(tmp_path: Path) -> None:
    """A seed's answers on what it left out count for neither side."""
    rng = np.random.default_rng(0)
    for seed in range(4):
        seen = rng.random(60) < 0.5
        snapshots.write_finished(
            snapshots.seed_folder(tmp_path, "s", "supervised", seed),
            method="supervised", seed=seed, correct=np.broadcast_to(seen, (1, 1, 2, 60)).copy(),
            further={
                "held_out_correct": rng.random((1, 1, 2, 40)) < 0.5, "held_out_example": np.arange(40),
                "in_training": seen,
            },
        )  # fmt: skip
    (row,) = generalization.analyse(open_study(tmp_path / "s")).rows
    assert row["mean_r"] == 1.0


def test_without_held_out_images_there_is_nothing_to_compare(tmp_path: Path) -> None:
    correct = np.ones((1, 1, 1, 4), bool)
    snapshots.write_finished(
        snapshots.seed_folder(tmp_path, "s", "mine", 0), method="mine", seed=0, correct=correct
    )
    with pytest.raises(UserError, match="no method in study s was scored on held-out images"):
        generalization.analyse(open_study(tmp_path / "s"))
