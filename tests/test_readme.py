"""The README, followed word by word: the notebook's cell, and the study file."""

import re
from pathlib import Path
from typing import Any

import pytest

from dynamics import study_file

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


def test_the_study_file_of_the_page_is_read(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (tmp_path / "my-study.toml").write_text(text)
    study = study_file.read(tmp_path / "my-study.toml")
    assert (study.methods, study.seeds) == (("simclr", "vicreg"), 8)
    assert study.recipe_of("vicreg").epochs == 60 and study.recipe_of("simclr").panel_examples == 256
