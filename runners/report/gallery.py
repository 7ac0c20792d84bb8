# SPDX-License-Identifier: Apache-2.0
"""Every figure with how to read it, the numbers behind it, and the thesis's numbers beside ours."""

import base64
import html
import importlib
import inspect
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

import analysis
import figures
from analysis.comparison import curves
from analysis.framework.results import Result, made_by
from dynamics.names import label
from dynamics.study import Study
from runners.report.conditions import Conditions
from runners.report.markup import Html, badge, code, element, folded, join, paragraph, section, table
from runners.report.numbers import behind
from runners.report.readings import READINGS

LARGEST_BYTES = 1_000_000
"""A larger picture is embedded with fewer colours, so that the page stays small enough to send."""


def gallery(study: Study, results: Mapping[str, Result], found: dict[str, Conditions], folder: Path) -> Html:
    """Return the section of figures; those that were not drawn are named with the reason."""
    return section(
        "figures", "Figures", *(_figure(name, study, results, found, folder) for name in figures.names())
    )


def _figure(
    name: str, study: Study, results: Mapping[str, Result], found: dict[str, Conditions], folder: Path
) -> Html:
    drawing = figures.load(name)
    number, title = drawing.NUMBER, drawing.TITLE
    heading = element("h3", f"Figure {number}: {title}", id=f"figure-{number}")
    missing = [need for need in drawing.NEEDS if need not in results]
    picture = folder / "figures" / f"figure-{number}-{name}.png"
    if missing:
        return join([heading, *(_why_missing(need, study) for need in missing)])
    if not picture.exists():
        command = code(f"python -m figures {number} --study {folder.name}")
        return join([heading, paragraph("Not drawn yet: ", command, "."), _numbers(number, results)])
    reading = READINGS.get(number) or _first_paragraph(name)
    image = embedded(picture, f"Figure {number}: {title}. {reading}")
    return join(
        [
            heading,
            element("figure", _sideways(image, title), element("figcaption", reading)),
            _numbers(number, results),
            _beside_the_thesis(number, results, found),
            _origin(number, drawing.NEEDS, folder.name),
        ]
    )


def _sideways(image: Html, title: str) -> Html:
    """Return a picture that keeps a readable size on a narrow screen, and is moved sideways there."""
    return element("div", image, class_="picture", tabindex="0", role="region", aria_label=title)


def _why_missing(need: str, study: Study) -> Html:
    """Say why a result is not there: because the study has nothing for it, or because it was not made."""
    reason = None
    if need in analysis.names():
        module = importlib.import_module(f"analysis.{need}")
        reason = module.applies(study) if hasattr(module, "applies") else None
    if reason is not None:
        return paragraph(f"Not drawn: {reason}.")
    command = code(made_by(need, study.name))
    return paragraph("Not drawn: its numbers are missing. Make them with ", command, ".")


def embedded(path: Path, alternative: str) -> Html:
    """Return a picture as an element that needs no file."""
    content, (width, height) = _picture(path)
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    size = f'width="{width}" height="{height}"'
    return Html(f'<img src="{source}" alt="{html.escape(alternative)}" {size}>')


def _picture(path: Path) -> tuple[bytes, tuple[int, int]]:
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        if len(content) <= LARGEST_BYTES:
            return content, image.size
        image.thumbnail((2000, 4000))
        smaller = io.BytesIO()
        image.convert("RGB").quantize(256).save(smaller, format="png", optimize=True)
        return smaller.getvalue(), image.size


def _first_paragraph(name: str) -> str:
    return (inspect.getdoc(figures.load(name)) or "").partition("\n\n")[0]


def _numbers(number: str, results: Mapping[str, Result]) -> Html:
    numbers = behind(number, results)
    return folded("The numbers behind it", numbers, unfolded=True) if numbers else Html("")


def _beside_the_thesis(number: str, results: Mapping[str, Result], found: dict[str, Conditions]) -> Html:
    if number not in curves.FIGURES:
        return Html("")
    compare, need, what = curves.FIGURES[number]
    rows = [
        [label(one.method), one.where, one.thesis, one.ours, badge(one.verdict)]
        + [found[one.method].why if one.ours is not None and one.verdict != "inside" else ""]
        for one in compare(results[need])
        if one.method in found
    ]
    if not any(row[3] is not None for row in rows):
        return Html("")
    columns = ["setting", "where", "thesis", "ours", "verdict", "why it may differ"]
    return folded("Beside the thesis", table(columns, rows, caption=what))


def _origin(number: str, needs: tuple[str, ...], study: str) -> Html:
    files = [code(f"{need}.csv") for need in needs]
    return paragraph(
        "Numbers: ",
        Html(", ".join(files)),
        " beside this page; the figure as PDF in ",
        code("figures/"),
        ", made by ",
        code(f"python -m figures {number} --study {study}"),
        ".",
        class_="meta",
    )
