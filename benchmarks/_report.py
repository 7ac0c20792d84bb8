# SPDX-License-Identifier: Apache-2.0
"""Where the numbers go: a table on the terminal and a JSON file that says on what they were measured."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from analysis.framework import console
from benchmarks import _hardware
from benchmarks._rows import Row
from benchmarks._targets import Verdict
from dynamics import files, provenance
from dynamics.errors import UserError

FORMAT = "training-dynamics.benchmarks/1"
RESULTS = Path(__file__).parent / "results"


def default_path(device: torch.device, only: Sequence[str] = ()) -> Path:
    """Return benchmarks/results/<device>-<names>-<date>.json, as a path from here where it is below."""
    path = RESULTS / f"{'-'.join([device.type, *only, _hardware.today()])}.json"
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def headline(hardware: dict[str, Any]) -> str:
    """Return the machine in one line."""
    gpu = f", {hardware['gpu']}" if "gpu" in hardware else ""
    return f"{hardware['processor']}, {hardware['cores']} cores, {hardware['memory_gib']} GiB{gpu}"


def show(rows: Sequence[Row]) -> None:
    """Print all rows, a table for each benchmark."""
    for name in dict.fromkeys(row.key.split(".")[0] for row in rows):
        own = [row for row in rows if row.key.split(".")[0] == name]
        console.table(
            name,
            ("what", "median", "unit", "lowest", "highest", "note"),
            [
                [row.what, _spelled(row.value), row.unit, _spelled(row.low), _spelled(row.high), row.note]
                for row in own
            ],
        )


def _spelled(value: float | None) -> str:
    """Three digits, and no exponents below a million million."""
    if value is None:
        return ""
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}"
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 1e3 else f"{value:.2g}"


def write(
    path: Path, rows: Sequence[Row], verdicts: Sequence[Verdict], hardware: dict[str, Any], *, command: str
) -> None:
    """Write everything as JSON: no name of a machine, no path.

    Raises
    ------
    UserError
        When the file cannot be written.
    """
    content = {
        "format": FORMAT,
        "date": _hardware.today(),
        "command": command,
        "code": provenance.code_version(),
        "hardware": hardware,
        "versions": _hardware.versions(),
        "rows": [dataclasses.asdict(row) for row in rows],
        "targets": [dataclasses.asdict(verdict) for verdict in verdicts],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, json.loads(json.dumps(content)))
    except OSError as error:
        raise UserError(f"--output {path} cannot be written ({error.strerror}): name another file") from None
