# SPDX-License-Identifier: Apache-2.0
"""The exception for mistakes that a user can correct. It knows neither command lines nor terminals."""

import re
from collections.abc import Callable

_PARAMETER = re.compile(r"`([a-z_][a-z0-9_]*(?:=[\w.-]+)?)`")


class UserError(Exception):
    """A mistake that the user can correct: says what must hold, what was got, and what to do instead.

    Words in backticks are parameters of functions and fields of recipes. ``str`` drops the backticks, and a command
    line writes the words as flags (:meth:`spelled`).

    Examples
    --------
    >>> error = UserError("`weight_decay` must be >= 0, got -1.0")
    >>> str(error)
    'weight_decay must be >= 0, got -1.0'
    >>> error.spelled(lambda name: f"--{name.replace('_', '-')}")
    '--weight-decay must be >= 0, got -1.0'
    """

    def __str__(self) -> str:
        return self.spelled(lambda name: name)

    def spelled(self, parameter: Callable[[str], str]) -> str:
        """Return the message with each marked parameter (``lr``, ``download=True``) as a function spells it."""
        return _PARAMETER.sub(lambda match: parameter(match[1]), super().__str__())
