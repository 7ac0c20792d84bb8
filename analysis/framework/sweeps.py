# SPDX-License-Identifier: Apache-2.0
"""Sweeps on disk: studies whose study files name the same sweep, and the fields that it varies.

Each setting is an ordinary study, so that a study has one recipe per method and every command can read it. The values
of a setting are those in the configs of its runs.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dynamics import snapshots, study_file
from dynamics.errors import UserError

Value = int | float
"""Value of a numeric field of a recipe."""

LONGEST = 120
"""Maximum number of characters of a setting's name; in a longer one a hash replaces the values."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One point of a sweep's grid."""

    study: str
    """Study that holds its runs."""
    values: Mapping[str, Value]
    """Value of each field that is swept, by the field's name."""
    seeds: tuple[int, ...]
    """Seeds that were requested or that have a folder."""

    @property
    def name(self) -> str:
        """Name of the setting: lr-0.0003."""
        return setting_name(self.values)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The settings of one method, ordered by their values."""

    name: str
    method: str
    runs: Path
    settings: tuple[Setting, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that are swept."""
        return tuple(self.settings[0].values)


def setting_name(values: Mapping[str, Value]) -> str:
    """Return the name of a setting, for people and as part of its study's name; it is never parsed.

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
    return exact.replace("+", "")  # 1e+20: the name of a study must not contain a plus


def study_name(sweep: str, values: Mapping[str, Value]) -> str:
    """Return the name of the study that holds a setting of a sweep.

    Examples
    --------
    >>> study_name("mine", {"lr": 0.1})
    'mine.lr-0.1'
    """
    return f"{sweep}.{setting_name(values)}"


def sweep_of(study: Path) -> tuple[str, tuple[str, ...]] | None:
    """Return the name and the fields of the sweep that a study is a setting of; None if it belongs to none.

    Parameters
    ----------
    study
        The study's folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     study_file.record(Path(runs), {}, [0], sweep={"name": "mine", "fields": ["lr"]})
    ...     sweep_of(Path(runs))
    ('mine', ('lr',))
    """
    path = study / study_file.NAME
    sweep = study_file.parsed(path).sweep if path.exists() else {}
    return (str(sweep["name"]), tuple(sweep["fields"])) if {"name", "fields"} <= sweep.keys() else None


def find(runs: Path, name: str, method: str | None = None) -> Sweep:
    """Find the settings of a sweep on disk.

    Parameters
    ----------
    runs
        Folder of all studies.
    name
        Name of the sweep.
    method
        Method of the sweep; needed only if it has several.

    Raises
    ------
    UserError
        If there is no such sweep, it does not have the method or has several, or its settings differ in their fields.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study_file.record(Path(folder, "mine.lr-0.1"), {}, [0], sweep={"name": "mine", "fields": ["lr"]})
    ...     seed = snapshots.seed_folder(Path(folder), "mine.lr-0.1", "simclr", 0)
    ...     snapshots.write_run_json(seed, method="simclr", seed=0, config={"lr": 0.1}, provenance={})
    ...     [setting.values for setting in find(Path(folder), "mine").settings]
    [{'lr': 0.1}]
    """
    fields = _fields_of(runs, name)
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


def settings_of(runs: Path, name: str) -> list[str]:
    """Return the studies that are settings of a sweep; none where no sweep has that name.

    Examples
    --------
    >>> settings_of(Path("no-such-folder"), "mine")
    []
    """
    return sorted(_fields_of(runs, name))


def _fields_of(runs: Path, name: str) -> dict[str, tuple[str, ...]]:
    return {
        study: sweep[1]
        for study in snapshots.list_studies(runs)
        if (sweep := sweep_of(runs / study)) is not None and sweep[0] == name
    }


def make(runs: Path, name: str, method: str, settings: list[Setting]) -> Sweep:
    """Make a sweep from its settings, ordered by their values.

    Raises
    ------
    UserError
        If there is no setting, or two differ in their fields or have equal values.

    Examples
    --------
    >>> settings = [Setting(study=f"mine.lr-{lr}", values={"lr": lr}, seeds=(0,)) for lr in (0.2, 0.1)]
    >>> [setting.name for setting in make(Path("runs"), "mine", "simclr", settings).settings]
    ['lr-0.1', 'lr-0.2']
    """
    if not settings:
        raise UserError(f"sweep {name} has no readable setting of {method}: see python -m runners.status")
    for setting in settings[1:]:
        if setting.values.keys() != settings[0].values.keys():
            raise UserError(
                f"{settings[0].study} and {setting.study} must vary the same fields: "
                "train one of them again under another name (`study`)"
            )
    ordered = sorted(settings, key=lambda setting: tuple(setting.values.values()))
    for one, other in pairwise(ordered):
        if one.values == other.values:
            raise UserError(
                f"{one.study} and {other.study} hold the same setting {one.name}, as a copy does: remove one of them"
            )
    return Sweep(name=name, method=method, runs=runs, settings=tuple(ordered))


def _choose_method(runs: Path, name: str, studies: list[str], method: str | None) -> str:
    there = sorted({known for study in studies for known in snapshots.list_methods(runs, study)})
    if method is None and len(there) == 1:
        return there[0]
    if method not in there:
        raise UserError(f"sweep {name} holds {', '.join(there)}: choose one with `method`")
    return str(method)


def _read(runs: Path, study: str, method: str, fields: tuple[str, ...]) -> Setting | None:
    """Read the values of a setting from the first of its runs whose config has all fields."""
    seeds = snapshots.list_seeds(runs, study, method)
    for seed in seeds:
        folder = snapshots.seed_folder(runs, study, method, seed)
        if snapshots.has_record(folder):
            config = snapshots.read_run_json(folder)["config"]
            values = {field: config[field] for field in fields if field in config}
            if len(values) == len(fields):
                return Setting(study=study, values=values, seeds=tuple(seeds))
    return None
