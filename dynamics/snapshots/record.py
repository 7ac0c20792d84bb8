# SPDX-License-Identifier: Apache-2.0
"""The record of how a run was made: run.json, the config in it, and the comparison of configs."""

import hashlib
import json
import operator
from pathlib import Path
from typing import Any, SupportsIndex

from dynamics import files
from dynamics.config import renamed
from dynamics.errors import UserError
from dynamics.snapshots.layout import RUN

FORMAT = "training-dynamics.run/1"
_ABSENT = "(absent)"


def fingerprint(method: str, config: dict[str, Any]) -> str:
    """Hash everything that determines a run's numbers except its seed: SHA-256 of canonical JSON, in hexadecimal.

    Examples
    --------
    >>> fingerprint("simclr", {"lr": 0.1, "width": 8}) == fingerprint("simclr", {"width": 8, "lr": 0.1})
    True
    """
    text = json.dumps({"method": method, "config": config}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_run_json(
    folder: Path,
    *,
    method: str,
    seed: SupportsIndex,
    config: dict[str, Any],
    provenance: dict[str, Any],
    panel: dict[str, Any] | None = None,
) -> None:
    """Write the record of how a run is made, once, before its first epoch.

    Parameters
    ----------
    folder
        The seed's folder; made if absent.
    method, seed
        As in the folder's name.
    config
        Flat dictionary of everything that determines the run's numbers except its seed, as plain JSON values.
    provenance
        Further information: versions, device, fingerprint of the data.
    panel
        How examples and augmentations of the panel were drawn, if the config does not say so.

    Raises
    ------
    UserError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     write_run_json(Path(runs, "seed-0007"), method="simclr", seed=7, config={"lr": 0.1}, provenance={})
    ...     read_run_json(Path(runs, "seed-0007"))["config"]
    {'lr': 0.1}
    """
    files.make_folder(folder)
    config = _plain(config)
    files.write_json(
        folder / RUN,
        {
            "format": FORMAT,
            "method": method,
            "seed": operator.index(seed),
            "config": config,
            "fingerprint": fingerprint(method, config),
            "provenance": _plain(provenance),
            "panel": _plain(panel or {}),
        },
    )


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Return an object with plain JSON values: tuples and NumPy arrays as lists, NumPy scalars as numbers."""
    plain: dict[str, Any] = json.loads(json.dumps(content, default=lambda value: value.tolist()))
    return plain


def read_run_json(folder: Path) -> dict[str, Any]:
    """Read the record of how a run was made.

    Raises
    ------
    UserError
        If it is missing, damaged or of another format, or its config does not match its fingerprint.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     write_run_json(Path(runs, "seed-0007"), method="simclr", seed=7, config={}, provenance={})
    ...     read_run_json(Path(runs, "seed-0007"))["seed"]
    7
    """
    path = folder / RUN
    record = files.read_json(path)
    if record.get("format") != FORMAT:
        raise UserError(f"{path} must have the format {FORMAT!r}, got {record.get('format')!r}")
    fields = {
        "method": str,
        "seed": int,
        "config": dict,
        "fingerprint": str,
        "provenance": dict,
        "panel": dict,
    }
    for name, kind in fields.items():
        if not isinstance(record.get(name), kind):
            raise UserError(
                f"{path} has no {kind.__name__} {name!r}: see dynamics/snapshots/FORMAT.md for what it must hold"
            )
    if record["fingerprint"] != fingerprint(record["method"], record["config"]):
        raise UserError(
            f"{path} was changed by hand or damaged (its config does not match its fingerprint): "
            "restore that file from a copy"
        )
    config = record["config"]
    if config.get("temperature") in (None, config.get("panel_temperature")):
        record["config"] = renamed(
            config
        )  # where version 0.1's two temperatures differ, so do the probabilities
    return record


def check_config(folder: Path, config: dict[str, Any]) -> None:
    """Check that a folder has no run yet, or one with the same config.

    Raises
    ------
    UserError
        If the configs differ; names the first three fields that do, with both values, and what to use instead.

    Examples
    --------
    >>> check_config(Path("runs/no-such-study/simclr/seed-0000"), {"lr": 0.1})
    """
    if not (folder / RUN).exists():
        return
    recorded = read_run_json(folder)["config"]
    wanted = json.loads(json.dumps(config))  # tuples become lists, as on disk
    names = differing_fields(recorded, wanted)
    if not names:
        return
    differences = ", ".join(
        f"{name} = {_value(recorded, name)} there, {_value(wanted, name)} now" for name in names[:3]
    )
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    possible = not more and all(name in recorded and name in wanted for name in names)
    parameters = " ".join(_parameter(name, recorded[name]) for name in names if possible)
    instead = f", or go on with {parameters}" if possible else ""
    raise UserError(
        f"{folder} was made with another config ({differences}{more}): use another `study`{instead}"
    )


def differing_fields(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """List the fields, in order, that only one of two configs has or whose values differ.

    Examples
    --------
    >>> differing_fields({"lr": 0.1, "width": 8}, {"lr": 0.2, "width": 8})
    ['lr']
    """
    names = [*one, *(name for name in other if name not in one)]
    return [name for name in names if _value(one, name) != _value(other, name)]


def _value(config: dict[str, Any], name: str) -> str:
    return json.dumps(config[name]) if name in config else _ABSENT


def _parameter(name: str, value: object) -> str:
    """Return a field with its value, marked as a parameter; of a list only the name can be marked."""
    return f"`{name}` {json.dumps(value)}" if isinstance(value, list) else f"`{name}={value}`"
