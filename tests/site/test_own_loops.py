# SPDX-License-Identifier: Apache-2.0
"""What the pages about loops of one's own recorded when `make docs` executed them: networks that learn."""

from pathlib import Path

import pytest

import dynamics

WORK = Path(__file__).resolve().parents[2] / "docs/_build/work/how-to"
RECORDED = {
    "own-training-loop": ("loops", "plain-loop"),
    "own-training-loop-lightning": ("loops", "lightning-loop"),
    "own-training-loop-hugging-face": ("texts", "tiny-bert"),
    "own-training-loop-keras": ("loops", "keras-loop"),
}
"""Study and method by page."""


@pytest.mark.parametrize("page", RECORDED)
def test_r_rises(page: str) -> None:
    if not (WORK / page).is_dir():
        pytest.skip("make docs executes the page")
    study, method = RECORDED[page]
    r = dynamics.open_study(WORK / page / "runs" / study).learning_probability(method)
    assert r.sizes["epoch"] >= 4 and r[-1].mean() > r[0].mean()


def test_everything_that_applies_was_drawn() -> None:
    results = WORK / "own-training-loop/results/loops"
    if not results.is_dir():
        pytest.skip("make docs executes the page")
    drawn = {path.name for path in (results / "figures").iterdir()}
    assert "figure-D.1-data-map.png" in drawn and not any("C.2" in name for name in drawn)
    assert (results / "report.html").stat().st_size > 10_000
