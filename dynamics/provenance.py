# SPDX-License-Identifier: Apache-2.0
"""The origin of a run or a result: versions of the code and of libraries, machine, time."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import dynamics

LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "zarr", "matplotlib")


def code_version() -> str:
    """Return the package's version, with the commit if the code runs from this project's git checkout.

    Any other repository that encloses the installed package, or that the environment points to, is ignored.

    Examples
    --------
    >>> code_version().startswith(dynamics.__version__)
    True
    """
    root = Path(dynamics.__file__).resolve().parents[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=root, env=clean, capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    try:
        at_root = Path(git("rev-parse", "--show-toplevel")).resolve() == root
        if at_root and git("ls-files", "dynamics/__init__.py"):
            return f"{dynamics.__version__}+{git('describe', '--always', '--dirty')}"
    except (OSError, subprocess.SubprocessError):
        pass
    return dynamics.__version__


def command() -> str:
    """Return the command line that this process runs: a module's, or a script's name and arguments.

    Examples
    --------
    >>> command().split()[0] in ("python", Path(sys.argv[0]).name)
    True
    """
    module = getattr(sys.modules["__main__"], "__spec__", None)
    what = ["python", "-m", module.name.removesuffix(".__main__")] if module else [Path(sys.argv[0]).name]
    return shlex.join([*what, *sys.argv[1:]])


def versions(*more: str) -> dict[str, str]:
    """Return the versions of Python and of the libraries that numbers depend on.

    Parameters
    ----------
    more
        Further packages to report, as far as they are installed.

    Examples
    --------
    >>> "numpy" in versions()
    True
    """
    installed = {"python": platform.python_version()}
    for name in (*LIBRARIES, *more):
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def now() -> str:
    """Return the time in UTC, to the second, in ISO 8601.

    Examples
    --------
    >>> datetime.fromisoformat(now()).tzinfo == UTC
    True
    """
    return datetime.now(UTC).isoformat(timespec="seconds")


def available_cores() -> int:
    """Return how many cores this process may use; on a shared machine fewer than it has.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Not every cluster confines a job to its cores.
    given = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE", "")
    return min(there, int(given)) if given.isdecimal() and int(given) else there


def machine() -> dict[str, Any]:
    """Return the computer's name, operating system, processor and number of cores.

    Examples
    --------
    >>> sorted(machine())
    ['bf16_units', 'cores', 'host', 'processor', 'system']
    """
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": processor(),
        "bf16_units": bf16_units(),
        "cores": os.cpu_count(),
    }


def processor() -> str:
    """Return the model of the processor, as the system names it.

    Examples
    --------
    >>> bool(processor())
    True
    """
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def bf16_units() -> list[str]:
    """Return the names of this processor's units for products of bf16 matrices, the faster first: AMX, AVX-512.

    Other processors compute bf16 by way of fp32, which is slower than fp32 itself. Only Linux tells.

    Examples
    --------
    >>> set(bf16_units()) <= {"amx_bf16", "avx512_bf16"}
    True
    """
    flags = _cpuinfo("flags").split()
    return [name for name in ("amx_bf16", "avx512_bf16") if name in flags]


@cache
def _cpuinfo(name: str) -> str:
    """Return what Linux says of the first core under a name; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
