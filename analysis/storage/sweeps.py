# SPDX-License-Identifier: Apache-2.0
"""Which studies are the settings of one sweep: `<sweep>.lr-0.0003` is that with this learning rate.

A setting is a study like any other, so that a study still has one config a method, and every command reads it.
Fields stand in its name with hyphens; the values are those of its runs' configs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dynamics import snapshots
from dynamics.errors import UserError

Value = int | float
"""Of a numeric field of a config."""

_BETWEEN = re.compile(r"\.(?=[a-z])")
_PART = re.compile(r"([a-z][a-z0-9-]*?)-(-?\d+(?:\.\d+)?(?:e-?\d+)?)")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One point of a sweep's grid."""

    study: str
    """Study that holds its runs."""
    values: Mapping[str, Value]
    """Value of each field that is swept, by the field's name with underscores."""
    seeds: tuple[int, ...]
    """Seeds that were asked for, or that have a folder."""

    @property
    def name(self) -> str:
        """What stands behind the sweep's name: lr-0.0003."""
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
        """Fields that are swept, with underscores."""
        return tuple(self.settings[0].values)


def setting_name(values: Mapping[str, Value]) -> str:
    """Return values as they stand in a study's name: lr-0.0003.batch-size-64."""
    return ".".join(f"{field.replace('_', '-')}-{_text(value)}" for field, value in values.items())


def _text(value: Value) -> str:
    short = f"{value:g}" if isinstance(value, float) else str(value)
    exact = short if float(short) == value else repr(value)
    return exact.replace("+", "")  # 1e+20: a study's name has no plus


def study_name(sweep: str, values: Mapping[str, Value]) -> str:
    """Return the name of the study that holds a setting of a sweep."""
    return f"{sweep}.{setting_name(values)}"


def split_name(study: str) -> tuple[str, tuple[str, ...]]:
    """Return the sweep that a study is a setting of and the fields in its name; the study itself and () if none."""
    first, *others = _BETWEEN.split(study)
    fields: list[str] = []
    while others and (found := _PART.fullmatch(others[-1])) is not None:
        fields.insert(0, found[1].replace("-", "_"))
        others.pop()
    return ".".join([first, *others]), tuple(fields)


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
    studies = {
        study: fields
        for study in snapshots.list_studies(runs)
        for of, fields in [split_name(study)]
        if of == name
    }
    studies = {study: fields for study, fields in studies.items() if fields}
    if not studies:
        raise UserError(
            f"{runs} holds no sweep {name!r}, that is no study {name}.<field>-<value>: make one with "
            "python -m runners.sweep --method simclr --over lr 1e-4 1e-3"
        )
    chosen = _choose_method(runs, name, studies, method)
    settings = [
        _read(runs, study, chosen, fields)
        for study, fields in studies.items()
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
                f"{settings[0].study} and {setting.study} are of sweeps over other fields: "
                "train them again under names of their own (--study)"
            )
    ordered = sorted(settings, key=lambda setting: tuple(setting.values.values()))
    return Sweep(name=name, method=method, runs=runs, settings=tuple(ordered))


def _choose_method(runs: Path, name: str, studies: Mapping[str, object], method: str | None) -> str:
    there = sorted({one for study in studies for one in snapshots.list_methods(runs, study)})
    if method is None and len(there) == 1:
        return there[0]
    if method not in there:
        raise UserError(f"sweep {name} holds {', '.join(there)}: choose one with --method")
    return str(method)


def _read(runs: Path, study: str, method: str, fields: tuple[str, ...]) -> Setting | None:
    """Read the values of a setting from the first of its runs that has a config."""
    seeds = snapshots.list_seeds(runs, study, method)
    for seed in seeds:
        folder = snapshots.seed_folder(runs, study, method, seed)
        if (folder / "run.json").exists():
            config = snapshots.read_run_json(folder)["config"]
            values = {field: config[field] for field in fields if field in config}
            if len(values) == len(fields):
                return Setting(study=study, values=values, seeds=tuple(seeds))
    return None
