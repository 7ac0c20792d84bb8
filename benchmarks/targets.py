# SPDX-License-Identifier: Apache-2.0
"""The performance targets of this project: each met, missed or not measured."""

import operator
from collections.abc import Sequence
from typing import Any

from benchmarks.harness import Measurement

SENSES = {">=": ("at least", operator.ge), "<=": ("at most", operator.le)}


# fmt: off
TARGETS = (  # key of a row, title, side and value of the bound, unit; those of a GPU were set for an H200
    ("augment.simclr.ratio_pil_workers", "CPU: SimCLR views, ours / torchvision's, 2 cores each", ">=", 4, "x"),
    ("seeds.cpu.study_ratio_2", "CPU: quick study, 2 workers against 1", ">=", 1.8, "x"),
    ("train.cpu.simclr.snapshot_share", "CPU: snapshot share of a quick-preset epoch", "<=", 15, "%"),
    ("photographs.cpu.ratio_baseline", "CPU: SimCLR of 32 px, width 16, ours / thesis-recipe baseline", ">=", 4, "x"),
    ("photographs.cpu.ratio_lightly", "CPU: SimCLR of 32 px, width 16, ours / lightly's loop", ">=", 3, "x"),
    ("train.cpu.simclr.ratio_lightly", "CPU: quick SimCLR, ours / lightly's loop", ">=", 1.6, "x"),
    ("store.read_seconds", "r_t of 30 x 200 x 2 x 10 x 1024 read from disk", "<=", 2, "s"),
    ("store.read_peak_without_torch", "r_t of 30 x 200 x 2 x 10 x 1024: memory of its reader", "<=", 500, "MB"),
    ("recording.cpu.ratio", "CPU: the page's loop with a recorder / without", "<=", 1.05, "x"),
    ("scale.open_seconds", "4 x 1000 seeds: open_study", "<=", 2, "s"),
    ("scale.status_seconds", "4 x 1000 seeds: runners.status", "<=", 5, "s"),
    ("train.cuda.simclr.epoch", "GPU: SimCLR epoch of 50 000 images with snapshots", "<=", 1.5, "s"),
    ("train.cuda.simclr.utilisation", "GPU: model FLOP utilisation of SimCLR", ">=", 30, "%"),
    ("train.cuda.simclr.ratio_baseline", "GPU: ours / thesis-recipe baseline", ">=", 8, "x"),
    ("train.cuda.simclr.ratio_lightly", "GPU: ours / lightly's loop", ">=", 4, "x"),
    ("train.cuda.simclr.snapshot_share", "GPU: snapshot share, K = 1024, M = 10", "<=", 5, "%"),
    ("seeds.cuda.best_ratio", "GPU: best packing against one seed at a time", ">=", 1.3, "x"),
)
# fmt: on


def judge(rows: Sequence[Measurement], hardware: dict[str, Any]) -> list[dict[str, Any]]:
    """Set every target beside what was measured on a machine: what, target, measured, verdict.

    Examples
    --------
    >>> judge([Measurement("store.read_seconds", "", 0.3, "s")], {})[6]["verdict"]
    'met'
    """
    measured = {row.key: row.value for row in rows}
    judged = []
    for key, what, sense, bound, unit in TARGETS:
        value, gpu = measured.get(key), hardware.get("gpu", "")
        words, holds = SENSES[sense]
        if value is None:
            verdict = "not measured (needs a GPU)" if ".cuda." in key and not gpu else "not measured"
        else:
            verdict = "met" if holds(value, bound) else "not met"
            verdict += " (set for an H200)" if ".cuda." in key and "H200" not in gpu else ""
        target = f"{words} {bound:g} {unit}"
        judged.append({"what": what, "target": target, "measured": value, "verdict": verdict})
    return judged
