# SPDX-License-Identifier: Apache-2.0
"""Train one method with several values of its fields: python -m runners.sweep --method simclr --over lr 1e-4 1e-3.

Every setting is a study of its own, `<sweep>.lr-0.0001`. The seeds of all settings are trained in one pool; complete
ones are left alone. Afterwards a table and figure S.1 show loss, collapse and probe accuracy by setting.
"""

import dataclasses
import hashlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from analysis import sweep as comparison
from analysis.framework import command, console
from analysis.framework.console import say
from analysis.framework.sweeps import LONGEST, Setting, Value, make, setting_name, study_name
from dynamics import snapshots
from dynamics.config import Recipe
from dynamics.names import LONGEST_NAME, check_study_name, counted
from dynamics.training.plan import Plan, make_plan
from figures.__main__ import draw_all
from runners.arguments import announce, parse_with_recipe, seeds_of_flags
from runners.grid import check_flags, grid, read_over
from runners.launch.elsewhere import left_to_others
from runners.seeds import SeedArguments, train


@dataclass(frozen=True, kw_only=True)
class SweepArguments(SeedArguments):
    """Which fields to vary, which seeds to train, and where."""

    over: tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]] = ()
    """Numeric field of the recipe and its values: --over lr 1e-4 3e-4 1e-3. Several --over make a grid."""
    study: str | None = None
    """Name of the sweep; by default <preset>-sweep-<method>-<fields>."""
    results: Path = Path("results")
    """Folder for the numbers and the figure, in a subfolder with the sweep's name."""


def sweep_name(study: str | None, preset: str, method: str, fields: Sequence[str]) -> str:
    """Return the name of the sweep: that of --study, or one made of preset, method and fields.

    Examples
    --------
    >>> sweep_name(None, "quick", "vicreg", ["lr"])
    'quick-sweep-vicreg-lr'
    """
    if study is None:
        made = "-".join([preset, "sweep", method, *(field.replace("_", "-") for field in fields)])
        digest = hashlib.sha256(made.encode()).hexdigest()[:12]
        short = "-".join([preset, "sweep", method, str(len(fields)), "fields", digest])
        return made if len(made) < LONGEST_NAME - LONGEST else short
    check_study_name(study)
    return study


def make_plans(
    arguments: SweepArguments,
    name: str,
    recipe: Recipe,
    points: Sequence[Mapping[str, Value]],
    seeds: list[int],
) -> Plan:
    """Return the seeds of all settings that must be trained, and those that are complete.

    Raises
    ------
    UserError
        If a value is out of range, or a setting was trained with another recipe.
    """
    recipes = [dataclasses.replace(recipe, **point) for point in points]  # type: ignore[arg-type]
    plan = Plan.together(
        make_plan(arguments.runs, study_name(name, point), arguments.method, changed, seeds)
        for point, changed in zip(points, recipes, strict=True)
    )
    setting_of = {study_name(name, point): setting_name(point) for point in points}
    return Plan(
        *(
            [dataclasses.replace(job, setting=setting_of[job.study_folder.name]) for job in jobs]
            for jobs in plan
        )
    )


def compare(
    arguments: SweepArguments, name: str, points: Sequence[Mapping[str, Value]], seeds: list[int]
) -> None:
    """Compare the settings in a table and a figure, and write both to disk."""
    settings = [
        Setting(
            study=study_name(name, point),
            values=point,
            seeds=tuple(
                sorted(
                    {
                        *snapshots.list_seeds(arguments.runs, study_name(name, point), arguments.method),
                        *seeds,
                    }
                )
            ),
        )
        for point in points
    ]
    sweep = make(arguments.runs, name, arguments.method, settings)
    folder = arguments.results / name
    command.finish(comparison.analyse(sweep, data_root=arguments.data_root, device=arguments.device), folder)
    draw_all(folder, ["sweep"])


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    arguments, recipe = parse_with_recipe(
        SweepArguments,
        argv,
        prog="python -m runners.sweep",
        description="Train one method with several values of its fields.",
    )
    over = read_over(arguments.over, type(recipe))
    check_flags(over, argv)
    preset = announce(arguments.preset).name
    name = sweep_name(arguments.study, preset, arguments.method, list(over))
    seeds = seeds_of_flags(arguments.n, arguments.seeds)
    points = grid(over)
    plan = make_plans(arguments, name, recipe, points, seeds)
    say(
        f"sweep {name}: {counted(len(points), 'setting')} of {arguments.method}, {counted(len(seeds), 'seed')} each"
    )
    again = shlex.join(["python", "-m", "runners.sweep", *argv])
    status = train(plan, arguments, again=again, sweep={"name": name, "fields": list(over)})
    if status == 130 or arguments.dry_run or left_to_others(plan, arguments):
        return status
    compare(arguments, name, points, seeds)
    return status


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
