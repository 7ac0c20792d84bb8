# SPDX-License-Identifier: Apache-2.0
"""What a user can get wrong. Nothing here knows a command line or a terminal."""

import re
from collections.abc import Callable

_PARAMETER = re.compile(r"`([a-z_][a-z0-9_]*(?:=[\w.-]+)?)`")


class UserError(Exception):
    """A mistake the user can mend: says what must hold, what was got, and what to do instead.

    Parameters in backticks are those of functions and recipes; ``str`` shows them plainly, and a command line
    writes them as its flags (:meth:`spelled`).

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
        """Return the message with each marked parameter, such as ``lr`` or ``download=True``, spelled by a function."""
        return _PARAMETER.sub(lambda found: parameter(found[1]), super().__str__())
