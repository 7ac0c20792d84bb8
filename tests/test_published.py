# SPDX-License-Identifier: Apache-2.0
"""What is published: whole, small, without networks, images or names of computers; and its numbers come out again."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.framework.results import OF_NETWORKS
from dynamics import snapshots
from runners.report.__main__ import main

PUBLISHED = Path(__file__).parents[1] / "published"
STUDIES = snapshots.list_studies(PUBLISHED / "runs") if PUBLISHED.is_dir() else []
LARGEST = 20e6
"""Bytes of all that is published."""
FIGURES = {"cifar-small": 17}
"""How many figures need no networks and no images; 14 in a study without probabilities."""


def seeds(study: str) -> list[Path]:
    runs = PUBLISHED / "runs"
    return [
        snapshots.seed_folder(runs, study, method, seed)
        for method in snapshots.list_methods(runs, study)
        for seed in snapshots.list_seeds(runs, study, method)
    ]


def test_all_of_it_is_small_and_no_network_no_image_is_in_it() -> None:
    files = [path for path in PUBLISHED.rglob("*") if path.is_file() and path.suffix != ".lock"]
    results = PUBLISHED / "results"
    kept = [
        path
        for path in files
        if not path.is_relative_to(results) or path.suffix == ".csv" or path.stem in OF_NETWORKS
    ]
    assert sum(path.stat().st_size for path in kept) <= LARGEST
    zarr = {path for path in kept if "snapshots.zarr" in path.parts}
    assert {path.suffix for path in kept if path not in zarr} <= {".json", ".toml", ".md", ".csv", ".npz"}


@pytest.mark.parametrize("study", STUDIES)
def test_every_seed_is_whole_and_names_no_computer(study: str) -> None:
    assert seeds(study)
    for folder in seeds(study):
        assert snapshots.verify(folder) == [], folder
        run = snapshots.Run(folder)
        sessions = [run.provenance, *run.provenance.get("resumed", [])]
        assert not any("host" in session.get("machine", {}) for session in sessions)
        assert "dirty" not in run.provenance["code"]  # anybody can look up the code that made it


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_its_tables_come_out_again_without_training(
    study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every analysis, figure and the page, from the snapshots alone."""
    (tmp_path / study).mkdir()
    results = PUBLISHED / "results" / study
    for path in (path for name in OF_NETWORKS for path in results.glob(f"{name}.*")):
        shutil.copy(path, tmp_path / study)
    where = ["--study", study, "--runs", str(PUBLISHED / "runs"), "--results", str(tmp_path)]
    assert main([*where, "--analyse"]) == 0
    assert "do not belong together" not in capsys.readouterr().out
    assert (tmp_path / study / "report.html").exists()
    assert len([*(tmp_path / study / "figures").glob("*.png")]) >= FIGURES.get(study, 14)
    expected = sorted(results.glob("*.csv"))
    assert {path.stem for path in expected} >= {"learning", "alignment", "binomial", "classes", "order"}
    for path in expected:
        found, wanted = pd.read_csv(tmp_path / study / path.name), pd.read_csv(path)
        pd.testing.assert_frame_equal(found, wanted, rtol=1e-6, atol=1e-9, obj=path.name)
