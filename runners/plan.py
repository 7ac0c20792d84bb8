# SPDX-License-Identifier: Apache-2.0
"""What is there to train: which seeds of a study are missing, and does the wanted config fit those there are."""

import re
from pathlib import Path
from typing import NamedTuple

from dynamics import snapshots
from dynamics.config import SHARED_BY_A_STUDY, Config, flag
from dynamics.console import UserError
from dynamics.streams import MAX_EPOCH, MAX_SEED
from dynamics.training import Job

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Plan(NamedTuple):
    """Jobs of one method, split by whether there is anything left to do."""

    missing: list[Job]
    whole: list[Job]


def parse_seeds(text: str) -> list[int]:
    """Read seeds such as "0-9,20": ranges include both ends; duplicates are dropped.

    Raises
    ------
    UserError
        When a part is neither a number nor a range, or out of range.
    """
    seeds: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UserError(f"--seeds {text!r}: {part!r} is no seed; write for example 0-9,20")
        low, high = int(first), int(last) if dash else int(first)
        if high < low or high > MAX_SEED:
            raise UserError(f"--seeds {text!r}: {part!r} is no range; seeds go from 0 to {MAX_SEED}")
        seeds.update(dict.fromkeys(range(low, high + 1)))
    return list(seeds)


def make_plan(runs: Path, study: str, method: str, recipe: Config, seeds: list[int]) -> Plan:
    """Say which seeds are to be trained, after comparing the config with all that the study holds.

    Raises
    ------
    UserError
        When the study's name is none, a seed of the method was trained with another config, or another method
        of the study has another panel or other data: the message names the field and both values.
    """
    if not STUDY_NAME.fullmatch(study):
        raise UserError(f"--study {study!r} is no name: use letters, digits, dots, hyphens and underscores")
    if recipe.epochs > MAX_EPOCH:
        raise UserError(f"--epochs {recipe.epochs} is too large: use {MAX_EPOCH} or fewer")
    _check_study(runs, study, method, recipe)
    plan = Plan([], [])
    for seed in seeds:
        folder = snapshots.seed_folder(runs, study, method, seed)
        job = Job(method=method, recipe=recipe, seed=seed, folder=folder)
        (plan.whole if snapshots.is_complete(folder) else plan.missing).append(job)
    return plan


def _check_study(runs: Path, study: str, method: str, recipe: Config) -> None:
    wanted = recipe.to_json()
    if not (runs / study).is_dir():
        return
    for other in snapshots.list_methods(runs, study):
        for seed in snapshots.list_seeds(runs, study, other):
            folder = snapshots.seed_folder(runs, study, other, seed)
            if other == method:
                snapshots.check_config(folder, wanted)
                continue
            config = snapshots.read_run_json(folder)["config"]
            for field in SHARED_BY_A_STUDY:
                if field in config and config[field] != wanted[field]:
                    raise UserError(
                        f"study {study} holds {other} with {flag(field)} {config[field]}, not {wanted[field]}: "
                        "all methods of a study share data and panel; use the same value, or another --study"
                    )
            break  # one seed speaks for its method
