# SPDX-License-Identifier: Apache-2.0
"""What made this run: run.json, the config in it, and whether two configs are the same."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dynamics import files
from dynamics.errors import UserError
from dynamics.snapshots.layout import RUN

FORMAT = "training-dynamics.run/1"
_ABSENT = "(absent)"


def fingerprint(method: str, config: dict[str, Any]) -> str:
    """Hash all that decides a run's numbers but its seed: SHA-256 of canonical JSON, hexadecimal."""
    text = json.dumps({"method": method, "config": config}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_run_json(
    folder: Path,
    *,
    method: str,
    seed: int,
    config: dict[str, Any],
    provenance: dict[str, Any],
    panel: dict[str, Any] | None = None,
) -> None:
    """Write the record of what makes a run, once, before its first epoch.

    Parameters
    ----------
    folder
        The seed's folder; made where there is none.
    method, seed
        As in the folder's name.
    config
        Flat dictionary of all that decides the run's numbers but its seed, as plain JSON values.
    provenance
        What else one may want to know: versions, device, fingerprint of the data.
    panel
        How examples and augmentations of the panel were drawn, where the config does not say it.
    """
    files.make_folder(folder)
    files.write_json(
        folder / RUN,
        {
            "format": FORMAT,
            "method": method,
            "seed": seed,
            "config": config,
            "fingerprint": fingerprint(method, config),
            "provenance": provenance,
            "panel": panel or {},
        },
    )


def read_run_json(folder: Path) -> dict[str, Any]:
    """Read the record of what made a run.

    Raises
    ------
    UserError
        When it is missing, damaged, of another format, or when its config is not what its fingerprint says.
    """
    path = folder / RUN
    record = files.read_json(path)
    if record.get("format") != FORMAT:
        raise UserError(f"{path} has the format {record.get('format')!r}, and this program reads {FORMAT!r}")
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
        raise UserError(f"{path} was changed by hand or damaged: its config is not that of its fingerprint")
    return record


def check_config(folder: Path, config: dict[str, Any]) -> None:
    """Refuse to go on with a run under another config; a folder without a record is fine.

    Raises
    ------
    UserError
        Names the fields that differ (the first three) with both values, and what to type instead.
    """
    if not (folder / RUN).exists():
        return
    theirs = read_run_json(folder)["config"]
    ours = json.loads(json.dumps(config))  # tuples become lists, as on disk
    odd = differing_fields(theirs, ours)
    if not odd:
        return
    differences = ", ".join(
        f"{name} = {_value(theirs, name)} there, {_value(ours, name)} now" for name in odd[:3]
    )
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    flags = " ".join(_parameter(name, theirs[name]) for name in odd[:3] if name in theirs)
    instead = f", or go on with {flags}" if flags and not more else ""
    raise UserError(
        f"{folder} was made with another config ({differences}{more}): use another `study`{instead}"
    )


def differing_fields(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Name the fields, in their order, that two configs do not share or do not agree on."""
    names = [*one, *(name for name in other if name not in one)]
    return [name for name in names if _value(one, name) != _value(other, name)]


def _value(config: dict[str, Any], name: str) -> str:
    return json.dumps(config[name]) if name in config else _ABSENT


def _parameter(name: str, value: object) -> str:
    """Return a field with its value as a caller would write it; a list cannot be marked as a parameter."""
    return f"`{name}` {json.dumps(value)}" if isinstance(value, list) else f"`{name}={value}`"
