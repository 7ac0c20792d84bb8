# SPDX-License-Identifier: Apache-2.0
"""The command line of an analysis: its flags are the parameters of `analyse`, their help its docstring.

`python -m analysis.X` is `analyse`, `tables`, `save`; an analysis's file ends with a call of `main` with its name.
"""

import dataclasses
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import docstring_parser
import tyro

from analysis.framework import console, results
from analysis.framework.flags import cli
from analysis.framework.results import Result
from analysis.framework.where import Where, open_study
from dynamics.errors import UserError
from dynamics.study import Study

RENAMED = {"--least-steps": "--min-steps"}
"""Flags of version 0.1 that have another name today; the old names still work."""


def main(name: str, argv: Sequence[str] | None = None) -> None:
    """Run the command of an analysis, and exit with its status.

    Parameters
    ----------
    name
        Name of the analysis.
    argv
        Arguments of the command; by default those of this process.

    Examples
    --------
    >>> main("binomial", ["--help"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    SystemExit: 0
    """
    module = importlib.import_module(f"analysis.{name}")
    console.run(lambda: _run(module, name, sys.argv[1:] if argv is None else argv))


def _run(module: Any, name: str, argv: Sequence[str]) -> None:
    where, options = parse(
        module.analyse, argv, prog=f"python -m analysis.{name}", description=module.__doc__
    )
    study = open_study(where)
    if (reason := why_not(module, study)) is not None:
        raise UserError(reason)
    finish(module.analyse(study, **options), where.results / study.name)


def finish(found: Result, folder: Path) -> None:
    """Write a result to its folder, then show it, so that everything shown is on the disk already.

    Examples
    --------
    >>> import tempfile
    >>> from analysis import classes
    >>> from analysis.framework.example import example_study
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     finish(classes.analyse(example_study()), Path(folder))  # doctest: +ELLIPSIS
    do classes differ in r_t?...
    written: ...classes.csv ...classes.json ...classes.npz
    """
    paths = results.write(found, folder)
    for table in found.tables():
        console.show(table)
    console.say("written: " + " ".join(map(str, paths)))


def why_not(module: Any, study: Study) -> str | None:
    """Say in one line why a study has nothing for an analysis; None where it has.

    Examples
    --------
    >>> from analysis import classes
    >>> from analysis.framework.example import example_study
    >>> why_not(classes, example_study()) is None
    True
    """
    reason: str | None = module.applies(study) if hasattr(module, "applies") else None
    return reason


def parse(
    analyse: Callable[..., Result], argv: Sequence[str], *, prog: str, description: str | None
) -> tuple[Where, dict[str, Any]]:
    """Parse a command line: where the study is, and the other parameters of `analyse`.

    A parameter that is a dataclass gives one flag for each of its fields.

    Examples
    --------
    >>> from analysis import binomial
    >>> flags = ["--study", "demo", "--permutations", "99"]
    >>> where, options = parse(binomial.analyse, flags, prog="binomial", description="")
    >>> where.study, options["permutations"]
    ('demo', 99)
    """
    arguments = dataclasses.make_dataclass(
        "Arguments", [("where", Where), *_fields(analyse)], frozen=True, kw_only=True
    )
    parsed: Any = cli(
        arguments,
        current(argv),
        prog=prog,
        description=_ROLE.sub(r"\1", description or ""),
        flat=True,
    )
    options = {field.name: getattr(parsed, field.name) for field in dataclasses.fields(arguments)}
    return options.pop("where"), options


def current(argv: Sequence[str], renamed: Mapping[str, str] = RENAMED) -> list[str]:
    """Return a command line with its flags spelled as they are today; `renamed` has their names by the old ones.

    Examples
    --------
    >>> current(["--least-steps", "0", "--least_steps=5", "--lr", "0.1"])
    ['--min-steps', '0', '--min-steps=5', '--lr', '0.1']
    """
    spelled = []
    for word in argv:
        flag, equals, value = word.partition("=")
        spelled.append(
            renamed[name] + equals + value if (name := flag.replace("_", "-")) in renamed else word
        )
    return spelled


def _fields(analyse: Callable[..., Result]) -> list[tuple[str, Any, Any]]:
    """Return a dataclass's field for each parameter but the study."""
    hints = typing.get_type_hints(analyse)
    said = {one.arg_name: one.description for one in docstring_parser.parse(analyse.__doc__ or "").params}
    fields: list[tuple[str, Any, Any]] = []
    for name, parameter in list(inspect.signature(analyse).parameters.items())[1:]:
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            fields.append((name, hint, dataclasses.field(default=parameter.default)))
            continue
        text = _ROLE.sub(r"\1", " ".join((said.get(name) or "").split()))
        helped: Any = Annotated[_listed(hint), tyro.conf.arg(help=text)]
        fields.append((name, helped, dataclasses.field(default=parameter.default)))
    return fields


_ROLE = re.compile(r":\w+:`~?([^`]+)`")
"""How a docstring names what has a page of its own."""


def _listed(hint: Any) -> Any:
    """Return a type that a command line can fill: sequences become tuples."""
    if typing.get_origin(hint) is Sequence:
        return tuple.__class_getitem__((*typing.get_args(hint), ...))
    options = typing.get_args(hint)
    if type(None) in options:
        return typing.Union[tuple(_listed(option) for option in options)]  # noqa: UP007 - built from a tuple
    return hint
