"""Are several seeds at once counted rightly, and does what needs a GPU run where there is none?"""

import dataclasses
from typing import Any

import pytest
import torch

from benchmarks import seeds
from benchmarks.harness import Conditions
from dynamics.config import Recipe
from dynamics.study_file import preset

CPU = torch.device("cpu")


def recipe() -> Recipe:
    small = {
        "width": 2,
        "train_examples": 64,
        "panel_examples": 16,
        "panel_batch": 16,
        "panel_augmentations": 1,
    }
    return preset("simclr", "quick", **small)


def test_only_the_time_that_all_share_counts() -> None:
    """Two seeds of one epoch a second, one of which began late; alone it would have been faster."""
    early, late = [1.0, 1.5, 2.5, 3.5], [2.0, 3.0, 4.0, 5.0]
    assert seeds.shared_rate([early, late]) == pytest.approx(2.0)  # from 2.0 to 3.5, 1.5 epochs each
    assert seeds.shared_rate([[0.0, 2.0, 4.0]]) == pytest.approx(0.5)
    assert seeds.shared_rate([[0.0, 1.0], [5.0, 5.5]]) == pytest.approx(1.0 + 2.0)  # no time in common


@pytest.mark.slow
def test_a_study_is_trained_with_any_number_of_workers() -> None:
    found = {row.key: row for row in seeds.measure(Conditions(device=CPU, quick=True))}
    assert found["seeds.cpu.study_1"].value > 0
    ratio = found["seeds.cpu.study_ratio_2"]
    assert ratio.value == pytest.approx(found["seeds.cpu.study_2"].value / found["seeds.cpu.study_1"].value)


@pytest.mark.slow
def test_a_seed_that_fails_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = seeds.study_jobs
    monkeypatch.setattr(
        seeds,
        "study_jobs",
        lambda *given, **named: [
            dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, panel_examples=10**6))
            for job in jobs(*given, **named)[:1]
        ],
    )
    with pytest.raises(RuntimeError, match=r"panel.examples"):
        seeds.train_study(1, 1, quick=True)


@pytest.mark.slow
def test_processes_pack_seeds() -> None:
    rate, memory = seeds.processes(2, recipe(), [CPU], images=64)
    assert rate > 0 and memory == 0


def test_streams_pack_seeds_that_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking turns step by step, each seed ends as it does alone."""
    ended: dict[int, list[float]] = {}
    monkeypatch.setattr(seeds, "EPOCHS", 2)
    made: list[Any] = []
    original = seeds.Workbench

    def watched(*given: Any, **named: Any) -> Any:
        made.append(original(*given, **named))
        return made[-1]

    monkeypatch.setattr(seeds, "Workbench", watched)
    for count in (1, 2):
        made.clear()
        assert seeds.streams(count, recipe(), [CPU], images=64)[0] > 0
        ended[count] = [
            sum(float(value.double().sum()) for value in bench.method.state_dict().values()) for bench in made
        ]
    assert ended[2][0] == ended[1][0] and ended[2][1] != ended[1][0]


def test_the_best_packing_is_told() -> None:
    """Each way beside itself: streams write nothing, so that one of them is faster than a process, too."""
    found = seeds.best({"processes": {1: 100.0, 2: 150.0}, "streams": {1: 200.0, 4: 260.0}})
    assert found[0].value == pytest.approx(1.5) and found[0].note == "2 processes"
    assert seeds.best({"processes": {1: 100.0}, "streams": {}}) == []
