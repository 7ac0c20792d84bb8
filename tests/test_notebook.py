"""The front door as a notebook sees it: a kernel of its own, outside the checkout, cell by cell."""

import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from dynamics import snapshots

READ = """
import sys
import dynamics, analysis
from analysis import binomial

study = dynamics.open_study("runs/demo")
r = study.learning_probability("simclr")
r.mean("example").plot()
table = binomial.analyse(study).table
assert {"method", "quantity", "epoch", "p0", "chi2"} <= set(table.columns) and len(table) > 0
assert "torch" not in sys.modules, "reading loads torch"
study
"""

OWN_METHOD = """
from dataclasses import dataclass
from torch.nn import functional
from dynamics.methods.views import JointMethod, JointRecipe

@dataclass(frozen=True, kw_only=True)
class PullRecipe(JointRecipe):
    pull: float = 1.0
    "Weight of the only term."

class PullTogether(JointMethod):
    "Two views should be near: it collapses, which is the point."
    recipe_type = PullRecipe

    def loss(self, views, labels):
        first, second = self.embed(views)
        return {"loss": self.recipe.pull * functional.mse_loss(first, second)}

small = dict(epochs=2, train_examples=64, width=2, panel_examples=16, panel_augmentations=1, panel_batch=8)
mine = dynamics.train(PullTogether, "digits", seeds=range(2), study="nb", preset="quick", pull=0.5, **small)
assert mine.methods == ("pull-together",) and mine.correct("pull-together").shape == (2, 2, 2, 1, 16)
assert mine.runs["pull-together"][0].config["pull"] == 0.5
"""

OWN_DATA = """
import torch
from analysis import probes

generator = torch.Generator().manual_seed(0)
labels = torch.arange(90) % 3
images = (torch.randint(0, 100, (90, 3, 8, 8), generator=generator) + 50 * labels[:, None, None, None]).to(torch.uint8)
parts = [(images[part], labels[part]) for part in (slice(60), slice(60, None))]
shades = dynamics.Dataset.build("shades", train=parts[0], test=parts[1], classes=["a", "b", "c"])
theirs = dynamics.train("supervised", shades, seeds=2, study="shades", preset="quick", epochs=2, width=2)
assert theirs.correct("supervised").shape[-1] == 60
found = probes.analyse(theirs, device="cpu").table
assert set(found.method) == {"supervised", "random-initialisation", "pixels"}
"""


PROGRESS = """
quiet = dynamics.train("supervised", "digits", seeds=1, study="quiet", preset="quick", progress=False, **small)
"""

STOPPED = """
def stop(event):
    if event.kind == "epoch":
        raise KeyboardInterrupt

try:
    dynamics.train("supervised", "digits", seeds=2, workers=2, study="stopped", preset="quick", on_event=stop, **small)
except KeyboardInterrupt:
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder of somebody's, with a study in it and a file that is called like a library of ours."""
    rng = np.random.default_rng(0)
    for method, views in (("simclr", 2), ("supervised", 1)):
        p = np.linspace(0.05, 0.95, 6)[:, None, None, None] * np.ones((6, views, 2, 20))
        for seed in range(3):
            target = snapshots.seed_folder(tmp_path / "runs", "demo", method, seed)
            snapshots.write_finished(target, method=method, seed=seed, correct=rng.random(p.shape) < p)
    return tmp_path


@pytest.mark.slow
def test_a_notebook_opens_plots_trains_and_probes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cells = [nbformat.v4.new_code_cell(source) for source in (READ, OWN_METHOD, OWN_DATA, PROGRESS, STOPPED)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    shown = notebook.cells[0].outputs
    assert any("image/png" in output.get("data", {}) for output in shown), "no plot"
    assert any(
        "<caption>Study demo</caption>" in output.get("data", {}).get("text/html", "") for output in shown
    )
    assert (folder / "runs/nb/study.toml").exists()
    one, other, quiet, stopped = ([_text(output) for output in cell.outputs] for cell in notebook.cells[1:])
    for shown_at_the_end in (one, other):
        assert re.fullmatch(r"2 of 2 seeds trained in \d+ s", "|".join(shown_at_the_end))
    assert not quiet
    assert "0 of 2 seeds" in stopped[0] and re.search(r"supervised/seed-000\d .*1 / 2", stopped[0])


def _text(output: Any) -> str:
    return output.get("data", {}).get("text/plain", output.get("text", "")).strip()
