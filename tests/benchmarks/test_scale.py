# SPDX-License-Identifier: Apache-2.0
import dataclasses
import tempfile
from pathlib import Path

import pytest
import torch

from benchmarks import scale
from benchmarks.harness import Conditions
from dynamics.opening import open_study

QUICK = Conditions(device=torch.device("cpu"), quick=True)


def test_a_quick_run_measures_everything_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = {row.key.removeprefix("scale."): row.value for row in scale.measure(QUICK)}
    times = {f"{name}_seconds" for name in ("open", "status", "plan", "take", "count")}
    assert rows.keys() == times | {"count_peak", "lock.system", "lock.strict"}
    assert all(value is not None and value > 0 for value in rows.values())
    assert list(tmp_path.iterdir()) == []
    assert scale.measure(dataclasses.replace(QUICK, deadline=0.0)) == []


def test_one_seed_of_each_method_is_left_to_a_worker(tmp_path: Path) -> None:
    scale.write(tmp_path, 2)
    assert {method: len(runs) for method, runs in open_study(tmp_path / scale.STUDY).runs.items()} == {
        method: 2 for method in scale.METHODS
    }
    where = scale.worker.WorkerArguments(study=(scale.STUDY,), runs=tmp_path)
    missing = scale.worker.plan_of(scale.worker.read_study(tmp_path, scale.STUDY), where).missing
    assert {(job.method, job.seed) for job in missing} == {(method, 2) for method in scale.METHODS}
