"""What a worker frees, it keeps: the system is asked for pages once, not at every step."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from runners.memory import keep_freed
if sys.argv[1] == "keep":
    assert keep_freed()
import torch
def work():
    pieces = [torch.ones(500_000) for _ in range(8)]  # 2 MB each, as a network's activations
for _ in range(3):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True, timeout=300
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_memory_is_kept() -> None:
    kept, given_back = faults("keep"), faults("plain")
    assert kept < 100 and given_back > 10 * kept + 1000
