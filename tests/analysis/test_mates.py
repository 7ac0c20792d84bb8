# SPDX-License-Identifier: Apache-2.0
"""Answers among random mates: against every possible batch, random batches of a network, and planted shares."""

import importlib
from fractions import Fraction
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis import learning, mates
from analysis.framework import results
from analysis.framework.command import main
from analysis.statistics.mates import batch_sizes, mates_share, over_batch_sizes, same_class_errors
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.mates import right_among_mates
from dynamics.methods.rivals import count_rivals
from dynamics.methods.views import retrieve_partner
from dynamics.opening import open_study
from dynamics.study import Study
from figures import _files
from tests.references import rivals as loops
from tests.references.simulated_studies import among_mates

K, BATCH = 12, 4
SCORED = ("learning", "alignment", "augmentations", "classes", "correlation", "order")
"""The analyses of r_t that take any mates."""


def embeddings(count: int, *, dimensions: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(count, dimensions))
    views = np.stack([first, first + 0.7 * rng.normal(size=first.shape)])
    return torch.from_numpy(views), torch.from_numpy(rng.integers(0, 2, count))


@pytest.mark.parametrize(("examples", "batch"), [(6, 1), (6, 6), (9, 4), (40, 7), (1024, 256)])
def test_the_probability_is_the_hypergeometric_one(examples: int, batch: int) -> None:
    others, taken = examples - 1, batch - 1
    expected = [float(Fraction(comb(others - n, taken), comb(others, taken))) for n in range(examples)]
    np.testing.assert_allclose(right_among_mates(examples, batch), expected, rtol=1e-12)


@pytest.mark.parametrize("batch", [0, 7])
def test_a_batch_is_no_larger_than_the_panel(batch: int) -> None:
    with pytest.raises(ValueError, match=r"batch must be in \[1, 6\]"):
        right_among_mates(6, batch)


@pytest.mark.parametrize("batch", range(1, 7))
def test_it_is_the_share_of_all_batches_in_which_the_positive_is_nearest(batch: int) -> None:
    views, classes = embeddings(6)
    found = right_among_mates(6, batch)[count_rivals(views, classes).all]
    expected = [
        [loops.share_of_batches_that_are_right(views.numpy(), view, example, batch) for example in range(6)]
        for view in (0, 1)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert batch == 1 or 0 < found.mean() < 1


def test_it_is_the_mean_over_random_partitions_of_the_fixed_indicator() -> None:
    views, classes = embeddings(96, dimensions=6)
    expected = right_among_mates(96, 24)[count_rivals(views, classes).all]
    unit = torch.nn.functional.normalize(views, dim=-1)
    rng, right = np.random.default_rng(1), np.zeros((2, 96))
    partitions = 400
    for _ in range(partitions):
        order = torch.from_numpy(rng.permutation(96))
        for batch in order.split(24):
            right[:, batch] += retrieve_partner(unit[0, batch], unit[1, batch], 0.1).correct.numpy()
    error = np.sqrt(np.maximum(expected * (1 - expected), 1e-4) / partitions)
    np.testing.assert_array_less(np.abs(right / partitions - expected), 5 * error)


def test_errors_to_the_own_class_are_those_of_all_batches() -> None:
    views, classes = embeddings(8, seed=3)
    found = count_rivals(views, classes)
    answer = same_class_errors(found.all.numpy(), found.same_class.numpy(), right_among_mates(8, 4))
    wrong, nearest_own, random_own, only_own, any_own = 0, 0, 0.0, 0, 0
    for view in (0, 1):
        for example in range(8):
            ahead, own = loops.rivals(views.numpy(), classes.numpy(), view, example)
            asked = views[view, example].numpy()
            for batch in combinations([other for other in range(8) if other != example], 3):
                inside = ahead.intersection(batch)
                if not inside:
                    continue
                nearest = max(
                    inside, key=lambda i: max(loops.cosine(asked, views[v, i].numpy()) for v in (0, 1))
                )
                wrong += 1
                nearest_own += nearest in own
                random_own += len(inside & own) / len(inside)
                only_own += inside <= own
                any_own += bool(inside & own)
    np.testing.assert_allclose(
        (answer.errors, answer.least, answer.most),
        np.array([random_own, only_own, any_own]) / wrong,
        rtol=1e-12,
    )
    assert answer.least < nearest_own / wrong < answer.most


def test_without_errors_none_goes_anywhere() -> None:
    assert np.isnan(same_class_errors(np.zeros(4, int), np.zeros(4, int), right_among_mates(5, 3))).all()


def test_curves_over_batch_sizes_begin_near_one_and_end_with_the_panel(rng: np.random.Generator) -> None:
    rivals = rng.integers(0, 50, size=(3, 2, 60))
    sizes = batch_sizes(60, 20)
    assert sizes == [2, 4, 8, 16, 20, 32, 60]
    curve = over_batch_sizes(rivals, 60, sizes)
    assert (np.diff(curve) < 0).all()
    assert curve[-1] == pytest.approx((rivals == 0).mean())
    assert curve[4] == pytest.approx(right_among_mates(60, 20)[rivals].mean())


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_planted_share_of_mates_is_found_and_covered(share: float) -> None:
    found = [
        mates_share(*among_mates(np.random.default_rng(seed), share, seeds=8, examples=400), batch=50)
        for seed in range(100)
    ]
    assert np.mean([one.share for one in found]) == pytest.approx(share, abs=0.02)
    covered = np.mean([one.interval.low <= share <= one.interval.high for one in found])
    assert covered >= 0.88  # two and a half errors of 100 studies below .95


def test_there_is_no_share_of_nothing(rng: np.random.Generator) -> None:
    right = rng.random((8, 3, 200)) < 0.5
    assert np.isnan(mates_share(right, np.full(right.shape, 0.5), batch=20).share)
    assert np.isnan(
        mates_share(right[:1], np.full((1, 3, 200), 0.5), batch=20).share
    )  # a single seed agrees with none


def write(runs: Path, *, with_rivals: bool = True) -> Study:
    """Three seeds of a method with mates and of one without."""
    for method, views in (("simclr", 2), ("supervised", 1)):
        for seed in range(3):
            rng = np.random.default_rng((views, seed))
            shape = (5, views, 2, K)
            ability = np.linspace(0.1, 0.8, 5)[:, None, None, None]
            rivals = rng.binomial(K - 1, 0.4 * (1 - ability), size=shape)
            further = {"rivals": rivals, "same_class_rivals": rng.binomial(rivals, 0.5)}
            snapshots.write_finished(
                snapshots.seed_folder(runs, "s", method, seed),
                method=method,
                seed=seed,
                correct=rng.random(shape) < ability,
                labels=np.arange(K) % 3,
                config={"panel_batch": BATCH},
                further=further if views == 2 and with_rivals else None,
            )
    return open_study(runs / "s")


def test_a_study_among_random_mates_has_expected_answers(tmp_path: Path) -> None:
    fixed = write(tmp_path)
    study = fixed.with_mates("random")
    rivals = study.array("simclr", "rivals").values
    expected = np.vectorize(lambda n: comb(K - 1 - n, BATCH - 1) / comb(K - 1, BATCH - 1))(rivals)
    np.testing.assert_allclose(study.indicators("simclr", [1, 2, 3, 4, 5]), expected)
    answers = dict(study.answers("simclr"))
    np.testing.assert_allclose(np.stack([answers[t] for t in range(1, 6)], axis=1), expected)
    counts = study.counts("simclr")
    np.testing.assert_allclose(counts.learning_probability, expected[:, :, 0].mean(axis=(0, 2)))
    np.testing.assert_allclose(counts.single_augmentation, expected[:, :, 0, 0].mean(axis=0))
    np.testing.assert_allclose(counts.seed_means, expected[:, :, 0].mean(axis=(2, 3)))
    r = study.learning_probability("simclr", view=1)
    np.testing.assert_allclose(r.values, expected[:, :, 1].mean(axis=(0, 2)))
    labelled = study.counts("supervised"), fixed.counts("supervised")
    np.testing.assert_array_equal(*(counts.correct for counts in labelled))
    assert study.with_mates("fixed").counts("simclr").correct.dtype == np.int32
    assert study.inputs()["simclr"]["notes"] == ["simclr: answers among 3 random mates"]
    assert (fixed.inputs()["simclr"]["mates"], fixed.inputs()["supervised"]["mates"]) == ("fixed", None)


def test_mates_are_fixed_or_random(tmp_path: Path) -> None:
    study = write(tmp_path, with_rivals=False)
    with pytest.raises(UserError, match=r"mates must be .*fixed.*random.*, got 'any'"):
        learning.analyse(study, mates="any")
    with pytest.raises(UserError, match="seed 0 of simclr recorded no rivals: an earlier version"):
        study.with_mates("random")
    assert mates.applies(study) is not None


@pytest.mark.parametrize("name", ["binomial", "views"])
def test_what_needs_right_or_wrong_answers_refuses_others(name: str, tmp_path: Path) -> None:
    study = write(tmp_path).with_mates("random")
    with pytest.raises(UserError, match="answers are neither right nor wrong: use mates fixed"):
        importlib.import_module(f"analysis.{name}").analyse(study)


@pytest.mark.parametrize("name", SCORED)
def test_every_analysis_of_r_takes_random_mates(name: str, tmp_path: Path) -> None:
    study = write(tmp_path / "runs")
    analyse = importlib.import_module(f"analysis.{name}").analyse
    more = {"alignment": {"epochs": [1, 3]}}.get(name, {})
    fixed, random = analyse(study, **more), analyse(study, mates="random", **more)
    assert analyse(study.with_mates("random"), **more).table.equals(random.table)
    assert fixed.table.columns.tolist() == random.table.columns.tolist()
    assert fixed.rows != random.rows
    assert "simclr: answers among 3 random mates" in random.tables()[0].notes
    assert "simclr: answers among 3 random mates" not in fixed.tables()[0].notes


def test_figures_do_not_mix_mates(tmp_path: Path) -> None:
    study, folder = write(tmp_path / "runs"), tmp_path / "results"
    results.write(learning.analyse(study, mates="random"), folder)
    results.write(importlib.import_module("analysis.alignment").analyse(study, epochs=[1, 3]), folder)
    with pytest.raises(UserError, match="were not computed from the same seeds or mates of simclr"):
        _files.read(folder, ("learning", "alignment"))
    drawn = _files.write("sorted-curves", _files.read(folder, ("learning",)), folder)
    assert all(path.stat().st_size for path in drawn)


def test_the_command_takes_mates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "runs")
    with pytest.raises(SystemExit) as end:
        main("learning", ["--study", "s", "--mates", "random"])
    assert end.value.code in (0, None)
    assert "answers among 3 random mates" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main("learning", ["--study", "s", "--mates", "any"])
    assert end.value.code


def test_the_table_says_what_the_mates_make(tmp_path: Path) -> None:
    found = mates.analyse(write(tmp_path))
    rows = [row for row in found.rows if row["method"] == "simclr"]
    assert len(rows) == len(found.rows) == 5
    for row in rows:
        assert row["mean_r_these_examples_low"] < row["mean_r"] < row["mean_r_these_examples_high"]
        assert row["mean_r"] < row["mean_r_other_classes"]
        assert row["same_class_errors_least"] <= row["same_class_errors"] <= row["same_class_errors_most"]
    np.testing.assert_allclose(
        found.arrays["simclr.mean_r"][:, found.arrays["simclr.batch_sizes"].tolist().index(BATCH)],
        [row["mean_r"] for row in rows],
    )


@pytest.mark.parametrize("batch", ["x", 0, None, 2.5])
def test_a_batch_is_a_number_of_examples(batch: object, tmp_path: Path) -> None:
    for seed in range(2):
        snapshots.write_finished(
            snapshots.seed_folder(tmp_path, "s", "mine", seed),
            method="mine", seed=seed, correct=np.random.default_rng(seed).random((3, 2, 2, K)) < 0.5,
            config={"panel_batch": batch},
            further={name: np.zeros((3, 2, 2, K), int) for name in ("rivals", "same_class_rivals")},
        )  # fmt: skip
    with pytest.raises(UserError, match="must say how many examples a batch has, panel_batch in its config"):
        learning.analyse(open_study(tmp_path / "s"), mates="random")
