# SPDX-License-Identifier: Apache-2.0
"""Train one method with several values of its fields: python -m runners.sweep --method simclr --over lr 1e-4 1e-3.

Every setting is a study of its own, `<sweep>.lr-0.0001`; the seeds of all go through one pool, and what is whole
is left alone. Afterwards a table and figure S.1 show loss, collapse and probe accuracy by setting.
"""

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.progress import track

from analysis import sweep as comparison
from analysis.framework import console, results
from analysis.framework.console import say
from analysis.storage.sweeps import Setting, Value, make, split_name, study_name
from dynamics import data, methods, snapshots
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.study_file import preset
from dynamics.training.plan import STUDY_NAME, Plan, make_plan
from figures.__main__ import draw
from runners.grid import check_flags, grid, read_over
from runners.seeds import Seeds, announce, default_preset, train_jobs, wanted_seeds


@dataclass(frozen=True, kw_only=True)
class Arguments(Seeds):
    """What to sweep over, which seeds to train, and where."""

    over: tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]] = ()
    """A numeric field of the recipe and its values: --over lr 1e-4 3e-4 1e-3. Several --over make a grid."""
    study: str | None = None
    """Name of the sweep; by default <preset>-sweep-<method>-<fields>."""
    results: Path = Path("results")
    """Folder that takes numbers and figure, in a folder of the sweep's name."""


def parse(argv: Sequence[str]) -> tuple[Arguments, Recipe]:
    """Read a command line; the recipe's fields are flags, as in :mod:`runners.seeds`."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--method")
    first.add_argument("--preset")
    known, _ = first.parse_known_args(argv)
    wants_help = "--help" in argv or "-h" in argv
    if known.method is None and not wants_help:
        raise UserError(f"which method? add --method with one of {', '.join(methods.names())}")
    method = known.method or "simclr"
    recipe = preset(method, known.preset or default_preset())
    groups = [("runner", Arguments), ("recipe", type(recipe))]
    together = dataclasses.make_dataclass("Together", groups, frozen=True, kw_only=True)
    parsed = tyro.cli(
        together,
        default=together(runner=Arguments(method=method), recipe=recipe),
        args=list(argv),
        prog="python -m runners.sweep",
        description=f"Train one method ({', '.join(methods.names())}) with several values of its fields.",
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.HelptextFromCommentsOff),
    )
    return parsed.runner, parsed.recipe


def sweep_name(study: str | None, chosen: str, method: str, fields: Sequence[str]) -> str:
    """Return the sweep's name: what --study says, or one made of preset, method and fields."""
    if study is None:
        return "-".join([chosen, "sweep", method, *(field.replace("_", "-") for field in fields)])
    if not STUDY_NAME.fullmatch(study):
        raise UserError(f"--study {study!r} is no name: use letters, digits, dots, hyphens and underscores")
    if fields_in_it := split_name(study)[1]:
        raise UserError(
            f"--study {study} ends as a setting's name ({fields_in_it[-1]} and a value): choose another for a sweep"
        )
    return study


def make_plans(
    arguments: Arguments, name: str, recipe: Recipe, points: Sequence[Mapping[str, Value]], seeds: list[int]
) -> Plan:
    """Return the seeds of all settings that are to be trained, and those that are whole.

    Raises
    ------
    UserError
        When a value is out of the range of its field, or a setting was trained with another config.
    """
    recipes = [dataclasses.replace(recipe, **point) for point in points]  # type: ignore[arg-type]
    plans = [
        make_plan(arguments.runs, study_name(name, point), arguments.method, own, seeds)
        for point, own in zip(points, recipes, strict=True)
    ]
    return Plan(
        [job for plan in plans for job in plan.missing], [job for plan in plans for job in plan.whole]
    )


def check(plan: Plan, arguments: Arguments) -> None:
    """Compare the sizes of every setting with the data before the first is trained."""
    jobs = {job.folder.parent: job for job in plan.missing}
    loaded: dict[str, data.Dataset] = {}
    for job in jobs.values():
        dataset = job.recipe.dataset
        if dataset not in loaded:
            loaded[dataset] = data.load(
                dataset, data_root=arguments.data_root, download=arguments.download, progress=track
            )
        training.check(job, loaded[dataset])


def compare(arguments: Arguments, name: str, points: Sequence[Mapping[str, Value]], seeds: list[int]) -> None:
    """Show the settings as a table and a figure, and write both down."""
    sweep = make(
        arguments.runs, name, arguments.method, [_setting(arguments, name, p, seeds) for p in points]
    )
    folder = arguments.results / name
    result = comparison.analyse(sweep, data_root=arguments.data_root, device=arguments.device)
    comparison.show(result)
    results.save(result, folder)
    draw(folder, ["sweep"])


def _setting(arguments: Arguments, name: str, point: Mapping[str, Value], seeds: list[int]) -> Setting:
    study = study_name(name, point)
    there = snapshots.list_seeds(arguments.runs, study, arguments.method)
    return Setting(study=study, values=point, seeds=tuple(sorted({*there, *seeds})))


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    arguments, recipe = parse(argv)
    over = read_over(arguments.over, type(recipe))
    check_flags(over, argv)
    chosen = announce(arguments)
    name = sweep_name(arguments.study, chosen, arguments.method, list(over))
    seeds = wanted_seeds(arguments.n, arguments.seeds)
    points = grid(over)
    plan = make_plans(arguments, name, recipe, points, seeds)
    if not arguments.dry_run:
        check(plan, arguments)
    say(f"sweep {name}: {len(points)} settings of {arguments.method}, {len(seeds)} seeds each")
    status = train_jobs(plan, arguments, again=shlex.join(["python", "-m", "runners.sweep", *argv]))
    if status == 130 or arguments.dry_run:
        return status
    compare(arguments, name, points, seeds)
    return status


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
