# SPDX-License-Identifier: Apache-2.0
"""A complete study in one command: train missing seeds, run the analyses, draw the figures, write the report.

python -m runners.study quick
python -m runners.study my-study.toml --epochs 2
"""

import dataclasses
import importlib
import inspect
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

import analysis
from analysis.framework import command, console
from analysis.framework.console import say
from analysis.framework.where import Where, open_study
from dynamics import methods as ways
from dynamics import study_file
from dynamics.config import Recipe, renamed
from dynamics.errors import UserError
from dynamics.methods.views import scored_at_a_temperature
from dynamics.study import Study
from dynamics.study_file import StudyFile
from dynamics.training.plan import Plan, make_plan
from figures.__main__ import draw
from runners import report
from runners.arguments import Resources, announce, parse_with_changes, wanted_seeds
from runners.seeds import train


@dataclass(frozen=True, kw_only=True)
class StudyArguments(Resources):
    """Train, analyse, draw and report a study of several methods; resumes after any interruption."""

    file: tyro.conf.Positional[str | None] = None
    """Study file, or preset: quick, thesis. The same as --preset."""
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


def analyse_all(
    study: Study, folder: Path, *, data_root: Path, device: str, only: Sequence[str] | None = None
) -> None:
    """Run the analyses that apply to a study, or those in `only`, and write their results to `folder`."""
    for name in only or analysis.names():
        module = importlib.import_module(f"analysis.{name}")
        if (reason := command.why_not(module, study)) is not None:
            say(f"\nanalysis {name} is left out: {reason}")
            continue
        say(f"\nanalysis {name}")
        # Analyses of networks need the images and a device; the others need neither.
        options = {"data_root": data_root, "device": device}
        accepted = inspect.signature(module.analyse).parameters
        command.finish(
            module.analyse(study, **{key: value for key, value in options.items() if key in accepted}), folder
        )


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    arguments, changes = parse_with_changes(
        StudyArguments, argv, prog="python -m runners.study", description=__doc__ or ""
    )
    if arguments.file is not None and arguments.preset is not None:
        raise UserError(f"`preset` and the file {arguments.file} exclude each other: use one")
    file = study_file.read(announce(arguments.file or arguments.preset))
    unknown = [name for name in arguments.analyses or file.analyses or () if name not in analysis.names()]
    if unknown:
        raise UserError(f"no analysis {unknown[0]!r}: use some of {', '.join(analysis.names())}")
    study = arguments.study or file.name
    seeds = wanted_seeds(arguments.n, None, file.seed_list())
    chosen = file.methods if arguments.methods is None else arguments.methods
    if not chosen:
        raise UserError(f"`methods` must name at least one of {', '.join(ways.names())}")
    recipes = recipes_of(file, chosen, changes)
    plan = Plan.together(
        make_plan(arguments.runs, study, method, recipe, seeds) for method, recipe in recipes.items()
    )
    only = arguments.analyses or file.analyses
    again = shlex.join(["python", "-m", "runners.study", *argv])
    status = train(plan, arguments, again=again, analyses=only)
    if status == 130 or arguments.dry_run:
        return status
    opened = open_study(Where(study=study, runs=arguments.runs, results=arguments.results))
    folder = arguments.results / study
    analyse_all(
        opened,
        folder,
        data_root=arguments.data_root,
        device=arguments.device,
        only=only,
    )
    say("\nfigures")
    draw(folder)
    page = report.write(opened, folder)
    say(f"\nnumbers in {folder}, figures in {folder / 'figures'}, open the report: {page}")
    return status


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
