# SPDX-License-Identifier: Apache-2.0
"""What a network was not trained on is scored, too: test images, and examples that a seed left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dynamics import data, methods, snapshots
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.study_file import preset
from dynamics.training import panel
from dynamics.training.job import Job
from dynamics.training.loop import train
from dynamics.training.workbench import Workbench

SMALL = {"train_examples": 100, "width": 2, "panel_examples": 32, "panel_batch": 16, "panel_augmentations": 2}
CPU = torch.device("cpu")


def recipe(method: str, **changes: Any) -> Recipe:
    return preset(method, "quick", **{**SMALL, "precision": "fp32", **changes})


def bench(method: str, **changes: Any) -> Workbench:
    dataset = data.load("digits").subset(100)
    return Workbench(method, recipe(method, **changes), dataset, device=CPU, engine="eager")


def trained(folder: Path, method: str, *, seed: int = 0, **changes: Any) -> snapshots.Run:
    """Train a seed for two epochs."""
    place = snapshots.seed_folder(folder, "s", method, seed)
    job = Job(method=method, recipe=recipe(method, epochs=2, **changes), seed=seed, folder=place)
    train(job, data.load("digits"), device=CPU)
    return snapshots.Run(place)


@pytest.mark.parametrize("method", methods.names())
def test_held_out_images_are_scored_under_the_panels_augmentations(method: str) -> None:
    built = bench(method)
    built.begin(0)
    panel_images = built.panel.images.clone()
    scores = built.score().arrays
    assert built.arrays == tuple(scores)
    assert scores["held_out_correct"].shape == scores["correct"].shape
    test_images = built.dataset.test_images[built.held_out_examples]
    assert torch.equal(built.held_out.images, test_images)
    assert len(built.held_out_examples.unique()) == 32
    built.panel.images, built.held_out.images = test_images, panel_images  # the other way round
    built.panel.labels, built.held_out.labels = built.held_out.labels, built.panel.labels
    built.panel._rendered, built.held_out._rendered = {}, {}
    exchanged = built.score().arrays
    for name, values in scores.items():
        if name.startswith("held_out_"):
            np.testing.assert_array_equal(exchanged[name.removeprefix("held_out_")], values)
            np.testing.assert_array_equal(exchanged[name], scores[name.removeprefix("held_out_")])


def test_a_larger_held_out_panel_begins_with_a_smaller_one() -> None:
    few, many = (
        panel.draw_held_out(Recipe(panel_examples=8, held_out_examples=n), 90, num_views=1) for n in (5, 20)
    )
    assert torch.equal(many[:5], few)
    built = bench("supervised", held_out_examples=40)  # more than the panel has: its draws begin again
    assert built.score().arrays["held_out_correct"].shape == (1, 2, 40)
    first, again = built.held_out.draws[0][0][:8], built.held_out.draws[0][0][32:]
    assert all(
        torch.equal(a, b) for a, b in zip(first._present().values(), again._present().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("fields", "tests", "views", "count"),
    [
        ({}, 1000, 1, 32),
        ({}, 20, 1, 20),
        ({}, 20, 2, 16),
        ({}, 15, 2, 0),  # no batch as large as the panel's
        ({"panel_batch": 99}, 40, 2, 32),
        ({"held_out_examples": 0}, 1000, 2, 0),
        ({"held_out_examples": 48}, 1000, 2, 48),
    ],
)
def test_as_many_are_held_out_as_the_test_set_and_the_batch_allow(
    fields: dict[str, Any], tests: int, views: int, count: int
) -> None:
    config = Recipe(**{"panel_examples": 32, "panel_batch": 16, **fields})
    assert len(panel.draw_held_out(config, tests, num_views=views)) == count


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"held_out_examples": 41}, "held_out_examples must be <= 40, the number of test images, got 41"),
        (
            {"held_out_examples": 20},
            r"held_out_examples must be a multiple of the panel's batch \(16\), got 20",
        ),
        (
            {"hold_out": 0.01},
            "hold_out must leave out some of the 32 examples of the panel, and not all, got 0.01",
        ),
        ({"hold_out": 0.99}, "and not all, got 0.99"),
        (
            {"hold_out": 0.5, "batch_size": 90},
            "batch_size must be <= 84, the training images that hold_out 0.5",
        ),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], message: str) -> None:
    config = Recipe(**{"panel_examples": 32, "panel_batch": 16, "batch_size": 16, **fields})
    with pytest.raises(UserError, match=message):
        panel.check(config, num_train=100, num_test=40, num_views=2)


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_the_fraction_held_out_is_below_one(value: float) -> None:
    with pytest.raises(UserError, match=r"hold_out must be in \[0, 1\)"):
        Recipe(hold_out=value)


def test_nothing_is_held_out_in_a_run_of_an_earlier_version(tmp_path: Path) -> None:
    values = Recipe().to_json()
    del values["held_out_examples"], values["hold_out"], values["flip_labels"]
    snapshots.write_run_json(tmp_path, method="simclr", seed=0, config=values, provenance={})
    snapshots.check_config(tmp_path, Recipe(held_out_examples=0).to_json())  # it goes on
    with pytest.raises(UserError, match=r"held_out_examples = 0 there, null now.*or go on with"):
        snapshots.check_config(tmp_path, Recipe().to_json())
    assert (Recipe.from_json(values).held_out_examples, Recipe.from_json(values).hold_out) == (0, 0.0)
    assert Recipe().held_out_examples is None


@pytest.mark.parametrize("method", ["simclr", "random-labels"])
def test_a_seed_never_sees_what_it_leaves_out(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = bench(method, hold_out=0.25, batch_size=23)
    seen = []
    monkeypatch.setattr(built, "_step", lambda: seen.append(built._batch.clone()))
    for seed in (0, 1):
        seen.clear()
        for _ in built.launch(seed, 1):
            pass
        coordinates = built.coordinates(seed)
        out = coordinates["example"][~coordinates["in_training"]]
        assert len(out) == 8
        batches = torch.cat(seen)
        assert len(batches) == 4 * 23  # all that is left: 92 of 100
        assert sorted({*range(100)} - {*batches.tolist()}) == sorted(out.tolist())


def test_every_example_is_left_out_by_a_share_of_the_seeds() -> None:
    config, examples = Recipe(hold_out=0.3), torch.arange(500, 600)
    out = np.stack([np.isin(examples, panel.left_out(config, examples, seed=seed)) for seed in range(400)])
    assert (out.sum(axis=1) == 30).all()
    np.testing.assert_allclose(out.mean(axis=0), 0.3, atol=4.5 * np.sqrt(0.3 * 0.7 / 400))
    both = (out.T.astype(float) @ out) / 400  # and pairs of examples by chance
    np.testing.assert_allclose(both[np.triu_indices(100, 1)].mean(), 0.3 * 29 / 99, atol=1e-9)


def test_an_example_that_is_twice_in_the_panel_is_left_out_twice() -> None:
    built = bench("supervised", hold_out=0.5, panel_replacement=True)
    known = built.coordinates(3)
    for example in np.unique(known["example"]):
        assert len(np.unique(known["in_training"][known["example"] == example])) == 1


def test_what_was_left_out_is_recorded_and_a_run_goes_on_with_it(tmp_path: Path) -> None:
    run, other = (trained(tmp_path / str(n), "random-labels", seed=n, hold_out=0.25) for n in (0, 1))
    kept = [one.coordinate("in_training") for one in (run, other)]
    assert [values.mean() for values in kept] == [0.75, 0.75]
    assert not np.array_equal(*kept)
    assert run.read("held_out_correct").shape == (2, 1, 1, 32)
    held_out_labels = run.coordinate("held_out_label")
    assert not np.array_equal(held_out_labels, run.coordinate("held_out_true_label"))
    with pytest.raises(UserError, match=r"hold_out = 0.25 there, 0.0 now"):
        trained(tmp_path / "0", "random-labels")
    assert trained(tmp_path / "2", "random-labels").coordinate("in_training") is None


def test_a_run_that_an_earlier_version_began_goes_on_with_what_that_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tmp_path / "whole", "simclr", held_out_examples=0)
    with monkeypatch.context() as patch:
        patch.setattr(Workbench, "arrays", ("correct", "probability"))
        patch.setattr("dynamics.snapshots.Writer.finish", lambda writer, seconds: None)
        begun = trained(tmp_path / "begun", "simclr", held_out_examples=0)
    assert not begun.complete
    done = trained(tmp_path / "begun", "simclr", held_out_examples=0)
    assert done.complete
    assert done.recorded == ("correct", "probability", "scalars")
    np.testing.assert_array_equal(done.correct(), whole.correct())
    assert snapshots.verify(done.folder) == []


@pytest.mark.parametrize("method", ["simclr", "supervised"])
def test_how_the_untrained_network_answers_is_recorded_once(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = bench(method, epochs=2)
    built.begin(0)
    expected = built.score().arrays
    with monkeypatch.context() as patch:
        patch.setattr("dynamics.snapshots.Writer.finish", lambda writer, seconds: None)
        begun = trained(tmp_path, method)
    run = trained(tmp_path, method)  # goes on
    assert not begun.complete and run.complete
    for prefix in ("", "held_out_"):
        np.testing.assert_array_equal(
            run.coordinate(f"{prefix}untrained_correct"), expected[f"{prefix}correct"]
        )
    assert snapshots.verify(run.folder) == []
