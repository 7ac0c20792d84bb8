# SPDX-License-Identifier: Apache-2.0
"""Is it as fast as it should be: every target of this project, met or not, or not measured."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.framework import console
from benchmarks._rows import Row

MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Target:
    """A number that a row should reach, on a kind of machine."""

    key: str
    what: str
    compare: Callable[[float, float], bool]
    bound: float
    unit: str
    gpu: bool = False
    """Whether it is stated for a GPU; it was set for an H200."""

    @property
    def spelled(self) -> str:
        """Return the bound in words."""
        return f"{'at least' if self.compare is operator.ge else 'at most'} {self.bound:g} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A target beside what was measured."""

    what: str
    target: str
    measured: float | None
    verdict: str


def _at_least(key: str, what: str, bound: float, unit: str, *, gpu: bool = False) -> Target:
    return Target(key=key, what=what, compare=operator.ge, bound=bound, unit=unit, gpu=gpu)


def _at_most(key: str, what: str, bound: float, unit: str, *, gpu: bool = False) -> Target:
    return Target(key=key, what=what, compare=operator.le, bound=bound, unit=unit, gpu=gpu)


TARGETS = (
    _at_least(
        "augment.simclr.ratio_pil_workers",
        "CPU: SimCLR views, ours / torchvision per image, 2 threads against 2 processes",
        4,
        "x",
    ),
    _at_least("seeds.cpu.study_ratio_2", "CPU: quick study, 2 workers against 1", 1.8, "x"),
    _at_most("train.cpu.simclr.snapshot_share", "CPU: snapshot share of a quick-preset epoch", 15, "%"),
    _at_most("store.read_seconds", "r_t of 30 x 200 x 2 x 10 x 1024 read from disk", 2, "s"),
    _at_most(
        "store.read_peak_without_torch",
        "r_t of 30 x 200 x 2 x 10 x 1024: memory of a process that reads it, as analysis.learning does",
        500,
        "MB",
    ),
    _at_most(
        "train.cuda.simclr.epoch", "GPU: SimCLR epoch of 50 000 images with snapshots", 1.5, "s", gpu=True
    ),
    _at_least("train.cuda.simclr.utilisation", "GPU: model FLOP utilisation of SimCLR", 30, "%", gpu=True),
    _at_least("train.cuda.simclr.ratio_baseline", "GPU: ours / thesis-recipe baseline", 8, "x", gpu=True),
    _at_least("train.cuda.simclr.ratio_lightly", "GPU: ours / lightly's loop", 4, "x", gpu=True),
    _at_most("train.cuda.simclr.snapshot_share", "GPU: snapshot share, K = 1024, M = 10", 5, "%", gpu=True),
    _at_least("seeds.cuda.best_ratio", "GPU: best packing against one seed at a time", 1.3, "x", gpu=True),
)


def judge(rows: Sequence[Row], hardware: dict[str, Any]) -> list[Verdict]:
    """Set every target beside its row."""
    measured = {row.key: row.value for row in rows}
    return [_verdict(target, measured.get(target.key), hardware) for target in TARGETS]


def _verdict(target: Target, value: float | None, hardware: dict[str, Any]) -> Verdict:
    if value is None:
        verdict = "not measured" + (" (needs a GPU)" if target.gpu and "gpu" not in hardware else "")
    else:
        verdict = "met" if target.compare(value, target.bound) else "not met"
        if target.gpu and "H200" not in hardware.get("gpu", ""):
            verdict += " (set for an H200)"
    return Verdict(what=target.what, target=target.spelled, measured=value, verdict=verdict)


def show(verdicts: Sequence[Verdict]) -> None:
    """Print all targets."""
    console.table(
        "targets",
        ("what", "target", "measured", "verdict"),
        [
            [v.what, v.target, None if v.measured is None else f"{v.measured:.3g}", v.verdict]
            for v in verdicts
        ],
    )
