# SPDX-License-Identifier: Apache-2.0
"""Choosing the study that a command works on: the one that is named, or the one that was written last."""

from dataclasses import dataclass
from pathlib import Path

import dynamics.opening
from analysis.framework.console import say
from analysis.framework.folders import newest
from dynamics import archive, snapshots
from dynamics.errors import UserError
from dynamics.names import plain_name
from dynamics.study import Study


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which study to analyse, and where to write the results."""

    study: str | None = None
    """Name of the study; by default the one that was written last."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""
    results: Path = Path("results")
    """Folder for the results, with one folder per study."""
    keep: Path | None = None
    """Table (.csv, .jsonl, .parquet) of the examples to analyse alone, by id or index, as the explorer's selection;
    results go to a folder <study>-<name of the file>."""


def open_study(where: Where) -> Study:
    """Open the study that a command line names, or the one written last; print which seeds are left out.

    Raises
    ------
    UserError
        If there is no such study, it has no epoch yet, or a file is damaged.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> runs = example_study().runs["simclr"][0].folder.parents[2]
    >>> open_study(Where(study="made-up", runs=runs)).methods
    ('simclr', 'supervised')
    """
    study = dynamics.opening.open_study(where.runs / choose_study(where.runs, where.study))
    for note in study.notes:
        say(note)
    return study if where.keep is None else kept(study, where.keep)


def kept(study: Study, path: Path) -> Study:
    r"""Return a study with the examples alone that a table names.

    Raises
    ------
    UserError
        If the table cannot be read or has no column of ids, or no method has two of its examples.

    Examples
    --------
    >>> import tempfile
    >>> from analysis.framework.example import example_study
    >>> path = Path(tempfile.mkdtemp(), "hard.csv")
    >>> _ = path.write_text("example\n3\n4\n11\n")
    >>> kept(example_study(), path).name
    simclr: 3 of 30 examples are kept
    supervised: 3 of 30 examples are kept
    'made-up-hard'
    """
    from dynamics.ingest.frames import read_raw  # half a second of imports
    from dynamics.ingest.scores import keys_of

    names = keys_of(read_raw(path), path)
    own, file = study.name, plain_name(path.stem) or "kept"
    called = file if file.startswith(f"{plain_name(own)}-") else f"{own}-{file}"
    chosen = study.of_examples({*names}, called=called)
    for note in chosen.left_out.values():
        say(note)
    return chosen


def choose_study(runs: Path, study: str | None) -> str:
    """Return the name of the study to work on: `study`, or the one under `runs` that was written last.

    Raises
    ------
    UserError
        If the folder `runs`, or a study in it, does not exist.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> choose_study(example_study().runs["simclr"][0].folder.parents[2], "made-up")
    'made-up'
    """
    if study is not None and not archive.opened(runs / study).is_dir():
        from analysis.framework import sweeps  # loads torch

        settings = sweeps.settings_of(runs, study)
        if settings:
            raise UserError(
                f"{study} is a sweep of {len(settings)} settings: compare them (python -m analysis.sweep), "
                f"or choose one of them with `study`, such as {settings[0]}"
            )
    make = "train first (python -m runners.seeds --method simclr --n 2), or name the folder with `runs`"
    return newest(runs, study, snapshots.last_write, what="study", make=make)
