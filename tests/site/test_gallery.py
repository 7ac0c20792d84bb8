# SPDX-License-Identifier: Apache-2.0
"""The gallery: every figure has one executed example, which says how to read it and when not to trust it."""

import ast
import re
from pathlib import Path

import pytest

import figures

GALLERY = Path(__file__).resolve().parents[2] / "docs/gallery"
FILES = sorted(GALLERY.glob("*.py"))


def file_of(name: str) -> str:
    """Return how the example of a figure is called: sphinx-gallery sorts by it."""
    number = figures.load(name).NUMBER.replace(".", "_").lower()
    return f"figure_{number}_{name.replace('-', '_')}.py"


def test_every_figure_has_an_example_and_every_example_a_figure() -> None:
    assert [path.name for path in FILES] == sorted(map(file_of, figures.names()))


@pytest.mark.parametrize("name", figures.names())
def test_an_example_draws_its_figure(name: str) -> None:
    code = (GALLERY / file_of(name)).read_text()
    assert re.findall(r'^figures\.draw\("([\w.-]+)", ', code, flags=re.MULTILINE) == [name]


@pytest.mark.parametrize("name", figures.names())
def test_an_example_says_how_to_read_its_figure(name: str) -> None:
    text = ast.get_docstring(ast.parse((GALLERY / file_of(name)).read_text())) or ""
    title, underline, *rest = text.splitlines()
    drawing = figures.load(name)
    assert title == f"Figure {drawing.NUMBER}: {drawing.TITLE}" and underline == "=" * len(title)
    headings = re.findall(r"^\*\*(.*?)\.\*\*", "\n".join(rest), flags=re.MULTILINE)
    assert headings == ["How to read it", "Here", "When not to trust it"]
    question = text.split("\n\n")[1]
    assert question.endswith("?"), question
    links = re.findall(r"<(figure_\w+)>", text)
    assert all((GALLERY / f"{link}.py").exists() for link in links), links
