"""A step that is captured once does what the step itself does, epoch after epoch and seed after seed."""

import dataclasses
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dynamics import methods, networks, snapshots
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.streams import generator
from dynamics.study_file import preset
from dynamics.training import capture, checkpoint
from dynamics.training.capture import Engine
from dynamics.training.job import Job
from dynamics.training.loop import train
from dynamics.training.workbench import Workbench, Workbenches
from tests.dynamics.interruption import Stop, stop_after
from tests.dynamics.recorded_graph import RecordedGraph, recorded_graphs

__all__ = ["recorded_graphs"]
CPU = torch.device("cpu")
every_method = pytest.mark.parametrize("name", methods.names())


@pytest.fixture(autouse=True)
def all_methods_are_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those too whose libraries do not promise it: here there are none."""
    for name in methods.names():
        monkeypatch.setattr(methods.load(name), "captured", True)


def tiny(name: str, **changes: Any) -> Recipe:
    """Rates that differ from the second epoch on: a step that kept the first one would be told apart."""
    small = {
        "schedule_start": 0, "schedule_period": 4,
        "train_examples": 96, "width": 2, "batch_size": 32, "epochs": 3,
        "panel_examples": 32, "panel_batch": 32, "panel_augmentations": 2,
    }  # fmt: skip
    return dataclasses.replace(preset(name, "quick"), **{**small, **changes})


def bench(recipe: Recipe, name: str, digits: Dataset, engine: Engine) -> Workbench:
    return Workbench(name, recipe, networks.training_data(digits, recipe), device=CPU, engine=engine)


def curve(built: Workbench, seed: int, epochs: int = 3) -> list[list[float]]:
    """Losses of some epochs from a seed's beginning, and a sum over what it has become."""
    built.begin(seed)
    losses = [list(built.run_epoch(seed, epoch).values()) for epoch in range(1, epochs + 1)]
    state = sum(float(value.double().abs().sum()) for value in built.method.state_dict().values())
    return [*losses, [state]]


def not_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError("no graph today\nat length")

    monkeypatch.setattr(capture, "_captured", fails)


@every_method
def test_replays_equal_calls(
    name: str,
    digits: Dataset,
    recorded_graphs: list[RecordedGraph],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """To the bit, over three epochs (whose rates differ) of two seeds, with the optimiser that a graph needs."""
    recipe = tiny(name)
    captured = bench(recipe, name, digits, "graph")
    found = [curve(captured, 0), curve(captured, 1)]
    (graph,) = recorded_graphs
    assert graph.replays == 2 * 3 * captured.steps == 18
    assert graph.generators == [captured._draws]
    assert not caplog.text
    not_captured(monkeypatch)
    called = bench(recipe, name, digits, "graph")
    assert f"a step of {name} cannot be captured (no graph today)" in caplog.text
    assert found == [curve(called, 0), curve(called, 1)]
    assert found[0] != found[1]


@pytest.mark.parametrize("name", ["simclr", "supervised"])
def test_mixed_precision_is_captured_too(
    name: str, digits: Dataset, recorded_graphs: list[RecordedGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copies of the weights in bf16 are made anew by every replay."""
    recipe = tiny(name, precision="bf16")
    found = curve(bench(recipe, name, digits, "graph"), 0)
    not_captured(monkeypatch)
    assert found == curve(bench(recipe, name, digits, "graph"), 0)


@every_method
def test_the_fused_optimiser_does_what_the_plain_one_does(
    name: str, digits: Dataset, recorded_graphs: list[RecordedGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a loss without kinks: where a ReLU is in doubt, two roundings give two gradients, and soon two networks."""
    kind = methods.load(name)
    original = kind.loss

    def smooth(method: methods.Method, views: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            original(method, views, labels)  # for what methods keep of a step
        distances = [(p - 2).square().sum() for p in method.parameters() if p.requires_grad]
        return dict.fromkeys(method.terms, torch.stack(distances).sum())

    monkeypatch.setattr(kind, "loss", smooth)
    fused, plain = (bench(tiny(name), name, digits, engine) for engine in ("graph", "eager"))
    for built in (fused, plain):
        curve(built, 0)
    one, other = (dict(built.method.named_parameters()) for built in (fused, plain))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)  # rounded nine times


@every_method
def test_a_seed_after_another_equals_a_seed_alone(name: str, digits: Dataset) -> None:
    """Nothing of the seed before is left: weights, statistics, queues, momentum, generators."""
    recipe = tiny(name)
    used = bench(recipe, name, digits, "eager")
    curve(used, 3)
    assert curve(used, 4) == curve(bench(recipe, name, digits, "eager"), 4)


@pytest.mark.parametrize("name", ["simclr", "supervised", "moco"])
def test_a_captured_run_resumes_bit_equal(
    name: str, digits: Dataset, tmp_path: Path, recorded_graphs: list[RecordedGraph], monkeypatch: Any
) -> None:
    """A stopped run goes on, on a workbench that another seed has used meanwhile."""
    monkeypatch.setattr(capture, "choose", lambda engine, device: engine)

    def start(folder: str, benches: Workbenches, seed: int, **options: Any) -> snapshots.Run:
        job = Job(method=name, recipe=tiny(name), seed=seed, folder=tmp_path / folder)
        train(job, digits, device=CPU, engine="graph", workbenches=benches, **options)
        return snapshots.Run(job.folder)

    whole = start("whole", Workbenches(), 5)
    shared = Workbenches()
    with pytest.raises(Stop):
        start("stopped", shared, 5, report=stop_after(2), state_share=float("inf"))
    start("other", shared, 6)
    assert len(recorded_graphs) == 2  # one for `whole`, one for all that is on the shared workbench
    resumed = start("stopped", shared, 5)
    np.testing.assert_array_equal(whole.read("probability"), resumed.read("probability"))
    one, two = (checkpoint.load_weights(run.folder / "weights.safetensors") for run in (whole, resumed))
    assert all(torch.equal(value, two[key]) for key, value in one.items())


def test_a_step_that_asks_for_a_value_is_refused_by_the_recorder(
    recorded_graphs: list[RecordedGraph], caplog: pytest.LogCaptureFixture
) -> None:
    """So that the tests above can fail. What is said is what broke the capture, not what its end says."""
    streams = len(RecordedGraph.current)
    total = torch.zeros(())

    def step() -> None:
        total.add_(1)
        total.item()

    capture.repeated(step, "graph", draws=generator(0, "control"), name="this")
    assert "a step of this cannot be captured (operation not permitted" in caplog.text
    assert RecordedGraph.current[streams:] == [torch.cuda.current_stream()]  # back where it began


def test_a_step_that_python_changes_is_told_apart(recorded_graphs: list[RecordedGraph]) -> None:
    """A number that was read at the capture is repeated: this is what tensors for the learning rate are for."""
    rate, total = [1.0], torch.zeros(())

    def step() -> None:
        total.add_(rate[0])

    replay = capture.repeated(step, "graph", draws=generator(0, "control"), name="this")
    total.zero_()
    rate[0] = 5.0
    replay()
    assert total.item() == 1.0


def test_a_method_may_refuse_to_be_captured(
    digits: Dataset, recorded_graphs: list[RecordedGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods.load("w-mse"), "captured", False)
    assert curve(bench(tiny("w-mse"), "w-mse", digits, "graph"), 0, 1)
    assert recorded_graphs == []


def test_workbenches_keep_the_last_recipe(digits: Dataset) -> None:
    kept = Workbenches()

    def get(recipe: Recipe, dataset: Dataset = digits) -> Workbench:
        return kept.get("supervised", recipe, dataset, device=CPU, engine="eager")

    first = get(tiny("supervised"))
    assert get(tiny("supervised")) is first
    assert get(tiny("supervised", lr=0.5)) is not first
    gone = weakref.ref(first)
    del first
    second = get(tiny("supervised"))
    assert gone() is None  # its memory is free before another is built
    assert get(tiny("supervised"), digits.subset(200)) is not second


def test_engines_are_chosen_by_the_device() -> None:
    assert capture.choose("auto", CPU) == "eager"
    assert capture.choose("auto", torch.device("cuda")) == "graph"
    assert capture.choose("compiled", torch.device("cuda", 1)) == "compiled"
    for engine, said in (
        ("graph", "engine graph needs a CUDA device"),
        ("fast", "engine must be auto, eager"),
    ):
        with pytest.raises(UserError, match=said):
            capture.choose(engine, CPU)
