"""Does the benchmark of the recorder record?"""

import torch

from benchmarks import recording
from benchmarks.harness import Conditions


def test_a_quick_run_measures_everything() -> None:
    rows = recording.measure(Conditions(device=torch.device("cpu"), quick=True))
    assert [row.key for row in rows] == ["recording.cpu.epoch", "recording.cpu.ratio"]
    assert all(row.value is not None and row.value > 0 for row in rows)
