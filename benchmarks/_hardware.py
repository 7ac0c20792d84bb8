# SPDX-License-Identifier: Apache-2.0
"""On what was it measured: enough to judge a number by, nothing that tells whose machine it is."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from dynamics import provenance

LIBRARIES = ("lightly", "pillow", "blosc")


def describe(device: torch.device) -> dict[str, Any]:
    """Return processor, memory, system and, where there is one, the GPU."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": provenance.available_cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device.type,
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found["gpu"] = properties.name
        found["gpu_memory_gib"] = round(properties.total_memory / 2**30, 1)
        found["gpus"] = torch.cuda.device_count()
        found["cuda"] = torch.version.cuda
    return found


def versions() -> dict[str, str]:
    """Return the versions of Python and of all libraries that are timed."""
    return provenance.versions(*LIBRARIES)


def today() -> str:
    """Return the date in UTC, as 2026-01-31."""
    return datetime.now(UTC).date().isoformat()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
