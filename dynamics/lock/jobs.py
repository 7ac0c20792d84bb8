# SPDX-License-Identifier: Apache-2.0
"""Jobs of a cluster: which one this process belongs to, and whether Slurm or Ray says that another has ended."""

import json
import os
import shutil
import subprocess
import sys
import time
from functools import cache, lru_cache
from typing import Any, NamedTuple

ASK_AGAIN = 30.0
"""Seconds for which an answer of a scheduler holds; many workers ask about the same few jobs."""
MAY_RUN = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING")
"""States of a job of Slurm that may have a process."""
RAY_NODE, RAY_ADDRESS = "DYNAMICS_RAY_NODE", "RAY_ADDRESS"
"""Environment of a worker that Ray has started: its node's id, and its cluster."""
_ASK_RAY = """
import json, sys, ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(json.dumps({node["NodeID"]: node["Alive"] for node in ray.nodes()}))
"""


class SchedulerJob(NamedTuple):
    """A job of Slurm, or a node of Ray.

    Examples
    --------
    >>> str(SchedulerJob("slurm", "41_0", 2))
    'slurm job 41_0, started for the 3rd time'
    """

    scheduler: str
    """`slurm` or `ray`."""
    id: str
    """The job's number, with the task's in an array: 41_0; of Ray the node's id, for its workers end with it."""
    restarts: int = 0
    """How often Slurm had started it again when it took the lock."""
    cluster: str = ""
    """Name of Slurm's cluster, or address of Ray's: another cluster has other jobs of the same numbers."""

    def __str__(self) -> str:
        if self.scheduler == "ray":
            return f"ray node {self.id[:8]}"
        again = self.restarts + 1
        ending = {2: "nd", 3: "rd"}.get(again, "th")
        return f"slurm job {self.id}" + (f", started for the {again}{ending} time" if self.restarts else "")

    @classmethod
    def of(cls, content: Any) -> "SchedulerJob | None":
        """Return the job in a holder.json; None if there is none."""
        try:
            restarts = int(content["restarts"])
            return cls(str(content["scheduler"]), str(content["id"]), restarts, str(content["cluster"]))
        except (KeyError, TypeError, ValueError):
            return None


def own() -> SchedulerJob | None:
    """Return the job that this process belongs to; None outside clusters.

    Examples
    --------
    >>> own() is None or own().scheduler in ("slurm", "ray")
    True
    """
    if "SLURM_JOB_ID" in os.environ:
        array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
        number = f"{array}_{task}" if array and task else os.environ["SLURM_JOB_ID"]
        restarts = _number(os.environ.get("SLURM_RESTART_COUNT", "0"))
        return SchedulerJob("slurm", number, restarts, os.environ.get("SLURM_CLUSTER_NAME", ""))
    if RAY_NODE in os.environ:
        return SchedulerJob("ray", os.environ[RAY_NODE], cluster=os.environ.get(RAY_ADDRESS, ""))
    return None


def ended(job: SchedulerJob) -> bool | None:
    """Return whether a job that held a lock has ended, according to its scheduler; None if that is not known.

    A job of Slurm that runs again under its number has ended as what it was. Of Ray, a node that is dead has ended,
    and its workers with it.

    Examples
    --------
    >>> ended(SchedulerJob("pbs", "41")) is None
    True
    """
    ours = own()
    if ours is not None and ours.scheduler == "slurm" and ours._replace(restarts=job.restarts) == job:
        return ours.restarts > job.restarts or None
    return _asked(job, int(time.monotonic() / ASK_AGAIN))


@lru_cache(maxsize=1024)
def _asked(job: SchedulerJob, when: int) -> bool | None:
    if job.scheduler == "slurm":
        return _slurm_says(job)
    if job.scheduler == "ray" and job.cluster:
        return _ray_says(job)
    return None


@cache
def _slurm_here() -> str:
    """Return the name of the Slurm cluster that commands on this host ask."""
    answer = _output(["scontrol", "show", "config"])
    lines = answer[1].splitlines() if answer is not None else []
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("ClusterName")), "")


def _slurm_says(job: SchedulerJob) -> bool | None:
    if shutil.which("scontrol") is None or not job.cluster or job.cluster != _slurm_here():
        return None
    answer = _output(["scontrol", "--oneliner", "show", "job", job.id])
    if answer is None:
        return None
    status, out, err = answer
    if status:  # finished some minutes ago, and forgotten
        return True if "Invalid job id" in out + err else None
    fields = dict(word.partition("=")[::2] for word in out.split())
    state = fields.get("JobState", "")
    if _number(fields.get("Restarts", "0")) > job.restarts:
        return state != "COMPLETING" or None
    # Of a job that is completing a process may be left; of one that waits, or has ended, Slurm knows of none.
    return None if not state or state in MAY_RUN else True


def _ray_says(job: SchedulerJob) -> bool | None:
    answer = _output([sys.executable, "-P", "-c", _ASK_RAY, job.cluster])
    if answer is None or answer[0]:
        return None
    try:
        # One that is not listed is of an earlier cluster at this address: its processes may have outlived it.
        return json.loads(answer[1].splitlines()[-1]).get(job.id) is False or None
    except (ValueError, IndexError):
        return None


def _output(words: list[str]) -> tuple[int, str, str] | None:
    try:
        ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.returncode, ran.stdout, ran.stderr


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
