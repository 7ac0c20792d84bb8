# SPDX-License-Identifier: Apache-2.0
"""What every command line shares: a user's error in one line, tables, the choice of a study."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text


class UserError(Exception):
    """A mistake the user can mend: says what was wrong, the value, and what to type instead.

    Raised anywhere below a command line; :func:`run` prints it as one line and exits with status 2.
    """


def run(main: Callable[[], int | None]) -> None:
    """Call `main` and exit with its status; a :class:`UserError` becomes one line and status 2."""
    try:
        status = main()
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except BrokenPipeError:  # `... | head` is no error
        sys.stderr.close()
        sys.exit(0)
    sys.exit(status or 0)


def say(text: str = "") -> None:
    """Print one line for the user, on standard output."""
    print(text, flush=True)  # noqa: T201


def warn(text: str) -> None:
    """Print one line that the user should know, on standard error."""
    print(f"note: {text}", file=sys.stderr, flush=True)  # noqa: T201


SHORT = 12
"""Columns of no more characters keep their width, however narrow a terminal is."""
UNLIMITED = 4000
"""Characters in a line of a file."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: numbers to the right, long words folded on a terminal, nothing cut where the output is a file."""
    terminal = sys.stdout.isatty()
    console = Console(soft_wrap=not terminal, width=None if terminal else UNLIMITED)
    drawn = Table(title=Text(title), title_justify="left", title_style="bold")
    rows = [list(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], (int, float)) or row[index] is None for row in rows)
        longest = max(map(len, [column, *(_cell(row[index]) for row in rows)]))
        short = longest <= SHORT
        drawn.add_column(
            Text(column),
            justify="right" if numeric else "left",
            no_wrap=short or not terminal,
            min_width=longest if short else None,
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*(Text(_cell(value)) for value in row))  # Text: brackets are not markup
    console.print(drawn)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def choose_study(runs: Path, study: str | None) -> str:
    """Name the study to work on: `study` itself, or the one under `runs` that was written last.

    Raises
    ------
    UserError
        When the folder, or a study in it, does not exist.
    """
    if not runs.is_dir():
        raise UserError(
            f"no runs folder at {runs}: train first (python -m runners.seeds --method simclr --n 2), "
            "or name it with --runs"
        )
    studies = {folder.name: folder for folder in sorted(runs.iterdir()) if folder.is_dir()}
    if study is not None:
        if study not in studies:
            known = ", ".join(studies) or "none"
            raise UserError(f"no study {study!r} in {runs} (there: {known}): choose one with --study")
        return study
    if not studies:
        raise UserError(f"no study in {runs}: train first (python -m runners.seeds --method simclr --n 2)")
    chosen = max(studies, key=lambda name: _last_write(studies[name]))
    say(f"study {chosen} (written last in {runs}; choose another with --study)")
    return chosen


def _last_write(study: Path) -> float:
    # What training writes; an analysis leaves caches beside it, which do not count.
    written = (
        path for name in ("run.json", "log.jsonl", "complete.json") for path in study.glob(f"*/seed-*/{name}")
    )
    return max((path.stat().st_mtime for path in written), default=0.0)
