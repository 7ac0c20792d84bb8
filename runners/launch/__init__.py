# SPDX-License-Identifier: Apache-2.0
"""Where workers run: each launcher starts `python -P -m runners.worker`, which finds its seeds by itself.

The run folders are the queue, so a launcher knows neither seeds nor states: whatever happens to a worker, another takes
up what it has left. Workers on other hosts need the folders of runs (shared) and the data (each its own, or shared).
"""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dynamics import starting
from dynamics.errors import UserError

MAX_WORKERS = 100
"""Workers that are submitted at most, unless `workers` says how many."""


class Submitted(NamedTuple):
    """Workers that a scheduler has been given."""

    ids: list[str]
    """What the scheduler calls them."""
    log: str
    """Where their output goes, in words."""
    alive: Callable[[], bool]
    """Whether one of them runs or may still run."""
    held_up: Callable[[], str]
    """Why none of them runs yet, in the scheduler's words; empty if one runs, or nobody knows."""


def check(launcher: str, *, launcher_args: str, ray_address: str | None) -> None:
    """Check that nothing is said to a launcher that is not asked.

    Raises
    ------
    UserError
        If something is.

    Examples
    --------
    >>> check("slurm", launcher_args="partition=gpu", ray_address=None)
    >>> check("local", launcher_args="partition=gpu", ray_address=None)
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: launcher_args needs launcher slurm or ray: name one, or leave it out
    """
    if launcher == "local" and launcher_args:
        raise UserError("`launcher_args` needs `launcher` slurm or ray: name one, or leave it out")
    if launcher != "ray" and ray_address is not None:
        raise UserError("`ray_address` needs `launcher` ray: name it, or leave the address out")
    options(launcher_args)


def options(text: str) -> dict[str, str]:
    """Parse what follows --launcher-args.

    Raises
    ------
    UserError
        If a part is not name=value, or a quotation mark is missing.

    Examples
    --------
    >>> options("partition=gpu,time=4:00:00")
    {'partition': 'gpu', 'time': '4:00:00'}
    >>> options('constraint="a100,h100"')
    {'constraint': 'a100,h100'}
    """
    parsed = {}
    for part in filter(None, _parts(text)):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UserError(f"`launcher_args` must be name=value,name=value, got {part!r} in {text!r}")
        parsed[name.strip().replace("-", "_")] = value.strip()
    return parsed


def _parts(text: str) -> list[str]:
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace, words.whitespace_split, words.commenters = ",", True, ""
    try:
        return list(words)
    except ValueError:
        raise UserError(f"`launcher_args` has a quotation mark without its other, got {text!r}") from None


def python() -> list[str]:
    """Return the words that start Python elsewhere so that it imports our packages, and no file of its working folder.

    Examples
    --------
    >>> python()[-2:] == [sys.executable, "-P"]
    True
    """
    variables = [f"{name}={value}" for name, value in starting.environment().items()]
    return [*(["env", *variables] if variables else []), sys.executable, "-P"]


def worker_command(studies: Sequence[str], runs: Path, flags: Mapping[str, object]) -> list[str]:
    """Return the command line of a worker, with paths that hold wherever it starts.

    It imports the packages that this process does, whatever files the folder holds that it starts in.

    Parameters
    ----------
    studies, runs
        The studies to work on, and the folder that holds them.
    flags
        Other flags and their values; True is a flag alone, None and False are left out.

    Examples
    --------
    >>> words = worker_command(["demo"], Path("/shared/runs"), {"--device": "cpu", "--download": False})
    >>> words[words.index("-P") :]
    ['-P', '-m', 'runners.worker', '--study', 'demo', '--runs', '/shared/runs', '--device', 'cpu']
    """
    words = [*python(), "-m", "runners.worker", "--study", *studies]
    words += ["--runs", os.path.abspath(runs)]  # noqa: PTH100 - no link is followed
    for flag, value in flags.items():
        if value is not None and value is not False:
            words += [flag] if value is True else [flag, str(value)]
    return words
