"""Counts that stream from the disk against sums over the whole array."""

from pathlib import Path

import numpy as np
import pytest

from analysis import alignment, learning
from analysis.framework import results
from analysis.framework.where import Where, open_study
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.opening import open_study as open_dynamics_study
from dynamics.study import Study
from tests.analysis.studies import write

SHAPE = (3, 7, 2, 4, 11)  # seed, epoch, view, augmentation, example


def write_study(runs: Path, correct: np.ndarray, method: str = "mine", study: str = "s") -> None:
    known = {"labels": np.arange(correct.shape[-1]) % 3, "config": {"epochs": correct.shape[1]}}
    write(runs, method, correct, study=study, **known)


def opened(runs: Path) -> Study:
    return open_study(Where(study="s", runs=runs))


def test_counts_are_sums(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rng.random(SHAPE) < 0.4
    write_study(tmp_path, correct)
    counts = opened(tmp_path).counts("mine")
    np.testing.assert_array_equal(counts.correct, correct.sum(axis=(0, 3)).transpose(1, 0, 2))
    np.testing.assert_array_equal(counts.single, correct[:, :, 0, 0].sum(axis=0))
    np.testing.assert_allclose(counts.seed_means, correct[:, :, 0].mean(axis=(2, 3)))
    assert counts.trials == 12 and counts.num_seeds == 3 and counts.epochs.tolist() == list(range(1, 8))
    np.testing.assert_allclose(counts.learning_probability, correct[:, :, 0].mean(axis=(0, 2)))
    np.testing.assert_allclose(counts.mean, correct[:, :, 0].mean(axis=(0, 2, 3)))


def test_indicators_of_some_epochs(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rng.random(SHAPE) < 0.4
    write_study(tmp_path, correct)
    np.testing.assert_array_equal(opened(tmp_path).indicators("mine", [2, 5]), correct[:, [1, 4]])


def test_seeds_in_training_are_left_out_once_one_is_complete(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    correct = rng.random(SHAPE) < 0.4
    write_study(tmp_path, correct[:2])
    begin(tmp_path, correct[2], seed=2, epochs=4)
    counts = opened(tmp_path).counts("mine")
    assert counts.seeds == (0, 1) and len(counts.epochs) == 7
    assert "1 of 3 seeds are not complete" in capsys.readouterr().out


def test_before_any_seed_is_complete_common_epochs_are_used(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rng.random(SHAPE) < 0.4
    for seed, epochs in enumerate((4, 6, 5)):
        begin(tmp_path, correct[seed], seed=seed, epochs=epochs)
    counts = opened(tmp_path).counts("mine")
    assert counts.epochs.tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(counts.correct[0], correct[:, :4, 0].sum(axis=(0, 2)))


def begin(runs: Path, correct: np.ndarray, *, seed: int, epochs: int) -> None:
    folder = snapshots.seed_folder(runs, "s", "mine", seed)
    snapshots.write_run_json(
        folder, method="mine", seed=seed, config={"epochs": correct.shape[0]}, provenance={}
    )
    writer = snapshots.Writer.open(
        folder, epochs=len(correct), shape=correct.shape[1:], scalar_names=("loss",),
        coordinates={"example": np.arange(correct.shape[-1]), "label": np.arange(correct.shape[-1]) % 3},
    )  # fmt: skip
    for epoch in range(1, epochs + 1):
        writer.write(epoch, {"correct": correct[epoch - 1]}, {"loss": 1.0})


def test_what_went_in_is_fingerprinted(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rng.random(SHAPE) < 0.4
    write_study(tmp_path / "a", correct)
    write_study(tmp_path / "b", correct)
    correct[0, 0, 0, 0, 0] ^= True
    write_study(tmp_path / "c", correct)
    a, b, c = (opened(tmp_path / name).inputs()["mine"]["snapshots"] for name in "abc")
    assert a == b
    assert a[0] != c[0] and a[1:] == c[1:]


def test_seeds_of_different_lengths_are_said(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every place where numbers of the shared epochs alone are seen: terminal, notebook, table, result."""
    for seed, epochs in enumerate((7, 5, 6)):
        folder = snapshots.seed_folder(tmp_path, "s", "mine", seed)
        correct = rng.random((epochs, *SHAPE[2:])) < 0.4
        snapshots.write_finished(folder, method="mine", seed=seed, correct=correct)
    study = opened(tmp_path)
    said = "mine: epochs 1 to 5 are used, as far as every seed has them: seed 1 has 5, seed 0 has 7"
    assert capsys.readouterr().out.splitlines() == [said] and said in repr(study)
    for analysis in (learning, alignment):
        assert said in analysis.analyse(study).tables()[0].notes
    results.write(learning.analyse(study), tmp_path / "results")
    assert said in results.read(tmp_path / "results", "learning").tables()[0].notes


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([["a"], ["a"]], None),
        ([["a", "b"], []], "mine: seeds 0 and 1 were not trained on the same images"),
        ([["a"], ["b"]], "mine and other were not trained on the same images"),
        ([["a", None], []], "(data fingerprints a and not recorded)"),
    ],
)
def test_other_images_are_said(
    tmp_path: Path, rng: np.random.Generator, data: list[list[str | None]], said: str | None
) -> None:
    for method, seeds in zip(("mine", "other"), data, strict=True):
        for seed, fingerprint in enumerate(seeds):
            snapshots.write_finished(
                snapshots.seed_folder(tmp_path, "s", method, seed),
                method=method,
                seed=seed,
                correct=rng.random(SHAPE[1:]) < 0.4,
                provenance={"data_fingerprint": fingerprint},
            )
    study = opened(tmp_path)
    assert (said is None) == (not study.notes) and all((said or "") in note for note in study.notes)
    recorded = study.inputs()["mine"]["data_fingerprint"]
    assert recorded == (data[0][0] if len(data[0]) == 1 else data[0])


def test_seeds_without_a_common_epoch_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path, np.zeros(SHAPE, dtype=bool))
    monkeypatch.setattr(snapshots, "common_epochs", lambda runs: [])
    with pytest.raises(UserError, match="no epoch in common"):
        opened(tmp_path)


def test_an_epoch_never_reached_is_said(tmp_path: Path, rng: np.random.Generator) -> None:
    write_study(tmp_path, rng.random(SHAPE) < 0.4)
    with pytest.raises(UserError, match="no epoch 8: it was recorded from 1 to 7"):
        opened(tmp_path).counts("mine").position(8)


def test_an_unknown_method_is_said(tmp_path: Path, rng: np.random.Generator) -> None:
    write_study(tmp_path, rng.random(SHAPE) < 0.4)
    with pytest.raises(UserError, match="it has mine"):
        opened(tmp_path).counts("simclr")


def test_the_thesiss_settings_come_first(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rng.random((1, 2, 1, 1, 4)) < 0.5
    for method in ("vicreg", "random-labels", "barlow-twins", "simclr"):
        write_study(tmp_path, correct, method)
    assert opened(tmp_path).methods == ("simclr", "random-labels", "barlow-twins", "vicreg")


@pytest.mark.parametrize("study", [None, "other"])
def test_no_study_is_said(tmp_path: Path, study: str | None) -> None:
    with pytest.raises(UserError, match="no study"):
        open_study(Where(study=study, runs=tmp_path))
    with pytest.raises(UserError, match="no folder"):
        open_study(Where(study=study, runs=tmp_path / "nowhere"))


def test_the_same_records_as_two_methods_are_said(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rng.random(SHAPE) < 0.4
    write_study(tmp_path, correct)
    write_study(tmp_path, correct, method="other")
    assert opened(tmp_path).notes == ("mine and other hold the same records",)


def test_a_path_that_cannot_be_is_a_sentence() -> None:
    # since Python 3.14 no path is too long to be absent
    with pytest.raises(UserError, match=r"use a shorter name|no study at x+"):
        open_dynamics_study("x" * 5000)
