# SPDX-License-Identifier: Apache-2.0
"""A user's own methods, encoders, data sets, analyses and figures as files outside the program.

TRAINING_DYNAMICS_PATH names folders, separated by colons, that are laid out like a checkout: dynamics/methods/dcl.py in
one of them is the method dcl, analysis/late.py the analysis late. They are looked for nowhere else, so that a folder
called `analysis` where a command is started means nothing.
"""

import os
import pkgutil
import sys
from collections.abc import MutableSequence
from pathlib import Path

VARIABLE = "TRAINING_DYNAMICS_PATH"


def add(path: MutableSequence[str], package: str) -> None:
    """Let a package also find the modules that the user keeps for it; a wrong setting ends the process.

    Parameters
    ----------
    path
        The package's `__path__`, to which folders are added.
    package
        Its name, which is where its modules are in the user's folders.

    Examples
    --------
    >>> path = ["checkout/dynamics/methods"]
    >>> add(path, "dynamics.methods")
    >>> path  # the variable is not set
    ['checkout/dynamics/methods']
    """
    for root in folders():
        if not root.is_dir():
            sys.exit(f"error: {VARIABLE} names {root}, which is no folder")
        own = root.joinpath(*package.split("."))
        ours = {module.name for module in pkgutil.iter_modules(path)}
        for module in pkgutil.iter_modules([str(own)]):
            if "-" in module.name:
                right = module.name.replace("-", "_")
                sys.exit(
                    f"error: {own / module.name}.py must be called {right}.py: Python imports no hyphens"
                )
            if module.name in ours:
                sys.exit(
                    f"error: {own / module.name}.py has the name of another file of {package}: rename it"
                )
        if own.is_dir():
            path.append(str(own))


def folders() -> list[Path]:
    """Return the user's folders.

    Examples
    --------
    >>> folders()  # the variable is not set
    []
    """
    return [Path(part).absolute() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


def file_of(module: str) -> Path | None:
    """Return the file of the user's own that a module's name stands for; None if it is none of those.

    Examples
    --------
    >>> file_of("dynamics.methods.simclr") is None
    True
    """
    places = [root.joinpath(*module.split(".")).with_suffix(".py") for root in folders()]
    return next((place for place in places if place.is_file()), None)


def holds(file: str | None) -> bool:
    """Return whether a module's file is one of the user's own.

    Examples
    --------
    >>> holds("checkout/dynamics/methods/simclr.py")
    False
    """
    return file is not None and any(Path(file).is_relative_to(root) for root in folders())
