# SPDX-License-Identifier: Apache-2.0
"""The machine of a measurement: enough to judge a number by, nothing that identifies it; its memory in use."""

import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from dynamics import provenance


def describe(device: torch.device) -> dict[str, Any]:
    """Return processor, memory, system and, where there is one, the GPU.

    Examples
    --------
    >>> sorted(describe(torch.device("cpu")))
    ['bf16_units', 'cores', 'device', 'memory_gib', 'processor', 'system']
    """
    found: dict[str, Any] = {
        "processor": provenance.processor(),
        "bf16_units": provenance.bf16_units(),
        "cores": provenance.available_cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device.type,
    }
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        found |= {"gpu": gpu.name, "gpu_memory_gib": round(gpu.total_memory / 2**30, 1)}
        found |= {"gpus": torch.cuda.device_count(), "cuda": torch.version.cuda}
    return found


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes.

    Examples
    --------
    >>> peak_memory() > 10_000_000
    True
    """
    for value in _lines_of("/proc/self/status", "VmHWM"):
        return int(value.split()[0]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # counts the process that started this one, too
    return used if sys.platform == "darwin" else used * 1024


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reserved_memory(device: torch.device) -> int:
    """Return the most memory of a GPU that PyTorch held, in bytes; 0 on the CPU."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0


def _lines_of(path: str, name: str) -> list[str]:
    """Return what follows a name and a colon in a file of the kernel's, where there is one."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith(name)]


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
