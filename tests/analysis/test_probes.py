# SPDX-License-Identifier: Apache-2.0
"""Table B.1 from runs on disk: every method and both floors, as single probes would give, networks left alone."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis import probes
from analysis.framework import results
from analysis.framework.where import Where, open_study
from dynamics import data, snapshots
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.evaluation import features
from dynamics.evaluation.accuracy import accuracy
from dynamics.evaluation.logistic import fit, logits
from dynamics.evaluation.recipes import KnnRecipe, ProbeRecipe
from dynamics.study import Study
from dynamics.training import checkpoint
from dynamics.training.job import Job
from dynamics.training.loop import train
from tests.analysis.studies import command
from tests.dynamics import small_runs
from tests.references import knn as reference

CPU = torch.device("cpu")
SHORT = ProbeRecipe(epochs=2, lr=1e-2, min_steps=0)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load("digits")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Path:
    folder = tmp_path_factory.mktemp("study") / "runs"
    for method in ("simclr", "supervised"):
        for seed in (0, 3):
            small_runs.write(folder, method, seed, digits)
    return folder


@pytest.fixture(scope="module")
def study(runs: Path) -> Study:
    return open_study(Where(study="small", runs=runs))


def alone(train: np.ndarray, test: np.ndarray, digits: Dataset, seed: int) -> tuple[float, float]:
    """Probe one matrix by itself."""
    given = [torch.from_numpy(np.array(part))[None] for part in (train, test)]
    probe = fit(given[0], digits.train_labels, num_classes=10, seeds=[seed], recipe=SHORT)
    labels = (digits.train_labels, digits.test_labels)
    first, second = (float(accuracy(logits(probe, x), y)) for x, y in zip(given, labels, strict=True))
    return first, second


def test_every_row_is_what_single_probes_give(study: Study, digits: Dataset) -> None:
    result = probes.analyse(study, device="cpu", recipe=SHORT)
    names = [row["method"] for row in result.rows]
    assert names == ["simclr", "supervised", "random-initialisation", "pixels"]
    sources = {
        "supervised": (study.runs["supervised"], features.of_run),
        "random-initialisation": (study.runs["simclr"], partial(features.of_run, untrained=True)),
    }
    for name, (own, source) in sources.items():
        for index, run in enumerate(own):
            made = [source(run, digits, split, device=CPU).values for split in ("train", "test")]
            train, test = alone(*made, digits, run.seed)
            assert result.arrays[f"{name}.train"][index] == pytest.approx(train, abs=2 / 1442)
            assert result.arrays[f"{name}.test"][index] == pytest.approx(test, abs=2 / 355)
    flat = [
        images.flatten(1).numpy().astype(np.float32) / 255
        for images in (digits.train_images, digits.test_images)
    ]
    train, test = alone(*flat, digits, 3)
    assert result.arrays["pixels.train"][1] == pytest.approx(train, abs=2 / 1442)
    assert result.arrays["pixels.test"][1] == pytest.approx(test, abs=2 / 355)
    for row in result.rows:
        for split in ("train", "test"):
            by_seed = result.arrays[f"{row['method']}.{split}"]
            assert by_seed.shape == (2,)
            assert row[split] == pytest.approx(by_seed.mean())
            assert row[f"{split}_sd"] == pytest.approx(by_seed.std(ddof=1))
    assert result.rows[-1]["train"] > 0.6  # digits are nearly separable as they are


def test_neighbours_vote_as_the_slow_loop_says(study: Study, digits: Dataset) -> None:
    recipe = KnnRecipe(neighbours=7, knn_temperature=0.2)
    result = probes.analyse(study, device="cpu", methods=["supervised"], recipe=SHORT, knn=recipe)
    for index, run in enumerate(study.runs["supervised"]):
        train, test = (features.of_run(run, digits, split, device=CPU).values for split in ("train", "test"))
        votes = reference.votes(
            train, digits.train_labels.tolist(), test, num_classes=10, k=7, temperature=0.2
        )
        right = (votes.argmax(axis=1) == digits.test_labels.numpy()).mean()
        assert result.arrays["supervised.knn"][index] == pytest.approx(right)
    assert result.rows[0]["knn"] == pytest.approx(result.arrays["supervised.knn"].mean())
    pixels = result.rows[-1]
    assert pixels["knn_sd"] == 0 and pixels["knn"] > 0.9  # no seed enters the distances of images
    assert result.settings["neighbours"] == 7


def test_images_made_in_memory_are_probed_as_those_of_a_file(tmp_path: Path, digits: Dataset) -> None:
    made = Dataset.build(
        "in-memory",
        train=(digits.train_images, digits.train_labels),
        test=(digits.test_images, digits.test_labels),
        classes=digits.classes,
    )
    data.CATALOGUE.register("in-memory", made)  # as dynamics.train does
    rows = []
    for images in (digits, made):
        recipe = small_runs.recipe("supervised", dataset=images.name, train_examples=64, batch_size=16)
        folder = snapshots.seed_folder(tmp_path, images.name, "supervised", 0)
        train(Job(method="supervised", recipe=recipe, seed=0, folder=folder), images, device=CPU)
        study = open_study(Where(study=images.name, runs=tmp_path))
        rows.append(probes.analyse(study, device="cpu", recipe=SHORT).rows)
    assert results.plain(rows[0]) == results.plain(rows[1])
    del data.CATALOGUE.registered["in-memory"]
    with pytest.raises(
        UserError, match=r"images made in memory, 'in-memory', .*call dynamics.train with them"
    ):
        probes.analyse(study, device="cpu", recipe=SHORT)


def test_groups_of_seeds_change_nothing(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    together = probes.analyse(study, device="cpu", methods=["simclr"], recipe=SHORT)
    monkeypatch.setattr(probes, "TOGETHER_BYTES", 1)
    apart = probes.analyse(study, device="cpu", methods=["simclr"], recipe=SHORT)
    for name, values in together.arrays.items():
        np.testing.assert_allclose(apart.arrays[name], values, atol=2 / 355)


def test_networks_are_hashed_before_and_after(study: Study, digits: Dataset) -> None:
    result = probes.analyse(study, device="cpu", methods=["simclr"], recipe=SHORT)
    states = result.settings["states"]
    assert states["simclr"] == [
        features.of_run(run, digits, "test", device=CPU).state for run in study.runs["simclr"]
    ]
    assert len(states["random-initialisation"]) == 2
    assert set(states["simclr"]).isdisjoint(states["random-initialisation"])


def test_a_network_that_changed_meanwhile_is_noticed(
    tmp_path: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_runs.write(tmp_path / "runs", "simclr", 0, digits)
    original = probes._probe

    def meddle(*args):
        network = small_runs.scrambled("simclr", small_runs.recipe("simclr"), digits, seed=0)
        network.state_dict()["encoder.bn1.running_mean"] += 1e-6
        checkpoint.save_weights(network.state_dict(), run.folder / "weights.safetensors")
        return original(*args)

    monkeypatch.setattr(probes, "_probe", meddle)
    study = open_study(Where(study="small", runs=tmp_path / "runs"))
    with pytest.raises(UserError, match="changed while they were probed"):
        probes.analyse(study, device="cpu", recipe=SHORT)


def test_one_seed_has_no_spread(study: Study) -> None:
    result = probes.analyse(study, device="cpu", methods=["supervised"], seeds=1, recipe=SHORT)
    assert all(row["train_sd"] is None and row["test_sd"] is None for row in results.plain(result.rows))
    assert result.settings["untrained_of"] == "supervised"
    (table,) = probes.tables(result)
    assert "±" not in str(table.cells()) and "1 network checked: weights" in table.notes[0]


def test_small_data_are_probed_for_as_many_steps(study: Study) -> None:
    recipe = ProbeRecipe(min_steps=50)
    result = probes.analyse(study, device="cpu", methods=["simclr"], seeds=1, recipe=recipe)
    assert result.settings["actual_epochs"] == 10  # of 5 steps
    assert result.settings["min_steps"] == 50


def test_the_command_writes_what_it_found(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--device", "cpu", "--epochs", "1", "--least-steps", "0", "--neighbours", "5"]  # one old flag
    assert command("probes", runs, monkeypatch, *options, study="small") == 0
    shown = capsys.readouterr().out
    assert "4 networks checked: weights and batch-norm statistics are those from before" in shown
    folder = runs.parent / "results" / "small"
    read = results.read(folder, "probes")
    assert (
        (folder / "probes.csv")
        .read_text()
        .startswith("method,seeds,train,train_sd,test,test_sd,knn,knn_sd\n")
    )
    assert [row["method"] for row in read.rows][-2:] == ["random-initialisation", "pixels"]
    assert all(0 <= row["test"] <= 1 for row in read.rows)
    assert read.arrays["simclr.test"].shape == (2,)
    assert (read.settings["min_steps"], read.settings["neighbours"]) == (0, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr", "0"], "--lr must be > 0, got 0.0"),
        (["--epochs", "5000"], "must be trained for <= 4095 epochs, got 5000"),
    ],
)
def test_wrong_recipes_are_one_line(
    options: list[str],
    message: str,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("probes", runs, monkeypatch, *options, study="small") == 2
    shown = capsys.readouterr().err
    assert message in shown and shown.count("\n") == 1


def test_importing_the_analyses_loads_no_torch() -> None:
    code = "import sys, analysis.divergence, analysis.probes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
