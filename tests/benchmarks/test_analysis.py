"""Does the benchmark of analyses time every one of them, on a study that they can read."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import analysis
from analysis.framework import results
from benchmarks import analysis as benchmark
from benchmarks import store
from benchmarks.harness import Conditions, Timed
from dynamics.opening import open_study
from dynamics.study import Study

QUICK = Conditions(device=torch.device("cpu"), quick=True)


def here(function: Callable[..., Any], *arguments: Any) -> Timed:
    """Do in this process what the benchmark does in another one: seconds less of imports."""
    began = time.perf_counter()
    return Timed(function(*arguments), time.perf_counter() - began, 1_000_000, 500_000)


def synthetic(folder: Path, *methods: str) -> Study:
    for method in methods:
        store.write(folder, method, store.thesis_sizes(method, quick=True))
    return open_study(folder / store.STUDY)


@pytest.mark.slow
def test_a_quick_run_times_every_analysis_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "in_own_process", here)
    rows = {row.key: row for row in benchmark.measure(QUICK)}
    without = ("activations", "sweep")
    all_images = [f"all-images.{name}" for name in analysis.names() if name not in benchmark.CORES]
    names = [*analysis.names(), *all_images]
    left_out = {f"analysis.{name}_seconds" for name in names if name.endswith(without)}
    timed = {
        f"analysis.{name}_{what}"
        for name in names
        if not name.endswith(without)
        for what in ("seconds", "peak")
    }
    assert rows.keys() == timed | left_out
    assert all(rows[key].value is None for key in left_out)
    assert "trained network" in rows["analysis.activations_seconds"].note
    assert all((rows[key].value or 0) > 0 for key in timed)


@pytest.mark.slow
def test_an_analysis_is_timed_in_a_process_of_its_own(tmp_path: Path) -> None:
    study = synthetic(tmp_path, "simclr", "supervised")
    seconds, peak = benchmark.one("learning", study, tmp_path, quick=True)
    assert (seconds.key, peak.key) == ("analysis.learning_seconds", "analysis.learning_peak")
    assert seconds.value and 0 < seconds.value < 600 and peak.value and peak.value > 20
    found = results.read(tmp_path / "results" / store.STUDY, "learning")
    drawn = np.stack(list(store.all_answers("supervised", store.thesis_sizes("supervised", quick=True))))
    means = [row["mean_r"] for row in found.rows if row["method"] == "supervised"]
    np.testing.assert_allclose(means, drawn[:, :, 0].mean(axis=(0, 2, 3)), rtol=1e-12)


def test_random_labels_are_a_permutation_of_the_true_ones(tmp_path: Path) -> None:
    study = synthetic(tmp_path, "supervised", "random-labels")
    given, permuted = (study.counts(method) for method in ("supervised", "random-labels"))
    assert np.array_equal(given.labels, given.true_labels)
    assert np.array_equal(given.true_labels, permuted.true_labels)
    assert np.array_equal(given.examples, permuted.examples)
    assert not np.array_equal(permuted.labels, permuted.true_labels)
    assert np.array_equal(np.sort(permuted.labels), np.sort(permuted.true_labels))


def test_features_tell_the_classes(tmp_path: Path) -> None:
    benchmark.write_features(tmp_path, 400, 64)
    features, labels = benchmark.read_features(tmp_path)
    assert features.shape == (400, 64) and features.dtype == np.float32
    assert 0.4 < (features == 0).mean() < 0.6
    assert np.bincount(labels).tolist() == [40] * 10
    assert benchmark.probing(tmp_path, quick=True) > 0.8
