# SPDX-License-Identifier: Apache-2.0
"""Where to compute, and how many seeds at a time."""

from typing import Literal

import torch

from dynamics.errors import UserError
from dynamics.provenance import available_cores

SEEDS_PER_GPU = 1
"""Seeds that `workers="auto"` trains at once on a GPU: one until `benchmarks.seeds` has measured that more pay."""


def choose_device(device: str) -> torch.device:
    """Return the device to compute on: with auto the first GPU, or the CPU where there is none.

    Raises
    ------
    UserError
        When there is no such device.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
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
    """Return the devices that workers are spread over: with auto all GPUs, or the CPU where there is none.

    Examples
    --------
    >>> all_devices("cpu")
    ['cpu']
    """
    if device == "auto" and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(choose_device(device))]


def choose_workers(workers: int | Literal["auto"], devices: list[str], jobs: int) -> int:
    """Return how many seeds are trained at a time: with auto one a core, or one a GPU.

    Examples
    --------
    >>> choose_workers(4, ["cpu"], jobs=2)
    2
    """
    if workers == "auto":
        workers = available_cores() if devices == ["cpu"] else SEEDS_PER_GPU * len(devices)
    if workers < 1:
        raise UserError(f"`workers` must be >= 1, or auto, got {workers}")
    return min(workers, max(1, jobs))
