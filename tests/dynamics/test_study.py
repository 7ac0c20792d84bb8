"""A study as a notebook sees it: labelled arrays that are read when they are touched, a small table, notes."""

import html
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import dynamics
from dynamics import snapshots
from dynamics.errors import UserError
from tests.dynamics.recorded import LABELS, SHAPE, all_correct, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two begun seeds of simclr, of four and of three epochs; a method that has only begun its first epoch."""
    for seed, epochs in ((0, [1, 2, 3, 4]), (1, [1, 2, 3])):
        record(tmp_path / "study" / "simclr" / f"seed-000{seed}", epochs, seed=seed)
    waiting = tmp_path / "study" / "vicreg" / "seed-0000"
    snapshots.write_run_json(waiting, method="vicreg", seed=0, config={}, provenance={})
    return tmp_path / "study"


def truth() -> np.ndarray:
    return np.stack([all_correct(seed, [1, 2, 3]) for seed in (0, 1)])


def test_the_epochs_that_all_seeds_have_are_there_with_their_names(folder: Path) -> None:
    study = dynamics.open_study(folder)
    correct = study.correct("simclr")
    assert correct.dims == ("seed", "epoch", "view", "augmentation", "example") and correct.dtype == bool
    assert correct.seed.values.tolist() == [0, 1] and correct.epoch.values.tolist() == [1, 2, 3]
    assert correct.example.values.tolist() == list(range(100, 100 + SHAPE[2]))
    assert correct.label.values.tolist() == correct.true_label.values[::-1].tolist() == LABELS.tolist()
    np.testing.assert_array_equal(correct.values, truth())


@pytest.mark.parametrize(
    "key",
    [
        {"seed": 0}, {"epoch": 1}, {"epoch": [2, 0]}, {"seed": 1, "view": 0, "augmentation": 2, "example": 3},
        {"epoch": slice(None, None, 2), "augmentation": [0, 2], "example": slice(1, 4)},
        {"seed": [1], "epoch": [0, 2], "example": -1}, {"example": 3}, {"seed": slice(0)},
    ],
)  # fmt: skip
def test_pieces_are_those_of_the_whole(folder: Path, key: dict[str, Any]) -> None:
    correct = dynamics.open_study(folder).correct("simclr")
    whole = xarray.DataArray(truth(), dims=correct.dims)
    np.testing.assert_array_equal(correct.isel(key).values, whole.isel(key).values)


def test_only_what_is_touched_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, list[int]]] = []
    whole = snapshots.Run.read

    def counted(run: snapshots.Run, name: str, epochs: list[int] | None = None) -> np.ndarray:
        read.append((run.seed, list(epochs or run.epochs)))
        return whole(run, name, epochs)

    monkeypatch.setattr(snapshots.Run, "read", counted)
    correct = dynamics.open_study(folder).correct("simclr")
    assert repr(correct) and read == []
    assert bool(correct.sel(seed=1, epoch=2).any()) in (True, False)
    assert read == [(1, [2])]


@pytest.mark.parametrize("view", [0, 1])
def test_the_learning_probability_is_the_mean_over_seeds_and_augmentations(folder: Path, view: int) -> None:
    study = dynamics.open_study(folder)
    r = study.learning_probability("simclr", view=view)
    assert r.dims == ("epoch", "example") and r.attrs["trials"] == 2 * SHAPE[1]
    np.testing.assert_allclose(r.values, truth()[:, :, view].mean(axis=(0, 2)))
    np.testing.assert_allclose(
        r.values, study.correct("simclr").isel(view=view).mean(["seed", "augmentation"])
    )


def test_scalars_are_labelled_too(folder: Path) -> None:
    scalars = dynamics.open_study(folder).scalars("simclr")
    assert {*scalars} == {"loss", "rate"} and scalars.loss.dims == ("seed", "epoch")
    runs = snapshots.open_runs(folder.parent, "study", "simclr")
    np.testing.assert_array_equal(scalars.loss, [run.scalars([1, 2, 3])["loss"] for run in runs])


def test_a_study_is_shown_as_a_small_table(folder: Path) -> None:
    study = dynamics.open_study(folder)
    assert repr(study) == (
        "Study study\n"
        "method  seeds  epochs  views  augmentations  examples  data\n"
        "simclr  2      3       2      3              7         not recorded\n"
        "simclr: no seed is complete; the epochs that all begun seeds (2) have are used\n"
        "simclr: epochs 1 to 3 are used, as far as every seed has them: seed 1 has 3, seed 0 has 4\n"
        "vicreg: no seed has an epoch yet; left out"
    )
    page = study._repr_html_()
    assert page.startswith("<table>") and "<td>simclr</td><td>2</td><td>3</td>" in page
    assert html.escape("<b>") in dynamics.Study(name="<b>", runs=study.runs)._repr_html_()


def test_a_path_may_be_relative_or_the_folder_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert dynamics.open_study(".").name == "study"
    monkeypatch.chdir(folder.parent)
    assert dynamics.open_study("study").methods == ("simclr",)


def test_what_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no study at .*absent: name the folder that holds its methods"):
        dynamics.open_study(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no epoch on disk yet"):
        dynamics.open_study(tmp_path / "empty")
    with pytest.raises(UserError, match="study study has no method 'byol': it has simclr"):
        dynamics.open_study(folder).correct("byol")


def test_seeds_that_computed_in_other_precisions_are_named(tmp_path: Path) -> None:
    """Seeds of one study that were trained on processors of two kinds."""
    for seed, precision in enumerate(("bf16", None, "fp32")):
        snapshots.write_finished(
            snapshots.seed_folder(tmp_path, "s", "supervised", seed),
            method="supervised",
            seed=seed,
            correct=np.random.default_rng(seed).random((2, 1, 2, 50)) < 0.5,
            provenance={"precision": precision} if precision else {},
        )
    notes = dynamics.open_study(tmp_path / "s").notes
    assert "supervised: seed 0 was trained in bf16, seed 2 was trained in fp32" in notes
    shutil.rmtree(tmp_path / "s/supervised/seed-0002")
    assert not any("trained in" in note for note in dynamics.open_study(tmp_path / "s").notes)
