# SPDX-License-Identifier: Apache-2.0
"""The state of a study on disk: which seeds are complete, partial, locked, damaged or of another config.

The exit status is 1 if anything is damaged, unreadable or of another config, for analyses then refuse the study.

python -m runners.status
"""

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.table import Column, Table
from analysis.framework.where import choose_study
from dynamics import lock, seed_lists, snapshots, study_file
from dynamics.archive import Packed
from dynamics.errors import UserError, explained
from dynamics.names import counted, duration, ordered


@dataclass(frozen=True, kw_only=True)
class Status:
    """Which study to inspect, and how thoroughly."""

    study: str | None = None
    """Name of the study; by default the one that was written last."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""
    verify: bool = False
    """Also read everything and compare every checksum (slower)."""
    release: bool = False
    """Free seeds whose process is known to have ended: on this host, or because Slurm or Ray say so. Never by age."""
    gone: bool = False
    """With --release: also seeds whose process nobody can ask about. You vouch that it has ended."""
    seeds: tuple[str, ...] = ()
    """With --release: only these, such as simclr/seed-0003."""


OTHER_CONFIG = "of another config than most seeds"


def seen(folder: Path, *, verify: bool) -> snapshots.State:
    """Return the state of a seed, whatever is wrong with it.

    Parameters
    ----------
    folder
        The seed's folder.
    verify
        Whether to compare all checksums.
    """
    try:
        state = snapshots.state(folder)
        if verify and (problems := snapshots.verify(folder)):
            return replace(state, kind="damaged", problem="; ".join(problems))
    except UserError as error:
        return snapshots.State(kind="damaged", problem=str(error))
    except OSError as error:
        return snapshots.State(kind="unreadable", problem=str(UserError(explained(error))))
    return state


def described(states: Sequence[snapshots.State]) -> list[str]:
    """Return the states of a method's seeds in a few words each, also whether one has an unusual config."""
    known = [state.fingerprint for state in states if state.fingerprint is not None]
    usual = Counter(known).most_common(1)[0][0] if known else None
    texts = []
    for state in states:
        other = state.fingerprint not in (None, usual) and state.kind not in ("damaged", "unreadable")
        texts.append(f"{_words(state)}, {OTHER_CONFIG}: analyses refuse it" if other else _words(state))
    return texts


def _words(state: snapshots.State) -> str:
    progress = f"{state.committed} of {counted(state.epochs, 'epoch') if state.epochs else '? epochs'}"
    words = {
        "complete": "complete",
        "partial": f"partial, {progress}",
        "empty": "no epoch yet",
        "damaged": f"damaged: {state.problem}",
        "unreadable": f"unreadable: {state.problem}",
    }[state.kind]
    if state.holder is None:
        return words
    sign = "" if state.heartbeat is None else f", last sign of life {duration(state.heartbeat)} ago"
    return f"{words}, locked by {state.holder}{sign}"


def _bytes(folder: str | Path) -> int:
    """Return the size of a folder, as far as it may be read."""
    if isinstance(folder, Packed):
        return sum(path.stat().st_size for path in folder.rglob("*"))
    sizes = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    sizes += _bytes(entry.path)
                elif entry.is_file():
                    sizes += entry.stat().st_size
    return sizes


def release(study: Path, folders: Sequence[Path], *, gone: bool) -> int:
    """Free seeds whose process has ended, and say what became of each that is locked; return the exit status.

    Parameters
    ----------
    study, folders
        The study's folder, whose files may be locked as well, and the seeds'.
    gone
        Whether the user vouches that processes have ended that nobody can ask about.
    """
    status, locked = 0, False
    try:
        for path, by in lock.release_files(study, gone=gone):
            say(f"{path} is freed from {by}")
            locked = True
    except lock.Locked as error:
        say(f"not freed: {error}")
        status = 1
    for folder in folders:
        what = f"{folder.parent.name}/{folder.name}"
        try:
            freed = lock.release(folder, gone=gone)
        except lock.Locked as error:
            say(f"{what} is not freed: {error}")
            status = 1
            continue
        if freed is not None:
            say(f"{what} is freed from {freed}")
            locked = True
    if not locked and not status:
        say("none of them is locked")
    return status


def _chosen(arguments: Status, study: str) -> list[Path]:
    """Return the folders of the seeds to free."""
    folders = {
        f"{method}/{folder.name}": folder
        for method in snapshots.list_methods(arguments.runs, study)
        for folder in snapshots.seed_folders(arguments.runs, study, method)
    }
    if unknown := [name for name in arguments.seeds if name not in folders]:
        raise UserError(f"`seeds`: no {unknown[0]} in {study}: name them such as {next(iter(folders))}")
    return [folders[name] for name in arguments.seeds or folders]


def _planned(study: Path) -> dict[str, list[int]]:
    """Return the seeds of each method that the study's file asks for; none where it has no readable file."""
    with contextlib.suppress(UserError):
        described = study_file.read(study / study_file.NAME)
        return {method: described.seed_list(method) for method in described.methods}
    return {}


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status: 1 if analyses would refuse a seed."""
    arguments = cli(Status, argv, prog="python -m runners.status", description=__doc__)
    study = choose_study(arguments.runs, arguments.study)
    if arguments.gone and not arguments.release:
        raise UserError("`gone` says what to free: add `release`")
    if arguments.release:
        return release(arguments.runs / study, _chosen(arguments, study), gone=arguments.gone)
    rows, refused = [], 0
    planned = _planned(arguments.runs / study)
    for method in ordered({*snapshots.list_methods(arguments.runs, study), *planned}):
        seeds = snapshots.list_seeds(arguments.runs, study, method)
        if waiting := {*planned.get(method, ())} - {*seeds}:
            say(f"{method}: {counted(len(waiting), 'seed')} not begun ({seed_lists.in_ranges(waiting)})")
        folders = [snapshots.seed_folder(arguments.runs, study, method, seed) for seed in seeds]
        states = described([seen(folder, verify=arguments.verify) for folder in folders])
        refused += sum(
            state.startswith(("damaged", "unreadable")) or OTHER_CONFIG in state for state in states
        )
        megabytes = sum(map(_bytes, folders)) / 1e6
        complete = sum(state == "complete" for state in states)
        rows.append(
            {
                "method": method,
                "seeds": len(seeds) + len(waiting),
                "complete": complete,
                "megabytes": megabytes,
            }
        )
        for folder, state in zip(folders, states, strict=True):
            if state != "complete":
                say(f"{method}/{folder.name}: {state}")
    columns = [Column("method", "method"), Column("seeds", "seeds"), Column("complete", "complete")]
    console.show(
        Table(caption=f"study {study}", columns=[*columns, Column("megabytes", "MB", ".1f")], rows=rows)
    )
    return 1 if refused else 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
