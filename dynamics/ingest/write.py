# SPDX-License-Identifier: Apache-2.0
"""Records of another program become finished seeds of a study, all or none."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dynamics import files, lock, provenance, snapshots
from dynamics.errors import UserError
from dynamics.ingest.records import OfSeed, Records
from dynamics.names import check_method_name, check_study_name, counted
from dynamics.recording.judgement import PER_OPTION


def take_in(
    records: Records, *, runs: Path, study: str, method: str, source: str, aligned: bool = False
) -> int:
    """Write a finished run folder for each seed; return the number of seeds that were not there yet.

    The seeds are written aside and become visible together. Seeds that an earlier call left are kept.

    Parameters
    ----------
    records
        What was recorded.
    runs, study, method
        Where it goes.
    source
        Name of the file that it came from.
    aligned
        Vouch that the examples are those of the study's other methods, in the same order, so that methods are compared
        example by example. Examples with ids or indices need no vouching.

    Raises
    ------
    UserError
        If a name or an array is refused, a seed is there with other records, another method there has other examples,
        or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from dynamics.ingest import from_arrays
    >>> records = from_arrays({"correct": np.array([[[0, 1, 1], [1, 1, 1]]])})  # seed, epoch, example
    >>> take_in(records, runs=Path(tempfile.mkdtemp()), study="theirs", method="net", source="correct.npy")
    1
    """
    check_method_name(method)
    check_study_name(study)
    _check_classes(records)
    records = _in_the_studys_order(records, runs, study)
    of_seeds = [records.of_seed(at) for at in range(len(records.seeds))]
    arrays = [one.arrays for one in of_seeds]
    if any("present" in one for one in arrays):  # the seeds of a method have the same arrays
        for one in arrays:
            one.setdefault("present", np.ones_like(one["correct"]))
    missing = sum(int((~one["present"]).sum()) for one in arrays if "present" in one)
    if missing:
        answers = sum(one["correct"].size for one in arrays)
        records.said.append(f"{missing} of {counted(answers, 'answer')} are missing, which is not wrong")
    _check_seeds_differ(source, of_seeds)
    _check_panel(runs, study, method, records)
    folder = runs / study / method
    files.make_folder(folder.parent)
    with lock.rewriting(folder):
        return _import(records, of_seeds, folder, source, aligned)


def _check_classes(records: Records) -> None:
    """Refuse names of classes that are fewer than the classes, or others than the answers have."""
    if records.classes is None:
        return
    options = {values.shape[-1] for name, values in records.given.items() if name in PER_OPTION}
    labels = [known.max() + 1 for known in (records.labels, records.true_labels) if known is not None]
    if options - {len(records.classes)} or max(labels, default=0) > len(records.classes):
        wanted = max([*options, *labels])
        raise UserError(f"`classes` must name all {wanted} classes, got {len(records.classes)} names")


def _import(records: Records, of_seeds: list[OfSeed], folder: Path, source: str, aligned: bool) -> int:
    """Write the seeds that the folder of the method lacks, all or none; return their number."""
    aside = folder.with_name(f".{folder.name}{files.ASIDE}")
    files.remove(aside)  # of an import that was killed
    new = 0
    known = _by_records(folder)
    try:
        for one in of_seeds:
            name = snapshots.seed_folder(folder.parents[1], folder.parent.name, folder.name, one.seed).name
            _write(aside / name, folder.name, records, one, source, aligned)
            if (folder / name).exists():
                _check_same(folder / name, aside / name, source)
                files.remove(aside / name)
            else:
                first = first_run(folder.parents[1], folder.parent.name, folder.name)
                _check_alike(aside / name, first, source)
                _check_no_copy(aside / name, known, source)
                new += 1
        _show(aside, folder)
    finally:
        files.remove(aside)
    return new


def _write(folder: Path, method: str, records: Records, one: OfSeed, source: str, aligned: bool) -> None:
    named = aligned or records.ids is not None or records.indices is not None
    panel: dict[str, Any] = {"named": named} | ({} if records.ids is None else {"ids": records.ids})
    correct = one.arrays["correct"]
    further = {name: values for name, values in one.arrays.items() if name not in ("correct", "probability")}
    views, augmentations, examples = records.shape
    config = {"source": "ingest", "views": views, "augmentations": augmentations, "examples": examples}
    snapshots.write_finished(
        folder,
        method=method,
        seed=one.seed,
        config=config if records.out_of is None else {**config, "out_of": records.out_of},
        provenance={
            "file": source,
            "ingested": provenance.now(),
            "seeds": len(records.seeds),
            **({} if records.classes is None else {"classes": records.classes}),
        },
        panel=panel,
        correct=correct,
        probability=one.arrays.get("probability"),
        examples=records.indices,
        labels=records.labels,
        true_labels=records.true_labels,
        further={**further, "epoch": np.array(one.epochs)},
    )


def _check_alike(written: Path, other: snapshots.Run | None, source: str) -> None:
    """Check that a seed has the panel of those of the method that are there."""
    if other is None:
        return
    now = snapshots.Run(written)
    parts = {
        "shape": (now.shape, other.shape),
        "ids": (now.ids, other.ids),
        "classes": (now.provenance.get("classes"), other.provenance.get("classes")),
        "arrays": (*({*run.recorded} - {"present"} for run in (now, other)),),
        **{name: (digest, other.panel_digests[name]) for name, digest in now.panel_digests.items()},
    }
    if different := [name for name, (one, two) in parts.items() if one != two]:
        raise UserError(
            f"{source} must have the {different[0].replace('_', ' ')} of {other.folder}: choose another `method` or "
            "`study`"
        )


def _by_records(folder: Path) -> dict[str, Path]:
    """Return the seeds that are there by the hash of what they recorded."""
    runs = map(snapshots.Run, sorted(folder.glob("seed-*")))
    return {snapshots.records_of(run): run.folder for run in runs if run.complete}


def _check_no_copy(written: Path, known: dict[str, Path], source: str) -> None:
    """Check that a seed is not one that is there under another number, for analyses would refuse both."""
    now = snapshots.Run(written)
    there = known.get(snapshots.records_of(now))
    if there is not None and snapshots.surely_copied(
        now.correct(), probability="probability" in now.recorded
    ):
        raise UserError(
            f"{source} holds the records of {there} as {written.name}, to the last bit: leave that seed out, or "
            "choose another `method` or `study`"
        )


def _check_same(there: Path, written: Path, source: str) -> None:
    """Check that a seed that is there already holds the same as it would now."""
    before, now = snapshots.Run(there), snapshots.Run(written)
    # An earlier version kept a hash of the file among the config.
    same = (
        before.complete
        and before.digest() == now.digest()
        and before.epochs == now.epochs
        and before.panel_digests == now.panel_digests
        and before.ids == now.ids
        and before.panel.get("named", False) == now.panel["named"]
        and before.provenance.get("classes") == now.provenance.get("classes")
    )
    if not same:
        raise UserError(
            f"{there} exists already and is not from this {source}: say which seeds these are with `seeds`, or choose "
            "another `method` or `study`"
        )


def _show(aside: Path, folder: Path) -> None:
    """Give the seeds that were written aside their place; those of a new method appear at once."""
    if aside.exists() and any(aside.iterdir()) and not folder.exists():
        aside.rename(folder)
    for path in sorted(aside.glob("*")):
        path.rename(folder / path.name)
    files.sync_all([folder, folder.parent])


def first_run(runs: Path, study: str, method: str) -> snapshots.Run | None:
    """Return the first seed of a method that has an epoch; None if there is none.

    Examples
    --------
    >>> first_run(Path("runs"), "no-such-study", "simclr") is None
    True
    """
    folders = snapshots.seed_folders(runs, study, method)
    begun = (snapshots.Run(folder) for folder in folders if snapshots.has_record(folder))
    return next((run for run in begun if run.epochs), None)


def _in_the_studys_order(records: Records, runs: Path, study: str) -> Records:
    """Return records with their named examples in the order that the study has them in, if it has the same."""
    for method in snapshots.list_methods(runs, study):
        run = first_run(runs, study, method)
        if run is None:
            continue
        ours: list[Any] | None = records.ids
        theirs: list[Any] | None = run.ids
        if ours is None and records.indices is not None:
            ours, theirs = records.indices.tolist(), run.examples.tolist()
        if ours is None or theirs is None or ours == theirs or len({*theirs}) < len(theirs):
            continue
        if sorted(ours) != sorted(theirs):
            continue
        place = {one: at for at, one in enumerate(ours)}
        return _reordered(records, np.array([place[one] for one in theirs]), f"ordered as those of {method}")
    return records


def _reordered(records: Records, order: np.ndarray, how: str) -> Records:
    records.said.append(f"examples are {how}")

    def taken(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[order]

    return replace(
        records,
        given={name: values.take(order, axis=4) for name, values in records.given.items()},
        present=None if records.present is None else records.present[..., order],
        labels=taken(records.labels),
        true_labels=taken(records.true_labels),
        indices=taken(records.indices),
        ids=None if records.ids is None else [records.ids[at] for at in order],
    )


def _check_panel(runs: Path, study: str, method: str, records: Records) -> None:
    """Raise a :class:`UserError` if another method of the study has other examples."""
    examples = records.shape[2]
    for other in snapshots.list_methods(runs, study):
        run = None if other == method else first_run(runs, study, other)
        if run is None:
            continue
        if run.shape[-1] != examples:
            raise UserError(
                f"the records must have the {run.shape[-1]} examples that {other} has in study {study}, "
                f"got {examples}: choose another `study`"
            )
        classes = run.provenance.get("classes")
        if classes is not None and records.classes is not None and classes != records.classes:
            raise UserError(
                f"the classes must be those of {other} in study {study}, {', '.join(classes)}: name them with "
                "`classes`, or choose another `study`"
            )
        known = run.labels if run.true_labels is None else run.true_labels
        ours = records.labels if records.true_labels is None else records.true_labels
        if known is not None and ours is not None and not np.array_equal(known, ours):
            raise UserError(
                f"the labels must hold the labels that {other} has in study {study}: choose another `study`"
            )


def _check_seeds_differ(source: str, of_seeds: list[OfSeed]) -> None:
    """Refuse records that hold a seed twice, which no analysis would take."""
    first: dict[bytes, int] = {}
    for seed, epochs, arrays in of_seeds:
        digest = hashlib.sha256(repr(epochs).encode())
        for name in sorted(arrays):
            digest.update(np.ascontiguousarray(arrays[name]).data)
        same = first.setdefault(digest.digest(), seed)
        if same != seed and snapshots.surely_copied(arrays["correct"], probability="probability" in arrays):
            raise UserError(f"{source} must hold each seed once, but seeds {same} and {seed} are the same")
