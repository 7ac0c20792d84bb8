# SPDX-License-Identifier: Apache-2.0
"""What a log of training is: the class that a file of this package extends."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from dynamics.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Logged:
    """The seed that a log is of."""

    study: str
    method: str
    seed: int
    config: Mapping[str, Any]
    """The recipe's fields."""
    identity: Mapping[str, Any]
    """What tells the run from others, :func:`dynamics.snapshots.identity`."""
    folder: Path
    """Where the log may write: a folder of its own, which need not exist."""


class Log(abc.ABC):
    """A log of one seed, open for writing.

    It is sent every epoch from the first on, in order, also those of earlier processes: a run that was interrupted, at
    whatever instant, has each epoch once if a new log replaces what earlier ones have written.

    Parameters
    ----------
    logged
        The seed.
    """

    package: ClassVar[str | None] = None
    """A package that it needs, if any, and imports when it is made; the extra that installs it has the same name."""

    @abc.abstractmethod
    def __init__(self, logged: Logged) -> None: ...

    @abc.abstractmethod
    def write(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the numbers of an epoch; whatever is raised, here and elsewhere, ends the log, but not the training."""

    @abc.abstractmethod
    def close(self) -> None:
        """Write what is left."""

    @classmethod
    def check(cls) -> None:
        """Check, before any seed is trained, that the log can be used.

        Raises
        ------
        UserError
            If it cannot: says what to do.
        """
        if cls.package is not None and find_spec(cls.package) is None:
            raise UserError(
                f"`log` {cls.package} needs the package {cls.package}: pip install 'training-dynamics[{cls.package}]'"
            )
