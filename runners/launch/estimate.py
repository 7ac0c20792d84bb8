# SPDX-License-Identifier: Apache-2.0
"""What there is to train, in which state it is, and about how long it takes, from seeds that are complete."""

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.table import Column, Table
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.names import counted
from dynamics.training.loop import Job
from dynamics.training.plan import Plan, longest_first, views_trained_on
from runners.progress import duration, name


def preview(plan: Plan) -> int:
    """Print each seed that would be trained, its state and its estimated time; return the exit status."""
    rows, total = [], 0.0
    pace = seconds_per_view(plan)
    for job in longest_first(plan.missing):
        state = snapshots.state(job.folder)
        left = job.recipe.epochs - state.committed
        seconds = None
        if pace:
            seconds = left * views_trained_on(job.method, job.recipe) * pace.get(job.method, _mean(pace))
            total += seconds
        words = f"{state.kind}, {state.committed} epochs" if state.committed else "not begun"
        held = "" if state.holder is None else f", held by {state.holder}"
        say(f"would train {name(job)} for {counted(left, 'epoch')} in {job.folder}")
        rows.append({"seed": name(job), "state": words + held, "epochs": left, "time": duration(seconds)})
    columns = [
        Column("seed", "seed"),
        Column("state", "state"),
        Column("epochs", "epochs left", "d"),
        Column("time", "estimate"),
    ]
    note = (
        f"about {total / 3600:.2g} hours of one worker, as complete seeds of the study took"
        if pace
        else "no seed is complete yet, and nothing else says how long one takes"
    )
    if rows:
        console.show(Table(caption="to train", columns=columns, rows=rows, notes=[note]))
    return 0


def seconds_per_view(plan: Plan) -> dict[str, float]:
    """Return what complete seeds took, by method: seconds per view that is trained on."""
    first: dict[str, Job] = {}
    for job in plan.complete:
        first.setdefault(job.method, job)
    pace = {}
    for method, job in first.items():
        try:
            seconds = snapshots.Run(job.folder).wall_seconds
        except UserError:
            continue
        if seconds:
            pace[method] = seconds / job.recipe.epochs / views_trained_on(method, job.recipe)
    return pace


def _mean(pace: dict[str, float]) -> float:
    return sum(pace.values()) / len(pace)
