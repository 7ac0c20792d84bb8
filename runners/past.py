# SPDX-License-Identifier: Apache-2.0
"""What did epochs cost before: the logs of seeds that were trained on this machine, by recipe."""

import json
from collections.abc import Sequence
from pathlib import Path

from dynamics import methods, provenance, snapshots
from dynamics.errors import UserError
from dynamics.training.loop import Job
from runners.costs import Cost, Kind, middle

LOGS = 32
"""Logs of each method that are read, the newest first."""


def epochs_done(jobs: Sequence[Job]) -> dict[Job, int]:
    """Return how many epochs of each job are on the disk."""
    return {job: snapshots.state(job.folder).committed for job in jobs}


def epoch_costs(jobs: Sequence[Job]) -> dict[Kind, Cost]:
    """Return what an epoch cost in the newest run of each recipe of the jobs' methods, in any study beside theirs.

    A log that cannot be read, or was written by another version or on another machine, is passed over.
    """
    found: dict[Kind, Cost] = {}
    for runs, method in dict.fromkeys((job.folder.parents[2], job.method) for job in jobs):
        logs = sorted(runs.glob(f"*/{method}/seed-*/log.jsonl"), key=_written, reverse=True)
        for log in logs[:LOGS]:
            try:
                kind = _kind(method, log.parent)
                if kind is not None and kind not in found:
                    found[kind] = _cost(log)
            except (UserError, OSError, ValueError, TypeError, KeyError):
                continue
    return found


def _written(log: Path) -> float:
    try:
        return log.stat().st_mtime
    except OSError:  # deleted under our eyes
        return 0.0


def _kind(method: str, folder: Path) -> Kind | None:
    record = snapshots.read_run_json(folder)
    if record["provenance"]["machine"] != provenance.machine():
        return None
    return Kind(method, methods.recipe(method).from_json(record["config"]))


def _cost(log: Path) -> Cost:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    costs = [Cost(row["train_seconds"], row["panel_seconds"], row["store_seconds"]) for row in rows]
    return Cost(*(middle(part) for part in zip(*(costs[1:] or costs), strict=True)))
