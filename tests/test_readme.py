"""The README's page "Add a method", followed word by word."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynamics import methods, snapshots

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
    folder = tmp_path / "seed-0000"
    train(
        Job(method="dcl", recipe=recipe, seed=0, folder=folder),
        data.load("digits"),
        device=torch.device("cpu"),
    )
    assert snapshots.Run(folder).complete
