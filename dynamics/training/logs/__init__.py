# SPDX-License-Identifier: Apache-2.0
"""Where the numbers of each epoch go beside log.jsonl: one file each, the file's name is the log's name.

A file holds `Log`, a subclass of :class:`dynamics.training.logs.base.Log`, which is made in the process that trains.
A log that fails says so once, and training goes on without it.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dynamics import own_files
from dynamics.catalogue import Catalogue
from dynamics.errors import UserError
from dynamics.training.logs.base import Log, Logged

__all__ = ["CATALOGUE", "FOLDER", "Log", "Logged", "Logs", "wanted"]

own_files.add(__path__, __name__)
CATALOGUE = Catalogue("log", __name__, shared=("base",))
FOLDER = ".logs"
"""Folder beside the studies for what logs write."""
LOGGER = logging.getLogger(__name__)


def wanted(log: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of logs as a tuple, after checking that each can be used.

    Raises
    ------
    UserError
        If there is no such log, or it lacks a package or an account: says what to do.

    Examples
    --------
    >>> wanted([])
    ()
    >>> wanted("paper")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: no log 'paper': use one of tensorboard, wandb...
    """
    if not isinstance(log, Iterable):
        raise UserError(f"`log` must be some of {', '.join(CATALOGUE.names())}, got {log!r}")
    names = tuple(dict.fromkeys([log] if isinstance(log, str) else log))
    for name in names:
        CATALOGUE.load(name, "Log").check()
    return names


class Logs:
    """The logs of one seed.

    Parameters
    ----------
    names
        Which.
    logged
        The seed.

    Examples
    --------
    >>> from pathlib import Path
    >>> seed = Logged(study="demo", method="simclr", seed=0, config={}, identity={}, folder=Path())
    >>> logs = Logs((), seed)
    >>> logs.write({"epoch": 1, "epochs": 2, "loss": 0.5})
    >>> logs.close()
    """

    def __init__(self, names: Sequence[str], logged: Logged) -> None:
        self._whose = f"{logged.method}/seed-{logged.seed:04d}"
        self._open: dict[str, Log] = {}
        for name in names:
            self._try(name, self._begin, name, logged)

    def _begin(self, name: str, logged: Logged) -> None:
        self._open[name] = CATALOGUE.load(name, "Log")(logged)

    def write(self, line: Mapping[str, Any]) -> None:
        """Write an epoch's line of log.jsonl."""
        values = {name: float(value) for name, value in line.items() if name not in ("epoch", "epochs")}
        for name, log in [*self._open.items()]:
            self._try(name, log.write, line["epoch"], values)

    def close(self) -> None:
        """Write what is left."""
        for name, log in [*self._open.items()]:
            self._try(name, log.close)

    def _try(self, name: str, action: Callable[..., None], *arguments: Any) -> None:
        try:
            action(*arguments)
        except Exception as error:  # of libraries, disks and networks: none is a reason to stop training
            failed = self._open.pop(name, None)
            if failed is not None and action != failed.close:
                with contextlib.suppress(Exception):
                    failed.close()
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            LOGGER.warning(
                "log %s of %s has failed (%s): training goes on without it", name, self._whose, reason
            )
