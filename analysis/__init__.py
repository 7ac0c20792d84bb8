# SPDX-License-Identifier: Apache-2.0
"""From snapshots to numbers: one file a question, found by its name.

A module here has `analyse(study, ...) -> Result` and a `main`; `analysis.statistics` holds the pure functions
on arrays that they apply, `analysis.storage` what they read and write.
"""

import pkgutil


def names() -> tuple[str, ...]:
    """Return all analyses, by name."""
    found = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))
