# SPDX-License-Identifier: Apache-2.0
"""Opening a study: which of its seeds and epochs are used, and in what they differ that should not."""

from pathlib import Path

from dynamics import archive, files, mismatches, snapshots
from dynamics.answers import complete_examples, may_lack_answers
from dynamics.errors import UserError, explained
from dynamics.names import counted
from dynamics.study import Study


def open_study(path: str | Path) -> Study:
    """Open a study: a folder of methods with seeds, such as `runs/demo`, or one that was packed, `runs/demo.zip`.

    If a method has complete seeds, its incomplete ones are left out. The epochs that all seeds have are used.
    :attr:`Study.notes` says what was left out, and how seeds differ that should not.

    Parameters
    ----------
    path
        The study's folder or archive.

    Raises
    ------
    UserError
        If there is no such study, it has no epoch yet, seeds have no epoch in common, or a file is damaged.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> correct = np.array([[[[True, False]], [[True, True]]]])  # one epoch, two views, one augmentation
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     folder = snapshots.seed_folder(Path(runs), "demo", "simclr", 0)
    ...     snapshots.write_finished(folder, method="simclr", seed=0, correct=correct)
    ...     open_study(Path(runs, "demo")).learning_probability("simclr").values
    array([[1., 0.]])
    """
    folder = files.expanded(path, "path")
    try:
        there = archive.opened(folder).is_dir()
    except OSError as error:
        raise UserError(explained(error)) from None
    if not there:
        raise UserError(f"no study at {folder}: name the folder that holds its methods, such as runs/demo")
    runs: dict[str, list[snapshots.Run]] = {}
    notes: list[str] = []
    named = folder if folder.name not in ("", "..") else folder.resolve()
    root, name = named.parent, named.name
    for method in snapshots.list_methods(root, name):
        opened = _open_method(root, name, method, notes)
        if opened:
            runs[method] = opened
    if not runs and (inside := snapshots.list_studies(named)):
        raise UserError(f"{folder} holds studies: name one of them, such as {folder / inside[0]}")
    if not runs:
        raise UserError(f"study {name} in {root} has no epoch on disk yet: see python -m runners.status")
    notes += mismatches.between_methods(runs)
    return Study(name=name.removesuffix(archive.SUFFIX), runs=runs, notes=tuple(notes))


def _open_method(root: Path, study: str, method: str, notes: list[str]) -> list[snapshots.Run]:
    folders = snapshots.seed_folders(root, study, method)
    if all(snapshots.state(folder).kind == "empty" for folder in folders):
        notes.append(f"{method}: no seed has an epoch yet; left out")
        return []
    begun = snapshots.open_runs(root, study, method)
    complete = [run for run in begun if run.complete]
    used = complete or begun
    if not complete:
        notes.append(
            f"{method}: no seed is complete; the epochs that all begun seeds ({len(begun)}) have are used"
        )
    elif len(complete) < len(folders):
        share = f"{len(folders) - len(complete)} of {counted(len(folders), 'seed')}"
        notes.append(f"{method}: {share} are not complete and are left out")
    ingested = max((run.provenance.get("seeds", 0) for run in begun), default=0)
    if len(begun) < ingested:
        notes.append(
            f"{method}: {len(begun)} of {ingested} ingested seeds are there: run the same runners.ingest again"
        )
    if not snapshots.common_epochs(used):
        raise UserError(
            f"the seeds of {method} in {root / study} have no epoch in common: train them further"
        )
    notes += mismatches.between_seeds(method, used)
    if any(map(may_lack_answers, used)) and (kept := len(complete_examples(used))) < (
        examples := used[0].shape[2]
    ):
        notes.append(
            f"{method}: {kept} of {counted(examples, 'example')} have the answers of all seeds and epochs; r_t is of "
            "the answers that are there, all else of those examples"
        )
    return used
