"""The README, followed word by word."""

import re
from pathlib import Path
from typing import Any

import pytest

from runners.__main__ import commands

README = Path(__file__).resolve().parents[1] / "README.md"


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


def test_it_is_short_and_its_links_lead_somewhere() -> None:
    page = README.read_text()
    assert page.count("\n") <= 150
    for link in re.findall(r"\]\(([^)#]+)", page):
        assert (README.parent / link).exists(), link


def test_its_commands_exist() -> None:
    for name in re.findall(r"^    python -m ([\w.]+)", README.read_text(), flags=re.MULTILINE):
        assert name in {"figures", *(command.module for command in commands().values())}
