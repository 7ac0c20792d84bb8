# SPDX-License-Identifier: Apache-2.0
"""Command-line parsing: flags from a dataclass, and errors in one line that suggest the nearest flag."""

import contextlib
import dataclasses
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import tyro

from analysis.framework import console
from dynamics import files
from dynamics.errors import UserError

Arguments = TypeVar("Arguments")
LONGEST = 400
"""Maximum number of characters of a message; only further choices are cut off."""


def cli(
    kind: type[Arguments],
    argv: Sequence[str],
    *,
    prog: str,
    description: str | None = None,
    default: Arguments | None = None,
    flat: bool = False,
) -> Arguments:
    """Parse a command line into a dataclass, whose fields are the flags and whose docstrings are their help.

    Parameters
    ----------
    kind
        The dataclass.
    argv
        Arguments after the command.
    prog, description
        Name and description of the command in --help.
    default
        Values of flags that are left out; by default those of the class.
    flat
        Whether fields of nested dataclasses are spelled without a prefix: --lr instead of --recipe.lr.

    Raises
    ------
    UserError
        If a flag is unknown, lacks its value or has one of the wrong type; names the flag, and the nearest one.
    SystemExit
        If --help was given.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Options:
    ...     epochs: int = 5
    >>> cli(Options, ["--epochs", "3"], prog="train").epochs
    3
    >>> cli(Options, ["--epoch", "3"], prog="train")
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: Unrecognized options: --epoch, 3: did you mean --epochs? See train --help
    """
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.HelptextFromCommentsOff) if flat else ()
    defaults: dict[str, Any] = {} if default is None else {"default": default}
    printed = io.StringIO()
    prog, description = console.as_typed(prog), console.as_typed(description or "") or None
    try:
        with console.surviving(), contextlib.redirect_stderr(printed):
            return _expanded(
                tyro.cli(kind, args=list(argv), prog=prog, description=description, config=config, **defaults)
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(f"{_in_one_line(printed.getvalue())} See {prog} --help") from None
    sys.exit()  # the help was asked for, and nobody read it to its end


def _expanded(arguments: Arguments) -> Arguments:
    """Return arguments with the home folder for `~` in their paths, as in --runs=~/x, where a shell leaves it."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(arguments):  # type: ignore[arg-type]
        value = getattr(arguments, field.name)
        if isinstance(value, Path):
            value = files.expanded(value, field.name)
        elif isinstance(value, tuple) and any(isinstance(part, Path) for part in value):
            value = tuple(
                files.expanded(part, field.name) if isinstance(part, Path) else part for part in value
            )
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = _expanded(value)
        if value is not getattr(arguments, field.name):
            changed[field.name] = value
    return dataclasses.replace(arguments, **changed) if changed else arguments  # type: ignore[type-var]


def _in_one_line(box: str) -> str:
    """Return the first message in tyro's box of errors, and the nearest flag that the box suggests."""
    inside = [line.strip("│ ") for line in box.splitlines() if not line.startswith(("╭", "╰"))]
    if "╭" not in box:
        inside = inside[2:]  # where the output is not UTF-8, the box begins with its title and a rule
    parts = re.split(r"\n[─-]{9,}\n", "\n".join(inside))
    message = " ".join(parts[0].split())
    if kinds := re.match(r"Error parsing (\S+): no type matching (\S+) .* from \[(.*?)\]", message):
        message = f"{kinds[1]} must be {kinds[2]}, got {kinds[3]}"
    message = message[:LONGEST].rstrip(".")
    suggested = [re.search(r"--[\w-]+", part) for part in parts if part.startswith("Perhaps you meant")]
    near = f": did you mean {suggested[0][0]}?" if suggested and suggested[0] else "."
    return message + near
