# SPDX-License-Identifier: Apache-2.0
"""SimCLR on photographs with a CPU, as in the preset cifar-small: beside other loops, and in bf16 beside fp32."""

import dataclasses
import statistics
from functools import partial
from typing import Any

import torch

from benchmarks import augment
from benchmarks.harness import Conditions, Measurement, about, in_turn, ratio
from benchmarks.train import EpochTimer, Workload, as_a_worker, time_method
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.provenance import available_cores, bf16_units
from dynamics.training.workbench import Workbench

IMAGES = 1024
"""A quarter of the preset's; its panel is as much smaller, so that its share of an epoch is the study's."""


def measure(conditions: Conditions) -> list[Measurement]:
    """Time epochs in turn with the loops of others and ours in fp32; nothing on a GPU, where `train` does."""
    if conditions.cuda:
        return []
    work = Photographs(
        device=conditions.device,
        dataset=augment.photographs(64 if conditions.quick else IMAGES),
        sizes="cifar-small",
        workers=available_cores(),
        quick=conditions.quick,
    )
    rows = []
    with as_a_worker(work.device):
        if conditions.time_for("epochs of simclr on photographs"):
            rows += time_method("simclr", work)
        if conditions.time_for("simclr in bf16 and in fp32"):
            rows += precisions("simclr", work)
    return about("photographs.cpu", "simclr, 32 px", rows)


class Photographs(Workload):
    """The preset's training on fewer images."""

    def recipe(self, name: str) -> Recipe:
        """Return the method's recipe for so many images, with a panel in proportion."""
        recipe = super().recipe(name)
        if self.quick:
            return recipe
        assert recipe.train_examples is not None
        panel = recipe.panel_examples * IMAGES // recipe.train_examples
        return dataclasses.replace(
            recipe, train_examples=IMAGES, panel_examples=panel, panel_batch=min(recipe.panel_batch, panel)
        )


def precisions(name: str, work: Workload) -> list[Measurement]:
    """Time epochs in bf16 and in fp32, steps and panel, in turn."""
    what = "bf16 / fp32, images per second of epochs"
    if not bf16_units():
        return [Measurement("ratio_fp32", what, None, "x", note="this processor has no units for bf16")]
    recipe = work.recipe(name)
    half, full = (dataclasses.replace(recipe, precision=precision) for precision in ("bf16", "fp32"))
    timer = EpochTimer(partial(Epoch, name, full, work.dataset, work.device), device=work.device, times=1.0)
    options: dict[str, Any] = {"device": work.device, "rounds": 2 if work.quick else 5}
    epochs = in_turn(name, half, work.dataset, others={"fp32": timer}, **options)
    ours = [1 / seconds for seconds in epochs.seconds]
    theirs = [1 / seconds for seconds in epochs.others["fp32"]]
    note = f"units {', '.join(bf16_units())}; {statistics.median(epochs.seconds):.3g} s in bf16"
    return [ratio("ratio_fp32", what, ours, theirs, note)]


class Epoch:
    """Epochs of ours without snapshots on the disk."""

    def __init__(self, name: str, recipe: Recipe, dataset: Dataset, device: torch.device) -> None:
        self.bench = Workbench(name, recipe, dataset, device=device, engine="eager")
        self.bench.begin(0)
        self.epoch = 0

    def train_epoch(self) -> None:
        """Do all steps of the next epoch."""
        self.epoch += 1
        self.bench.run_epoch(0, self.epoch)

    def score(self) -> None:
        """Score the panel and the held-out examples."""
        self.bench.score()
