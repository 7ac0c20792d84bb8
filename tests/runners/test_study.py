"""From runs to a report, on the smallest study there is."""

import dataclasses
import importlib
from pathlib import Path

import pytest
import torch

import analysis
import figures
from analysis.framework.where import Where, open_study
from dynamics import data, snapshots, study_file
from dynamics.errors import UserError
from dynamics.study import Study
from dynamics.study_file import preset
from dynamics.training.job import Job
from dynamics.training.loop import train
from figures.__main__ import draw_all
from runners import report
from runners.arguments import parse_with_changes, parse_with_recipe
from runners.seeds import SeedArguments
from runners.study import StudyArguments, analyse_all, main, recipes_of

TINY = {
    "train_examples": 160,
    "width": 4,
    "epochs": 3,
    "panel_examples": 32,
    "panel_augmentations": 2,
    "hold_out": 0.4,
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
    draw_all(folder)
    for name in figures.names():
        if set(figures.load(name).NEEDS) <= set(analysis.names()) - left_out:  # no encoder was evaluated
            assert len(list((folder / "figures").glob(f"figure-*-{name.replace('_', '-')}.*"))) == 2, name
    page = report.write(study, folder)
    assert 10_000 < page.stat().st_size < 15e6


def test_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preset", "quick", "--dry-run", "--runs", str(tmp_path / "runs")]) == 0
    assert "would train random-labels-aug/seed-0007 for 80 epochs" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("method", "words", "temperature"),
    [
        ("vicreg", ["--panel-temperature", "0.3"], 0.3),
        ("vicreg", ["--panel_temperature=0.3"], 0.3),
        ("moco", ["--panel-temperature", "0.3"], None),
        ("simclr", ["--panel-temperature", "0.3"], None),
        ("moco", ["--temperature", "0.3"], 0.3),
    ],
)
def test_a_flag_of_version_0_1_has_the_meaning_it_had(
    method: str, words: list[str], temperature: float | None
) -> None:
    """It was the temperature of the panel, for methods whose loss has none; other methods have their own."""
    argv = ["--method", method, "--preset", "quick", *words]
    if temperature is None:
        with pytest.raises(UserError, match="--panel-temperature"):
            parse_with_recipe(SeedArguments, argv, prog="p", description="d")
    else:
        _, recipe = parse_with_recipe(SeedArguments, argv, prog="p", description="d")
        assert recipe.to_json()["temperature"] == temperature


def test_a_flag_of_version_0_1_changes_those_methods_of_a_study_that_had_it() -> None:
    file = study_file.read("quick")
    recipes = recipes_of(file, ["simclr", "vicreg", "moco", "supervised"], {"panel_temperature": 0.3})
    found = {name: recipe.to_json().get("temperature") for name, recipe in recipes.items()}
    assert found == {"simclr": 0.1, "vicreg": 0.3, "moco": 0.2, "supervised": None}
    _, changes = parse_with_changes(
        StudyArguments, ["quick", "--panel-temperature", "0.3"], prog="p", description="d"
    )
    assert changes == {"panel_temperature": 0.3}
    with pytest.raises(UserError, match="panel_temperature is not a field of simclr"):
        recipes_of(file, ["simclr"], changes)
