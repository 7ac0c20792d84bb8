# SPDX-License-Identifier: Apache-2.0
"""The files of figures: results/<study>/figures/figure-<number>-<name>.pdf and .png.

The same results give the same bytes: no date, the fonts of matplotlib itself, none of the user's settings.
"""

import io
from collections.abc import Sequence, Set
from pathlib import Path

from matplotlib.figure import Figure

from analysis.framework import results as storage
from analysis.framework.results import Result
from dynamics import files
from dynamics.errors import UserError
from figures import Drawing, Results, load
from figures._style import style

DPI = 300


def missing(folder: Path, name: str) -> list[str]:
    """Return the results that a figure needs and the study does not have."""
    return [need for need in load(name).NEEDS if not (folder / f"{need}.json").exists()]


def read(folder: Path, needs: Sequence[str], known: dict[str, Result] | None = None) -> Results:
    """Read the results that a figure needs; those in `known` are not read again.

    Raises
    ------
    UserError
        When one is missing or damaged, or when they were computed from different snapshots.
    """
    known = {} if known is None else known
    for need in needs:
        if need not in known:
            known[need] = storage.read(folder, need)
    with storage.usable([known[need] for need in needs], folder.name):
        for need in needs[1:]:
            first, other = known[needs[0]], known[need]
            if method := differing_method(first, other, first.inputs.keys() | other.inputs.keys()):
                raise UserError(
                    f"results {needs[0]} and {need} were not computed from the same seeds or mates of {method}: "
                    f"run {storage.made_by(needs[0], folder.name)} and {storage.made_by(need, folder.name)} again"
                )
    return {need: known[need] for need in needs}


def differing_method(first: Result, second: Result, methods: Set[str]) -> str | None:
    """Return a method of which two results were made from different snapshots or mates; None if there is none."""
    for method in sorted(methods):
        own = [result.inputs.get(method, {}) for result in (first, second)]
        used = [(known.get("snapshots"), known.get("mates") or "fixed", known.get("kept")) for known in own]
        if used[0] != used[1] or (method in first.inputs) != (method in second.inputs):
            return method
    return None


def write(name: str, results: Results, folder: Path) -> list[Path]:
    """Draw a figure and write it to `folder` as PDF and PNG; return the two paths."""
    drawing = load(name)
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"figure-{drawing.NUMBER}-{name}"
    paths = []
    with style():
        figure = drawn(drawing, results)
        for kind, metadata in (("pdf", {"CreationDate": None, "Title": drawing.TITLE}), ("png", {})):
            paths.append(stem.with_name(f"{stem.name}.{kind}"))
            files.atomic_write(paths[-1], _bytes(figure, kind, metadata))
    return paths


def drawn(drawing: Drawing, results: Results) -> Figure:
    """Draw a figure in its style, and say on it what is not as usual."""
    with style():
        figure = drawing.draw(results)
        if any(
            known.get("mates") == "random" for result in results.values() for known in result.inputs.values()
        ):
            figure.suptitle("answers of methods without labels: among random mates", fontsize=7)
    return figure


def _bytes(figure: Figure, kind: str, metadata: dict[str, str | None]) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=DPI, metadata=metadata)
    return content.getvalue()
