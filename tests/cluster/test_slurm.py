# SPDX-License-Identifier: Apache-2.0
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import study
from tests.cluster.slurm import NODES, Slurm, processes_with


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    yield cluster
    cluster.stop()


def ways_to_kill(slurm: Slurm, folder: Path) -> dict[str, Callable[[], bool]]:
    chance = random.Random(1)

    def kill_training() -> bool:
        return study.kill(study.holders(folder), chance)

    def kill_worker() -> bool:
        there = [pid for node in NODES for pid in processes_with(b"SLURMD_NODENAME=" + node.encode())]
        workers = [pid for pid in there if b"runners.worker" in _command(pid)]
        return study.kill(workers, chance)

    def power_cut() -> bool:
        node = chance.choice(NODES)
        slurm.kill_node(node)
        time.sleep(2)
        slurm.start_node(node)
        return True

    def kill_head() -> bool:
        slurm.kill_head()
        time.sleep(2)
        slurm.start_head()
        return True

    def preempt() -> bool:
        return bool(
            slurm.output("sbatch", "-p", "high", "-n2", "-N1", "-o", "/dev/null", "--wrap", "sleep 4")
        )

    def a_job(*words: str) -> Callable[[], bool]:
        def kill() -> bool:
            jobs = slurm.output("squeue", "-h", "-t", "R", "-p", "low", "-o", "%F_%K").split()
            if jobs:
                slurm.output(*words, chance.choice(jobs))
            return bool(jobs)

        return kill

    return {
        "training process": kill_training,
        "worker": kill_worker,
        "node": power_cut,
        "head": kill_head,
        "preemption": preempt,
        "requeue": a_job("scontrol", "requeue"),
        "time limit": a_job("scancel", "--signal", "USR2"),
        "cancelled": a_job("scancel"),
    }


def test_a_study_survives_whatever_is_killed(slurm: Slurm, alone: Path, tmp_path: Path) -> None:
    def submit() -> None:
        done = study.train(
            tmp_path,
            "--launcher",
            "slurm",
            "--launcher-args",
            "cpus_per_task=1,time=1:00:00",
            "--workers",
            "4",
        )
        assert done.returncode == 0 and "submitted 4 workers" in done.stdout, done.stderr

    def idle() -> bool:
        waiting = slurm.output("squeue", "-h", "-p", "low", "-t", "R,PD,CG,S", "-o", "%r").split()
        return not {*waiting} - {
            "BeginTime"
        }  # Slurm lets a job that it has started again wait for two minutes

    kills = ways_to_kill(slurm, tmp_path)
    counts = study.survive(tmp_path, kills, submit=submit, idle=idle)
    print(counts)
    study.check_equal(tmp_path, alone)
    logs = [*(tmp_path / "runs/.jobs/c").glob("*.out")]
    assert logs and sum(counts[way] for way in kills) >= min(study.KILLS, 4)
    study.check_never_two(logs)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
