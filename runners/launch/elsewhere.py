# SPDX-License-Identifier: Apache-2.0
"""Training by workers of a cluster: submit them and leave, or wait until every seed is complete."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import track

from analysis.framework.console import in_flags, say
from dynamics import data, encoders, methods, snapshots
from dynamics.errors import UserError
from dynamics.names import counted
from dynamics.training import logs
from dynamics.training.check_data import check_data
from dynamics.training.job import Job
from dynamics.training.plan import Plan, record
from dynamics.training.progress import name
from runners import launch
from runners.launch import Submitted
from runners.launch.estimate import preview

if TYPE_CHECKING:
    from runners.arguments import Resources

POLL = 5.0
"""Seconds between two looks at the folders while waiting."""
JOBS = ".jobs"
"""Folder beside the studies for what schedulers write."""


def train(plan: Plan, where: "Resources", **recorded: Any) -> int:
    """Submit workers for a plan's missing seeds; return the exit status.

    Parameters
    ----------
    plan, where
        What to train, and where.
    recorded
        Further entries of the study files beside the runs, see :func:`dynamics.study_file.record`.

    Raises
    ------
    UserError
        If the scheduler cannot be used, or a class of this process alone is to be trained.
    """
    if where.workers != "auto" and where.workers < 1:
        raise UserError(f"`workers` must be at least 1, got {where.workers}")
    say(f"{counted(len(plan.complete), 'seed')} complete, {len(plan.missing)} to train by {where.launcher}")
    if where.dry_run:
        return preview(plan)
    _check_importable(plan.missing)
    logs.wanted(where.log)
    fingerprints = _check_data(plan, where)
    record(plan, data=fingerprints, **recorded)
    if not plan.missing:
        return 0
    submitted = _submit(plan.missing, where)
    first, last = submitted.ids[0], submitted.ids[-1]
    studies = list(dict.fromkeys(job.study_folder.name for job in plan.missing))
    others = f" (and so on for {len(studies) - 1} more)" if len(studies) > 1 else ""
    say(f"submitted {counted(len(submitted.ids), 'worker')}: {first}{'' if first == last else f' to {last}'}")
    say(f"their output: {submitted.log}")
    say(f"what they do: python -m runners.status --runs {where.runs} --study {studies[0]}{others}")
    return _wait(plan.missing, submitted) if where.wait else 0


def left_to_others(plan: Plan, where: "Resources") -> bool:
    """Whether seeds of a plan were left to workers that are not waited for; says how to go on."""
    if where.launcher == "local" or where.wait or not plan.missing:
        return False
    say("when they are done, the same command analyses what they have trained; --wait waits for them")
    return True


def _submit(jobs: Sequence[Job], where: "Resources") -> Submitted:
    studies = list(dict.fromkeys(job.study_folder.name for job in jobs))
    command = launch.worker_command(
        studies,
        where.runs,
        {
            "--data-root": _for_workers(where.data_root),
            "--device": where.device,
            "--engine": where.engine,
            "--replace-epochs": where.replace_epochs,
        },
    )
    command += ["--methods", *dict.fromkeys(job.method for job in jobs)]
    command += ["--seeds", ",".join(map(str, sorted({job.seed for job in jobs})))]
    command += ["--log", *where.log] if where.log else []
    workers = min(len(jobs), launch.MAX_WORKERS) if where.workers == "auto" else where.workers
    options = launch.options(where.launcher_args)
    folder = where.runs / JOBS / studies[0]
    if where.launcher == "slurm":
        from runners.launch import slurm

        return slurm.submit(command, workers=workers, options=options, folder=folder, name=studies[0])
    from runners.launch import ray

    return ray.submit(
        [*command, "--workers", "1"], workers=workers, options=options, folder=folder, name=studies[0],
        address=where.ray_address,
    )  # fmt: skip


def _for_workers(data_root: Path) -> str:
    """Return a path that means the same wherever a worker starts; $VARIABLES are left for each host to replace."""
    return str(data_root) if str(data_root).startswith("$") else str(data_root.absolute())


def _check_importable(jobs: Sequence[Job]) -> None:
    for catalogue, used in (
        (methods.CATALOGUE, {job.method for job in jobs}),
        (encoders.CATALOGUE, {job.recipe.encoder for job in jobs}),
        (data.CATALOGUE, {job.recipe.dataset for job in jobs}),
    ):
        if own := used & {*catalogue.registered}:
            raise UserError(
                f"{min(own)} exists in this process alone: other hosts need it as a file, in a folder that "
                "TRAINING_DYNAMICS_PATH names there"
            )


def _check_data(plan: Plan, where: "Resources") -> dict[str, str]:
    """Check the data if they are on this host, too; return their fingerprints, with which workers compare theirs."""
    try:
        return check_data(plan.missing, data_root=where.data_root, download=where.download, progress=track)
    except UserError as error:
        elsewhere = where.data_root.is_absolute() and not where.data_root.exists()
        if not elsewhere and not str(where.data_root).startswith("$"):
            raise
        say(f"the images are not checked here ({in_flags(error)})")
        return {}


def _wait(jobs: Sequence[Job], submitted: Submitted) -> int:
    """Wait until every seed is complete, or no worker is left; return the exit status."""
    left, said = list(jobs), ""
    while left:
        alive = submitted.alive()
        if (reason := submitted.held_up()) != said:
            said = reason
            say(f"no worker runs: {reason}" if reason else "a worker runs")
        for job in [job for job in left if snapshots.is_finished(job.folder)]:
            left.remove(job)
            say(f"{name(job)} done; {len(jobs) - len(left)} of {counted(len(jobs), 'seed')}")
        if not alive:
            break
        if left:
            time.sleep(POLL)
    if left:
        say(
            f"no worker is left, and {counted(len(left), 'seed')} not complete; see {submitted.log}, and submit again"
        )
    return 1 if left else 0
