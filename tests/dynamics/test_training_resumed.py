# SPDX-License-Identifier: Apache-2.0
"""A run goes on as what it was: with its own state, with a record of changed code, in a folder that is there."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dynamics import snapshots
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.training import checkpoint, loop
from dynamics.training.job import EpochReport, Job
from dynamics.training.loop import train
from dynamics.training.workbench import Workbench
from tests.dynamics.interruption import Stop, stop_after
from tests.dynamics.test_training import tiny


def job(place: Path, seed: int = 0, **changes: float) -> Job:
    folder = snapshots.seed_folder(place, "study", "supervised", seed)
    return Job(method="supervised", recipe=tiny("supervised", **changes), seed=seed, folder=folder)


def stopped(work: Job, digits: Dataset, *, after: int = 3, share: float = float("inf")) -> Job:
    """Train a seed and interrupt it after an epoch."""

    with pytest.raises(Stop):
        go_on(work, digits, report=stop_after(after), state_share=share)
    return work


def go_on(work: Job, digits: Dataset, **options: object) -> snapshots.Run:
    train(work, digits, device=torch.device("cpu"), **options)  # type: ignore[arg-type]
    return snapshots.Run(work.folder)


def content(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("other", [{"seed": 1}, {"lr": 0.5}], ids=["another seed", "another rate"])
def test_the_state_of_another_run_is_refused(
    other: dict[str, float], digits: Dataset, tmp_path: Path
) -> None:
    ours = stopped(job(tmp_path / "a"), digits)
    theirs = stopped(job(tmp_path / "b", **other), digits)  # type: ignore[arg-type]
    shutil.copy(theirs.folder / "state.safetensors", ours.folder)
    before = content(ours.folder)
    with pytest.raises(UserError, match=rf"state.safetensors was made by seed {theirs.seed} of supervised"):
        go_on(ours, digits)
    assert content(ours.folder) == before


def test_the_state_of_a_run_on_other_images_is_refused(digits: Dataset, tmp_path: Path) -> None:
    other = Dataset.build(
        "digits",
        train=(255 - digits.train_images, digits.train_labels),
        test=(digits.test_images, digits.test_labels),
        classes=digits.classes,
    )
    ours, theirs = stopped(job(tmp_path / "a"), digits, after=1), stopped(job(tmp_path / "b"), other, after=2)
    shutil.copy(theirs.folder / "state.safetensors", ours.folder)
    with pytest.raises(UserError, match=r"was made by seed 0 of supervised \(recipe .*, data "):
        go_on(ours, digits)


def test_a_state_says_whose_it_is_and_must_be_whole(digits: Dataset, tmp_path: Path) -> None:
    ours = stopped(job(tmp_path), digits)
    state = checkpoint.load(ours.folder / "state.safetensors").state
    assert state["run"] == snapshots.identity(ours.folder)
    del state["optimizer"]
    checkpoint.save(state, ours.folder / "state.safetensors")
    with pytest.raises(UserError, match="it has no optimizer"):
        go_on(ours, digits)


def test_the_weights_of_another_run_are_refused(digits: Dataset, tmp_path: Path) -> None:
    ours, theirs = (go_on(job(tmp_path, seed), digits) for seed in (0, 1))
    shutil.copy(theirs.weights, ours.weights)
    with pytest.raises(UserError, match="was made by seed 1 of supervised"):
        checkpoint.load_weights(ours.weights, made_by=ours.identity)
    assert snapshots.state(ours.folder).kind == "complete"  # of the same size
    assert snapshots.verify(ours.folder) == [f"{ours.weights}: not what complete.json says"]


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the code: another version, whose numbers differ."""
    run_epoch = Workbench.run_epoch

    def changed(bench: Workbench, seed: int, epoch: int) -> dict[str, float]:
        scalars = run_epoch(bench, seed, epoch)
        with torch.no_grad():
            for value in bench.method.parameters():
                value.mul_(1.5)
        return scalars

    monkeypatch.setattr(Workbench, "run_epoch", changed)
    monkeypatch.setattr(loop.provenance, "code_version", lambda: "99.0+later")


def test_changed_code_is_recorded_and_replaces_no_epoch_unasked(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    work = stopped(job(tmp_path), digits, share=0.0)  # with the state of the first epoch only
    before, state = snapshots.Run(work.folder), (work.folder / "state.safetensors").read_bytes()
    probability = before.read("probability")
    later(monkeypatch)
    with pytest.raises(snapshots.Changed, match=r"epoch 2, .* has other bits.*replace_epochs=True"):
        go_on(work, digits)
    assert "goes on with another code" in caplog.text
    assert (work.folder / "state.safetensors").read_bytes() == state
    after = snapshots.Run(work.folder)
    assert after.epochs == before.epochs == (1, 2, 3) and after.digest() == before.digest()
    (session,) = after.provenance["resumed"]
    assert session["code"] == "99.0+later" and "started" in session and "versions" not in session
    replaced = go_on(work, digits, replace_epochs=True)
    assert len(replaced.provenance["resumed"]) == 1  # still the same code
    np.testing.assert_array_equal(replaced.read("probability", [1]), probability[:1])
    assert not np.array_equal(replaced.read("probability", [3]), probability[2:])
    assert snapshots.verify(work.folder) == []


def test_the_same_code_is_not_remarked(digits: Dataset, tmp_path: Path) -> None:
    assert "resumed" not in go_on(stopped(job(tmp_path), digits), digits).provenance


def deleted(folder: Path) -> None:
    shutil.rmtree(folder)


def renamed(folder: Path) -> None:
    folder.rename(folder.with_name("aside"))


@pytest.mark.parametrize("change", [deleted, renamed])
def test_a_folder_that_is_gone_ends_the_training_and_leaves_no_ghost(
    change: Callable[[Path], None], digits: Dataset, tmp_path: Path
) -> None:
    work = job(tmp_path)

    def at_the_second(progress: EpochReport) -> None:
        assert progress.epoch <= 2
        if progress.epoch == 2:
            change(work.folder)

    with pytest.raises(UserError, match="was deleted, moved or taken"):
        go_on(work, digits, report=at_the_second)
    assert not work.folder.exists()
    assert go_on(work, digits).complete


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["weight", "statistic"])
def test_a_network_that_diverged_is_not_kept(
    value: float, where: str, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = Workbench.launch

    def diverging(bench: Workbench, seed: int, epoch: int) -> Iterator[None]:
        yield from launch(bench, seed, epoch)
        if epoch == 2:
            values = bench.method.parameters() if where == "weight" else bench.method.buffers()
            next(part for part in values if part.is_floating_point()).data.view(-1)[0] = value

    monkeypatch.setattr(Workbench, "launch", diverging)
    with pytest.raises(UserError, match=rf"the largest {where} is (nan|inf) in epoch 2: lower lr"):
        go_on(job(tmp_path), digits)
    assert snapshots.Run(job(tmp_path).folder).epochs == (1,)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("lr", [1e3, 1e6, 1e37])
@pytest.mark.parametrize("method", ["simclr", "vicreg", "supervised"])
def test_huge_rates_end_in_a_sentence_or_in_finite_weights(
    lr: float, method: str, digits: Dataset, tmp_path: Path
) -> None:
    folder = snapshots.seed_folder(tmp_path, "study", method, 0)
    work = Job(method=method, recipe=tiny(method, lr=lr, epochs=2), seed=0, folder=folder)
    try:
        run = go_on(work, digits)
    except UserError as error:
        assert re.search("the loss is|the largest weight is|finite", str(error))
    else:
        assert all(value.isfinite().all() for value in checkpoint.load_weights(run.weights).values())
