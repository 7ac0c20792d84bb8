# SPDX-License-Identifier: Apache-2.0
"""What notebooks and analyses read: the seeds of a study, as labelled arrays that are read when they are touched.

    study = dynamics.open_study("runs/demo")
    study.learning_probability("simclr").sel(epoch=25)

Everything that is needed of all epochs is a sum over seeds or over examples, small whatever the panel's size: it is
counted while the indicators stream from the disk. No torch is loaded.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray
from jaxtyping import Bool, Float, Int32, Int64
from xarray.backends import BackendArray
from xarray.core import indexing

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.names import ordered

AXES = ("seed", "epoch", "view", "augmentation", "example")


@dataclass(frozen=True, kw_only=True)
class MethodCounts:
    """Correct answers of one method, counted.

    `correct` counts over seeds and augmentations, out of `trials` = N * M; `single` counts over seeds
    for the first augmentation of the first view, out of N; `seed_means` is the fraction of correct answers of
    each seed over all augmentations and examples of the first view.
    """

    method: str
    seeds: tuple[int, ...]
    num_augmentations: int
    epochs: Int64[np.ndarray, " epoch"]
    correct: Int32[np.ndarray, "view epoch example"]
    single: Int32[np.ndarray, "epoch example"]
    seed_means: Float[np.ndarray, "seed epoch"]
    examples: Int64[np.ndarray, " example"]
    labels: Int64[np.ndarray, " example"] | None
    true_labels: Int64[np.ndarray, " example"] | None

    @property
    def num_seeds(self) -> int:
        """N."""
        return len(self.seeds)

    @property
    def trials(self) -> int:
        """N * M."""
        return self.num_seeds * self.num_augmentations

    @cached_property
    def learning_probability(self) -> Float[np.ndarray, "epoch example"]:
        """r_t(x) of the first view, 0 (no seed ever right) to 1 (eq. 4.2)."""
        return self.correct[0] / self.trials

    @cached_property
    def single_augmentation(self) -> Float[np.ndarray, "epoch example"]:
        """r~_t(x~) of the first augmentation and view, 0 to 1 (eq. 4.5)."""
        return self.single / self.num_seeds

    @property
    def mean(self) -> Float[np.ndarray, " epoch"]:
        """E[r_t] (eq. 4.3)."""
        return self.learning_probability.mean(axis=1)

    def position(self, epoch: int) -> int:
        """Return where an epoch lies on the epoch axis.

        Raises
        ------
        UserError
            When the method was not trained so far, or the epoch was not recorded.
        """
        found = np.flatnonzero(self.epochs == epoch)
        if len(found) == 0:
            raise UserError(
                f"{self.method} has no epoch {epoch}: it was recorded from {self.epochs[0]} to {self.epochs[-1]}"
            )
        return int(found[0])


@dataclass(frozen=True, kw_only=True, repr=False)
class Study:
    """The complete seeds of a study, by method; made by :func:`open_study`.

    Arrays are :class:`xarray.DataArray` with the axes seed, epoch, view, augmentation, example, and with `label`
    (trained on) and `true_label` as coordinates of the examples where the runs know them.
    """

    name: str
    runs: dict[str, list[snapshots.Run]]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    _counts: dict[str, MethodCounts] = field(default_factory=dict)

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods, the thesis's four first."""
        return ordered(self.runs)

    def correct(self, method: str) -> xarray.DataArray:
        """Return whether each network was right: bool, (seed, epoch, view, augmentation, example).

        Nothing is read before it is needed: `study.correct("simclr").sel(epoch=5)` reads one epoch of each seed.

        Raises
        ------
        UserError
            When the study has no such method; while reading, when a file is damaged.
        """
        runs = self._runs(method)
        lazy = xarray.Variable(AXES, indexing.LazilyIndexedArray(_Indicators(runs)))
        return xarray.DataArray(lazy, coords=self._coordinates(method, AXES), name="correct")

    def learning_probability(self, method: str, *, view: int = 0) -> xarray.DataArray:
        """Return r_t(x): float, (epoch, example), 0 (no network ever right) to 1 (memorization thesis, eq. 4.2).

        Parameters
        ----------
        method
            One of :attr:`methods`.
        view
            Which of the two views is asked for its partner, 0 or 1; methods that learn from labels have one.
        """
        counts = self.counts(method)
        values = counts.correct[view] / counts.trials
        axes = ("epoch", "example")
        attributes = {
            "long_name": "learning probability r_t(x)",
            "seeds": counts.num_seeds,
            "trials": counts.trials,
        }
        coordinates = self._coordinates(method, axes)
        return xarray.DataArray(values, dims=axes, coords=coordinates, name="r", attrs=attributes)

    def scalars(self, method: str) -> xarray.Dataset:
        """Return what was recorded once an epoch (loss, its terms, diagnostics): float, (seed, epoch) each."""
        runs = self._runs(method)
        epochs = snapshots.common_epochs(runs)
        found = [run.scalars(epochs) for run in runs]
        names = dict.fromkeys(name for one in found for name in one)
        absent = np.full(len(epochs), np.nan)
        axes = ("seed", "epoch")
        values = {name: (axes, np.stack([one.get(name, absent) for one in found])) for name in names}
        return xarray.Dataset(values, coords=self._coordinates(method, axes))

    def counts(self, method: str) -> MethodCounts:
        """Return the counts of a method, read once: what analyses work on.

        Raises
        ------
        UserError
            When the study has no such method, or its snapshots are damaged.
        """
        runs = self._runs(method)
        if method not in self._counts:
            self._counts[method] = count(method, runs)
        return self._counts[method]

    def indicators(
        self, method: str, epochs: Sequence[int]
    ) -> Bool[np.ndarray, "seed epoch view augmentation example"]:
        """Return the values of :meth:`correct` at some epochs, read at once."""
        return np.stack([run.correct(list(epochs)) for run in self._runs(method)])

    def inputs(self) -> dict[str, Any]:
        """Say what went in: for each method its config's fingerprint, its seeds, and a hash of the snapshots."""
        return {
            method: {
                "fingerprint": runs[0].fingerprint,
                "seeds": [run.seed for run in runs],
                "snapshots": [run.digest() for run in runs],
                "dataset": runs[0].provenance.get("dataset"),
                "data_fingerprint": runs[0].provenance.get("data_fingerprint"),
            }
            for method, runs in self.runs.items()
        }

    def _runs(self, method: str) -> list[snapshots.Run]:
        if method not in self.runs:
            raise UserError(f"study {self.name} has no method {method!r}: it has {', '.join(self.methods)}")
        return self.runs[method]

    def _coordinates(self, method: str, axes: Sequence[str]) -> dict[str, Any]:
        runs = self._runs(method)
        known: dict[str, Any] = {"seed": [run.seed for run in runs], "epoch": snapshots.common_epochs(runs)}
        if "example" in axes:
            known["example"] = runs[0].examples
            labels = {"label": runs[0].labels, "true_label": runs[0].true_labels}
            known |= {name: ("example", values) for name, values in labels.items() if values is not None}
        return {name: values for name, values in known.items() if name in axes or isinstance(values, tuple)}

    def _summary(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """Return the head and rows of the table that stands for a study."""
        rows = []
        for method in self.methods:
            runs = self.runs[method]
            sizes = map(str, (len(runs), len(snapshots.common_epochs(runs)), *runs[0].shape))
            rows.append([method, *sizes, str(runs[0].provenance.get("dataset") or "not recorded")])
        return ("method", "seeds", "epochs", "views", "augmentations", "examples", "data"), rows

    def __repr__(self) -> str:
        head, rows = self._summary()
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in (head, *rows)
        ]
        return "\n".join([f"Study {self.name}", *(line.rstrip() for line in lines), *self.notes])

    def _repr_html_(self) -> str:
        head, rows = self._summary()
        cells = [
            "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
            for tag, row in [("th", head), *(("td", row) for row in rows)]
        ]
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table><caption>Study {html.escape(self.name)}</caption>{''.join(cells)}</table>{notes}"


class _Indicators(BackendArray):
    """`correct` of several seeds as one array that xarray reads piece by piece."""

    def __init__(self, runs: Sequence[snapshots.Run]) -> None:
        self.runs = runs
        self.epochs = np.array(snapshots.common_epochs(runs))
        self.shape = (len(runs), len(self.epochs), *runs[0].shape)
        self.dtype = np.dtype(bool)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        seeds, epochs, *rest = key
        chosen = np.atleast_1d(np.arange(len(self.runs))[seeds])
        wanted = np.atleast_1d(self.epochs[epochs]).tolist()
        values = np.empty((len(chosen), len(wanted), *self.shape[2:]), dtype=bool)
        for place, seed in enumerate(chosen):
            values[place] = self.runs[seed].correct(wanted)
        for axis, index in enumerate(rest, start=2):
            # One axis at a time, from a view: two arrays of places would otherwise be taken pairwise.
            values = values.take(np.atleast_1d(np.arange(values.shape[axis])[index]), axis=axis)
        dropped = tuple(axis for axis, index in enumerate(key) if isinstance(index, (int, np.integer)))
        return values.squeeze(axis=dropped)


def open_study(path: str | Path) -> Study:
    """Open a study: a folder of methods with seeds, as `runs/demo`.

    Seeds still in training are left out as soon as a method has a complete one; before that, the epochs that
    all its seeds have are used. What is left out is said in :attr:`Study.notes`.

    Parameters
    ----------
    path
        The study's folder.

    Raises
    ------
    UserError
        When there is no such study or nothing in it can be read.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"no study at {folder}: name the folder that holds its methods, such as runs/demo")
    runs: dict[str, list[snapshots.Run]] = {}
    notes: list[str] = []
    whole = folder if folder.name not in ("", "..") else folder.resolve()
    root, name = whole.parent, whole.name
    for method in snapshots.list_methods(root, name):
        opened = _open_method(root, name, method, notes)
        if opened:
            runs[method] = opened
    if not runs:
        raise UserError(f"study {name} in {root} has no epoch on disk yet: see python -m runners.status")
    return Study(name=name, runs=runs, notes=tuple(notes))


def _open_method(root: Path, study: str, method: str, notes: list[str]) -> list[snapshots.Run]:
    seeds = snapshots.list_seeds(root, study, method)
    folders = [snapshots.seed_folder(root, study, method, seed) for seed in seeds]
    if all(snapshots.state(folder).kind == "empty" for folder in folders):
        notes.append(f"{method}: no seed has an epoch yet; left out")
        return []
    begun = snapshots.open_runs(root, study, method)
    complete = [run for run in begun if run.complete]
    if not complete:
        notes.append(
            f"{method}: no seed is complete; the epochs that all {len(begun)} begun seeds have are used"
        )
    elif len(complete) < len(folders):
        notes.append(
            f"{method}: {len(folders) - len(complete)} of {len(folders)} seeds are not complete and are left out"
        )
    return complete or begun


def count(method: str, runs: Sequence[snapshots.Run]) -> MethodCounts:
    """Count a method's correct answers over its seeds, one chunk of one seed in memory at a time."""
    common = snapshots.common_epochs(runs)
    views, augmentations, examples = runs[0].shape
    correct = np.zeros((views, len(common), examples), dtype=np.int32)
    single = np.zeros((len(common), examples), dtype=np.int32)
    seed_means = np.zeros((len(runs), len(common)))
    for index, run in enumerate(runs):
        for start in range(0, len(common), run.chunk_epochs):
            block = slice(start, start + run.chunk_epochs)
            right = run.correct(common[block])
            by_view = right.sum(axis=2, dtype=np.int32)
            correct[:, block] += by_view.swapaxes(0, 1)
            single[block] += right[:, 0, 0]
            seed_means[index, block] = by_view[:, 0].mean(axis=1) / augmentations
    return MethodCounts(
        method=method,
        seeds=tuple(run.seed for run in runs),
        num_augmentations=augmentations,
        epochs=np.array(common, dtype=np.int64),
        correct=correct,
        single=single,
        seed_means=seed_means,
        examples=runs[0].examples,
        labels=runs[0].labels,
        true_labels=runs[0].true_labels,
    )
