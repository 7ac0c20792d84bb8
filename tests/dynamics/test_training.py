"""A seed is an integer in and a run folder out: the same bits however often it was interrupted."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dynamics import methods, networks, snapshots
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.streams import generator
from dynamics.study_file import preset
from dynamics.training import checkpoint
from dynamics.training.job import EpochReport, Job
from dynamics.training.loop import train
from tests.dynamics.interruption import Stop, stop_after

EPOCHS = 4


def tiny(method: str, **changes: Any) -> Recipe:
    recipe = preset(method, "quick")
    small = {
        "train_examples": 100, "width": 4, "batch_size": 32, "epochs": EPOCHS,
        "panel_examples": 32, "panel_batch": 16, "panel_augmentations": 2,
    }  # fmt: skip
    return dataclasses.replace(recipe, **{**small, **changes})


def run(
    folder: Path, digits: Dataset, method: str = "simclr", seed: int = 0, **changes: Any
) -> snapshots.Run:
    job = Job(method=method, recipe=tiny(method, **changes), seed=seed, folder=folder)
    train(job, digits, device=torch.device("cpu"))
    return snapshots.Run(folder)


def assert_equal(one: snapshots.Run, other: snapshots.Run) -> None:
    np.testing.assert_array_equal(one.correct(), other.correct())
    np.testing.assert_array_equal(one.read("probability"), other.read("probability"))
    assert {k: v.tolist() for k, v in one.scalars().items()} == {
        k: v.tolist() for k, v in other.scalars().items()
    }
    weights = [checkpoint.load_weights(run.folder / "weights.safetensors") for run in (one, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


@pytest.mark.kernels
@pytest.mark.parametrize("method", methods.names())
def test_a_run_is_whole_and_repeatable(method: str, digits: Dataset, tmp_path: Path) -> None:
    first, second = run(tmp_path / "a", digits, method), run(tmp_path / "b", digits, method)
    assert first.complete and list(first.epochs) == [1, 2, 3, 4]
    assert not list(first.folder.glob("state*")) and not snapshots.verify(first.folder)
    assert_equal(first, second)


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize("share", [0.0, float("inf")], ids=["one state", "every state"])
def test_resuming_ends_bit_equal(method: str, share: float, digits: Dataset, tmp_path: Path) -> None:
    """Stopped after each epoch in turn: with the state of that epoch, and with that of the first only."""
    whole = run(tmp_path / "whole", digits, method)
    job = Job(method=method, recipe=tiny(method), seed=0, folder=tmp_path / "stopped")
    for last in range(1, EPOCHS):
        with pytest.raises(Stop):
            train(job, digits, device=torch.device("cpu"), report=stop_after(last), state_share=share)
        assert last in snapshots.Run(job.folder).epochs
    train(job, digits, device=torch.device("cpu"))
    assert_equal(whole, snapshots.Run(job.folder))


@pytest.mark.parametrize("point", ["save", "write", "finish"])
def test_stopped_between_state_and_snapshot(
    point: str, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", digits)
    job = Job(method="simclr", recipe=tiny("simclr"), seed=0, folder=tmp_path / "stopped")
    with monkeypatch.context() as patch:
        calls = 0

        def stop(*args: Any, **kwargs: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == (1 if point == "finish" else 3):
                raise Stop
            original(*args, **kwargs)

        owner, name = {
            "save": (checkpoint, "save"),
            "write": (snapshots.Writer, "write"),
            "finish": (snapshots.Writer, "finish"),
        }[point]
        original = getattr(owner, name)
        patch.setattr(owner, name, stop)
        with pytest.raises(Stop):
            train(job, digits, device=torch.device("cpu"), state_share=float("inf"))
    train(job, digits, device=torch.device("cpu"))
    assert_equal(whole, snapshots.Run(job.folder))


def test_a_damaged_state_falls_back_to_the_one_before(digits: Dataset, tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", digits)
    job = Job(method="simclr", recipe=tiny("simclr"), seed=0, folder=tmp_path / "stopped")

    with pytest.raises(Stop):
        train(job, digits, device=torch.device("cpu"), report=stop_after(3), state_share=float("inf"))
    state = job.folder / "state.safetensors"
    damaged = bytearray(state.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    state.write_bytes(damaged)
    train(job, digits, device=torch.device("cpu"))
    assert_equal(whole, snapshots.Run(job.folder))


def test_a_finished_seed_is_never_trained_again(digits: Dataset, tmp_path: Path) -> None:
    first = run(tmp_path / "a", digits)
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.zarr*")}

    def fail(progress: EpochReport) -> None:
        raise AssertionError(progress)

    job = Job(method="simclr", recipe=tiny("simclr"), seed=0, folder=first.folder)
    train(job, digits, device=torch.device("cpu"), report=fail)
    assert before == {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.zarr*")}


def test_seeds_move_only_what_they_name(digits: Dataset, tmp_path: Path) -> None:
    """The seed: not the panel or the labels. The panel's seed: not the weights. The labels' seed: neither."""
    method = "random-labels-aug"
    base = run(tmp_path / "base", digits, method)
    seed = run(tmp_path / "seed", digits, method, seed=1)
    panel = run(tmp_path / "panel", digits, method, panel_seed=1)
    labels = run(tmp_path / "labels", digits, method, label_seed=1)
    weights = {
        name: checkpoint.load_weights(tmp_path / name / "weights.safetensors") for name in ("base", "panel")
    }

    np.testing.assert_array_equal(base.examples, seed.examples)
    np.testing.assert_array_equal(base.labels, seed.labels)
    assert not np.array_equal(base.read("probability"), seed.read("probability"))

    assert not np.array_equal(base.examples, panel.examples)
    assert all(torch.equal(value, weights["panel"][name]) for name, value in weights["base"].items())
    assert base.scalars()["loss"].tolist() == panel.scalars()["loss"].tolist()

    np.testing.assert_array_equal(base.examples, labels.examples)
    np.testing.assert_array_equal(base.true_labels, labels.true_labels)
    assert not np.array_equal(base.labels, labels.labels)


@pytest.mark.slow
def test_both_random_label_methods_share_labels_and_all_share_examples(
    digits: Dataset, tmp_path: Path
) -> None:
    runs = {name: run(tmp_path / name, digits, name) for name in methods.names()}
    first = runs["random-labels"]
    np.testing.assert_array_equal(first.labels, runs["random-labels-aug"].labels)
    np.testing.assert_array_equal(runs["supervised"].labels, runs["supervised"].true_labels)
    assert (first.labels != first.true_labels).mean() > 0.5
    for other in runs.values():
        np.testing.assert_array_equal(first.examples, other.examples)
        np.testing.assert_array_equal(first.true_labels, other.true_labels)


@pytest.mark.kernels
def test_the_loss_is_the_mean_over_the_steps_of_the_epoch(digits: Dataset, tmp_path: Path) -> None:
    """Against a loop written here: order, batches without the incomplete one, learning rate, SGD."""
    recipe = tiny("random-labels", epochs=2)
    found = run(tmp_path / "a", digits, "random-labels", epochs=2).scalars()
    dataset = networks.training_data(digits, recipe)
    method = networks.untrained("random-labels", recipe, dataset, seed=0)
    labels = networks.training_labels(type(method), recipe, dataset)
    optimizer = torch.optim.SGD(
        method.parameters(), lr=1.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    for epoch in (1, 2):
        rate = recipe.lr / 2 * (1 + np.cos(np.pi * (epoch - 1) / recipe.schedule_period))
        assert found["learning_rate"][epoch - 1] == pytest.approx(rate, rel=1e-12)
        optimizer.param_groups[0]["lr"] = rate
        order = torch.randperm(100, generator=generator(0, "order", epoch))
        losses = []
        for batch in (order[:32], order[32:64], order[64:96]):
            images = dataset.train_images[batch].float() / 255
            loss = torch.nn.functional.cross_entropy(method.head(method.encoder(images)), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert found["loss"][epoch - 1] == pytest.approx(np.mean(losses), rel=1e-5)


def test_another_config_names_the_field_and_both_values(digits: Dataset, tmp_path: Path) -> None:
    run(tmp_path / "a", digits)
    with pytest.raises(UserError, match=r"temperature = 0\.1 there, 0\.5 now"):
        run(tmp_path / "a", digits, temperature=0.5)


def test_other_images_are_refused(digits: Dataset, tmp_path: Path) -> None:
    job = Job(method="simclr", recipe=tiny("simclr"), seed=0, folder=tmp_path / "a")

    with pytest.raises(Stop):
        train(job, digits, device=torch.device("cpu"), report=stop_after(1))
    other = Dataset.build(
        "digits",
        train=(255 - digits.train_images, digits.train_labels),
        test=(digits.test_images, digits.test_labels),
        classes=digits.classes,
    )
    with pytest.raises(UserError, match="different images"):
        train(job, other, device=torch.device("cpu"))


def test_a_batch_larger_than_the_data_is_said(digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="batch_size must be <= 100, the training images of digits, got 101"):
        run(tmp_path / "a", digits, batch_size=101)


@pytest.mark.filterwarnings("ignore")
def test_a_loss_that_is_not_finite_is_said(digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lower lr"):
        run(tmp_path / "a", digits, "supervised", lr=1e30)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        ("vicreg", {"lr": 1e6}, "the l.* is .* in epoch 1: lower lr 1000000.0"),
        ("simclr", {"lr": 1e8}, "the largest weight is .* in epoch 1: lower lr"),
        ("simclr", {"temperature": 1e-40}, "divided by temperature 1e-40: raise it"),
        ("vicreg", {"lr": 1e30, "variance_eps": 0.0}, "infinite at variance_eps 0: use 0.0001, or lower lr"),
        ("w-mse", {"lr": 1e30, "whitening_eps": 0.0}, "covariance of the 16 outputs was probably singular"),
    ],
)  # fmt: skip
def test_divergence_is_noticed_and_its_likely_cause_is_named(
    method: str, changes: dict[str, float], message: str, digits: Dataset, tmp_path: Path
) -> None:
    """VICReg ended "done" at a loss of 1e23, and every cause was the learning rate."""
    with pytest.raises(UserError, match=message):
        run(tmp_path / "a", digits, method, **changes)


def test_subsets_of_the_training_images_reach_the_panel(digits: Dataset, tmp_path: Path) -> None:
    assert run(tmp_path / "a", digits).examples.max() < 100
    shutil.rmtree(tmp_path / "a")


def test_an_epoch_lost_before_the_state_is_made_again(
    digits: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = run(tmp_path / "whole", digits)
    job = Job(method="simclr", recipe=tiny("simclr"), seed=0, folder=tmp_path / "stopped")

    with pytest.raises(Stop):
        train(job, digits, device=torch.device("cpu"), report=stop_after(3), state_share=float("inf"))
    next((job.folder / "partial.zarr" / "correct").glob("c.1.*")).unlink()
    train(job, digits, device=torch.device("cpu"))
    assert "lost an epoch" in caplog.text
    assert_equal(whole, snapshots.Run(job.folder))
