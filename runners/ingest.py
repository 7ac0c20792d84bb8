# SPDX-License-Identifier: Apache-2.0
"""Take in what another program recorded, as a study that every analysis can read.

python -m runners.ingest --method my-method --correct correct.npy --study theirs
python -m runners.ingest --method roberta --records run-0/ run-1/ run-2/ --study theirs
"""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.ingest import Records, from_arrays, from_tables, take_in, take_in_scores
from dynamics.ingest.arrays import load_archive, load_array
from dynamics.ingest.records import GIVEN
from dynamics.names import check_study_name, counted, plain_name


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """What to take in, and where to store it.

    Arrays have the axes (epoch, example), (seed, epoch, example), (seed, epoch, augmentation, example) or (seed, epoch,
    view, augmentation, example). NaN is a missing answer.
    """

    study: str
    """Name of the study."""
    method: str | None = None
    """Name of the method in the study; written in lower-case letters, digits and hyphens."""
    scores: Path | None = None
    """Instead of answers: a table (.csv, .jsonl, .parquet) with one row an example, its id or index and scores that
    others computed; analysis.examples sets them beside the study's own."""
    records: tuple[Path, ...] = ()
    """An .npz archive of arrays that are called as the flags below (correct, labels, ...), or tables (.csv, .jsonl,
    .parquet) with a row for each example and epoch: id, epoch, seed, label, logits, correct and so on. A folder holds
    the tables of one seed, such as cartography's dynamics_epoch_*.jsonl."""
    correct: Path | None = None
    """.npy file: whether the answer on the example was right after that epoch; booleans, or 0 and 1."""
    logits: Path | None = None
    """.npy file with the classes as its last axis; needs --labels."""
    probabilities: Path | None = None
    """.npy file with the classes as its last axis; needs --labels."""
    predicted: Path | None = None
    """.npy file: the class that is answered; needs --labels, or --correct."""
    probability: Path | None = None
    """.npy file: probability of the label, 0 to 1; needs --correct, or --predicted and --labels."""
    margin: Path | None = None
    """.npy file: logit of the label less the largest other; above 0 is right, unless --correct says so."""
    error_norm: Path | None = None
    """.npy file: Euclidean norm of the probabilities less the label's 1 (EL2N)."""
    counts: Path | None = None
    """.npy file: how many of several answers on the example were right; needs --out-of."""
    out_of: int | None = None
    """Number of answers that --counts are out of."""
    share: Path | None = None
    """.npy file: which fraction of several answers on the example was right, where their number is not known."""
    present: Path | None = None
    """.npy file of booleans: which answers are there, where not all are."""
    labels: Path | None = None
    """.npy or .txt file with the classes of the examples that were trained on: integers of shape (example,)."""
    true_labels: Path | None = None
    """.npy or .txt file with the classes of the data, where some of --labels are wrong."""
    ids: Path | None = None
    """.npy or .txt file with the names of the examples: methods with the same are compared example by example."""
    indices: Path | None = None
    """.npy or .txt file with the index of each example in the training data; as good as --ids."""
    classes: tuple[str, ...] | None = None
    """Names of the classes, in the order of their labels."""
    seeds: tuple[int, ...] | None = None
    """Numbers of the seeds; 0, 1, 2, ... by default. Name them to add seeds to a method that is there."""
    epochs: tuple[int, ...] | None = None
    """Numbers of the epochs, such as 0 5 10 50; 1, 2, 3, ... by default."""
    aligned: bool = False
    """Vouch that the examples are those of the study's other methods, in the same order: only then, or with --ids or
    --indices, are methods compared example by example."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""


PER_EXAMPLE = ("present", "labels", "true_labels", "ids", "indices")


def read(arguments: Ingest) -> tuple[Records, str]:
    """Read all files; return the records, and the name of the file that they are of.

    Raises
    ------
    UserError
        If a file cannot be read, or what is given does not fit together.
    """
    named = {name: getattr(arguments, name) for name in (*GIVEN, *PER_EXAMPLE)}
    loaded: dict[str, Any] = {name: load_array(path) for name, path in named.items() if path is not None}
    more = {"seeds": arguments.seeds, "epochs": arguments.epochs, "classes": arguments.classes}
    loaded |= {name: np.array(value) for name, value in more.items() if value is not None}
    tables = [path for path in arguments.records if path.suffix != ".npz"]
    if tables:
        if twice := sorted({*loaded} - {"classes"}) or (
            ["records"] if len(tables) < len(arguments.records) else []
        ):
            raise UserError(f"tables say all of it themselves: leave out `{twice[0]}`")
        return from_tables(tables, out_of=arguments.out_of, classes=arguments.classes), tables[0].name
    if len(arguments.records) > 1:
        raise UserError("`records` must be one .npz archive, or tables")
    source = next((path.name for name, path in named.items() if name in GIVEN and path is not None), "")
    for path in arguments.records:
        loaded, source = {**load_archive(path), **loaded}, path.name
    given = {name: loaded.pop(name) for name in GIVEN if name in loaded}
    out_of = loaded.pop("out_of", arguments.out_of)
    if out_of is not None and (np.ndim(out_of) or not np.issubdtype(np.asarray(out_of).dtype, np.integer)):
        raise UserError(f"`out_of` must be an integer, got {out_of!r:.60}")
    return from_arrays(given, out_of=None if out_of is None else int(out_of), **loaded), source


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    arguments = cli(Ingest, argv, prog="python -m runners.ingest", description=__doc__)
    check_study_name(arguments.study)
    if arguments.scores is not None:
        taken = take_in_scores(arguments.scores, study=arguments.runs / arguments.study)
        say(f"scores of others in study {arguments.study}: {', '.join(taken.names)}")
        say(f"{taken.matched} of their {taken.examples} examples are in the study")
        say(f"next: {shlex.join(['python', '-m', 'analysis.examples', *_where(arguments)])}")
        return 0
    if arguments.method is None:
        raise UserError("`method` must name what was recorded, or `scores` a table of scores")
    method = arguments.method
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.+()-]*", method) and plain_name(method) != method:
        method = plain_name(method)
        say(f"{arguments.method} is called {method} here")
    records, source = read(arguments)
    new = take_in(
        records,
        runs=arguments.runs,
        study=arguments.study,
        method=method,
        source=source,
        aligned=arguments.aligned,
    )
    for line in records.said:
        say(line)
    there = snapshots.list_seeds(arguments.runs, arguments.study, method)
    kept = f"; {len(there) - new} were there already" if len(there) > new else ""
    say(f"{counted(len(there), 'seed')} of {method} in study {arguments.study}{kept}")
    _say_lengths(arguments, method, there)
    say(f"next: {shlex.join(['python', '-m', 'runners.report', '--analyse', *_where(arguments)])}")
    return 0


def _where(arguments: Ingest) -> list[str]:
    return ["--study", arguments.study, "--runs", str(arguments.runs)]


def _say_lengths(arguments: Ingest, method: str, seeds: Sequence[int]) -> None:
    """Say where seeds have different epochs: analyses use those that all have."""
    folders = [snapshots.seed_folder(arguments.runs, arguments.study, method, seed) for seed in seeds]
    epochs = [snapshots.Run(folder).epochs for folder in folders]
    common = set(epochs[0]).intersection(*epochs)
    if len(common) < max(map(len, epochs)):
        lengths = ", ".join(str(len(one)) for one in epochs[:12]) + (" ..." if len(epochs) > 12 else "")
        say(
            f"the seeds have {lengths} epochs; analyses use the {len(common)} that all have: move shorter seeds to "
            "another study to see the rest"
        )


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
