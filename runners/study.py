# SPDX-License-Identifier: Apache-2.0
"""A complete study in one command: train missing seeds, run the analyses, draw the figures, write the report.

python -m runners.study quick
python -m runners.study my-study.toml --epochs 2
"""

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from analysis.framework import console
from analysis.framework.console import say
from dynamics import methods as ways
from dynamics.config import Recipe, renamed
from dynamics.errors import UserError
from dynamics.methods.views import scored_at_a_temperature
from dynamics.opening import open_study
from dynamics.study_file import StudyFile
from dynamics.training.plan import Plan, make_plan
from runners.arguments import Resources, announce, parse_with_changes, seeds_of_flags
from runners.everything import analyse_all, check_analyses
from runners.launch.elsewhere import left_to_others
from runners.seeds import train


@dataclass(frozen=True, kw_only=True)
class StudyArguments(Resources):
    """Train, analyse, draw and report a study of several methods; resumes after any interruption."""

    file: tyro.conf.Positional[str | None] = None
    """Study file, or preset: quick, cifar-small, thesis. The same as --preset."""
    methods: tuple[str, ...] | None = None
    """Methods to train, instead of the file's; those that take longest are trained first."""
    n: int | None = None
    """Number of seeds of each method, 0 to n - 1, instead of the file's."""
    analyses: tuple[str, ...] | None = None
    """Analyses to run, instead of the file's; by default all that apply."""
    results: Path = Path("results")
    """Folder for numbers and figures."""


def recipes_of(file: StudyFile, chosen: Sequence[str], changes: dict[str, Any]) -> dict[str, Recipe]:
    """Return the recipe of every method: the file's, with changes for the methods that have the changed field.

    Raises
    ------
    UserError
        If no method has a field that is to be changed, or a value is out of range.
    """
    known = {method: {field.name for field in dataclasses.fields(ways.recipe(method))} for method in chosen}
    for method, fields in known.items():
        if scored_at_a_temperature(ways.recipe(method)):
            fields.add("panel_temperature")
    for name in changes:
        if not any(name in fields for fields in known.values()):
            raise UserError(f"`{name}` is not a field of {', '.join(chosen)}: leave it out")
    return {
        method: file.recipe_of(
            method, **renamed({name: value for name, value in changes.items() if name in fields})
        )
        for method, fields in known.items()
    }


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    arguments, changes = parse_with_changes(
        StudyArguments, argv, prog="python -m runners.study", description=__doc__ or ""
    )
    if arguments.file is not None and arguments.preset is not None:
        raise UserError(f"`preset` and the file {arguments.file} exclude each other: use one")
    file = announce(arguments.file or arguments.preset)
    check_analyses(arguments.analyses or file.analyses or ())
    study = arguments.study or file.name
    chosen = file.methods if arguments.methods is None else arguments.methods
    if not chosen:
        raise UserError(f"`methods` must name at least one of {', '.join(ways.names())}")
    recipes = recipes_of(file, chosen, changes)
    plan = Plan.together(
        make_plan(
            arguments.runs, study, method, recipe, seeds_of_flags(arguments.n, None, file.seed_list(method))
        )
        for method, recipe in recipes.items()
    )
    only = arguments.analyses or file.analyses
    again = shlex.join(["python", "-m", "runners.study", *argv])
    status = train(plan, arguments, again=again, analyses=only)
    if status == 130 or arguments.dry_run or left_to_others(plan, arguments):
        return status
    opened = open_study(arguments.runs / study)
    for note in opened.notes:
        say(note)
    complete = analyse_all(
        opened, arguments.results / study, data_root=arguments.data_root, device=arguments.device, only=only
    )
    return status or int(not complete)


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
