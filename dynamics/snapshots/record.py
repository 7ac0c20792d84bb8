# SPDX-License-Identifier: Apache-2.0
"""The record of how a run was made: run.json, the config in it, and the comparison of configs."""

import hashlib
import json
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any, SupportsIndex

from dynamics import files
from dynamics.config import of_today, renamed
from dynamics.errors import UserError
from dynamics.snapshots.damage import Damaged, check_format
from dynamics.snapshots.layout import RUN, seed_of

FORMAT = "training-dynamics.run/1"
IDENTITY = ("method", "seed", "fingerprint", "data")
"""What states, arrays and lists of files repeat from run.json, so that a part of another seed is noticed."""
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
    ...     folder = Path(runs, "simclr", "seed-0007")
    ...     write_run_json(folder, method="simclr", seed=7, config={"lr": 0.1}, provenance={})
    ...     read_run_json(folder)["config"]
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


def add_session(folder: Path, session: dict[str, Any]) -> list[str]:
    """Record that a run goes on with other code, libraries or machine than it was last trained with.

    Parameters
    ----------
    folder
        The folder of a seed that is not finished; the caller holds its lock.
    session
        As in the run's `provenance`; what differs from it is stored in `provenance["resumed"]`.

    Returns
    -------
    list of str
        Names of the fields that differ from the last session.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     folder = Path(runs, "simclr", "seed-0007")
    ...     write_run_json(folder, method="simclr", seed=7, config={}, provenance={"code": "0.1"})
    ...     add_session(folder, {"code": "0.2"}), read_run_json(folder)["provenance"]
    (['code'], {'code': '0.1', 'resumed': [{'code': '0.2'}]})
    """
    content = files.read_json(folder / RUN)
    provenance = content["provenance"]
    last = {**provenance}
    for earlier in provenance.get("resumed", []):
        last.update(earlier)
    now = _plain(session)
    changed = [name for name in now if name != "started" and now[name] != last.get(name)]
    if changed:
        kept = {name: now[name] for name in ("started", *changed) if name in now}
        provenance["resumed"] = [*provenance.get("resumed", []), kept]
        files.write_json(folder / RUN, content)
    return changed


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Return an object with plain JSON values: tuples and NumPy arrays as lists, NumPy scalars as numbers."""
    plain: dict[str, Any] = json.loads(json.dumps(content, default=lambda value: value.tolist()))
    return plain


def read_run_json(folder: Path) -> dict[str, Any]:
    """Read the record of how a run was made.

    Raises
    ------
    UserError
        If it is missing, damaged or of a newer format, its config does not match its fingerprint, or the folder
        is named after another seed or method.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     write_run_json(Path(runs, "simclr", "seed-0007"), method="simclr", seed=7, config={}, provenance={})
    ...     read_run_json(Path(runs, "simclr", "seed-0007"))["seed"]
    7
    """
    path = folder / RUN
    record = files.read_json(path)
    check_format(path, record.get("format"), FORMAT)
    fields = {
        "method": str,
        "seed": int,
        "config": dict,
        "fingerprint": str,
        "provenance": dict,
        "panel": dict,
    }
    for name, kind in fields.items():
        if type(record.get(name)) is not kind:
            raise Damaged(path, f"no {kind.__name__} {name!r}")
    if record["fingerprint"] != fingerprint(record["method"], record["config"]):
        raise UserError(
            f"{path} was changed by hand or damaged (its config does not match its fingerprint): "
            "restore that file from a copy"
        )
    check_place(folder, record)
    config = record["config"]
    if config.get("temperature") in (None, config.get("panel_temperature")):
        # where version 0.1's two temperatures differ, so do the probabilities
        config = renamed(config)
    record["config"] = of_today(config)
    return record


def check_place(folder: Path, record: Mapping[str, Any]) -> None:
    """Check that a seed's folder is named after its run: a copy under another name is no other seed.

    Raises
    ------
    UserError
        If it is named after another seed or method.

    Examples
    --------
    >>> check_place(Path("runs/demo/simclr/seed-0007"), {"method": "simclr", "seed": 7})
    """
    seed, method = seed_of(folder), folder.parent.name
    named = method and not method.startswith(".")  # a method that is still being written aside is hidden
    if seed is not None and (seed != record["seed"] or (named and method != record["method"])):
        raise UserError(
            f"{folder} cannot hold {_named(record)}, which its {RUN} names: a copied or renamed folder is no other "
            f"run; move it back to {record['method']}/seed-{record['seed']:04d}"
        )


def identity(folder: Path) -> dict[str, Any]:
    """Return what identifies a seed's run: method, seed, recipe and data; empty before there is a run.json.

    Examples
    --------
    >>> identity(Path("runs/no-such-study/simclr/seed-0000"))
    {}
    """
    if not files.exists(folder / RUN):
        return {}
    return identity_of(read_run_json(folder))


def identity_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies the run that a run.json is the record of.

    Examples
    --------
    >>> identity_of({"method": "simclr", "seed": 7, "fingerprint": "af05", "provenance": {}, "config": {}})
    {'method': 'simclr', 'seed': 7, 'fingerprint': 'af05'}
    """
    own = {name: record[name] for name in ("method", "seed", "fingerprint")}
    data = record["provenance"].get("data_fingerprint")
    return own if data is None else {**own, "data": data}


def check_identity(ours: Mapping[str, Any], found: Mapping[str, Any], part: Path) -> None:
    """Check that a part of a seed's folder was made by that seed; parts of version 0.1 do not say by which.

    Parameters
    ----------
    ours
        From :func:`identity`.
    found
        The same fields, as far as the part has them.
    part
        Its path, for the message.

    Raises
    ------
    UserError
        If it was made by another method, seed or recipe, or from other data.

    Examples
    --------
    >>> check_identity({"method": "simclr", "seed": 7, "fingerprint": "af05"}, {"seed": 7}, Path("snapshots.zarr"))
    """
    if any(found.get(name, ours[name]) != ours[name] for name in IDENTITY if name in ours):
        raise UserError(
            f"{part} was made by {_named(found)} {_made_from(found)}, and its folder is that of {_named(ours)} "
            f"{_made_from(ours)}: move it back to where it came from"
        )


def _named(record: Mapping[str, Any]) -> str:
    return f"seed {record.get('seed')} of {record.get('method')}"


def _made_from(record: Mapping[str, Any]) -> str:
    return f"(recipe {str(record.get('fingerprint'))[:8]}, data {str(record.get('data'))[:8]})"


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
    if not files.exists(folder / RUN):
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
