# SPDX-License-Identifier: Apache-2.0
"""A page shows a paper where the study has its methods, only their rows, and no trace of it elsewhere."""

import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from analysis import augmentations, binomial, learning, papers
from analysis.framework import results as storage
from analysis.framework.evaluations import key_of
from analysis.framework.results import Result, Row
from analysis.papers import Paper
from analysis.papers.vicreg_coursework import PAPER as COURSEWORK
from analysis.papers.vicreg_coursework.printed import CIFAR10_CLASSES
from dynamics.opening import open_study
from dynamics.study import Study
from runners import report
from runners.report.markup import section
from runners.report.papers import compared
from tests.analysis.studies import in_memory, rising, write

NONE = "\N{EN DASH}"


class Tables(HTMLParser):
    """Reads each table as rows of texts, by its caption."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.caption: str | None = None
        self.rows: list[list[str]] = []
        self.inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.rows, self.caption = [], ""
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("td", "th", "caption"):
            self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.found[self.caption or ""] = self.rows
        elif tag == self.inside:
            self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside == "caption":
            self.caption = (self.caption or "") + data
        elif self.inside is not None:
            self.rows[-1][-1] += data


def captioned(text: str, beginning: str) -> list[list[str]]:
    (found,) = [rows for caption, rows in Tables(text).found.items() if caption.startswith(beginning)]
    return found


def evaluated(method: str, top1: float, top5: float, **changes: object) -> Row:
    usual = {
        "features": method,
        "encoder": "resnet18",
        "dataset": "cifar10",
        "mode": "linear",
        "fraction": 1.0,
    }
    values = {"seeds": 3, "top1": top1, "top1_sd": 0.012, "top5": top5, "top5_sd": 0.004}
    return {"method": method, **usual, **values, **changes}


@pytest.fixture
def evaluations() -> dict[str, Result]:
    rows = [
        evaluated("vicreg", 0.411, 0.911, features="pixels", seeds=1, top1_sd=None, top5_sd=None),
        evaluated("vicreg", 0.712, 0.971),
        evaluated("vicreg", 0.513, 0.931, encoder="n1", seeds=2),
        evaluated("vicreg", 0.614, 0.954, mode="semi", fraction=0.1),
        evaluated("tico", 0.315, 0.855),
        evaluated("byol", 0.666, 0.966),
    ]
    return {"evaluation": Result(name="evaluation", rows=rows, inputs={})}


def of(*methods: str) -> Study:
    """Return a study of these methods that nothing more is known of."""
    return in_memory(dict.fromkeys(methods, np.ones((1, 1, 1, 1, 4), dtype=bool)))


def coursework(study: Study, results: dict[str, Result]) -> str:
    return section(compared("coursework", COURSEWORK, study, results))


# Printed in, encoder, data, evaluation: top-1, ours, top-5, ours, seeds. The printed ones copied by hand.
BESIDE = {
    ("coursework: VICReg", "ResNet-18", "cifar10", "linear"): [
        "89.6",
        "71.2 ± 1.2",
        "99.7",
        "97.1 ± 0.4",
        "3",
    ],
    ("coursework: VICReg", "N1", "cifar10", "linear"): ["64.8", "51.3 ± 1.2", "96.9", "93.1 ± 0.4", "2"],
    ("coursework: VICReg", "ResNet-18", "cifar10", "semi, 10 %"): [
        "90.3",
        "61.4 ± 1.2",
        "99.7",
        "95.4 ± 0.4",
        "3",
    ],
    ("coursework: VICReg", "ResNet-18", "cifar10", "semi, 1 %"): ["85.5", NONE, "99.2", NONE, NONE],
    ("coursework: VICReg", "ResNet-18", "tiny-imagenet", "linear"): ["52.3", NONE, "74.0", NONE, NONE],
    ("coursework: supervised", "N1", "cifar10", "linear"): ["70.6", NONE, "97.6", NONE, NONE],
    ("slides: TiCo", NONE, "cifar10", "linear"): ["30.4", "31.5 ± 1.2", NONE, "85.5 ± 0.4", "3"],
    ("slides: VICReg", NONE, "cifar10", "linear"): ["42.1", "71.2 ± 1.2", NONE, "97.1 ± 0.4", "3"],
}


def test_ours_stand_beside_the_printed_ones(evaluations: dict[str, Result]) -> None:
    text = coursework(of("vicreg", "tico", "supervised"), evaluations)
    head, *lines = captioned(text, "Per cent of test images")
    assert head[4:9] == ["top-1", "ours", "top-5", "ours", "seeds"]
    assert len(lines) == 11  # the hybrid of the slides was not run
    for key, cells in BESIDE.items():
        assert [line[4:9] for line in lines if tuple(line[:4]) == key] == [cells], key
    remarks = {tuple(line[:4]): line[11] for line in lines}
    assert "published" in remarks["coursework: VICReg", "ResNet-18", "tiny-imagenet", "linear"]


def test_without_evaluations_the_command_is_named() -> None:
    text = coursework(of("vicreg"), {})
    assert "python -m runners.probe" in text
    assert {cell for line in captioned(text, "Per cent")[1:] for cell in (line[5], line[7], line[8])} == {
        NONE
    }


def test_papers_concern_studies_of_their_methods(evaluations: dict[str, Result]) -> None:
    assert list(papers.concerned(of("simclr", "supervised"), {})) == ["memorization"]
    assert list(papers.concerned(of("vicreg", "mine"), {})) == ["vicreg_coursework"]
    assert list(papers.concerned(of("random-labels", "byol"), {})) == ["memorization", "vicreg_coursework"]
    assert list(papers.concerned(of("a-method-of-mine"), {})) == []
    # An encoder whose accuracy the coursework prints may have been evaluated in a study of the thesis's methods.
    mine = Result(name="evaluation", rows=[evaluated("supervised", 0.7, 0.9)], inputs={})
    assert "vicreg_coursework" in papers.concerned(of("supervised"), {"evaluation": mine})


def written(runs: Path, study: str, answers: dict[str, np.ndarray], **known: object) -> Study:
    for method, correct in answers.items():
        write(runs, method, correct, study=study, **known)
    return open_study(runs / study)


def page(study: Study, tmp_path: Path) -> str:
    """Return the page of a study with the results of learning, binomial and augmentations."""
    folder = tmp_path / "results" / study.name
    for found in (
        learning.analyse(study),
        binomial.analyse(study, permutations=9),
        augmentations.analyse(study),
    ):
        storage.write(found, folder)
    return report.write(study, folder).read_text(encoding="utf-8")


def words(text: str) -> str:
    """Return what a reader sees, without pictures and style."""
    return " ".join(Words(text.partition("</style>")[2]).found)


class Words(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.found.append(data)


@pytest.mark.parametrize(
    ("classes", "ours"), [(CIFAR10_CLASSES, "71.2 ± 1.2"), (("cat", "dog"), NONE), ((), NONE)]
)
def test_a_folder_of_images_is_the_document_s_data_by_its_classes(
    classes: tuple[str, ...], ours: str
) -> None:
    row = evaluated("vicreg", 0.712, 0.971, dataset="folder", labels=4096, width=16)
    settings = {"evaluations": {key_of(row): {"classes": list(classes)}}}
    found = {"evaluation": Result(name="evaluation", rows=[row], inputs={}, settings=settings)}
    (line,) = [
        line
        for line in captioned(coursework(of("vicreg"), found), "Per cent")
        if line[:4] == ["coursework: VICReg", "ResNet-18", "cifar10", "linear"]
    ]
    assert line[5] == ours
    assert line[9:11] == (["4096", "16"] if ours != NONE else [NONE, NONE])


def test_a_study_of_other_methods_has_no_trace_of_a_paper(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingested indicators of a method of another name."""
    monkeypatch.setattr(sys, "argv", ["pytest"])  # the page names the command, which names the tested files
    study = written(tmp_path / "runs", "theirs", {"mine": rising(rng), "yours": rising(rng)})
    text = words(page(study, tmp_path))
    assert "mine" in text and "yours" in text
    for trace in (
        "memorization thesis",
        "coursework",
        "Table 4.1",
        "verdict",
        "finding",
        "Findings",
        "CIFAR",
        "SimCLR",
    ):
        assert trace not in text, trace


def test_ingested_methods_of_the_paper_s_name_are_its_own(rng: np.random.Generator, tmp_path: Path) -> None:
    study = written(tmp_path / "runs", "theirs", {"simclr": rising(rng, views=2), "mine": rising(rng)})
    text = page(study, tmp_path)
    _, *rows = captioned(text, "Table 4.1")
    assert [row[0] for row in rows] == ["SimCLR"] * 3
    assert "2 findings are about methods of this study: 1 confirmed, 1 not testable." in words(text)
    assert "data, network and recipe are not recorded" in words(text)
    assert "Differences in the recipe" not in text


def test_one_seed(rng: np.random.Generator, tmp_path: Path) -> None:
    """Statistics over seeds do not exist: they are left out, and what cannot be said is not said."""
    answers = {
        "simclr": rising(rng, seeds=1, views=2),
        "supervised": rising(rng, seeds=1),
        "random-labels": rising(rng, seeds=1, augmentations=1),
    }
    study = written(tmp_path / "runs", "alone", answers)
    text = page(study, tmp_path)
    said = words(text)
    for wrong in ("1 seeds", " nan", "None", " inf ", "10⁻³"):
        assert wrong not in said, wrong
    assert "1 seed each" in said and "needs at least two seeds" in said
    assert "The largest χ²" not in said and "have no such tails" not in said
    _, *rows = captioned(text, "Table 4.1")
    assert {row[8] for row in rows} == {NONE} and "outside" not in {row[10] for row in rows}
    single = written(tmp_path / "runs", "one", {"mine": rising(rng, seeds=1)})
    assert "mine · 1 seed ·" in words(page(single, tmp_path))


def test_a_paper_is_a_folder(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is edited for a new paper, and what it leaves out is not missed."""
    folder = tmp_path / "papers" / "of_mine"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PAPER)
    monkeypatch.setattr(papers, "__path__", [*papers.__path__, str(folder.parent)])
    assert "of_mine" in papers.names() and isinstance(papers.load("of_mine"), Paper)
    try:
        study = written(tmp_path / "runs", "new", {"mine": rising(rng)})
        text = page(study, tmp_path)
    finally:
        del sys.modules["analysis.papers.of_mine"]
    assert '<a href="#of_mine">A paper of mine</a>' in text and 'id="of_mine"' in text
    assert captioned(text, "A row read off") == [["r"], ["0.5"]]
    assert "Findings" not in words(text)


PAPER = """
from analysis.framework.table import Column, Table
from analysis.papers import Paper

def beside(number, study, results):
    table = Table(caption="A row read off", columns=[Column("r", "r", "printed")], rows=[{"r": "0.5"}])
    return [table] if number == "4.1" else []

PAPER = Paper(
    title="a paper of mine",
    about="one network",
    concerns=lambda study, results: "mine" in study.methods,
    beside=beside,
)
"""
