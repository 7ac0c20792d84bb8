# SPDX-License-Identifier: Apache-2.0
"""Measure speed and memory side by side with alternatives: python -m benchmarks [--only NAME]."""

import importlib
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.table import Column, Table
from benchmarks import NAMES, Name, hardware
from benchmarks.harness import Conditions, Measurement
from benchmarks.targets import judge
from dynamics import files, provenance
from dynamics.errors import UserError
from dynamics.training.devices import choose_device

FORMAT = "training-dynamics.benchmarks/1"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure speed and memory, print a table and write it as JSON."""

    only: tuple[Name, ...] = ()
    """Measure only these, by name; all files of benchmarks/ by default."""
    device: str = "auto"
    """Device to measure: cpu, cuda or cuda:1; auto is a GPU where there is one. Disk and analyses belong to cpu."""
    minutes: float | None = None
    """Start no further part after this many minutes; parts left out are listed."""
    quick: bool = False
    """Tiny sizes, seconds: shows that everything runs; the numbers mean nothing and nothing is written."""
    output: Path | None = None
    """JSON file to write (default benchmarks/results/<device>-<date>.json; with --only, the names are in it, too)."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    options = cli(Options, argv, prog="python -m benchmarks", description=__doc__)
    if options.minutes is not None and options.minutes <= 0:
        raise UserError(f"`minutes` must be > 0, got {options.minutes}")
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in options.only or NAMES}
    device = choose_device(options.device)
    deadline = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    conditions = Conditions(device=device, quick=options.quick, deadline=deadline)
    machine = hardware.describe(device)
    gpu = f", {machine['gpu']}" if "gpu" in machine else ""
    say(f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB{gpu}")
    path = options.output or (None if options.quick else default_path(device, options.only))
    command = shlex.join(["python", "-m", "benchmarks", *argv])
    rows: list[Measurement] = []
    write(path, rows, machine, command=command)  # a file that cannot be written is reported at once
    for name, module in modules.items():
        say(name)
        rows += module.measure(conditions)
        write(path, rows, machine, command=command)
    show(rows, machine)
    say(f"written to {path}" if path else "nothing is written")
    return 0


def default_path(device: torch.device, only: Sequence[str] = ()) -> Path:
    """Return benchmarks/results/<device>-<names>-<date>.json, as a path from here where it is below."""
    path = RESULTS / f"{'-'.join([device.type, *only, provenance.now()[:10]])}.json"
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def show(rows: Sequence[Measurement], machine: dict[str, Any]) -> None:
    """Print a table for each benchmark, and the targets."""
    numbers = [Column("value", "median", "digits"), Column("unit", "unit"), Column("low", "lowest", "digits")]
    columns = [Column("what", "what"), *numbers, Column("high", "highest", "digits"), Column("note", "note")]
    for name in dict.fromkeys(row.key.split(".")[0] for row in rows):
        own = [row._asdict() for row in rows if row.key.split(".")[0] == name]
        console.show(Table(caption=name, columns=columns, rows=own))
    columns = [Column("what", "what"), Column("target", "target"), Column("measured", "measured", "digits")]
    targets = judge(rows, machine)
    console.show(Table(caption="targets", columns=[*columns, Column("verdict", "verdict")], rows=targets))


def write(path: Path | None, rows: Sequence[Measurement], machine: dict[str, Any], *, command: str) -> None:
    """Write everything as JSON, if anywhere: no name of a machine, no path.

    Raises
    ------
    UserError
        When the file cannot be written.
    """
    content = {
        "format": FORMAT,
        "date": provenance.now()[:10],
        "command": command,
        "code": provenance.code_version(),
        "hardware": machine,
        "versions": provenance.versions("lightly", "pillow", "blosc"),
        "rows": [row._asdict() for row in rows],
        "targets": judge(rows, machine),
    }
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, content)
    except OSError as error:
        raise UserError(f"`output` {path} cannot be written ({error.strerror}): name another file") from None


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
