# SPDX-License-Identifier: Apache-2.0
"""Figure 5.2's numbers from runs on disk: the right features, means over seeds, messages instead of exceptions."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis import divergence
from analysis.framework import results
from analysis.framework.where import Where, open_study
from analysis.statistics.gaussian_divergence import class_moments
from dynamics import data, snapshots
from dynamics.data import Dataset
from dynamics.evaluation import features
from dynamics.study import Study
from dynamics.training import checkpoint
from tests.analysis.studies import command
from tests.dynamics import small_runs
from tests.references.gaussian_kl import gaussian_kl as reference

METHODS = ("simclr", "supervised", "random-labels")
SEEDS = (0, 8)
"""Networks no feature of which is a combination of the others, as happens where so few units are left."""
PAIRS = tuple(itertools.permutations(range(10), 2))


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load("digits")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Path:
    """Two seeds of three methods on digits, 16 features each."""
    folder = tmp_path_factory.mktemp("study") / "runs"
    for method in METHODS:
        for seed in SEEDS:
            small_runs.write(folder, method, seed, digits)
    return folder


@pytest.fixture(scope="module")
def study(runs: Path) -> Study:
    return open_study(Where(study="small", runs=runs))


def features_of(run: snapshots.Run, images: Dataset, split: features.Split = "train") -> np.ndarray:
    return features.of_run(run, images, split, device=torch.device("cpu")).values


@pytest.mark.kernels
def test_values_are_those_of_the_formula_on_the_runs_features(study: Study, digits: Dataset) -> None:
    result = divergence.analyse(study, device="cpu")
    assert list(result.settings["seeds"]) == ["simclr", "supervised"]  # the thesis's two
    labels = digits.train_labels.numpy()
    for method in ("simclr", "supervised"):
        kl = result.arrays[f"{method}.thesis"]
        direct, condition = np.zeros((2, 10, 10)), 0.0
        for index, run in enumerate(study.runs[method]):
            mean, covariance, _ = class_moments(features_of(run, digits), labels, num_classes=10)
            for y, z in PAIRS:
                direct[index, y, z] = reference(mean[y], covariance[y], mean[z], covariance[z])
            condition = max(condition, np.linalg.cond(covariance).max())
        # An inverse is right to D times rounding, times the condition number of what is inverted.
        assert condition < 1e7
        close = 16 * np.finfo(np.float64).eps * condition
        np.testing.assert_allclose(kl, direct, rtol=close)
        for y, z in PAIRS:
            row, values = only(result, method, "thesis", str(y), str(z)), direct[:, y, z]
            assert row["kl"] == pytest.approx(values.mean(), rel=close)
            # That of two values moves by at most sqrt(2) of what moves them.
            assert row["kl_sd"] == pytest.approx(values.std(ddof=1), rel=0, abs=2**0.5 * close * values.max())
            assert row["seeds"] == 2


def only(result: results.Result, method: str, estimator: str, y: str, z: str) -> results.Row:
    (row,) = [
        row
        for row in result.rows
        if (row["method"], row["estimator"], row["y"], row["z"]) == (method, estimator, y, z)
    ]
    return row


def test_there_is_a_row_for_every_pair(study: Study) -> None:
    result = divergence.analyse(study, device="cpu", methods=METHODS)
    keys = [(row["method"], row["estimator"], row["y"], row["z"]) for row in result.rows]
    assert len(set(keys)) == len(keys) == 3 * 2 * 90
    assert set(result.inputs) == set(METHODS)
    for row in result.rows:
        array = result.arrays[f"{row['method']}.{row['estimator']}"][:, int(row["y"]), int(row["z"])]
        assert row["seeds"] == np.isfinite(array).sum()
        if row["seeds"]:
            assert row["kl"] == pytest.approx(np.nanmean(array))


def test_the_corrected_estimate_is_always_there(study: Study) -> None:
    result = divergence.analyse(study, device="cpu")
    for one in result.settings["summary"]:
        if one["estimator"] == "corrected":
            assert one["problems"] == [] and -2 < one["min"] < one["median"] < one["max"]
            assert abs(one["null"]) < 0.2 * one["median"]
            assert one["dimensions"][0] <= 16
            assert len(one["nearest"]) == 4 and all(len(pair) == 2 for pair in one["nearest"])


def test_the_nearest_pair_has_the_smallest_divergence_both_ways(study: Study) -> None:
    result = divergence.analyse(study, device="cpu")
    mean = result.arrays["simclr.corrected"].mean(axis=0)
    both = mean + mean.T + np.where(np.eye(10), np.inf, 0)
    y, z = np.unravel_index(both.argmin(), both.shape)
    (summary,) = [
        one
        for one in result.settings["summary"]
        if (one["method"], one["estimator"]) == ("simclr", "corrected")
    ]
    assert set(summary["nearest"][0]) == {str(y), str(z)}


def test_options_choose_seeds_and_images(study: Study, digits: Dataset) -> None:
    result = divergence.analyse(study, device="cpu", methods=["simclr"], seeds=1, split="test")
    assert result.settings["seeds"] == {"simclr": [0]} and result.settings["split"] == "test"
    assert result.arrays["simclr.corrected"].shape == (1, 10, 10)
    assert {len(row) for row in result.rows} == {7}
    assert all(row["kl_sd"] is None for row in results.plain(result.rows))  # of one seed
    whole = divergence.analyse(study, device="cpu", methods=["simclr"], seeds=1)
    assert not np.allclose(whole.arrays["simclr.corrected"], result.arrays["simclr.corrected"])


def test_the_same_seed_gives_the_same_numbers(study: Study) -> None:
    one, same = (divergence.analyse(study, device="cpu", methods=["simclr"]) for _ in range(2))
    np.testing.assert_array_equal(one.arrays["simclr.corrected"], same.arrays["simclr.corrected"])
    assert results.plain(one.rows) == results.plain(same.rows)


def test_over_seeds_leaves_out_what_has_no_value() -> None:
    mean, sd, count = divergence.over_seeds(np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]]))
    np.testing.assert_array_equal(mean, [2, 5, np.nan])
    np.testing.assert_array_equal(sd, [2**0.5, np.nan, np.nan])
    assert count.tolist() == [2, 1, 0]


def test_the_command_writes_what_it_found(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("divergence", runs, monkeypatch, "--device", "cpu", study="small") == 0
    shown = capsys.readouterr().out
    assert "SimCLR" in shown and "corrected" in shown and "two halves of one class" in shown
    folder = runs.parent / "results" / "small"
    read = results.read(folder, "divergence")
    assert len(read.rows) == 2 * 2 * 90
    assert (folder / "divergence.csv").read_text().startswith("method,estimator,y,z,kl,kl_sd,seeds\n")
    assert json.loads((folder / "divergence.json").read_text())["settings"]["classes"] == list("0123456789")


def write_digits(folder: Path, digits: Dataset) -> snapshots.Run:
    return small_runs.write(folder / "runs", "simclr", 0, digits)


@pytest.mark.parametrize("name", ["divergence", "probes"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--methods", "supervised"], "has no networks of 'supervised': --methods are simclr"),
        (["--seeds", "0"], "--seeds must be >= 1, got 0"),
        (["--device", "abacus"], "--device abacus cannot be used"),
    ],
)
def test_wrong_options_are_one_line(
    name: str,
    options: list[str],
    message: str,
    tmp_path: Path,
    digits: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_digits(tmp_path, digits)
    assert command(name, tmp_path / "runs", monkeypatch, *options, study="small") == 2
    shown = capsys.readouterr().err
    assert message in shown and shown.count("\n") == 1


@pytest.mark.parametrize("name", ["divergence", "probes"])
def test_a_study_without_networks_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = snapshots.seed_folder(tmp_path / "runs", "small", "simclr", 0)
    snapshots.write_finished(folder, method="simclr", seed=0, correct=np.zeros((1, 1, 1, 4), dtype=bool))
    assert command(name, tmp_path / "runs", monkeypatch, study="small") == 2
    assert "no seed of study small has a trained network" in capsys.readouterr().err
    assert divergence.applies(open_study(Where(study="small", runs=tmp_path / "runs"))) is not None


def test_a_study_with_networks_applies(study: Study) -> None:
    assert divergence.applies(study) is None


@pytest.mark.parametrize("name", ["divergence", "probes"])
def test_weights_of_another_architecture_are_said(
    name: str,
    tmp_path: Path,
    digits: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write_digits(tmp_path, digits)
    wide = small_runs.scrambled("simclr", small_runs.recipe("simclr", width=3), digits, seed=0)
    checkpoint.save_weights(wide.state_dict(), run.folder / "weights.safetensors")
    assert command(name, tmp_path / "runs", monkeypatch, "--device", "cpu", study="small") == 2
    shown = capsys.readouterr().err
    assert "holds the weights of another architecture" in shown and shown.count("\n") == 1


def test_a_seed_without_weights_is_left_out(
    tmp_path: Path, digits: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    write_digits(tmp_path, digits)
    bare = small_runs.write(tmp_path / "runs", "simclr", 1, digits)
    (bare.folder / "weights.safetensors").unlink()
    study = open_study(Where(study="small", runs=tmp_path / "runs"))
    result = divergence.analyse(study, device="cpu")
    assert result.settings["seeds"] == {"simclr": [0]}
    assert "simclr: 1 of 2 seeds have no weights and are left out" in caplog.text


def test_other_images_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small_runs.write(tmp_path / "runs", "simclr", 0, small_runs.dataset())
    assert command("divergence", tmp_path / "runs", monkeypatch, study="small") == 2
    assert "the images of digits in data are not those that" in capsys.readouterr().err


def test_a_collapsed_network_is_said(tmp_path: Path, digits: Dataset) -> None:
    run = write_digits(tmp_path, digits)
    network = small_runs.scrambled("simclr", small_runs.recipe("simclr"), digits, seed=0)
    with torch.no_grad():
        network.encoder.conv1.weight.zero_()
    checkpoint.save_weights(network.state_dict(), run.folder / "weights.safetensors")
    result = divergence.analyse(open_study(Where(study="small", runs=tmp_path / "runs")), device="cpu")
    assert all(row["kl"] is None and row["seeds"] == 0 for row in results.plain(result.rows))
    (table,) = divergence.tables(result)
    shown = " ".join(table.notes)
    assert "seed 0, class 0: 16 of 16 features are dead (constant) (and 9 more like it)" in shown
    assert "seed 0: features do not vary within classes" in shown


def test_errors_are_those_of_leaving_out_one_seed(rng: np.random.Generator) -> None:
    kl = rng.lognormal(mean=3, size=(5, 4, 4))
    kl[:, np.arange(4), np.arange(4)] = 0
    found = divergence._summary("simclr", "thesis", kl, list("abcd"))
    pairs = ~np.eye(4, dtype=bool)
    medians, ratios = [], []
    for seed in range(5):
        values = np.mean([kl[other] for other in range(5) if other != seed], axis=0)[pairs]
        medians.append(np.log(np.median(values)))
        ratios.append(np.log(values.max() / values.min()))
    for name, values in (("median_error", medians), ("ratio_error", ratios)):
        assert found[name] == pytest.approx(np.sqrt(4 / 5 * np.sum((values - np.mean(values)) ** 2)))
    assert np.isnan(divergence._summary("simclr", "thesis", kl[:2], list("abcd"))["median_error"])
    assert np.isnan(divergence._summary("simclr", "thesis", -kl, list("abcd"))["ratio_error"])
