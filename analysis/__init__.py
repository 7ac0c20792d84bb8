# SPDX-License-Identifier: Apache-2.0
"""From snapshots to numbers: one file per question, found by its name.

A module here has `analyse(study, ...) -> Result`, `tables(result) -> list[Table]`, and `COLUMNS`, what each column of
its file means (:mod:`analysis.framework.columns`); its command line follows from `analyse`'s signature
(:mod:`analysis.framework.command`). `analysis.statistics` holds the pure functions on arrays.
"""

import pkgutil

from dynamics import own_files
from dynamics.starting import end_quietly

end_quietly()
own_files.add(__path__, __name__)


def names() -> tuple[str, ...]:
    """Return all analyses, by name.

    Examples
    --------
    >>> "binomial" in names()
    True
    """
    found = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))
