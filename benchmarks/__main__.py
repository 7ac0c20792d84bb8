# SPDX-License-Identifier: Apache-2.0
"""Measure speed and memory side by side with what else there is: python -m benchmarks [--only NAME]."""

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from analysis.framework import console
from analysis.framework.console import say
from benchmarks import _hardware, _report, _targets, load, names
from benchmarks._rows import Row, Setting
from dynamics.errors import UserError
from dynamics.training.devices import choose_device


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Measure speed and memory, print a table and write it as JSON."""

    only: tuple[str, ...] = ()
    """Measure these alone, by name; all files of benchmarks/ by default."""
    device: str = "auto"
    """What is measured: cpu, cuda or cuda:1; auto is a GPU where there is one. Disk and analyses belong to cpu."""
    minutes: float | None = None
    """Begin no further part after so many minutes; what is left out is said."""
    quick: bool = False
    """Tiny sizes, seconds: shows that everything runs; the numbers mean nothing and nothing is written."""
    output: Path | None = None
    """JSON file to write (default benchmarks/results/<device>-<date>.json; with --only, the names are in it, too)."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    arguments = tyro.cli(Arguments, args=list(argv), prog="python -m benchmarks", description=__doc__)
    if arguments.minutes is not None and arguments.minutes <= 0:
        raise UserError(f"--minutes {arguments.minutes}: use a number above 0")
    modules = {name: load(name) for name in arguments.only or names()}
    device = choose_device(arguments.device)
    setting = Setting(
        device=device,
        quick=arguments.quick,
        deadline=time.monotonic() + 60 * arguments.minutes if arguments.minutes else float("inf"),
    )
    hardware = _hardware.describe(device)
    say(_report.headline(hardware))
    path = arguments.output or (None if arguments.quick else _report.default_path(device, arguments.only))
    command = shlex.join(["python", "-m", "benchmarks", *argv])
    rows: list[Row] = []
    for name, module in modules.items():
        if path is not None:  # after each, and before the first: what cannot be written is said at once
            _report.write(path, rows, _targets.judge(rows, hardware), hardware, command=command)
        say(name)
        rows += module.measure(setting)
    _report.show(rows)
    verdicts = _targets.judge(rows, hardware)
    _targets.show(verdicts)
    if path is not None:
        _report.write(path, rows, verdicts, hardware, command=command)
        say(f"written to {path}")
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
