# SPDX-License-Identifier: Apache-2.0
"""Workers as actors of a Ray cluster, which outlive the command that starts them.

Ray starts an actor again on another node when its node has died; the worker that it runs then takes up what it, or
another, has left. Fractions of a GPU are Ray's business: each actor sees its own.
"""

import logging
import math
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dynamics.errors import UserError, explained
from dynamics.lock.jobs import RAY_ADDRESS, RAY_NODE
from runners.launch import Submitted

NAMESPACE = "training-dynamics"
NUMBERS = {"num_cpus": 1.0, "num_gpus": 0.0, "memory": None}
"""What a worker needs of a node, by default; memory in bytes."""


class Work:
    """An actor that runs a worker's command, from the moment it is made, and then ends itself.

    Parameters
    ----------
    command
        The worker's command line.
    address
        Of the cluster, for the worker to ask which nodes have died.
    log
        File on the node for the worker's output, in the folder of runs.
    """

    def __init__(self, command: Sequence[str], address: str, log: str) -> None:
        import ray

        context = ray.get_runtime_context()
        self.environment = {**os.environ, RAY_NODE: context.get_node_id(), RAY_ADDRESS: address}
        self.command, self.log = list(command), log
        context.current_actor.run.remote()  # its own call: done again if Ray starts the actor again elsewhere

    def run(self) -> None:
        """Run the worker to its end, and this actor's, whatever happens."""
        import ray

        try:
            self._work()
        finally:
            # Not exit_actor, which waits for this call to end: the caller is the actor itself.
            ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    def _work(self) -> None:
        with open(self.log, "ab") as log:  # noqa: PTH123
            read, write = os.pipe()  # closed when this process dies, however it does: the worker stops then
            process = subprocess.Popen(
                [*self.command, "--lifeline", str(read)], env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, pass_fds=[read],
            )  # fmt: skip
            os.close(read)
            process.wait()
            os.close(write)


def by_value() -> None:
    """Let the class above be sent whole.

    Ray's processes look for modules in the folder of this command first, and it may hold a runners.py.

    Examples
    --------
    >>> by_value()  # doctest: +SKIP
    """
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])


def submit(
    command: Sequence[str],
    *,
    workers: int,
    options: Mapping[str, str],
    folder: Path,
    name: str,
    address: str | None,
) -> Submitted:
    """Start actors that outlive this process.

    Parameters
    ----------
    command
        The worker's command line.
    workers
        Number of actors; those for which there is no room wait.
    options
        num_cpus, num_gpus (also fractions), memory (bytes), or a resource of the cluster's own, and how much.
    folder
        Where their output goes; all hosts must see it.
    name
        Their name.
    address
        Of the cluster; by default the one that this host belongs to.

    Raises
    ------
    UserError
        If Ray is not there, no cluster answers, or an option is not a number.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UserError("`launcher` ray needs Ray: pip install 'training-dynamics[ray]'") from None
    needed: dict[str, Any] = {**NUMBERS, **{key: _number(key, text) for key, text in options.items()}}
    own = {key: needed.pop(key) for key in [*needed] if key not in NUMBERS}
    _check_answers(address)
    try:
        ray.init(
            address=address or "auto", namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"`ray_address` {address or 'auto'}: no cluster answers ({reason}): begin one with ray start --head"
        ) from None
    there = {key for key in ray.cluster_resources() if ":" not in key}
    if unknown := own.keys() - there:
        known = ", ".join(sorted({*NUMBERS, *there} - {"CPU", "GPU", "object_store_memory"}))
        raise UserError(f"`launcher_args`: no node has the resource {min(unknown)}: use {known}")
    folder.mkdir(parents=True, exist_ok=True)
    by_value()
    actor = ray.remote(Work)
    cluster = address or ray.get_runtime_context().gcs_address
    stamp = f"{datetime.now():%Y%m%d-%H%M%S}"  # a cluster that is started anew counts its jobs anew
    names = [f"{name}-{stamp}-{number}" for number in range(workers)]
    lasting = {"lifetime": "detached", "max_restarts": -1, "max_task_retries": -1}
    for one in names:
        try:
            chosen = actor.options(name=one, resources=own or None, **lasting, **needed)
        except ValueError as error:
            reason = str(error).partition("\n")[0]
            raise UserError(f"Ray refuses the workers ({reason}): change `launcher_args`") from None
        chosen.remote(list(command), cluster, os.path.abspath(folder / f"{one}.log"))  # noqa: PTH100
    return Submitted(
        names, f"{folder}/{name}-{stamp}-*.log", lambda: _some_live(names), lambda: _why_pending(names)
    )


def _check_answers(address: str | None) -> None:
    """Raise if nothing listens at host:port, which Ray itself takes a minute to find out."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        reason = explained(error) if isinstance(error, OSError) else "no such port"
        raise UserError(f"`ray_address` {address}: no cluster answers ({reason})") from None


def _why_pending(names: Sequence[str]) -> str:
    """Say that the cluster has no room where all of these actors wait; empty otherwise, or if nobody knows."""
    from ray.util import state

    try:
        listed = state.list_actors(filters=[("state", "!=", "DEAD")], limit=10_000)
    except Exception:  # the API of states is served by the dashboard, which a cluster may lack
        return ""
    states = {one.state for one in listed if one.name in names}
    return "no node has room for what `launcher_args` ask" if states == {"PENDING_CREATION"} else ""


def _some_live(names: Sequence[str]) -> bool:
    import ray

    living = {one["name"] for one in ray.util.list_named_actors(all_namespaces=True)}
    return any(name in living for name in names)


def _number(key: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise UserError(f"`launcher_args` {key} must be a number >= 0, got {text!r}")
    return number
