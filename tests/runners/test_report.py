# SPDX-License-Identifier: Apache-2.0
"""The report is one valid page that needs nothing else, whatever results there are."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analysis
import figures
from analysis import binomial, learning
from analysis.framework import results as storage
from analysis.framework.results import Result
from analysis.framework.table import NONE, Column, Row, Table
from dynamics import provenance
from dynamics.errors import UserError
from dynamics.study import Study
from figures.__main__ import draw_all
from runners import report
from runners.report.__main__ import main
from runners.report.gallery import assign, every_result, how_to_read
from runners.report.markup import Html, element, paragraph, table
from runners.report.page import differs_from
from tests.analysis.studies import STUDY, opened, rising, write

VOID = {"meta", "link", "img", "br", "hr", "input"}
LOADED = ("src", "srcset", "poster", "data", "action", "background")


class Page(HTMLParser):
    """Checks nesting, and keeps what a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        assert not (
            tag in {"p", "table", "div", "section", "ul", "h2", "h3", "figure"} and "p" in self.open
        ), f"{tag} in a paragraph"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def check_self_contained(page: Page) -> None:
    assert not {"script", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    for tag, attributes in page.elements:
        for name in LOADED:
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
        target = attributes.get("href")
        assert target is None or target.startswith("#" if tag == "a" else "data:"), (tag, target)
        assert not any(name.startswith("on") for name in attributes)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {(link["href"] or "")[1:] for link in page.all("a")} <= set(ids)
    assert all(
        image["alt"] and (image["src"] or "").startswith("data:image/png;base64,")
        for image in page.all("img")
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    runs = tmp_path_factory.mktemp("study") / "runs"
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    write(runs, "simclr", rising(rng, views=2), labels=labels, true_labels=labels)
    write(runs, "a-method-of-mine", rising(rng, augmentations=1), labels=labels, true_labels=labels)
    return opened(runs)


@pytest.fixture(scope="module")
def folder(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return results/<study> with some analyses and their figures; others are missing."""
    folder = tmp_path_factory.mktemp("results") / STUDY
    for found in (learning.analyse(study), binomial.analyse(study, targets=(0.5,), permutations=9)):
        storage.write(found, folder)
    draw_all(folder, ["sorted-curves", "binomial-single"])
    return folder


def test_the_page_needs_nothing_else(study: Study, folder: Path) -> None:
    path = report.write(study, folder)
    assert path == folder / "report.html"
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    check_self_contained(page)
    assert len(page.all("img")) == 2
    assert "@import" not in text and "url(" not in text
    assert path.stat().st_size < 15e6
    words = "".join(page.words)
    for expected in ("a-method-of-mine", "figure 5.4", "not testable", "python -m figures 4.4", "has a trained network",
                     "python -m analysis.classes", "not recorded"):  # fmt: skip
        assert expected in words, expected
    assert " nan" not in words and "None" not in words


def test_every_section_stands_without_results_of_its_own(study: Study, folder: Path, tmp_path: Path) -> None:
    for kept in ("learning", "binomial"):
        alone = tmp_path / kept / STUDY
        alone.mkdir(parents=True)
        for file in folder.glob(f"{kept}.*"):
            shutil.copy(file, alone)
        check_self_contained(Page(report.write(study, alone).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a" + bytes(40)]
)
def test_a_damaged_picture_is_said_on_the_page(
    study: Study, folder: Path, tmp_path: Path, content: bytes
) -> None:
    copy = tmp_path / STUDY
    shutil.copytree(folder, copy)
    (copy / "figures" / "figure-4.1-sorted-curves.png").write_bytes(content)
    page = Page(report.write(study, copy).read_text(encoding="utf-8"))
    assert len(page.all("img")) == 1
    assert "figure-4.1-sorted-curves.png is damaged, draw it again: python -m figures 4.1" in "".join(
        page.words
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"rows": [{}]},
        {"rows": [{"method": "simclr"}]},
        {"settings": {}},
        {"inputs": {"simclr": 3}},
        {"arrays": {}},
    ],
)
@pytest.mark.parametrize("name", ["learning", "binomial"])
def test_odd_results_are_said(
    study: Study, folder: Path, tmp_path: Path, name: str, odd: dict[str, Any]
) -> None:
    copy = tmp_path / STUDY
    shutil.copytree(folder, copy)
    storage.write(replace(storage.read(copy, name), **odd), copy)
    try:
        Page(report.write(study, copy).read_text(encoding="utf-8"))
    except UserError as error:
        assert re.search(rf"make it anew with python -m analysis\.{name} --study {STUDY}$|NAME", str(error))


def test_no_results_are_a_user_s_error(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run python -m analysis\.learning"):
        report.write(study, tmp_path / STUDY)


def test_results_are_listed_with_the_command_that_made_them(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "command", lambda: "python -m analysis.learning --study '<7>'")
    storage.write(learning.analyse(study), tmp_path)
    assert (
        "python -m analysis.learning --study &#x27;&lt;7&gt;&#x27;"
        in report.write(study, tmp_path).read_text()
    )


def test_the_command(study: Study, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = study.runs["simclr"][0].folder.parents[2]
    main(["--study", STUDY, "--runs", str(runs), "--results", str(folder.parent)])
    assert re.search(r"report: .*report\.html \(\d+\.\d MB\)", capsys.readouterr().out)


def test_text_is_escaped() -> None:
    nasty = '<script>alert("&")</script>'
    columns = [
        Column("a", nasty),
        Column("b", "b", "verdict"),
        Column("c", "c", "code"),
        Column("d", "d", "method"),
    ]
    made = table(Table(caption=nasty, columns=columns, rows=[dict.fromkeys("abcd", nasty)], notes=[nasty]))
    page = Page(made + paragraph(nasty, Html("<b>bold</b>")))
    assert not page.all("script") and len(page.all("b")) == 1
    assert "".join(page.words).count(nasty) == 7
    assert nasty in [attributes.get("aria-label") for attributes in page.all("div")]
    assert element("p", "a", id='"').endswith(' id="&quot;">a</p>')


def test_cells_are_written_as_their_columns_ask() -> None:
    columns = [
        Column("name", "name"),
        Column("x", "number", ".1f"),
        Column("printed", "printed", "printed"),
        Column("verdict", "verdict", "verdict"),
        Column("chi2", "chi2", "power"),
        Column("p", "p", "p"),
    ]
    rows: list[Row] = [
        {"name": "a-b", "x": -0.5, "printed": "-.50", "verdict": "no value", "chi2": 1.34e17, "p": 0.0},
        {"name": "b", "x": None, "printed": None, "verdict": None, "chi2": 42.0, "p": 1.26e-5},
    ]
    page = Page(table(Table(caption="c", columns=columns, rows=rows)))
    assert [cell.get("class") for cell in page.all("th")] == [None, *["number"] * 2, None, *["number"] * 2]
    assert [word["class"] for word in page.all("span") if "class" in word] == ["badge no-value"]
    assert page.words[7:] == [
        "a-b", "\N{MINUS SIGN}0.5", "\N{MINUS SIGN}.50", "no value", "1.3·10¹⁷", "< 1e\N{MINUS SIGN}300",
        "b", NONE, NONE, NONE, "42", "1e\N{MINUS SIGN}05",
    ]  # fmt: skip


def test_every_table_is_shown_once_at_the_figure_that_draws_it(folder: Path) -> None:
    tables = {name: storage.read(folder, name).tables() for name in ("learning", "binomial")}
    drawn = ["sorted-curves", "binomial-single", "binomial-averaged"]
    found = assign(drawn, tables)
    assert [[table.key for table in found[name]] for name in (*drawn, "")] == [
        [""],
        ["single"],
        ["averaged"],
        [],
    ]
    assert [table.key for table in assign(["sorted-curves"], tables)[""]] == ["single", "averaged"]


def test_figures_say_how_to_read_them_and_name_tables_that_there_are(folder: Path) -> None:
    keys = {f"binomial.{table.key}" for table in storage.read(folder, "binomial").tables()}
    for name in figures.names():
        drawing = figures.load(name)
        named = getattr(drawing, "TABLES", ())
        assert {one for one in named if one.startswith("binomial.")} <= keys
        assert {one.partition(".")[0] for one in named} <= set(drawing.NEEDS)
        assert len(how_to_read(name)) > 60
    assert set(analysis.names()) < set(every_result())


@pytest.mark.slow
def test_a_browser_opens_it_without_a_network(study: Study, folder: Path, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no chromium: install Debian's package chromium to open the report in a browser")
    path = report.write(study, folder)
    ran = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        + ["--proxy-server=127.0.0.1:9", "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}"]
        + ["--virtual-time-budget=2000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in ran.stderr
    shown = Page(re.sub(r"<!DOCTYPE[^>]*>", "", ran.stdout))
    assert len(shown.all("img")) == 2
    assert "The memorization thesis" in shown.words


def test_results_of_other_seeds_are_left_out(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, folder = tmp_path / "runs", tmp_path / "results" / STUDY
    write(runs, "simclr", rising(rng, seeds=3))
    storage.write(learning.analyse(opened(runs)), folder)
    shutil.rmtree(runs / STUDY / "simclr" / "seed-0002")
    storage.write(binomial.analyse(opened(runs), permutations=9), folder)
    path = report.write(opened(runs), folder)
    said = capsys.readouterr().out
    assert (
        "left out: learning was made from other seeds of simclr" in said and "left out: binomial" not in said
    )
    words = " ".join(Page(path.read_text(encoding="utf-8")).words)
    assert "python -m analysis.learning" in words
    shutil.rmtree(runs / STUDY / "simclr" / "seed-0001")
    with pytest.raises(UserError, match="all were made from other seeds than it has now"):
        report.write(opened(runs), folder)
    with pytest.raises(UserError, match="no results of study made-up to report"):
        report.write(opened(runs), tmp_path / "elsewhere")


def test_folders_may_have_any_bytes_in_their_names(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step of a study failed with a traceback, after all the work."""
    odd = os.fsdecode(b"r\xff\xfe")
    monkeypatch.setattr(provenance, "command", lambda: f"python -m analysis.learning --results {odd}")
    folder = tmp_path / odd / STUDY
    write(tmp_path / "runs", "simclr", rising(rng, seeds=2))
    storage.write(learning.analyse(opened(tmp_path / "runs")), folder)
    assert "--results r??" in report.write(opened(tmp_path / "runs"), folder).read_text(encoding="utf-8")


def test_what_looks_at_networks_may_be_of_some_seeds(tmp_path: Path, rng: np.random.Generator) -> None:
    """Of a published study whose networks are gone, the distances were left out when seeds were added."""
    answers = rising(rng)
    write(tmp_path / "few", "supervised", answers[:3])
    write(tmp_path / "all", "supervised", answers)
    of_few = opened(tmp_path / "few").inputs()
    study = opened(tmp_path / "all")
    for name, stale in (("divergence", None), ("learning", "supervised")):
        assert differs_from(Result(name=name, rows=[], inputs=of_few), study) == stale
    of_all = study.inputs()
    assert (
        differs_from(Result(name="divergence", rows=[], inputs=of_all), opened(tmp_path / "few"))
        == "supervised"
    )
