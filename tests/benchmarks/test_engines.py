# SPDX-License-Identifier: Apache-2.0
"""Are the kernels and engines of a GPU reported as they were measured."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch

from benchmarks import engines, harness
from benchmarks.harness import Conditions, Timed, in_own_process
from dynamics.training import capture
from tests.benchmarks.test_train import CPU, QUICK, epochs


def test_a_slower_start_is_won_back() -> None:
    found = {
        "eager": epochs([(3.0, 0.0, 0.5)], start=1.0, first=(3.5, 0.5, 9.0)),
        "graph": epochs([(1.0, 0.0, 0.5)], start=6.0, first=(2.0, 0.0, 9.0)),
        "compiled": epochs([(3.5, 0.0, 0.5)], start=61.0, first=(3.0, 0.0, 9.0)),
    }
    values = {row.key: row.value for row in engines.engine_rows("simclr", found)}
    values = {key.removeprefix("engines.cuda.simclr."): value for key, value in values.items()}
    starts = [values[f"{engine}.start"] for engine in found]
    assert starts == [2.0, 7.0, 61.0]  # with what the first epoch took longer, but no state that it saved
    assert values["graph.extra_start"] == 5.0
    assert values["graph.saved"] == 2.0
    assert values["graph.won_back"] == 2.5
    assert values["compiled.won_back"] is None
    assert "eager.won_back" not in values and values["eager.epoch"] == 3.5


def test_an_engine_that_fails_loses_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(call: Callable[..., Any], engine: str, *arguments: Any) -> Timed:
        if engine == "compiled":
            raise RuntimeError("no compiler")
        return Timed(epochs([(1.0, 0.0, 0.0)]), 0.0, 0, 0)

    monkeypatch.setattr(harness, "in_own_process", run)
    found = engines.engines("simclr", QUICK.recipe("simclr"), rounds=1, images=64, device=CPU)
    values = {row.key.removeprefix("engines.cuda.simclr."): row.value for row in found}
    assert values["graph.epoch"] == 1.0 and values["compiled.epoch"] is None
    assert set(engines.ENGINES) == set(get_args(capture.Engine))


@pytest.mark.slow
def test_engines_are_timed_in_a_process_of_their_own() -> None:
    recipe = QUICK.recipe("simclr")
    found = in_own_process(engines.train_with, "eager", "simclr", recipe, 1, 80, "cpu").result
    assert len(found.reports) == 3 and found.seconds[0] > 0


def test_the_largest_kernels_come_first() -> None:
    kernels = [engines.Kernel(f"kernel {at}", value, 40) for at, value in enumerate([1, 2, 4, 1, 1, 1.0])]
    rows = engines.kernels(kernels, wall_seconds=40.0, steps=20)
    values = {row.key: row.value for row in rows}
    assert values["kernels_busy"] == 25.0
    assert [values[f"kernel_{place}"] for place in range(1, 6)] == [40, 20, 10, 10, 10]
    assert rows[1].note == "kernel 2, 2 launches a step" and len(rows) == 6
    assert engines.kernels([], wall_seconds=40.0, steps=20)[0].value is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_quick_measures_engines_and_kernels_of_a_gpu() -> None:
    found = engines.measure(Conditions(device=torch.device("cuda"), quick=True))
    values = {row.key.removeprefix("engines.cuda.simclr."): row.value or 0.0 for row in found}
    for part in ("kernels_busy", "kernel_5", "graph.start"):
        assert values[part] > 0
    assert {f"{engine}.epoch" for engine in engines.ENGINES} <= values.keys()


def test_there_is_nothing_to_measure_without_a_gpu() -> None:
    assert engines.measure(Conditions(device=CPU, quick=True)) == []
