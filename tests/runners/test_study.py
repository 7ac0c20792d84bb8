"""From runs to a report, on the smallest study there is."""

import dataclasses
import importlib
from pathlib import Path

import pytest
import torch

import analysis
import figures
from analysis.framework.where import Where, open_study
from dynamics import data, snapshots
from dynamics.study import Study
from dynamics.study_file import preset
from dynamics.training.loop import Job, train
from figures.__main__ import draw
from runners import report
from runners.study import analyse_all, main

TINY = {
    "train_examples": 160,
    "width": 4,
    "epochs": 3,
    "panel_examples": 32,
    "panel_augmentations": 2,
    "panel_batch": 16,
}


def reason(study: Study, name: str) -> str | None:
    module = importlib.import_module(f"analysis.{name}")
    return module.applies(study) if hasattr(module, "applies") else None


def train_small(runs: Path) -> None:
    for method in ("simclr", "supervised", "random-labels"):
        recipe = dataclasses.replace(preset(method, "quick"), **TINY)
        for seed in (0, 1):
            folder = snapshots.seed_folder(runs, "small", method, seed)
            job = Job(method=method, recipe=recipe, seed=seed, folder=folder)
            train(job, data.load("digits"), device=torch.device("cpu"))


@pytest.mark.slow
def test_every_analysis_and_figure_reaches_the_report(tmp_path: Path) -> None:
    train_small(tmp_path / "runs")
    study = open_study(Where(study="small", runs=tmp_path / "runs"))
    folder = tmp_path / "results" / "small"
    analyse_all(study, folder, data_root=tmp_path, device="cpu")
    left_out = {name for name in analysis.names() if reason(study, name) is not None}
    # Three epochs may not reach a mean of 1/4; and the study is no sweep.
    assert left_out - {"augmentations"} == {"sweep"}
    for name in analysis.names():
        assert (folder / f"{name}.csv").exists() == (name not in left_out), name
    draw(folder)
    for name in figures.names():
        if set(figures.load(name).NEEDS) <= set(analysis.names()) - left_out:  # no encoder was evaluated
            assert len(list((folder / "figures").glob(f"figure-*-{name.replace('_', '-')}.*"))) == 2, name
    page = report.write(study, folder)
    assert 10_000 < page.stat().st_size < 15e6


def test_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preset", "quick", "--dry-run", "--runs", str(tmp_path / "runs")]) == 0
    assert "would train random-labels-aug/seed-0007 for 80 epochs" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
