"""The README, followed word by word: the notebook's cell, and the page "Add a method"."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynamics import methods, snapshots, study_file

README = Path(__file__).resolve().parents[1] / "README.md"


def blocks() -> dict[str, str]:
    """Return the files that the page asks to save: path to content."""
    page = README.read_text().partition("## Add a method")[2].partition("\n## ")[0]
    found = re.findall(r"`([a-z_/]+\.py)`:\n\n```python\n(.*?)```", page, flags=re.DOTALL)
    assert [path for path, _ in found] == ["dynamics/methods/dcl.py", "tests/dynamics/test_dcl.py"]
    return dict(found)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The page's method, as if it had been saved where the page says."""
    files = blocks()
    (tmp_path / "dcl.py").write_text(files["dynamics/methods/dcl.py"])
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield files
    sys.modules.pop("dynamics.methods.dcl", None)
    if hasattr(methods, "dcl"):
        delattr(methods, "dcl")


@pytest.mark.slow
def test_the_notebooks_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = README.read_text().partition("## In a notebook")[2].partition("\n## ")[0]
    (cell,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, Any] = {}
    exec(compile(cell, "README.md", "exec"), names)
    assert names["r"].shape == (3, 64) and len(names["hardest"]) == 10
    assert {path.name for path in (tmp_path / "runs/notebook").iterdir() if path.name[0] != "."} == {
        "simclr",
        "study.toml",
    }


def test_the_study_file_of_the_page_is_read(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (tmp_path / "my-study.toml").write_text(text)
    study = study_file.read(tmp_path / "my-study.toml")
    assert (study.methods, study.seeds) == (("simclr", "vicreg"), 8)
    assert study.recipe_of("vicreg").epochs == 60 and study.recipe_of("simclr").panel_examples == 256


def test_saving_the_file_is_all_it_takes(added: dict[str, str]) -> None:
    assert "dcl" in methods.names()
    assert methods.recipe("dcl")().to_json()["temperature"] == 0.1


def test_its_loss_equals_the_pages_loop(added: dict[str, str]) -> None:
    space: dict[str, object] = {}
    exec(compile(added["tests/dynamics/test_dcl.py"], "test_dcl.py", "exec"), space)
    test = space["test_dcl_equals_the_loop"]
    assert callable(test)
    test()


def test_it_trains(added: dict[str, str], tmp_path: Path) -> None:
    import torch

    from dynamics import data
    from dynamics.study_file import preset
    from dynamics.training.loop import Job, train

    small = {"train_examples": 64, "width": 2, "epochs": 1, "panel_examples": 32, "panel_augmentations": 1}
    recipe = preset("dcl", "quick")
    recipe = type(recipe).from_json(recipe.to_json() | small)
    folder = tmp_path / "dcl" / "seed-0000"
    train(
        Job(method="dcl", recipe=recipe, seed=0, folder=folder),
        data.load("digits"),
        device=torch.device("cpu"),
    )
    assert snapshots.Run(folder).complete


def test_the_panel_records_its_probability_at_its_temperature(added: dict[str, str]) -> None:
    """Version 0.1 trained it at a temperature of 0.1 and recorded the probability at 0.07."""
    import torch
    from torch.nn import functional

    from dynamics.methods.base import ImageStatistics
    from dynamics.methods.views import retrieve_partner
    from dynamics.study_file import preset

    recipe = preset("dcl", "quick", width=2)
    method = methods.load("dcl")(recipe, ImageStatistics(10, 8, (0.0,) * 3, (1.0,) * 3))
    outputs = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0))
    expected = retrieve_partner(*functional.normalize(outputs, dim=-1), 0.1)
    judged = method.judge(outputs, torch.zeros(6, dtype=torch.int64))
    torch.testing.assert_close(judged.probability, expected.probability)
