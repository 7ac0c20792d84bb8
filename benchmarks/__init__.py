# SPDX-License-Identifier: Apache-2.0
"""How fast is it, beside what a user would pick instead: one file a question, found by its name.

A module here has `measure(setting) -> list[Row]`; `benchmarks.peers` holds what is compared with. Nothing imports
this package: `python -m benchmarks` runs it.
"""

import importlib
import pkgutil
from types import ModuleType

from dynamics.console import UserError


def names() -> tuple[str, ...]:
    """Return all benchmarks, by name."""
    found = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))


def load(name: str) -> ModuleType:
    """Import a benchmark.

    Raises
    ------
    UserError
        When there is no such benchmark; the message lists those there are.
    """
    if name not in names():
        raise UserError(f"no benchmark {name!r}: use --only with one of {', '.join(names())}")
    return importlib.import_module(f"benchmarks.{name}")
