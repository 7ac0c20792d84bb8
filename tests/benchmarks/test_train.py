"""Is the pace of training measured as it is said to be: counted operations, turns, ratios, and lightly's loop."""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import harness, train
from benchmarks.hardware import peak_memory
from benchmarks.harness import Conditions, Epochs, Timed, in_turn
from benchmarks.peers.baseline import METHODS
from benchmarks.peers.lightly_loop import LightlyLoop, installed
from dynamics import data, encoders, methods, networks
from dynamics.config import Recipe
from dynamics.study_file import preset
from dynamics.training import loop
from dynamics.training.job import EpochReport, Job

CPU = torch.device("cpu")
QUICK = train.Workload.under(Conditions(device=CPU, quick=True))


def multiplications(name: str, recipe: Recipe) -> dict[str, int]:
    """Count those of each layer in one forward pass of all views, from the shapes that come out of it."""
    dataset = networks.training_data(data.load("digits"), recipe)
    method = networks.untrained(name, recipe, dataset, seed=0)
    found: dict[str, int] = {}

    def count(layer: str) -> Callable[[nn.Module, Any, torch.Tensor], None]:
        def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            found[layer] = output.numel() * math.prod(module.weight.shape[1:])  # type: ignore[union-attr]

        return hook

    for layer, module in method.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count(layer))
    method(torch.rand(method.training_views * recipe.batch_size, 3, 8, 8))
    return found


@pytest.mark.parametrize("name", ["simclr", "supervised"])
def test_operations_of_a_step_are_those_of_its_layers(name: str) -> None:
    recipe = preset(name, "quick", width=4, batch_size=6)
    layers = multiplications(name, recipe)
    first = layers["encoder.conv1"]
    assert first == (2 if name == "simclr" else 1) * 6 * (8 * 8) * 4 * (3 * 3 * 3)
    # Forward, and backward by inputs and by weights; but nobody asks for the gradient of the images.
    expected = 2 * (3 * sum(layers.values()) - first)
    if name == "simclr":  # all cosines, and their gradients by both factors
        expected += 3 * 2 * (12 * 12) * 128
    assert train.operations_of_step(name, recipe, data.load("digits"), device=CPU) == expected


def test_a_network_without_gradient_counts_once() -> None:
    recipe = preset("moco", "quick", width=4, batch_size=6)
    one_view = (
        sum(multiplications("simsiam", preset("simsiam", "quick", width=4, batch_size=6)).values()) // 2
    )
    first = 6 * (8 * 8) * 4 * 27
    queue = 6 * 256 * 96
    # Queries forward and backward, keys forward, the queue by the queries alone.
    expected = 2 * (3 * one_view - first + one_view + 2 * queue)
    assert train.operations_of_step("moco", recipe, data.load("digits"), device=CPU) == expected


def test_products_count_two_operations_a_multiplication(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Callable[[], object]] = []
    monkeypatch.setattr(train, "seconds_of", lambda call, device: calls.append(call) or 0.5)
    rate = train.product(10, torch.float32, CPU, work=10_000)
    assert rate() == 5 * 2 * 10**3 / 0.5 and len(calls) == 1
    calls[0]()


def test_precision_is_that_of_the_run() -> None:
    recipe = preset("simclr", "thesis")
    options: dict[str, Any] = {"dataset": data.load("digits"), "sizes": "quick", "workers": 1, "quick": True}
    cpu, cuda = (train.Workload(device=torch.device(name), **options) for name in ("cpu", "cuda"))
    assert train.number_type(recipe, cpu) == torch.float32
    assert train.number_type(recipe, cuda) == torch.bfloat16
    assert train.number_type(dataclasses.replace(recipe, precision="fp32"), cuda) == torch.float32


def test_epochs_of_all_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    write = loop.snapshots.Writer.write

    def noted(self: Any, *arguments: Any) -> None:
        called.append("ours")
        write(self, *arguments)

    monkeypatch.setattr(loop.snapshots.Writer, "write", noted)

    def other(name: str) -> Callable[[], float]:
        return lambda: called.append(name) or float(len(called))

    found = in_turn(
        "supervised",
        QUICK.recipe("supervised"),
        QUICK.dataset,
        device=CPU,
        rounds=3,
        others={"a": other("a"), "b": other("b")},
    )
    assert called == ["ours", "a", "b", "ours", "b", "a", "ours", "a", "b", "ours", "b", "a", "ours"]
    assert found.others == {"a": [6.0, 8.0, 12.0], "b": [5.0, 9.0, 11.0]}  # without the first epoch
    assert [each.epoch for each in found.reports] == [1, 2, 3, 4, 5]
    assert [each.epoch for each in found.timed] == [2, 3, 4]  # nor the last, which saves the state
    assert all(0 < share < 1 for share in found.snapshot_shares)


def test_an_epoch_is_steps_panel_and_snapshot() -> None:
    found = epochs([(8.0, 1.0, 1.0), (6.0, 2.0, 2.0)])
    assert found.seconds == [10.0, 10.0]
    assert found.snapshot_shares == [0.2, 0.4]


def epochs(
    parts: list[tuple[float, float, float]],
    *,
    start: float = 0.0,
    first: tuple[float, float, float] = (99.0, 99.0, 99.0),
) -> Epochs:
    """Return epochs of which these seconds of steps, panel and snapshot were timed, between a first and a last one."""
    every = [first, *parts, (99.0, 99.0, 99.0)]
    return Epochs(
        reports=[
            EpochReport(at, len(every), 0.0, 0.0, *each, start) for at, each in enumerate(every, start=1)
        ]
    )


def test_the_time_of_others_stays_out_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[Path] = []
    save = loop.checkpoint.save

    def noted(state: Any, path: Path) -> None:
        saved.append(path)
        save(state, path)

    def slow() -> float:
        time.sleep(0.4)
        return 0.4

    monkeypatch.setattr(loop.checkpoint, "save", noted)
    recipe = QUICK.recipe("random-labels")
    began = time.perf_counter()
    found = in_turn("random-labels", recipe, QUICK.dataset, device=CPU, rounds=3, others={"slow": slow})
    whole = time.perf_counter() - began
    ours = sum(each.train_seconds + each.panel_seconds + each.store_seconds for each in found.reports)
    assert ours <= whole - 4 * 0.4
    # Nor does a state become due because of them: the first and the last epoch save theirs, none that counts does.
    assert len(saved) == 2


@pytest.mark.parametrize("asked", [{}, {"engine": "graph"}])
def test_an_engine_is_named_only_where_it_is_asked_for(
    asked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def fake(job: Job, dataset: Any, *, device: Any, report: Any, **options: Any) -> None:
        seen.append(options)

    monkeypatch.setattr(harness.loop, "train", fake)
    recipe = QUICK.recipe("simclr")
    in_turn("simclr", recipe, QUICK.dataset, device=CPU, rounds=1, others={}, **asked)
    assert seen == [{"state_share": 0.0, **asked}]


def test_the_pace_of_others_is_that_of_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Loop:
        def train_epoch(self) -> float:
            calls.append("train")
            return 0.0

        def score(self) -> None:
            calls.append("score")

    def timed(call: Callable[[], object], device: torch.device) -> float:
        call()
        return {"train": 2.0, "score": 0.5}[calls[-1]]

    def build() -> Loop:
        calls.append("build")
        return Loop()

    monkeypatch.setattr(train, "seconds_of", timed)
    pace = train.EpochTimer(build, device=CPU, times=10.0)
    assert calls == []
    assert (pace(), pace()) == (20.5, 20.5)
    assert calls == ["build", "train", "score", "train", "score"]


def test_ratios_are_of_images_per_second() -> None:
    ours = epochs([(1.0, 0.5, 0.5), (1.0, 0.0, 1.0)])
    rows = train.compared("baseline", ours, [8.0, 4.0], images=100, note="")
    assert {row.key: row.value for row in rows} == {
        "baseline_images_per_second": 18.75,
        "ratio_baseline": 50 / 18.75,
    }
    assert (rows[1].low, rows[1].high) == (2.0, 4.0)


def test_utilisation_is_of_the_measured_product() -> None:
    ours = epochs([(2.0, 1.0, 0.0), (4.0, 1.0, 0.0), (2.0, 9.0, 9.0)])
    row = train.utilisation(ours, 3e9, 10, 64, [5e10, 1e10, 9e10])
    assert row.value == pytest.approx(100 * 3e10 / 2 / 5e10)
    assert row.low == pytest.approx(100 * 3e10 / 4 / 5e10)


def test_a_gpu_trains_at_the_thesiss_sizes() -> None:
    images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    dataset = data.Dataset.build(
        "p",
        train=(images.expand(50_000, -1, -1, -1), torch.zeros(50_000, dtype=torch.int64)),
        test=(images, torch.zeros(1, dtype=torch.int64)),
        classes=["one"],
    )
    work = train.Workload(
        device=torch.device("cuda"), dataset=dataset, sizes="thesis", workers=16, quick=False
    )
    recipe = work.recipe("simclr")
    assert (recipe.width, recipe.panel_examples, recipe.panel_augmentations) == (64, 1024, 10)
    assert (work.images(recipe), work.images(work.part_for_others(recipe))) == (49_920, 3 * 16 * 256)
    notes = train.notes(recipe, work)
    assert "steps timed on 12288 images" in notes["baseline"] and "bfloat16" in notes["ours"]


@pytest.mark.slow
def test_quick_measures_every_method_and_all_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    def here(call: Callable[..., Any], *arguments: Any) -> Timed:
        return Timed(call(*arguments), 0.0, peak_memory(), 0)

    monkeypatch.setattr(harness, "in_own_process", here)  # a new interpreter takes seconds to load everything
    found = train.measure(Conditions(device=CPU, quick=True))
    rows = {row.key: row for row in found}
    assert len(rows) == len(found)
    assert not any(key.startswith("train.cuda") or "engine" in key for key in rows)
    for name in methods.names():
        key = f"train.cpu.{name}"
        parts = ("epoch", "images_per_second", "utilisation", "snapshot_share", "start")
        values = {part: rows[f"{key}.{part}"].value or 0.0 for part in parts}
        assert all(value > 0 for value in values.values())
        assert rows[f"{key}.images_per_second"].low == pytest.approx(64 / (rows[f"{key}.epoch"].high or 0.0))
        assert values["snapshot_share"] < 100 and values["utilisation"] < 100
        assert (f"{key}.ratio_baseline" in rows) == (name in METHODS)
    for other in ("baseline", "lightly") if installed() else ("baseline",):
        ours = rows["train.cpu.simclr.images_per_second"].value or 0.0
        theirs = rows[f"train.cpu.simclr.{other}_images_per_second"].value or 0.0
        assert rows[f"train.cpu.simclr.ratio_{other}"].value == pytest.approx(ours / theirs)
    memory = rows["train.cpu.simclr.peak_memory"]
    assert 50 < (memory.value or 0) < 10_000 and "libraries" in memory.note


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_quick_measures_memory_of_a_gpu() -> None:
    found = train.measure(Conditions(device=torch.device("cuda"), quick=True))
    values = {row.key.removeprefix("train.cuda.simclr."): row.value or 0.0 for row in found}
    assert values["peak_memory"] > 0 and values["peak_memory_baseline"] > 0


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert train.measure(Conditions(device=CPU, quick=True, deadline=0.0)) == []
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_without_lightly_its_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "installed", lambda: False)
    found = {row.key: row for row in train.time_method("simclr", QUICK)}
    missing = found["ratio_lightly"]
    assert missing.value is None and "bench" in missing.note
    assert found["ratio_baseline"].value is not None


@pytest.mark.slow
def test_memory_before_training_is_told_apart() -> None:
    assert 0 < train.train_alone("ours", "supervised", QUICK.recipe("supervised")) <= peak_memory()


def lightly_loop() -> LightlyLoop:
    pytest.importorskip("lightly", reason="lightly is not installed")
    torch.manual_seed(0)
    return LightlyLoop(QUICK.recipe("simclr"), data.load("digits"), device=CPU, workers=0)


def test_lightlys_loop_trains_our_encoder() -> None:
    loop = lightly_loop()
    ours = encoders.build("resnet18", width=2)
    backbone = loop.network[0]
    assert sum(value.numel() for value in backbone.parameters()) == sum(
        value.numel() for value in ours.parameters()
    )
    before = [value.clone() for value in backbone.parameters()]
    loop.loader = [next(iter(loop.loader))] * 10  # type: ignore[assignment]
    losses = [loop.train_epoch() for _ in range(3)]
    assert losses[2] < losses[1] < losses[0] < 5
    assert all(not torch.equal(one, two) for one, two in zip(before, backbone.parameters(), strict=True))


def test_lightlys_views_are_two_of_each_image() -> None:
    loop = lightly_loop()
    ((first, second),), labels = next(iter(loop.loader))
    assert first.shape == second.shape == (32, 3, 8, 8) and labels.shape == (32,)
    assert not torch.equal(first, second)
    assert len(loop.loader) == 2


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.tempfile, "tempdir", str(tmp_path))
    in_turn("supervised", QUICK.recipe("supervised"), QUICK.dataset, device=CPU, rounds=0, others={})
    assert list(tmp_path.iterdir()) == []
