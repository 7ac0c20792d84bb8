# SPDX-License-Identifier: Apache-2.0
"""Workers as an array of Slurm jobs, through submitit.

Only a command line is pickled. Before a job's time is up, or when it is preempted, Slurm signals it: the worker saves
its state and ends, and the job is put back into the queue.
"""

import contextlib
import io
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dynamics.errors import UserError
from runners.launch import Submitted, python

RESTARTS = 10_000
"""How often a job may run out of time and be started again."""
SAVED = 60.0
"""Seconds for which a job that must end waits for its worker to save the state."""


NOBODY = ("configuration source", "Unable to contact slurm controller", "Connection refused")
"""What sbatch says where no controller answers."""


class Work:
    """What a job of the array does: run the worker's command, and be started again if it is taken away.

    Parameters
    ----------
    command
        The worker's command line.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        """Run the worker to its end; if it has failed or was stopped, so is the job."""
        self._process = subprocess.Popen(self.command)
        while (status := self._process.poll()) is None:
            time.sleep(0.2)  # not wait, which could not be called again by a signal's handler
        if status:
            sys.exit(status)

    def checkpoint(self) -> Any:
        """Let the worker save its state; return what is to be done when the job starts again, which is the same."""
        import submitit

        if self._process is not None:
            _stop(self._process.pid)
        return submitit.helpers.DelayedSubmission(Work(self.command))


def _stop(pid: int) -> None:
    """Let a child save its state and end, within :data:`SAVED` seconds; another call still gets its status."""
    deadline = time.monotonic() + SAVED
    with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it has ended, and its status was taken
        os.kill(pid, signal.SIGTERM)  # Slurm may have signalled its parent alone
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
                return
            time.sleep(0.1)


def submit(
    command: Sequence[str], *, workers: int, options: Mapping[str, str], folder: Path, name: str
) -> Submitted:
    """Submit an array of workers.

    Parameters
    ----------
    command
        The worker's command line.
    workers
        Number of jobs of the array.
    options
        Options of sbatch: partition, gres, time, mem, cpus_per_task, ...
    folder
        Where scripts and output go; all hosts must see it.
    name
        Name of the jobs.

    Raises
    ------
    UserError
        If submitit or Slurm is not there, or Slurm refuses an option.
    """
    try:
        import submitit
    except ImportError:
        raise UserError("`launcher` slurm needs submitit: pip install 'training-dynamics[slurm]'") from None
    asked = dict(options)
    minutes = _minutes(asked.pop("time")) if "time" in asked else None
    parallel = asked.pop("array_parallelism", None)
    if parallel is not None and (not parallel.isdecimal() or int(parallel) < 1):
        raise UserError(f"`launcher_args` array_parallelism must be at least 1, got {parallel!r}")
    before = {*folder.glob("*")}
    try:
        executor = submitit.SlurmExecutor(
            folder=os.path.abspath(folder),  # noqa: PTH100
            max_num_timeout=RESTARTS,
            python=shlex.join(python()),
        )
        executor.update_parameters(
            job_name=name,
            **({} if minutes is None else {"time": minutes}),
            **({} if parallel is None else {"array_parallelism": int(parallel)}),
            additional_parameters={"requeue": True, **asked},
            stderr_to_stdout=True,
        )
        with (
            contextlib.redirect_stderr(io.StringIO()),
            executor.batch(),
        ):  # sbatch's words are in the error, too
            jobs = [executor.submit(Work(command)) for _ in range(workers)]
    except submitit.core.utils.FailedJobError as error:
        for path in {*folder.glob("*")} - before:
            path.unlink()
        reason = _reason(str(error))
        if any(word in reason for word in NOBODY):
            raise UserError(
                f"`launcher` slurm: no controller answers ({reason}): submit from a host of the cluster"
            ) from None
        raise UserError(f"Slurm refuses the jobs ({reason}): change `launcher_args`") from None
    except RuntimeError as error:  # no srun here
        raise UserError(
            f"`launcher` slurm cannot be used here ({error}): submit from a host of the cluster"
        ) from None
    ids = [job.job_id for job in jobs]
    array = ids[0].partition("_")[0]
    return Submitted(
        ids, f"{folder}/{array}_*_log.out", lambda: _in_queue(array), lambda: _why_pending(array)
    )


def _reason(text: str) -> str:
    """Return what sbatch said, once and in one line."""
    said = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip().startswith("sbatch:"))
    return " ".join(line.removeprefix("sbatch:").strip() for line in said) or " ".join(text.split())


def _minutes(text: str) -> int:
    """Return a time limit in minutes: of sbatch's forms days-hours:minutes:seconds and its parts."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if match is None:
        raise UserError(f"`launcher_args` time must be such as 30, 4:00:00 or 2-00, got {text!r}")
    days, *rest = match.groups()
    given = [int(part) for part in rest if part is not None]
    if days is not None:  # days-hours[:minutes[:seconds]]
        hours, minutes, seconds = (*given, 0, 0)[:3]
    elif len(given) == 3:
        hours, minutes, seconds = given
    else:  # minutes[:seconds]
        hours, minutes, seconds = 0, *(*given, 0)[:2]
    return max(1, math.ceil(int(days or 0) * 1440 + hours * 60 + minutes + seconds / 60))


def _in_queue(array: str) -> bool:
    asked = _squeue(array)
    if asked is None:
        return True  # not known: look again later
    return bool(asked.stdout.strip()) if asked.returncode == 0 else "Invalid job id" not in asked.stderr


def _why_pending(array: str) -> str:
    """Return Slurm's reasons why all jobs of an array wait; empty if one runs, or Slurm does not answer."""
    asked = _squeue(array, "--format", "%T %r")
    states = [] if asked is None else [line.partition(" ") for line in asked.stdout.splitlines()]
    waiting = bool(states) and all(state == "PENDING" for state, _, _ in states)
    return ", ".join(sorted({reason for _, _, reason in states} - {"None"})) if waiting else ""


def _squeue(array: str, *further: str) -> "subprocess.CompletedProcess[str] | None":
    command = ["squeue", "--noheader", "--jobs", array, *further]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
