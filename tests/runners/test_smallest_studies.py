"""Studies of one seed, example, class, epoch, method, view or augmentation go through everything."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analysis
from analysis.framework import results as storage
from figures import _files
from figures.__main__ import draw_all
from runners.report.__main__ import main as report
from tests.analysis.studies import STUDY, command, rising, write
from tests.runners.test_report_papers import Words

WHOLE = {"seeds": 3, "epochs": 2, "augmentations": 2, "examples": 8}
SMALLEST: dict[str, dict[str, Any]] = {
    "one seed": {"seeds": 1},
    "one epoch": {"epochs": 1},
    "one augmentation": {"augmentations": 1},
    "one example": {"examples": 1},
    "one class": {"classes": 1},
    "no classes": {"classes": None},
    "one method": {"methods": ["simclr"]},
    "one view": {"methods": ["supervised"]},
    "nothing right": {"value": False},
    "all right": {"value": True},
    "one of all": {"seeds": 1, "epochs": 1, "augmentations": 1, "examples": 1, "methods": ["supervised"]},
    "one of all, two views": {"seeds": 1, "epochs": 1, "augmentations": 1, "examples": 1, "methods": ["simclr"]},
}  # fmt: skip
ODD = re.compile(
    r"\b(nan|None|inf)\b|\b1 (seeds|epochs|examples|classes|methods|tests|settings|cases)\b|Traceback"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_everything_is_said_in_words(
    name: str, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sizes = {**WHOLE, "methods": ["simclr", "supervised"], "classes": 4, "value": None} | SMALLEST[name]
    methods, classes, value = (sizes.pop(key) for key in ("methods", "classes", "value"))
    labels = None if classes is None else np.arange(sizes["examples"]) % classes
    for method in methods:
        correct = rising(rng, views=2 if method == "simclr" else 1, **sizes)
        scalars = {"loss": np.linspace(2, 1, sizes["epochs"])}
        given = correct if value is None else np.full_like(correct, value)
        write(tmp_path / "runs", method, given, labels=labels, true_labels=labels, scalars=scalars)
    monkeypatch.setattr(_files, "DPI", 20)
    options = {"binomial": ["--permutations", "9"], "alignment": ["--epochs", "1"]}
    for one in analysis.names():
        status = command(one, tmp_path / "runs", monkeypatch, *options.get(one, []))
        shown = capsys.readouterr()
        assert status == 0 or (status == 2 and shown.err.startswith("error: ")), (one, shown.err)
        assert not ODD.search(shown.out + shown.err), (one, shown)
    folder = tmp_path / "results" / STUDY
    draw_all(folder)
    report(["--study", STUDY, "--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")])
    html = (folder / "report.html").read_text(encoding="utf-8").partition("</style>")[2]
    page = "\n".join(Words(html).found)  # by cells, whose numbers do not count what the next is about
    odd = ODD.search(page + capsys.readouterr().out)
    assert odd is None, page[odd.start() - 200 : odd.end() + 50]
    if sizes["seeds"] == 1:
        for row in storage.read(folder, "binomial").rows:
            assert all(row[key] is None for key in row if key.endswith(("_p", "_q", "_p_two_sided")))
