# SPDX-License-Identifier: Apache-2.0
"""A Slurm cluster of two nodes on this machine alone: its daemons run from a folder, without systemd or cgroups."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

NODES = ("n1", "n2")
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=2,requeue_delay=1
SlurmdTimeout=15
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={one} CPUs=2 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={two} CPUs=2 State=UNKNOWN
PartitionName=low Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=10
PartitionName=high Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


class Slurm:
    """The cluster; its commands need the environment variable SLURM_CONF, which is set while it runs."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() or not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "sbatch"))):
            pytest.skip("needs Debian's slurm-wlm and munge, and root")
        self.folder = folder
        (folder / "state").mkdir(parents=True)
        one, two, port = (_free_port() for _ in range(3))
        conf = CONF.format(host=socket.gethostname(), folder=folder, one=one, two=two, port=port)
        (folder / "slurm.conf").write_text(conf)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        _authenticate()
        self.start_head()
        for node in NODES:
            self.start_node(node)
        deadline = time.monotonic() + 60
        while self.output("sinfo", "-h", "-o", "%t").split() != ["idle"] * 2 and time.monotonic() < deadline:
            time.sleep(0.5)

    def stop(self) -> None:
        """End all jobs and daemons."""
        self.output("scancel", "--full", "-u", "root")
        time.sleep(1)
        for node in NODES:
            self.kill_node(node)
        self.kill_head()
        del os.environ["SLURM_CONF"]

    def start_head(self) -> None:
        """Start the controller."""
        subprocess.run(["slurmctld"], check=True)

    def kill_head(self) -> None:
        """Kill the controller; jobs run on."""
        _kill(self.folder / "slurmctld.pid")

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        subprocess.run(["slurmd", "-N", node], check=True)

    def kill_node(self, node: str) -> None:
        """Kill the daemon of a node and all processes of its jobs, as a power cut does."""
        _kill(self.folder / f"slurmd-{node}.pid")
        for pid in processes_with(b"SLURMD_NODENAME=" + node.encode()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        stepd = subprocess.run(["pgrep", "-f", "slurmstepd: "], capture_output=True, text=True, check=False)
        spool = str(self.folder / f"spool-{node}")
        for pid in map(int, stepd.stdout.split()):
            with contextlib.suppress(OSError):
                if spool in os.readlink(f"/proc/{pid}/cwd") or spool in Path(f"/proc/{pid}/maps").read_text():  # noqa: PTH115
                    os.kill(pid, signal.SIGKILL)

    def output(self, *words: str) -> str:
        """Return what a command of Slurm prints."""
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout


def processes_with(variable: bytes) -> list[int]:
    """Return the processes that have a variable in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if variable in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
    return found


def _kill(pidfile: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        pid = int(pidfile.read_text())
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split():
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _authenticate() -> None:
    """Start munge, which signs what daemons and commands say to one another."""
    if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
        return
    place = Path("/run/munge")
    place.mkdir(exist_ok=True)
    shutil.chown(place, "munge", "munge")
    subprocess.run(["su", "munge", "-s", "/bin/sh", "-c", "munged"], check=True)
