# SPDX-License-Identifier: Apache-2.0
"""Answers that are missing, and epochs with numbers of their own: what is read is what was written, and no more."""

from pathlib import Path

import numpy as np
import pytest

from analysis import learning, order
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.opening import open_study
from dynamics.study import Study

SHAPE = (4, 1, 3, 12)
"""Epochs, views, augmentations, examples."""


def written(tmp_path: Path, method: str, rng: np.random.Generator, *, missing: float, seeds: int = 3) -> dict:
    """Write seeds of which a share of the answers is missing; return answers and which are there, (seed, ...)."""
    correct, present = rng.random((seeds, *SHAPE)) < 0.6, rng.random((seeds, *SHAPE)) >= missing
    present[..., :4] = True
    present[0, :, :, 0] |= missing < 0.9  # at every epoch an answer on the first augmentation
    for seed in range(seeds):
        snapshots.write_finished(
            snapshots.seed_folder(tmp_path, "s", method, seed),
            method=method,
            seed=seed,
            correct=correct[seed] & present[seed],
            further={"present": present[seed], "epoch": np.array([0, 1, 5, 50])},
        )
    return {"correct": correct, "present": present}


def test_r_is_of_the_answers_that_are_there(tmp_path: Path, rng: np.random.Generator) -> None:
    made = written(tmp_path, "mine", rng, missing=0.3)
    study = open_study(tmp_path / "s")
    answers = np.where(made["present"], made["correct"], np.nan)[:, :, 0]  # seed epoch augmentation example
    r = study.learning_probability("mine")
    np.testing.assert_allclose(r, np.nanmean(answers, axis=(0, 2)))
    assert r["epoch"].values.tolist() == [0, 1, 5, 50]
    counts = study.counts("mine")
    np.testing.assert_allclose(counts.single_augmentation, np.nanmean(answers[:, :, 0], axis=0))
    whole = np.nanmean(answers, axis=(0, 2)).mean(axis=-1)
    for seed in range(3):  # the jackknife's pseudo-values
        without = np.nanmean(np.delete(answers, seed, axis=0), axis=(0, 2)).mean(axis=-1)
        np.testing.assert_allclose(counts.seed_means[seed], 3 * whole - 2 * without)
    row = learning.analyse(study).rows[-1]
    assert (row["epoch"], row["mean_r"]) == (50, pytest.approx(np.nanmean(answers, axis=(0, 2))[-1].mean()))


def test_examples_without_an_answer_at_some_epoch_are_left_out_of_r(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    there = written(tmp_path, "mine", rng, missing=0.9)["present"][:, :, 0]
    seen = there.any(axis=(0, 2)).all(axis=0) & there[:, :, 0].any(axis=0).all(axis=0)
    assert 0 < seen.sum() < len(seen)
    r = open_study(tmp_path / "s").learning_probability("mine")
    assert r["example"].values.tolist() == np.flatnonzero(seen).tolist() and np.isfinite(r).all()


def test_all_else_takes_the_examples_that_have_all_answers(tmp_path: Path, rng: np.random.Generator) -> None:
    made = written(tmp_path, "mine", rng, missing=0.02)
    other = written(tmp_path, "other", rng, missing=0.02)
    study = open_study(tmp_path / "s")
    kept = np.flatnonzero((made["present"] & other["present"]).all(axis=(0, 1, 2, 3)))
    complete = study.complete()
    for method, answers in (("mine", made), ("other", other)):
        np.testing.assert_array_equal(complete.correct(method), answers["correct"][..., kept])
    assert complete.correct("mine")["example"].values.tolist() == kept.tolist()
    result = order.analyse(study)
    assert result.arrays["mine.examples"].tolist() == kept.tolist()
    assert f"mine: {len(kept)} of 12 examples are used" in str(result.inputs["mine"]["notes"])


def test_a_missing_answer_is_never_taken_for_a_wrong_one(tmp_path: Path, rng: np.random.Generator) -> None:
    written(tmp_path, "mine", rng, missing=0.5)
    study = open_study(tmp_path / "s")
    for read in (
        lambda: next(study.answers("mine")),
        lambda: study.indicators("mine", [5]),
        lambda: next(study.stream("mine", "correct")),
    ):
        with pytest.raises(UserError, match=r"mine may lack answers: use .* study.complete"):
            read()


def test_too_few_complete_examples_are_said(tmp_path: Path, rng: np.random.Generator) -> None:
    made = written(tmp_path, "mine", rng, missing=0.5)
    for seed in range(3):
        present = made["present"][seed].copy()
        present[2, ..., 1:] &= rng.random((1, 3, 11)) < 0.3
        made_again = snapshots.seed_folder(tmp_path, "few", "mine", seed)
        snapshots.write_finished(
            made_again, method="mine", seed=seed, correct=made["correct"][seed], further={"present": present}
        )
    with pytest.raises(UserError, match="mine: 1 of 12 examples have the answers of all seeds and epochs"):
        open_study(tmp_path / "few").complete()


def test_a_study_without_gaps_is_left_as_it_is(tmp_path: Path, rng: np.random.Generator) -> None:
    snapshots.write_finished(
        tmp_path / "s/mine/seed-0000", method="mine", seed=0, correct=rng.random(SHAPE) < 0.5
    )
    study = open_study(tmp_path / "s")
    assert isinstance(study, Study) and study.complete() is study


def test_epochs_without_any_answer_are_refused(tmp_path: Path) -> None:
    there = np.ones(SHAPE, bool)
    there[1] = False
    with pytest.raises(UserError, match="present must say of every epoch"):
        snapshots.write_finished(
            tmp_path / "mine/seed-0000", method="mine", seed=0, correct=there, further={"present": there}
        )


@pytest.mark.parametrize("numbers", [[1, 1, 2, 3], [3, 2, 1, 0], [-1, 0, 1, 2]])
def test_epochs_must_increase(tmp_path: Path, numbers: list[int]) -> None:
    with pytest.raises(UserError, match="epochs must be >= 0 and increase, got"):
        snapshots.write_finished(
            tmp_path / "mine/seed-0000",
            method="mine",
            seed=0,
            correct=np.ones(SHAPE, bool),
            further={"epoch": np.array(numbers)},
        )


def test_a_writer_takes_epochs_by_their_numbers(tmp_path: Path, rng: np.random.Generator) -> None:
    answers = rng.random((3, 1, 1, 5)) < 0.5

    def opened() -> snapshots.Writer:
        return snapshots.Writer.open(
            tmp_path / "mine/seed-0000",
            epochs=3,
            shape=(1, 1, 5),
            scalar_names=[],
            coordinates={"example": np.arange(5), "epoch": np.array([0, 10, 100])},
        )

    snapshots.write_run_json(tmp_path / "mine/seed-0000", method="mine", seed=0, config={}, provenance={})
    writer = opened()
    for epoch, correct in zip((0, 10, 100), answers, strict=True):
        writer.write(epoch, {"correct": correct}, {})
    assert opened().committed() == [0, 10, 100]
    assert writer.take_back_after(0) == [10, 100] and opened().committed() == [0]
    writer.write(10, {"correct": answers[1]}, {})
    run = snapshots.Run(tmp_path / "mine/seed-0000")
    assert run.epochs == (0, 10)
    writer.finish(1.0, early=True)
    run = snapshots.Run(tmp_path / "mine/seed-0000")
    assert run.complete and run.epochs == (0, 10)
    np.testing.assert_array_equal(run.correct([10]), answers[1:2])
    assert snapshots.verify(run.folder) == []
    with pytest.raises(UserError, match="has no epoch 100"):
        run.correct([100])


def test_intervals_are_about_the_mean_beside_them(tmp_path: Path, rng: np.random.Generator) -> None:
    """One half of the examples is easy, and the other hard and missing at one epoch."""
    correct = rng.random((4, 3, 1, 1, 100)) < np.repeat([0.9, 0.1], 50)
    present = np.ones(correct.shape, bool)
    present[:, 2, ..., 50:] = False
    present[1, 1, ..., 60:] = False
    for seed in range(4):
        snapshots.write_finished(
            tmp_path / f"s/mine/seed-{seed:04d}",
            method="mine",
            seed=seed,
            correct=correct[seed] & present[seed],
            further={"present": present[seed]},
        )
    rows = learning.analyse(open_study(tmp_path / "s")).rows
    for row in rows:
        assert row["mean_r_these_examples_low"] <= row["mean_r"] <= row["mean_r_these_examples_high"]
        assert row["mean_r"] > 0.8 and row["trials"] == 4  # of the 50 that all epochs have
