# SPDX-License-Identifier: Apache-2.0
"""Every figure with how to read it, its numbers and those of a paper; then the numbers that no figure draws."""

import base64
import html
import importlib
import inspect
import io
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

import analysis
import figures
from analysis.framework import evaluations
from analysis.framework.command import why_not
from analysis.framework.results import Result, made_by
from analysis.framework.table import Table
from analysis.papers import Paper
from dynamics.study import Study
from runners.report.markup import Html, Section, code, element, folded, join, paragraph, table

LARGEST_BYTES = 1_000_000
"""A larger picture is embedded with fewer colours, so that the page stays small enough to send."""


def every_result() -> tuple[str, ...]:
    """Return the names of all results that a study may have: those of the analyses, and what runners.probe makes."""
    return (*analysis.names(), evaluations.NAME)


def gallery(
    study: Study,
    results: Mapping[str, Result],
    tables: Mapping[str, Sequence[Table]],
    papers: Mapping[str, Paper],
    folder: Path,
) -> list[Section]:
    """Return the sections of figures, of numbers that no figure draws, and of what was not computed."""
    drawn = [name for name in figures.names() if all(need in results for need in figures.load(name).NEEDS)]
    numbers = assign(drawn, tables)
    shown = [_figure(name, numbers[name], study, results, papers, folder) for name in drawn]
    missing = [_missing(name, study) for name in every_result() if name not in results]
    return [
        Section("figures", "Figures", join(shown)),
        Section("numbers", "Other numbers", join(map(table, numbers[""]))),
        Section("missing", "Not computed", element("ul", *missing) if missing else Html("")),
    ]


def assign(drawn: list[str], tables: Mapping[str, Sequence[Table]]) -> dict[str, list[Table]]:
    """Give each table of the results to the first figure that draws its numbers; under "" those that none draws.

    A figure that wants only some tables of its NEEDS names them in TABLES, as "binomial.single".
    """
    left = [(name, one) for name, tables_of in tables.items() for one in tables_of]
    found: dict[str, list[Table]] = {}
    for figure in drawn:
        drawing = figures.load(figure)
        wanted = set(getattr(drawing, "TABLES", drawing.NEEDS))
        found[figure] = [one for name, one in left if wanted & {name, f"{name}.{one.key}"}]
        left = [(name, one) for name, one in left if not wanted & {name, f"{name}.{one.key}"}]
    return found | {"": [one for _, one in left]}


def _figure(
    name: str,
    numbers: list[Table],
    study: Study,
    results: Mapping[str, Result],
    papers: Mapping[str, Paper],
    folder: Path,
) -> Html:
    drawing = figures.load(name)
    number, title = drawing.NUMBER, drawing.TITLE
    picture = folder / "figures" / f"figure-{number}-{name}.png"
    command = code(f"python -m figures {number} --study {shlex.quote(folder.name)}")
    reading = how_to_read(name)
    image = embedded(picture, f"Figure {number}: {title}. {reading}") if picture.is_file() else None
    if image is not None:
        shown = element("figure", _sideways(image, title), element("figcaption", reading))
        end = _origin(drawing.NEEDS, command)
    else:
        why = f"{picture.name} is damaged, draw it again: " if picture.exists() else "Not drawn yet: "
        shown, end = paragraph(why, command, "."), Html("")
    printed = {paper.title: paper.beside(number, study, results) for paper in papers.values()}
    return join(
        [
            element("h3", f"Figure {number}: {title}", id=f"figure-{number}"),
            shown,
            folded("The numbers behind it", *map(table, numbers), unfolded=True) if numbers else Html(""),
            *(folded(f"Beside {title}", *map(table, tables)) for title, tables in printed.items() if tables),
            end,
        ]
    )


def how_to_read(name: str) -> str:
    """Return how to read a figure: its READING, or the first paragraph of its docstring.

    Examples
    --------
    >>> how_to_read("sorted-curves")[:59]
    'Each curve holds the learning probabilities r of all exampl'
    """
    drawing = figures.load(name)
    return getattr(drawing, "READING", None) or (inspect.getdoc(drawing) or "").partition("\n\n")[0]


def _sideways(image: Html, title: str) -> Html:
    """Return a picture that keeps a readable size on a narrow screen, where it scrolls sideways."""
    return element("div", image, class_="picture", tabindex="0", role="region", aria_label=title)


def _origin(needs: tuple[str, ...], command: Html) -> Html:
    files = Html(", ".join(code(f"{need}.csv") for need in needs))
    return paragraph(
        "Numbers: ", files, " beside this page; the figure as PDF in ", code("figures/"), ", made by ", command, ".",
        class_="meta",
    )  # fmt: skip


def _missing(name: str, study: Study) -> Html:
    """Name a missing result, with the reason or the command that makes it."""
    return element("li", element("strong", name), _what_for(name), ": ", _why(name, study))


def _what_for(name: str) -> str:
    numbers = [figures.load(one).NUMBER for one in figures.names() if name in figures.load(one).NEEDS]
    return f" (figure {', '.join(numbers)})" if numbers else ""


def _why(name: str, study: Study) -> object:
    """Say why a result is missing: the study has nothing for it, or it was not made."""
    if name in analysis.names():
        reason = why_not(importlib.import_module(f"analysis.{name}"), study)
        if reason is not None:
            return f"{reason}."
    return join(["make it with ", code(made_by(name, study.name)), "."])


def embedded(path: Path, alternative: str) -> Html | None:
    """Return a picture as an element with the data embedded; None where it is no PNG that can be read."""
    try:
        content, (width, height) = _picture(path)
    except Exception:  # PIL's readers raise what they like
        return None
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    size = f'width="{width}" height="{height}"'
    return Html(f'<img src="{source}" alt="{html.escape(alternative)}" {size}>')


def _picture(path: Path) -> tuple[bytes, tuple[int, int]]:
    content = path.read_bytes()
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        image.load()
        if len(content) <= LARGEST_BYTES:
            return content, image.size
        image.thumbnail((2000, 4000))
        smaller = io.BytesIO()
        image.convert("RGB").quantize(256).save(smaller, format="png", optimize=True)
        return smaller.getvalue(), image.size
