# SPDX-License-Identifier: Apache-2.0
"""Start surveys of crash points from tests."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def count(scenario: str, *, at_once: int) -> int:
    """Run a survey in some processes at once; return how many crash points it tried."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc to build the library that kills a writer")
    memory = Path("/dev/shm")  # a kill is no power cut: what is on the disk does not matter
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        shim = Path(place) / "crash.so"
        build = [
            compiler,
            "-shared",
            "-fPIC",
            "-O1",
            "-Wall",
            "-Werror",
            "-o",
            shim,
            HERE / "crash.c",
            "-ldl",
        ]
        subprocess.run(build, check=True)
        surveys = [
            subprocess.Popen(
                [
                    sys.executable,
                    HERE / "survey.py",
                    scenario,
                    shim,
                    Path(place) / f"seed-{first:04d}",
                    str(first),
                    str(at_once),
                ],
                env={**os.environ, "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for first in range(at_once)
        ]
        outcomes = [(*survey.communicate(), survey.returncode) for survey in surveys]
    for _, errors, status in outcomes:
        assert status == 0, errors
    return sum(int(tried) for tried, *_ in outcomes)
