# SPDX-License-Identifier: Apache-2.0
"""How fast is it, beside what a user would pick instead: one file a question, found by its name.

A module here has `measure(setting) -> list[Row]`; `benchmarks.peers` holds what is compared with. Nothing imports
this package: `python -m benchmarks` runs it.
"""

import importlib
import pkgutil
from types import ModuleType

from dynamics.errors import UserError

FIRST = ("train", "seeds")
"""Measured before all others, in case the time is short."""


def names() -> tuple[str, ...]:
    """Return all benchmarks, in the order in which they are measured."""
    modules = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    found = sorted(module.name for module in modules if not module.name.startswith("_"))
    return tuple(sorted(found, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)))


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
