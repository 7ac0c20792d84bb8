# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/, followed word by word: every block of Python runs, and what it recorded is analysed."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import dynamics
from tests.forks import Forks

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/own-loops.md").read_text()
NEEDS = {"Lightning": ("lightning",), "Hugging Face": ("transformers", "accelerate"), "Keras": ("keras",)}
"""Libraries without which a section is skipped."""
RECORDED = {
    "Plain PyTorch": ("loops", "plain-loop"),
    "Any other framework": ("arrays", "any-framework"),
    "Lightning": ("loops", "lightning-loop"),
    "Hugging Face": ("texts", "tiny-bert"),
    "Keras": ("loops", "keras-loop"),
}
"""Study and method that each section records."""


def blocks() -> dict[str, str]:
    """Return the block of Python of each section."""
    sections = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    found = {title: re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) for title, text in sections}
    return {title: code for title, codes in found.items() for code in codes}


def test_every_section_with_code_is_known() -> None:
    assert {*blocks()} == {*RECORDED}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loops")


@pytest.mark.slow
@pytest.mark.parametrize("section", RECORDED)
def test_a_section_runs_as_it_is(section: str, folder: Path) -> None:
    for library in NEEDS.get(section, ()):
        if find_spec(library) is None:
            pytest.skip(f"no {library}")
    (folder / "page.py").write_text(blocks()[section])
    environment = {
        "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch",
        "HOME": str(folder), "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    subprocess.run([sys.executable, "page.py"], cwd=folder, env=environment, check=True, capture_output=True)
    study, method = RECORDED[section]
    r = dynamics.open_study(folder / "runs" / study).learning_probability(method)
    assert r.sizes["epoch"] >= 3 and (section == "Any other framework" or r[-1].mean() > r[0].mean())


@pytest.mark.slow
@pytest.mark.parametrize("study", ["loops", "texts"])
def test_everything_that_applies_runs_and_the_page_is_made(study: str, folder: Path, forks: Forks) -> None:
    if not (folder / "runs" / study).exists():
        pytest.skip(f"nothing recorded {study}")
    status, out, err = forks.call("runners.report", "--study", study, "--analyse", folder=folder)
    assert status == 0, out + err
    assert (folder / "results" / study / "report.html").stat().st_size > 10_000
    assert (folder / "results" / study / "examples.csv").exists()
    drawn = {path.name for path in (folder / "results" / study / "figures").iterdir()}
    assert "figure-D.1-data-map.png" in drawn and not any("C.2" in name for name in drawn)
