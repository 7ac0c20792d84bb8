# SPDX-License-Identifier: Apache-2.0
"""A study handed over to other programs, read by those programs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dynamics
from dynamics.errors import UserError
from dynamics.opening import open_study
from runners import export, ingest

K = 12


def recorded(tmp_path: Path, rng: np.random.Generator, *, labels: bool = True) -> Path:
    """Write a study of two seeds with names, some missing answers and two augmentations."""
    own = rng.integers(0, 2, K)
    panel = dynamics.Panel(
        labels=own if labels else None,
        true_labels=1 - own if labels else None,
        indices=range(100, 100 + K),
        ids=[f"{at:03d}" for at in range(K)],
    )
    for seed in range(2):
        folder = tmp_path / f"runs/s/net/seed-{seed:04d}"
        with dynamics.Recorder(folder, panel=panel, epochs=[0, 5, 50]) as recorder:
            for epoch in (0, 5, 50):
                there = rng.random((2, K)) < 0.9
                if labels:
                    recorder.write(epoch=epoch, logits=rng.normal(size=(2, K, 2)), present=there)
                else:
                    recorder.write(epoch=epoch, correct=rng.random((2, K)) < 0.5)
            recorder.finish()
    return tmp_path / "runs"


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_what_is_exported_comes_in_again(tmp_path: Path, rng: np.random.Generator, to: str) -> None:
    if to == "parquet":
        pytest.importorskip("pyarrow")
    runs = recorded(tmp_path, rng)
    where = ["--study", "s", "--runs", str(runs), "--results", str(tmp_path / "results")]
    assert export.main([*where, "--to", to]) == 0
    path = tmp_path / f"results/s/export/net.{to}"
    again = ["--study", "again", "--runs", str(runs), "--method", "net", "--records", str(path)]
    assert ingest.main(again) == 0
    first, second = open_study(runs / "s"), open_study(runs / "again")
    assert second.correct("net")["epoch"].values.tolist() == [0, 5, 50]
    for name in ("correct", "present", "predicted", "probability", "margin", "error_norm"):
        np.testing.assert_allclose(
            first.array("net", name).astype(float),
            second.array("net", name).astype(float),
            rtol=1e-3,
            atol=1e-6,
        )
    for name in ("example", "id", "label", "true_label"):
        np.testing.assert_array_equal(first.correct("net")[name], second.correct("net")[name])


def test_cleanlab_takes_the_label_issues(tmp_path: Path, rng: np.random.Generator) -> None:
    classification = pytest.importorskip("cleanlab.classification")
    from sklearn.linear_model import LogisticRegression

    features = rng.normal(size=(80, 2))
    features[:, 0] += 0.3 * np.sign(features[:, 0])
    true = (features[:, 0] > 0).astype(int)
    wrong = np.arange(80) % 10 == 3
    panel = dynamics.Panel(labels=np.where(wrong, 1 - true, true), true_labels=true, indices=range(80))
    for seed in range(3):
        with dynamics.Recorder(tmp_path / f"runs/s/net/seed-{seed:04d}", panel=panel, epochs=2) as recorder:
            for _ in range(2):
                recorder.write(
                    logits=np.stack([-features[:, 0], features[:, 0]], axis=1) * 5
                    + 0.1 * rng.normal(size=(80, 2))
                )
            recorder.finish()
    where = ["--study", "s", "--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    assert export.main([*where, "--to", "cleanlab"]) == 0
    issues = pd.read_csv(tmp_path / "results/s/export/net.label-issues.csv")
    assert issues["is_label_issue"].to_numpy().tolist() == wrong.tolist()
    learner = classification.CleanLearning(LogisticRegression())
    learner.fit(features, np.where(wrong, 1 - true, true), label_issues=issues)
    assert (learner.predict(features) == true).mean() > 0.95


def test_labels_are_needed_for_label_issues(tmp_path: Path, rng: np.random.Generator) -> None:
    runs = recorded(tmp_path, rng, labels=False)
    where = ["--study", "s", "--runs", str(runs), "--results", str(tmp_path / "results")]
    with pytest.raises(UserError, match="no method of study s learns from labels that are known"):
        export.main([*where, "--to", "cleanlab"])
