# SPDX-License-Identifier: Apache-2.0
"""The method of docs/how-to/own-method.md, as if it had been saved where the page says; the build trains it."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from dynamics import methods
from dynamics.methods.base import ImageStatistics
from dynamics.methods.views import retrieve_partner
from dynamics.study_file import preset

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs/extensions"))

from blocks import blocks  # noqa: E402

SAVED = {
    word: code for _, word, code in blocks((ROOT / "docs/how-to/own-method.md").read_text()) if "." in word
}


@pytest.fixture(autouse=True)
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "dcl.py").write_text(SAVED["my-files/dynamics/methods/dcl.py"])
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("dynamics.methods.dcl", None)
    if hasattr(methods, "dcl"):
        delattr(methods, "dcl")


def test_its_fields_are_found_by_its_name() -> None:
    assert "dcl" in methods.names() and methods.recipe("dcl")().to_json()["temperature"] == 0.1


def test_its_loss_equals_the_pages_loop() -> None:
    space: dict[str, object] = {"__name__": "test_dcl"}
    exec(compile(SAVED["test_dcl.py"], "test_dcl.py", "exec"), space)
    test = space["test_dcl_equals_the_loop"]
    assert callable(test)
    test()


def test_the_panel_records_its_probability_at_its_temperature() -> None:
    """Version 0.1 trained it at a temperature of 0.1 and recorded the probability at 0.07."""
    method = methods.load("dcl")(
        preset("dcl", "quick", width=2), ImageStatistics(10, 8, (0.0,) * 3, (1.0,) * 3)
    )
    outputs = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0))
    expected = retrieve_partner(*functional.normalize(outputs, dim=-1), 0.1)
    judged = method.judge(outputs, torch.zeros(6, dtype=torch.int64))
    torch.testing.assert_close(judged.probability, expected.probability)
