# SPDX-License-Identifier: Apache-2.0
"""Which studies are the settings of one sweep: those whose study files name it, with the fields that are swept.

A setting is a study like any other, so that a study still has one recipe a method, and every command reads it. Its
values are those of its runs' configs.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dynamics import snapshots, study_file
from dynamics.errors import UserError

Value = int | float
"""Of a numeric field of a recipe."""

LONGEST = 120
"""Characters of a setting's name; beyond, a hash stands for the values."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One point of a sweep's grid."""

    study: str
    """Study that holds its runs."""
    values: Mapping[str, Value]
    """Value of each field that is swept, by the field's name."""
    seeds: tuple[int, ...]
    """Seeds that were asked for, or that have a folder."""

    @property
    def name(self) -> str:
        """How the setting is called: lr-0.0003."""
        return setting_name(self.values)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The settings of one method, in the order of their values."""

    name: str
    method: str
    runs: Path
    settings: tuple[Setting, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that are swept."""
        return tuple(self.settings[0].values)


def setting_name(values: Mapping[str, Value]) -> str:
    """Return how a setting is called, for people and as part of its study's name; nothing reads it back.

    Examples
    --------
    >>> setting_name({"lr": 3e-4, "batch_size": 64})
    'lr-0.0003.batch-size-64'
    """
    spelled = ".".join(f"{field.replace('_', '-')}-{_text(value)}" for field, value in values.items())
    if len(spelled) <= LONGEST:
        return spelled
    return f"{len(values)}-fields-{hashlib.sha256(spelled.encode()).hexdigest()[:12]}"


def _text(value: Value) -> str:
    short = f"{value:g}" if isinstance(value, float) else str(value)
    exact = short if float(short) == value else repr(value)
    return exact.replace("+", "")  # 1e+20: a study's name has no plus


def study_name(sweep: str, values: Mapping[str, Value]) -> str:
    """Return the name of the study that holds a setting of a sweep.

    Examples
    --------
    >>> study_name("mine", {"lr": 0.1})
    'mine.lr-0.1'
    """
    return f"{sweep}.{setting_name(values)}"


def sweep_of(study: Path) -> tuple[str, tuple[str, ...]] | None:
    """Return the sweep that a study's folder is a setting of, and its fields; None where it is of none."""
    path = study / study_file.NAME
    said = study_file.parsed(path).sweep if path.exists() else {}
    return (str(said["name"]), tuple(said["fields"])) if {"name", "fields"} <= said.keys() else None


def find(runs: Path, name: str, method: str | None = None) -> Sweep:
    """Find the settings of a sweep on the disk.

    Parameters
    ----------
    runs
        Folder of all studies.
    name
        The sweep.
    method
        Whose settings; may be None where the sweep has one method.

    Raises
    ------
    UserError
        When there is no such sweep, it has no such method or several, or its settings differ in their fields.
    """
    fields = {
        study: found[1]
        for study in snapshots.list_studies(runs)
        if (found := sweep_of(runs / study)) is not None and found[0] == name
    }
    if not fields:
        raise UserError(
            f"{runs} holds no sweep {name!r}: make one with python -m runners.sweep --method simclr --over lr 1e-4 1e-3"
        )
    chosen = _choose_method(runs, name, list(fields), method)
    settings = [
        _read(runs, study, chosen, names)
        for study, names in fields.items()
        if chosen in snapshots.list_methods(runs, study)
    ]
    return make(runs, name, chosen, [setting for setting in settings if setting is not None])


def make(runs: Path, name: str, method: str, settings: list[Setting]) -> Sweep:
    """Put settings together, in the order of their values.

    Raises
    ------
    UserError
        When there is none, or they differ in their fields.
    """
    if not settings:
        raise UserError(f"sweep {name} has no readable setting of {method}: see python -m runners.status")
    for setting in settings[1:]:
        if setting.values.keys() != settings[0].values.keys():
            raise UserError(
                f"{settings[0].study} and {setting.study} are of sweeps over different fields: "
                "train them again under names of their own (`study`)"
            )
    ordered = sorted(settings, key=lambda setting: tuple(setting.values.values()))
    return Sweep(name=name, method=method, runs=runs, settings=tuple(ordered))


def _choose_method(runs: Path, name: str, studies: list[str], method: str | None) -> str:
    there = sorted({one for study in studies for one in snapshots.list_methods(runs, study)})
    if method is None and len(there) == 1:
        return there[0]
    if method not in there:
        raise UserError(f"sweep {name} holds {', '.join(there)}: choose one with `method`")
    return str(method)


def _read(runs: Path, study: str, method: str, fields: tuple[str, ...]) -> Setting | None:
    """Read the values of a setting from the first of its runs that has a config."""
    seeds = snapshots.list_seeds(runs, study, method)
    for seed in seeds:
        folder = snapshots.seed_folder(runs, study, method, seed)
        if snapshots.has_record(folder):
            config = snapshots.read_run_json(folder)["config"]
            values = {field: config[field] for field in fields if field in config}
            if len(values) == len(fields):
                return Setting(study=study, values=values, seeds=tuple(seeds))
    return None
