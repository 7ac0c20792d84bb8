"""What a worker frees, it keeps: the system is asked for pages once, not at every step."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from dynamics.training.worker import keep_freed
if sys.argv[1] == "keep":
    assert keep_freed()
import torch
from dynamics import encoders
torch.set_num_threads(1)
encoder = encoders.build("resnet18", width=12).eval()
images = torch.rand(768, 3, 8, 8)
@torch.inference_mode()
def work():
    encoder(images)
for _ in range(3):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
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
    assert kept < given_back / 10
