# SPDX-License-Identifier: Apache-2.0
"""The devices to compute on, and the number of seeds to train at a time."""

import operator
from typing import Literal, SupportsIndex

import torch

from dynamics.errors import UserError
from dynamics.provenance import available_cores

SEEDS_PER_GPU = 1
"""Seeds that `workers="auto"` trains at once on a GPU: 1 until `benchmarks.seeds` has shown that more are faster."""


def choose_device(device: str) -> torch.device:
    """Return the device to compute on; auto is the first GPU, or the CPU where there is none.

    Raises
    ------
    UserError
        When the device cannot be used.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if not isinstance(device, str):
        raise UserError(f"`device` must be auto, cpu, cuda or such as cuda:1, got {device!r}")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        probe = torch.ones(1, device=device)
        probe.item()  # a device that holds no values, meta, has none to give
        return probe.device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"`device` {device} cannot be used ({reason}): try cpu") from None


def all_devices(device: str) -> list[str]:
    """Return the devices that workers are distributed over; auto is all GPUs, or the CPU where there is none.

    Examples
    --------
    >>> all_devices("cpu")
    ['cpu']
    """
    if device == "auto" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(choose_device(device))]


def choose_workers(workers: int | Literal["auto"], devices: list[str], jobs: int) -> int:
    """Return how many seeds are trained at a time; auto is one per core, or one per GPU.

    Raises
    ------
    UserError
        When it is less than 1.

    Examples
    --------
    >>> choose_workers(4, ["cpu"], jobs=2)
    2
    """
    if workers == "auto":
        workers = available_cores() if devices == ["cpu"] else SEEDS_PER_GPU * len(devices)
    if isinstance(workers, bool) or not isinstance(workers, SupportsIndex) or operator.index(workers) < 1:
        raise UserError(f"`workers` must be >= 1, or auto, got {workers!r}")
    return min(operator.index(workers), max(1, jobs))
