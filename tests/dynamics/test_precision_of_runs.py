# SPDX-License-Identifier: Apache-2.0
"""Which precision a run gets, from its recipe and the processor; and that it keeps it elsewhere."""

import json
from pathlib import Path

import pytest
import torch

from dynamics import data, provenance, snapshots
from dynamics.data import Dataset
from dynamics.training import precision
from dynamics.training.job import Job
from dynamics.training.loop import train
from dynamics.training.workbench import Workbench
from tests.dynamics.interruption import Stop, stop_after
from tests.dynamics.test_training import tiny

CPU = torch.device("cpu")
AMX, AVX512, NONE = ["amx_bf16", "avx512_bf16"], ["avx512_bf16"], list[str]()


def processor(monkeypatch: pytest.MonkeyPatch, units: list[str]) -> None:
    for module in (precision, provenance):
        monkeypatch.setattr(module, "bf16_units", lambda: units)


@pytest.fixture(scope="module")
def photographs() -> Dataset:
    """Noise of the smallest size that bf16 pays for."""
    stream = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (140, 3, 16, 16), dtype=torch.uint8, generator=stream)
    labels = torch.arange(140) % 10
    return Dataset.build(
        "noise",
        train=(images[:100], labels[:100]),
        test=(images[100:], labels[100:]),
        classes=[str(label) for label in range(10)],
    )


@pytest.mark.parametrize(
    ("asked", "units", "size", "wanted"),
    [
        ("auto", AMX, 32, "bf16"),
        ("auto", AVX512, 16, "bf16"),
        ("auto", NONE, 32, "fp32"),
        ("auto", AMX, 15, "fp32"),
        ("auto", AMX, 8, "fp32"),  # digits have the same bits on every machine
        ("fp32", AMX, 32, "fp32"),
        ("bf16", NONE, 8, "bf16"),
    ],
)
def test_auto_is_bf16_where_the_processor_has_units_and_images_are_large(
    asked: str, units: list[str], size: int, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor(monkeypatch, units)
    assert precision.resolve(tiny("simclr", precision=asked), CPU, image_size=size) == wanted


def test_on_a_gpu_auto_is_bf16_whatever_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, NONE)
    assert precision.resolve(tiny("simclr"), torch.device("cuda"), image_size=8) == "bf16"


def test_the_layout_is_that_of_the_units(photographs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """In fp32 nothing is changed: not a bit may depend on the rule."""
    for units, last in ((AMX, True), (NONE, False)):
        processor(monkeypatch, units)
        bench = Workbench("supervised", tiny("supervised"), photographs, device=CPU, engine="eager")
        weights = bench.method.encoder.conv1.weight  # type: ignore[attr-defined]
        assert bench.method.bf16 is last
        assert weights.is_contiguous(memory_format=torch.channels_last) is last


def stopped(job: Job, dataset: Dataset) -> None:
    with pytest.raises(Stop):
        train(job, dataset, device=CPU, report=stop_after(1), state_share=float("inf"))


@pytest.mark.parametrize(("before", "after"), [(AMX, NONE), (NONE, AMX)])
def test_a_run_keeps_its_precision_on_another_kind_of_processor(
    before: list[str],
    after: list[str],
    photographs: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It says so, and ends as it would have ended where it began."""
    runs = {}
    for place in ("here", "moved"):
        folder = snapshots.seed_folder(tmp_path, place, "supervised", 0)
        job = Job(method="supervised", recipe=tiny("supervised"), seed=0, folder=folder)
        processor(monkeypatch, before)
        stopped(job, photographs)
        processor(monkeypatch, before if place == "here" else after)
        caplog.clear()
        train(job, photographs, device=CPU)
        runs[place] = snapshots.Run(folder)
    began, here = ("bf16", "fp32") if before else ("fp32", "bf16")
    assert [line for line in caplog.messages if "as it began" in line] == [
        f"{folder} goes on in {began}, as it began: here it would be {here}"
    ]
    made = runs["moved"].provenance
    assert made["precision"] == began and made["machine"]["bf16_units"] == before
    assert made["resumed"][-1]["machine"]["bf16_units"] == after
    one, other = ((run.folder / "weights.safetensors").read_bytes() for run in runs.values())
    assert one[-1000:] == other[-1000:]  # the tensors; the header says whose they are


def test_a_run_from_before_goes_on_in_what_it_was(
    photographs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor(monkeypatch, NONE)
    folder = snapshots.seed_folder(tmp_path, "old", "supervised", 0)
    job = Job(method="supervised", recipe=tiny("supervised"), seed=0, folder=folder)
    stopped(job, photographs)
    record = json.loads((folder / "run.json").read_text())
    assert record["provenance"].pop("precision") == "fp32"
    (folder / "run.json").write_text(json.dumps(record))
    processor(monkeypatch, AMX)
    built: list[str] = []
    init = Workbench.__init__

    def noted(self: Workbench, name: str, recipe: object, *arguments: object, **options: object) -> None:
        built.append(recipe.precision)  # type: ignore[attr-defined]
        init(self, name, recipe, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Workbench, "__init__", noted)
    train(job, photographs, device=CPU)
    assert built == ["fp32"]


def test_digits_are_trained_in_fp32_on_every_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, AMX)
    digits = data.load("digits")
    bench = Workbench("supervised", tiny("supervised"), digits, device=CPU, engine="eager")
    assert not bench.method.bf16
