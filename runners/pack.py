# SPDX-License-Identifier: Apache-2.0
"""Pack a finished study into one file, an archive that every command reads in place: for moving and publishing.

python -m runners.pack --study NAME
python -m analysis.learning --study NAME.zip
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.where import choose_study
from dynamics import archive, seed_lists, snapshots, study_file
from dynamics.errors import UserError
from dynamics.names import counted


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Which study to pack, and where to."""

    study: str | None = None
    """Name of the study; by default the one that was written last."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""
    to: Path | None = None
    """The archive; by default <study>.zip beside the study's folder."""
    weights: bool = False
    """Also pack the trained networks, which analyses of features need."""


def members(runs: Path, study: str, *, weights: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a study, each seed's after it was verified: their names in the archive, and contents.

    Raises
    ------
    UserError
        If a seed is not complete, or damaged.
    """
    described = runs / study / study_file.NAME
    if described.is_file():
        _check_begun(runs, study, study_file.read(described))
        yield study_file.NAME, described.read_bytes()
    for method in snapshots.list_methods(runs, study):
        for folder in snapshots.seed_folders(runs, study, method):
            if not snapshots.is_complete(folder):
                again = f"python -m runners.worker --study {study}"
                raise UserError(f"{folder} is not complete: finish it ({again}), or move it away")
            if problems := snapshots.verify(folder):
                raise UserError(problems[0])
            for name, content in snapshots.copied(folder, weights=weights):
                yield f"{method}/{folder.name}/{name}", content


def _check_begun(runs: Path, study: str, described: study_file.StudyFile) -> None:
    for method in described.methods:
        if absent := {*described.seed_list(method)} - {*snapshots.list_seeds(runs, study, method)}:
            raise UserError(
                f"seeds {seed_lists.in_ranges(absent)} of {method} have not begun, and {study_file.NAME} says "
                f"that they belong to the study: train them (python -m runners.worker --study {study}), or change it"
            )


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    options = cli(Pack, argv, prog="python -m runners.pack", description=__doc__)
    study = choose_study(options.runs, options.study)
    if study.endswith(archive.SUFFIX):
        raise UserError(f"{study} is packed already")
    to = options.to or options.runs / f"{study}{archive.SUFFIX}"
    if to.suffix != archive.SUFFIX:
        raise UserError(f"`to` must end in {archive.SUFFIX}, got {to}")
    methods = snapshots.list_methods(options.runs, study)
    seeds = sum(len(snapshots.list_seeds(options.runs, study, name)) for name in methods)
    size = archive.pack(members(options.runs, study, weights=options.weights), to)
    say(f"{counted(seeds, 'seed')} packed into {to} ({size / 1e6:.1f} MB)")
    say(f"it is read in place: python -m analysis.learning --runs {to.parent} --study {to.name}")
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
