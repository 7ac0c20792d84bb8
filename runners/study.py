# SPDX-License-Identifier: Apache-2.0
"""The whole study in one command: train what is missing, run every analysis, draw every figure, write the report.

python -m runners.study --preset quick
"""

import importlib
import inspect
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

import analysis
from analysis.framework import console, results
from analysis.framework.console import say
from analysis.framework.where import Where as Analysed
from analysis.framework.where import open_study
from dynamics.names import ORDER
from dynamics.study import Study
from dynamics.study_file import preset
from dynamics.training.plan import Plan, make_plan
from figures.__main__ import draw
from runners import report
from runners.seeds import Where, announce, train_jobs, wanted_seeds

SEEDS = {"quick": 8, "thesis": 30}
"""Copies of each network that a preset trains."""


@dataclass(frozen=True, kw_only=True)
class Arguments(Where):
    """Train, analyse, draw and report a study of several methods; resumes anywhere."""

    methods: tuple[str, ...] = ORDER
    """Ways of training; those that take longest are trained first."""
    n: int | None = None
    """Seeds of each method: 0 to n - 1 (default 8 for quick, 30 for thesis)."""
    results: Path = Path("results")
    """Folder that takes numbers and figures."""


def make_plans(arguments: Arguments, study: str, chosen: str) -> Plan:
    """Return the seeds of all methods that are to be trained, and those that are whole."""
    seeds = wanted_seeds(SEEDS.get(chosen, 8) if arguments.n is None else arguments.n, None)
    plans = [
        make_plan(arguments.runs, study, method, preset(method, chosen), seeds)
        for method in arguments.methods
    ]
    return Plan(
        [job for plan in plans for job in plan.missing], [job for plan in plans for job in plan.whole]
    )


def analyse_all(study: Study, folder: Path, *, data_root: Path, device: str) -> None:
    """Run every analysis that applies to a study, and write its results to `folder`."""
    for name in analysis.names():
        module = importlib.import_module(f"analysis.{name}")
        reason = module.applies(study) if hasattr(module, "applies") else None
        if reason is not None:
            say(f"\nanalysis {name} is left out: {reason}")
            continue
        say(f"\nanalysis {name}")
        # Those that look at networks want the images and a device; the others need neither.
        options = {"data_root": data_root, "device": device}
        taken = inspect.signature(module.analyse).parameters
        result = module.analyse(study, **{key: value for key, value in options.items() if key in taken})
        module.show(result)
        results.save(result, folder)


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    arguments = tyro.cli(Arguments, args=list(argv), prog="python -m runners.study")
    chosen = announce(arguments)
    study = arguments.study or chosen
    plan = make_plans(arguments, study, chosen)
    status = train_jobs(plan, arguments, again=shlex.join(["python", "-m", "runners.study", *argv]))
    if status == 130 or arguments.dry_run:
        return status
    opened = open_study(Analysed(study=study, runs=arguments.runs, results=arguments.results))
    folder = arguments.results / study
    analyse_all(opened, folder, data_root=arguments.data_root, device=arguments.device)
    say("\nfigures")
    draw(folder)
    page = report.write(opened, folder)
    say(f"\nnumbers in {folder}, figures in {folder / 'figures'}, open the report: {page}")
    return status


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
