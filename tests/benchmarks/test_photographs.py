# SPDX-License-Identifier: Apache-2.0
"""What is timed on photographs is the study's work in small, and bf16 only where a processor has units for it."""

import pytest
import torch

from benchmarks import photographs, train
from benchmarks.harness import Conditions
from dynamics.study_file import preset

CPU = torch.device("cpu")


@pytest.mark.slow
@pytest.mark.parametrize("units", [[], ["avx512_bf16"]], ids=["without units", "with units"])
def test_every_row_is_measured_or_says_why_not(units: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "installed", lambda: False)
    monkeypatch.setattr(photographs, "bf16_units", lambda: units)
    rows = {row.key: row for row in photographs.measure(Conditions(device=CPU, quick=True))}
    assert rows["photographs.cpu.ratio_baseline"].value is not None
    precision = rows["photographs.cpu.ratio_fp32"]
    assert (precision.value is None) == (not units)
    assert ("no units" in precision.note) == (not units)


def test_an_epoch_is_the_studys_in_small() -> None:
    work = photographs.Photographs(
        device=CPU, dataset=photographs.augment.photographs(20), sizes="cifar-small", workers=1, quick=False
    )
    small, whole = work.recipe("simclr"), preset("simclr", "cifar-small")
    assert small.train_examples == photographs.IMAGES and whole.train_examples is not None
    assert small.panel_examples / small.train_examples == whole.panel_examples / whole.train_examples
    assert (small.width, small.batch_size, small.panel_batch) == (
        whole.width,
        whole.batch_size,
        whole.panel_batch,
    )


def test_a_gpu_is_left_to_the_benchmark_of_training() -> None:
    assert photographs.measure(Conditions(device=torch.device("cuda"))) == []
