"""A few cases of `python -m tests.fuzz`, in a process of their own: forking one that has threads may block."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_random_command_lines_end_as_documented() -> None:
    code = "from tests.fuzz import fuzz; raise SystemExit(fuzz(range(30), 1, trained=False))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=1000
    )
    assert done.returncode == 0 and "30 cases of seed 1: 0 failed" in done.stdout, done.stdout + done.stderr
