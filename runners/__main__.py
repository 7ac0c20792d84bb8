# SPDX-License-Identifier: Apache-2.0
"""All commands of this toolkit: `dynamics`, or `python -m runners`, lists them; `dynamics NAME` runs one."""

import ast
import difflib
import pkgutil
import runpy
import shutil
import sys
from importlib.machinery import FileFinder
from pathlib import Path
from typing import NamedTuple, NoReturn

import analysis
import dynamics
import runners
from dynamics import starting
from dynamics.errors import UserError

PACKAGES = (runners, analysis)
"""Packages whose files are commands; of two files of one name the first has it, the other is `analysis.sweep`."""
GUARD = 'if __name__ == "__main__":'
"""What tells a command's file from one that others import."""
KINDS = {"studies, figures and pages:": ("runners", "figures"), "questions:": ("analysis",)}
"""Headings of the list of commands, and the packages below each."""


class Command(NamedTuple):
    """What runs when a name is typed."""

    module: str
    file: Path


def commands() -> dict[str, Command]:
    """Return every command by the name that is typed; nothing is imported for it.

    Examples
    --------
    >>> found = commands()
    >>> [found[name].module for name in ("seeds", "binomial", "figures", "analysis.sweep")]
    ['runners.seeds', 'analysis.binomial', 'figures', 'analysis.sweep']
    """
    found: dict[str, Command] = {}
    for package in PACKAGES:
        for finder, name, is_package in pkgutil.iter_modules(package.__path__):
            if name.startswith("_") or not isinstance(finder, FileFinder):
                continue
            file = Path(finder.path, name, "__main__.py") if is_package else Path(finder.path, f"{name}.py")
            if file.is_file() and GUARD in file.read_text(encoding="utf-8"):
                full, typed = f"{package.__name__}.{name}", name.replace("_", "-")
                found[full if typed in found else typed] = Command(full, file)
    return {**found, "figures": Command("figures", starting.ROOT / "figures" / "__main__.py")}


def summary(command: Command) -> str:
    """Return what a command does: the first line of its docstring, without the command line that may follow.

    Examples
    --------
    >>> summary(commands()["seeds"])
    'Train seeds of one method'
    """
    first = (ast.get_docstring(ast.parse(command.file.read_bytes())) or "").partition("\n")[0]
    return first.partition(": python -m ")[0].rstrip(".:")


def find(name: str) -> str | None:
    """Return the module of the command that has this name, or whose module has it; None if there is none.

    Examples
    --------
    >>> find("seeds"), find("runners.seeds"), find("sedes")
    ('runners.seeds', 'runners.seeds', None)
    """
    known = commands()
    if (typed := name.replace("_", "-")) in known:
        return known[typed].module
    return name if any(name == command.module for command in known.values()) else None


def unknown(name: str) -> NoReturn:
    """Say that there is no such command, and which has the nearest name.

    Examples
    --------
    >>> unknown("sedes")
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: no command 'sedes': did you mean seeds? See dynamics --help
    """
    known = commands()
    near = difflib.get_close_matches(name.replace("_", "-"), known, n=1)
    raise UserError(f"no command {name!r}{f': did you mean {near[0]}?' if near else '.'} See dynamics --help")


def listing(width: int | None = None) -> list[str]:
    """Return the list of all commands, a line each.

    Parameters
    ----------
    width
        Maximum length of a line; by default there is none.
    """
    known = commands()
    room = max(map(len, known))
    lines = ["dynamics COMMAND, such as: dynamics study quick", "More of one: dynamics COMMAND --help"]
    for title, packages in KINDS.items():
        lines += ["", title]
        for name, command in sorted(known.items()):
            if command.module.partition(".")[0] in packages:
                lines.append(_cut(f"  {name:{room}}  {summary(command)}", width))
    return lines


def _cut(line: str, width: int | None) -> str:
    if width is None or len(line) <= width:
        return line
    return line[: max(width - 4, 0)].rpartition(" ")[0] + " ..."


def _list() -> None:
    from analysis.framework import console

    for line in listing(shutil.get_terminal_size().columns if sys.stdout.isatty() else None):
        console.say(line)


def main() -> None:
    """Run the command that the first argument names, and exit with its status."""
    starting.end_quietly(command=True)
    from analysis.framework import console

    name, *words = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h", "help"):
        console.run(_list)
    if name in ("--version", "-V"):
        console.run(lambda: console.say(f"training-dynamics {dynamics.__version__}"))
    module = find(name)
    if module is None:
        console.run(lambda: unknown(name))
        return
    console.typed.update({command.module: typed for typed, command in commands().items()})
    sys.argv[1:] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
