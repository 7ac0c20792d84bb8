# SPDX-License-Identifier: Apache-2.0
"""Write the pages of the reference that follow from the program: its commands, fields, columns and modules.

They are written to docs/reference/ before every build.
"""

import contextlib
import dataclasses
import importlib
import io
import os
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from analysis.framework import command
from runners.__main__ import commands

PUBLIC = {
    "The front door": ["dynamics"],
    "Studies and snapshots": ["dynamics.study", "dynamics.study_file", "dynamics.snapshots", "dynamics.archive"],
    "Record a training loop": [
        "dynamics.recording", "dynamics.recording.network", "dynamics.recording.lightning",
        "dynamics.recording.huggingface", "dynamics.recording.keras",
    ],
    "Write a method": [
        "dynamics.config", "dynamics.methods.base", "dynamics.methods.views", "dynamics.methods.labels",
        "dynamics.methods.momentum", "dynamics.encoders.base", "dynamics.data", "dynamics.augment", "dynamics.streams",
    ],
    "Evaluate and analyse": [
        "dynamics.evaluation", "analysis", "analysis.framework.results", "analysis.framework.table",
    ],
    "Figures": ["figures"],
}  # fmt: skip
"""Modules of the reference by topic; all analyses and `analysis.statistics` are added."""


WIDTH = 92
"""Characters in a line of a help text: what fits on a page."""
INTRODUCTIONS = {
    "commands": """# Commands

Every command as its own `--help` describes it. In an environment where the package is installed, `dynamics seeds`
is `python -m runners.seeds`, `dynamics binomial` is `python -m analysis.binomial`, and `dynamics` alone lists all of
them.
""",
    "fields": """# Fields of a recipe

A recipe is everything that determines a seed's numbers, except the seed. Each field is a flag (`--panel-examples 256`),
a key of a [study file](study-files.md) (`panel_examples = 256`), and a parameter of `dynamics.train`
(`panel_examples=256`). The first table has the defaults of the program; a method's own table its further fields, and
those that its class or the preset `quick` sets otherwise.
""",
    "columns": """# Columns of the results

`results/<study>/<name>.csv` has one row a measurement and these columns; `.json` the same rows with the fingerprints of
what went in, and `.npz` the arrays that figures draw. An empty cell is a value that does not exist, never a zero.
""",
    "api": """# Python

Everything that is meant to be imported, module by module. What begins with an underscore, and modules that are not
listed here, may change without notice.
""",
}


def modules() -> dict[str, list[str]]:
    """Return the modules of the reference, by topic."""
    import analysis
    from analysis import statistics

    inside = sorted(module.name for module in pkgutil.iter_modules(statistics.__path__))
    return {
        **PUBLIC,
        "Analyses": [f"analysis.{name}" for name in analysis.names()],
        "Statistics on arrays": [f"analysis.statistics.{name}" for name in inside],
    }


def help_of(module: str) -> str:
    """Return what a command prints as its help, without the frames around it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        if module.startswith("analysis."):
            command.main(module.removeprefix("analysis."), ["--help"])
        else:
            found: Any = importlib.import_module(module)
            main = (
                found.main if hasattr(found, "main") else importlib.import_module(f"{module}.__main__").main
            )
            main([*(["--method", "simclr"] if module == "runners.seeds" else []), "--help"])
    return unframed(printed.getvalue())


def unframed(text: str) -> str:
    """Return a help text with each box's title as a heading of its own line, and without its sides."""
    lines = []
    for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines():
        if line.startswith("╭"):
            lines.append("\n" + line.strip("╭─╮ ") + ":")
        elif not line.startswith("╰"):
            line = line.removeprefix("│").removesuffix("│").rstrip()
            lines += textwrap.wrap(line, WIDTH) if len(line) > WIDTH and line[0] != " " else [line]
    return "\n".join(lines).strip()


def command_page() -> str:
    """Return the page of all commands."""
    parts = []
    for name, (module, _) in commands().items():
        parts += [f"## {name}\n", f"`python -m {module}`\n", f"```text\n{help_of(module)}\n```\n"]
    return "\n".join(parts)


SMALL_PRESETS = ("quick", "cifar-small")


def field_page() -> str:
    """Return tables of the fields of recipes: those of every method, then those of single ones."""
    from dynamics import methods
    from dynamics.config import Recipe
    from dynamics.study_file import preset
    from runners.arguments import field_help

    shared = dict(_defaults(Recipe))
    helps = field_help(Recipe)
    parts = ["## Fields of every method\n", "| field | default | meaning |", "| --- | --- | --- |"]
    parts += [f"| `{name}` | `{default!r}` | {_cell(helps[name])} |" for name, default in shared.items()]
    for name in methods.names():
        kind = methods.recipe(name)
        helps, presets = field_help(kind), [preset(name, one) for one in SMALL_PRESETS]
        parts += [f"\n## {name}\n", f"{methods.load(name).__doc__.splitlines()[0]}\n"]
        titles = " | ".join(f"in `{one}`" for one in SMALL_PRESETS)
        parts += [f"| field | default | {titles} | meaning |", "| --- " * (len(presets) + 3) + "|"]
        for field, default in _defaults(kind):
            here = [getattr(one, field) for one in presets]
            if field not in shared:
                meaning = _cell(helps.get(field, ""))
            elif all(value == shared[field] for value in (default, *here)):
                continue
            else:
                meaning = "as for every method"
            values = " | ".join(f"`{value!r}`" for value in (default, *here))
            parts.append(f"| `{field}` | {values} | {meaning} |")
    return "\n".join(parts)


def _defaults(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a recipe with their defaults."""
    for one in dataclasses.fields(kind):
        yield one.name, one.default if one.default is not dataclasses.MISSING else one.default_factory()  # type: ignore[misc]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def column_page() -> str:
    """Return tables of the columns of every result file."""
    import analysis
    from analysis.framework.columns import columns

    parts = []
    for name in [*analysis.names(), "evaluation"]:
        titles = _titles(name)
        rows = [
            f"| `{column}` | {_cell(_title(column, titles))} | {meaning} |"
            for column, meaning in columns(name)
        ]
        parts += [f"## {name}.csv\n", "| column | printed as | meaning |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(parts)


def _titles(name: str) -> dict[str, str]:
    """Return what the tables of an analysis call the columns of its file; nothing for those of networks."""
    from analysis.framework.example import example_study

    study = example_study()
    if name == "evaluation":
        return {}
    module = importlib.import_module(f"analysis.{name}")
    if command.why_not(module, study) is not None or name == "sweep":
        return {}
    shown = module.tables(module.analyse(study))
    titles: dict[str, str] = {}
    for column in (column for table in shown for column in table.columns):
        ends = ("_low", "_high") if column.form == "interval" else ("",)
        for end in ends:
            titles.setdefault(f"{column.key}{end}", column.title)
    return titles


def _title(column: str, titles: dict[str, str]) -> str:
    """Return a column's title; of a part of the variance that of its percentage."""
    return titles.get(column, titles.get(column.replace("var_", "percent_", 1), ""))


def api_page() -> str:
    """Return the list of modules, from which autosummary makes a page each."""
    parts = []
    for topic, names in modules().items():
        parts += [
            f"## {topic}\n",
            "```{eval-rst}\n.. autosummary::",
            "   :toctree: api",
            "   :template: module.rst",
            "",
        ]
        parts += [*(f"   {name}" for name in names), "```\n"]
    return "\n".join(parts)


FORMAT = re.compile(r"(?<![\w/`])FORMAT\.md(?![\w`])")


def _linked(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let what docstrings call FORMAT.md be the page that it is here."""
    lines[:] = [
        FORMAT.sub(":doc:`the disk format </reference/disk-format>` (FORMAT.md)", line) for line in lines
    ]


def _as_written(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Show the indented blocks of a module's docstring as they are written: tables, formulas, commands."""
    if what != "module":
        return
    shown, before = [], ""
    for at, line in enumerate(lines):
        if (
            line.startswith("    ")
            and not before.startswith((" ", ".. "))
            and at
            and not lines[at - 1].strip()
        ):
            shown += [".. code-block:: text", ""]
        shown.append(line)
        before = line or before
    lines[:] = shown


def _skip(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of a named tuple that say nothing: its signature names them."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field number") else None


def _write(app: Sphinx, config: Any) -> None:
    folder = Path(app.srcdir) / "reference"
    with _columns(WIDTH):
        pages = {
            "commands": command_page(),
            "fields": field_page(),
            "columns": column_page(),
            "api": api_page(),
        }
    for name, text in pages.items():
        path, whole = folder / f"{name}.md", f"{INTRODUCTIONS[name]}\n{text}"
        if not path.exists() or path.read_text() != whole:
            path.write_text(whole)


@contextlib.contextmanager
def _columns(number: int) -> Iterator[None]:
    """Let help texts be this wide."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(number)
    yield
    os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect this to Sphinx, before it looks for pages."""
    app.connect("config-inited", _write)
    app.connect("autodoc-process-docstring", _as_written, priority=100)
    app.connect("autodoc-process-docstring", _linked)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
