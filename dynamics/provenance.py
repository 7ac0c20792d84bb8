# SPDX-License-Identifier: Apache-2.0
"""By what was a run or a result made: code, libraries, machine, time."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dynamics

LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "zarr", "matplotlib")


def code_version() -> str:
    """Return the package's version, with the commit where the code runs from a git checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(dynamics.__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return dynamics.__version__
    return f"{dynamics.__version__}+{described}"


def versions(*more: str) -> dict[str, str]:
    """Return the versions of Python, of the libraries that numbers depend on, and of others by name where installed."""
    found = {"python": platform.python_version()}
    for name in (*LIBRARIES, *more):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def available_cores() -> int:
    """Return how many cores this process may use: on a shared machine fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Return what is worth knowing of the computer."""
    return {"host": platform.node(), "system": platform.platform(), "cores": os.cpu_count()}
