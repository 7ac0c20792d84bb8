# SPDX-License-Identifier: Apache-2.0
"""The site that `make docs` has built: nothing of other hosts, no broken link, a search that needs no server."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

SITE = Path(__file__).resolve().parents[2] / "docs/_build/html"
pytestmark = pytest.mark.skipif(not SITE.is_dir(), reason="make docs builds the site")
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
"""Attributes whose address a browser loads by itself."""


class Page(HTMLParser):
    """What a page loads, links to, and can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.anchors.update(known[name] for name in ("id", "name") if name in known)
        if tag in LOADED and LOADED[tag] in known:
            self.loaded.append(known[LOADED[tag]])
        if tag == "a" and "href" in known:
            self.links.append(known["href"])


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(SITE.rglob("*.html"))}


def test_there_are_pages_of_every_kind(pages: dict[Path, Page]) -> None:
    names = {path.relative_to(SITE).parts[0] for path in pages}
    assert {
        "how-to",
        "statistics",
        "reference",
        "design",
        "_gallery",
        "ten-minutes.html",
        "glossary.html",
    } <= names


def test_nothing_is_loaded_from_another_host(pages: dict[Path, Page]) -> None:
    foreign = {
        (path.name, address)
        for path, page in pages.items()
        for address in page.loaded
        if urlsplit(address).netloc
    }
    for sheet in SITE.rglob("*.css"):
        found = re.findall(
            r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]+)", sheet.read_text(errors="replace")
        )
        foreign |= {(sheet.name, address) for address in found}
    assert not foreign


def test_every_internal_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            if urlsplit(link).scheme or urlsplit(link).netloc:
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            known = pages.get(target)
            if not target.is_file() or (
                anchor and known is not None and unquote(anchor) not in known.anchors
            ):
                broken.append(f"{path.relative_to(SITE)}: {link}")
    assert not broken


@pytest.mark.slow
def test_a_browser_asks_no_other_host_and_finds_words_without_a_server(
    browser: Any, pages: dict[Path, Page]
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with_formulas = next(
        path
        for path in pages
        if path.relative_to(SITE).parts[0] == "statistics" and r"\[" in path.read_text()
    )
    for path in (SITE / "index.html", with_formulas, SITE / "_gallery/index.html"):
        page.goto(path.as_uri())
        page.wait_for_load_state("networkidle")
    page.goto((SITE / "search.html").as_uri() + "?q=binomial")
    page.wait_for_selector("#search-results li", timeout=20_000)
    assert page.locator("#search-results li").count() >= 3
    assert {urlsplit(url).scheme for url in asked} <= {"file", "data", "blob"}
