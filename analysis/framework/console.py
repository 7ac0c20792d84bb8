# SPDX-License-Identifier: Apache-2.0
"""Output of all command lines: errors in one line with an exit status, messages, tables on a terminal."""

import contextlib
import io
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from analysis.framework.table import NONE, Table
from dynamics import starting
from dynamics.errors import UserError, explained

LONGEST = 1000
"""Maximum number of characters of an error."""
typed: dict[str, str] = {}
"""How commands are typed, by their modules, in a process that was started as `dynamics seeds`; empty elsewhere."""


def run(main: Callable[[], int | None]) -> None:
    """Call `main` and exit with its status; a :class:`UserError` becomes one line and status 2.

    Examples
    --------
    >>> run(lambda: None)
    Traceback (most recent call last):
        ...
    SystemExit: 0
    """
    logging.basicConfig(format="note: %(message)s", level=logging.WARNING, stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show ± shows a question mark
    if threading.current_thread() is threading.main_thread():
        starting.heed(signal.default_int_handler)
    try:
        status = main()
    except UserError as error:
        _fail(error)
    except (OSError, MemoryError) as error:
        _fail(UserError(explained(error)))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    finally:
        ignore_interrupts()
    sys.exit(status or 0)


def _fail(error: UserError) -> NoReturn:
    print(f"error: {_in_one_line(as_typed(in_flags(error)))}", file=sys.stderr)  # noqa: T201
    sys.exit(2)


def _in_one_line(text: str) -> str:
    """Return a message without line breaks; the middle of one that a long value has blown up is left out."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def ignore_interrupts() -> None:
    """Ignore any further Ctrl-C, so that a command that was stopped can print how to go on.

    Examples
    --------
    >>> before = signal.getsignal(signal.SIGINT)
    >>> ignore_interrupts()
    >>> signal.signal(signal.SIGINT, before) is signal.SIG_IGN
    True
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def flag(parameter: str) -> str:
    """Return how a parameter is spelled on a command line.

    Examples
    --------
    >>> flag("data_root"), flag("lr=0.5"), flag("download=True"), flag("blur=False")
    ('--data-root', '--lr 0.5', '--download', '--no-blur')
    """
    name, _, value = parameter.partition("=")
    spelled = name.replace("_", "-")
    return {"": f"--{spelled}", "True": f"--{spelled}", "False": f"--no-{spelled}"}.get(
        value, f"--{spelled} {value}"
    )


def in_flags(error: UserError) -> str:
    """Return an error's message with its parameters as flags.

    Examples
    --------
    >>> in_flags(UserError("`batch_size` must be >= 2, got 1"))
    '--batch-size must be >= 2, got 1'
    """
    return error.spelled(flag)


def as_typed(text: str) -> str:
    """Return a text with its commands spelled as this process's was: `dynamics seeds` for `python -m runners.seeds`.

    Examples
    --------
    >>> as_typed("train first (python -m runners.seeds --n 2)")  # this process was not started as `dynamics`
    'train first (python -m runners.seeds --n 2)'
    """
    return _COMMAND.sub(lambda match: f"dynamics {typed[match[1]]}" if match[1] in typed else match[0], text)


_COMMAND = re.compile(r"\bpython -m ((?:runners|analysis)\.\w+|figures)\b")


def say(text: str = "") -> None:
    """Print one line on standard output.

    Examples
    --------
    >>> say("2 of 2 seeds trained")
    2 of 2 seeds trained
    """
    with surviving():
        print(as_typed(text), flush=True)  # noqa: T201


@contextmanager
def surviving() -> Iterator[None]:
    """Let the command go on if printing fails, because nobody reads any more (`... | head`) or the disk is full.

    All further output is discarded.

    Examples
    --------
    >>> with surviving():
    ...     print("2 of 2 seeds trained")
    2 of 2 seeds trained
    """
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())  # the rest of the stream's buffer goes there, too
            os.close(nowhere)


SHORT = 12
"""Columns of at most this many characters keep their width, however narrow the terminal is."""
UNLIMITED = 4000
"""Maximum number of characters per line if the output is not a terminal."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Re-raise for :func:`surviving`; rich would end the program."""
        raise


def show(table: Table) -> None:
    """Print a table, with numbers aligned to the right; of one without rows, that it has none.

    On a terminal long cells are folded to its width; elsewhere lines are as long as they need to be.

    Examples
    --------
    >>> from analysis.framework.table import Column
    >>> show(Table(caption="learnt", columns=[Column("t", "epoch", "d")], rows=[{"t": 25}]))
    learnt
    ┏━━━━━━━┓
    ┃ epoch ┃
    ┡━━━━━━━┩
    │    25 │
    └───────┘
    """
    if table.rows:
        _draw(table)
    else:
        say(f"{table.caption}: no rows")
    for note in table.notes:
        say(note)


def _draw(table: Table) -> None:
    terminal = sys.stdout.isatty()
    # FORCE_COLOR would fill files and pipes with escapes
    plain = None if terminal else False
    console = _Console(soft_wrap=not terminal, width=None if terminal else UNLIMITED, force_terminal=plain)
    drawn = RichTable(title=Text(table.caption), title_justify="left", title_style="bold")
    cells = table.cells()
    for place, column in enumerate(table.columns):
        longest = max(map(len, [column.title, *(row[place] for row in cells)]))
        short = longest <= SHORT
        drawn.add_column(
            Text(column.title),
            justify="right" if table.numeric(place) else "left",
            no_wrap=short or not terminal,
            min_width=longest if short else None,
            overflow="fold",
        )
    for row in cells:
        drawn.add_row(*(Text("" if cell == NONE else cell) for cell in row))  # Text: brackets are not markup
    with surviving():
        console.print(drawn)
