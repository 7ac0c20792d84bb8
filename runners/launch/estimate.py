# SPDX-License-Identifier: Apache-2.0
"""What there is to train, in which state it is, and about how long it takes, from seeds that are complete."""

from analysis.framework.console import say
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.names import counted, duration
from dynamics.training.job import Job
from dynamics.training.plan import Plan, longest_first, views_trained_on
from dynamics.training.progress import name


def preview(plan: Plan) -> int:
    """Print each seed that would be trained, its state and its estimated time; return the exit status."""
    total, pace = 0.0, seconds_per_view(plan)
    for job in longest_first(plan.missing):
        state = snapshots.state(job.folder)
        left = job.recipe.epochs - state.committed
        words = [f"{state.committed} are there"] if state.committed else []
        if pace:
            seconds = left * views_trained_on(job.method, job.recipe) * pace.get(job.method, _mean(pace))
            total += seconds
            words.append(f"about {duration(seconds)}")
        if state.holder is not None:
            words.append(f"held by {state.holder}")
        more = f" ({', '.join(words)})" if words else ""
        say(f"would train {name(job)} for {counted(left, 'epoch')} in {job.folder}{more}")
    if pace and plan.missing:
        say(f"about {total / 3600:.2g} hours of one worker, as complete seeds of the study took")
    elif plan.missing:
        say("no seed is complete yet, and nothing else says how long one takes")
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
