# SPDX-License-Identifier: Apache-2.0
"""A study of small networks on the digits, trained by nobody, and command lines on it."""

from pathlib import Path

import numpy as np
import pytest

from analysis.framework.where import Where, open_study
from dynamics import data, networks, snapshots
from dynamics.data import Dataset
from dynamics.study import Study
from tests.analysis import studies
from tests.dynamics import small_runs

METHODS = ("simclr", "supervised")


def digits() -> Dataset:
    """The images that a quick study trains on."""
    return networks.training_data(data.load("digits"), small_runs.recipe("simclr"))


def write(runs: Path, *, seeds: tuple[int, ...] = (1, 2)) -> Path:
    """Write seeds of both methods to a study, and return the folder of studies."""
    images = digits()
    for method in METHODS:
        for seed in seeds:
            small_runs.write(runs, method, seed, images, study=studies.STUDY)
    return runs


def opened(runs: Path) -> Study:
    return open_study(Where(study=studies.STUDY, runs=runs))


def seed_folder(runs: Path, method: str, seed: int) -> Path:
    return snapshots.seed_folder(runs, studies.STUDY, method, seed)


def ingest(runs: Path, method: str, study: str) -> None:
    """Write a seed that has indicators only."""
    folder = snapshots.seed_folder(runs, study, method, 0)
    correct = np.zeros((1, 1, 1, 8), dtype=bool)
    snapshots.write_finished(folder, method=method, seed=0, correct=correct, config={"source": "ingest"})


def refused(
    name: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str,
    study: str = studies.STUDY,
) -> str:  # fmt: skip
    """Run a command line that must end with status 2; return its one line."""
    assert studies.command(name, runs, monkeypatch, *options, study=study) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error
