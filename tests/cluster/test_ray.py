# SPDX-License-Identifier: Apache-2.0
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import study

ray = pytest.importorskip("ray", reason="needs ray")
NODE = """
import json, subprocess, sys, time
import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=2, num_gpus=1) for _ in range(2)]
print(cluster.address, flush=True)
for line in sys.stdin:
    what = line.strip()
    if what == "node":
        node = nodes.pop(0)
        cluster.remove_node(node, allow_graceful=False)
        nodes.append(cluster.add_node(num_cpus=2, num_gpus=1))
    print("done", flush=True)
"""


class Cluster:
    """A head and two nodes of one declared GPU each, in a process of their own."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start head and nodes."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL, env={**os.environ, **study.ENVIRONMENT, "RAY_USAGE_STATS_ENABLED": "0"},
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address

    def kill_node(self) -> bool:
        """Kill a node and all its processes, and add a new one."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print("node", file=self._process.stdin, flush=True)
        return any(line.strip() == "done" for line in iter(self._process.stdout.readline, ""))

    def stop(self) -> None:
        """Kill everything."""
        self._process.kill()
        self._process.communicate()
        subprocess.run(
            [Path(sys.executable).with_name("ray"), "stop", "--force"], capture_output=True, check=False
        )
        time.sleep(1)

    def kill_head(self) -> bool:
        """Kill the head, and with it the cluster; start another."""
        self.stop()
        self.start()
        return True

    def idle(self) -> bool:
        """Whether no actor is left."""
        code = (
            "import ray, sys, logging; ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.ERROR);"
            "print(len(ray.util.list_named_actors(all_namespaces=True)))"
        )
        asked = subprocess.run(
            [sys.executable, "-c", code, self.address],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return asked.stdout.strip() == "0"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    there = Cluster()
    yield there
    there.stop()


def ways_to_kill(cluster: Cluster, folder: Path) -> dict[str, Callable[[], bool]]:
    chance = random.Random(1)

    def kill_training() -> bool:
        return study.kill(study.holders(folder), chance)

    def kill_one(words: str) -> Callable[[], bool]:
        def kill() -> bool:
            pids = subprocess.run(
                ["pgrep", "-f", words], capture_output=True, text=True, check=False
            ).stdout.split()
            return study.kill([*map(int, pids)], chance)

        return kill

    return {
        "training process": kill_training,
        "worker": kill_one(f"[r]unners.worker .*{folder}"),
        "actor": kill_one("ray::Work"),
        "node": cluster.kill_node,
        "head": cluster.kill_head,
    }


def test_a_study_survives_whatever_is_killed(cluster: Cluster, alone: Path, tmp_path: Path) -> None:
    def submit() -> None:
        done = study.train(
            tmp_path, "--launcher", "ray", "--ray-address", cluster.address, "--launcher-args", "num_gpus=0.5",
            "--workers", "4", "--device", "cpu",
        )  # fmt: skip
        assert done.returncode == 0 and "submitted 4 workers" in done.stdout, done.stderr

    kills = ways_to_kill(cluster, tmp_path)
    counts = study.survive(tmp_path, kills, submit=submit, idle=cluster.idle)
    print(counts)
    study.check_equal(tmp_path, alone)
    logs = [*(tmp_path / "runs/.jobs/c").glob("*.log")]
    assert logs and sum(counts[way] for way in kills) >= min(study.KILLS, 4)
    study.check_never_two(logs)
