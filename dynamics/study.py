# SPDX-License-Identifier: Apache-2.0
"""The seeds of a study as labelled arrays that are read lazily: what notebooks and analyses work on.

    study = dynamics.open_study("runs/demo")
    study.learning_probability("simclr").sel(epoch=25)

What analyses need of all epochs are sums over seeds or over examples, which are small whatever the panel's size: they
are counted while the indicators stream from the disk. No torch is loaded.
"""

import hashlib
import html
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import xarray
from jaxtyping import Bool, Shaped
from xarray.core import indexing

from dynamics import mismatches, snapshots
from dynamics.answers import (
    MethodCounts,
    RecordedArray,
    are_counts,
    batch_of,
    complete_examples,
    count,
    may_lack_answers,
    scoring_of,
    stream,
)
from dynamics.errors import UserError
from dynamics.kinds import of_kind
from dynamics.mates import Mates
from dynamics.names import check_study_name, counted, ordered
from dynamics.snapshots.schema import ARRAYS

RECORDED = {name: kind for name, kind in ARRAYS.items() if name != "scalars"}
"""What is recorded of every example, by name."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Study:
    """The complete seeds of a study, by method; made by :func:`dynamics.open_study`.

    Arrays are :class:`xarray.DataArray` with the axes seed, epoch, view, augmentation, example; the examples have the
    coordinates `label` (trained on), `true_label` and `id` if the runs recorded them.
    """

    name: str
    runs: dict[str, list[snapshots.Run]]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    mates: Mates = "fixed"
    """Among which mates answers are right or wrong; see :meth:`with_mates`."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Which examples are left out, by method; see :meth:`complete` and :meth:`of_examples`."""
    kept: str | None = None
    """Hash of the names of the examples that are used, if they were chosen; see :meth:`of_examples`."""
    _counts: dict[str, MethodCounts] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return next(iter(self.runs.values()))[0].folder.parents[1]

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods, the memorization thesis's four first."""
        return ordered(self.runs)

    def with_mates(self, mates: Mates | None) -> "Study":
        """Return the same study with answers among the panel's fixed mates, as recorded, or among random ones.

        Where the nearest view is looked for, an answer depends on the other examples of its batch, the mates. Among
        random mates it is not right or wrong, but right with a probability (:mod:`dynamics.mates`), for batches of
        `panel_batch`. Methods that learn from labels have no mates: nothing changes.

        Parameters
        ----------
        mates
            "fixed" (the memorization thesis's) or "random"; None leaves them as they are.

        Raises
        ------
        UserError
            If a method's seeds recorded no rivals, because an earlier version or another program made them.
        """
        mates = of_kind("mates", mates, Mates | None)
        if mates in (None, self.mates):
            return self
        if mates == "random":
            for method in filter(self.has_mates, self.methods):
                self.check_recorded(method, "rivals")
        return replace(self, mates=mates, _counts={})

    def check_right_or_wrong(self) -> None:
        """Refuse answers that are probabilities or fractions, for analyses of right and wrong ones.

        Raises
        ------
        UserError
            If answers are among random mates, or were taken in as counts.
        """
        for method in self.methods:
            if are_counts(self.runs[method]):
                raise UserError(
                    f"of {method} it is known only how many answers were right: this needs to know which were"
                )
        if self.mates == "random":
            raise UserError("among random mates answers are neither right nor wrong: use `mates` fixed")

    def complete(self) -> "Study":
        """Return the same study with those examples alone that every seed of all methods answered at every epoch.

        Methods with other examples do not count. Where answers are missing, :meth:`counts` and r_t are of those that
        are there; all else needs every answer.

        Raises
        ------
        UserError
            If a method has fewer than two such examples.
        """
        if not any(map(self.may_lack_answers, self.methods)):
            return self
        on_panel: dict[bytes, set[int]] = {}
        panels = {method: self.runs[method][0].examples.tobytes() for method in self.methods}
        for method, panel in panels.items():
            own = {*complete_examples(self.runs[method]).tolist()}
            on_panel[panel] = on_panel.get(panel, own) & own
        runs, left_out = {}, {}
        for method, panel in panels.items():
            kept, examples = sorted(on_panel[panel]), self.runs[method][0].shape[2]
            share = f"{method}: {len(kept)} of {counted(examples, 'example')}"
            if len(kept) < 2:
                raise UserError(
                    f"{share} have the answers of all seeds and epochs, and this needs two: record more of them, or "
                    "use analysis.learning, which takes what is there"
                )
            runs[method] = [run.of_examples(np.array(kept)) for run in self.runs[method]]
            if len(kept) < examples:
                left_out[method] = f"{share} are used, those with the answers of all seeds and epochs"
        return replace(self, runs=runs, left_out=self.left_out | left_out, _counts={})

    def of_examples(self, names: Collection[str], *, called: str) -> "Study":
        """Return the same study with some examples alone, under another name.

        Parameters
        ----------
        names
            Their ids where they have some, otherwise their indices in the training images; others are ignored.
        called
            The name of the study that they make, which is that of its results.

        Raises
        ------
        UserError
            If no method has two of them.

        Examples
        --------
        >>> import dynamics, tempfile
        >>> correct = np.ones((1, 1, 1, 5), dtype=bool)
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     folder = snapshots.seed_folder(Path(runs), "demo", "supervised", 0)
        ...     snapshots.write_finished(folder, method="supervised", seed=0, correct=correct)
        ...     some = dynamics.open_study(Path(runs, "demo")).of_examples(["1", "4"], called="some")
        ...     some.name, some.learning_probability("supervised").example.values.tolist()
        ('some', [1, 4])
        """
        check_study_name(called)
        wanted, runs, left_out = {*names}, {}, {}
        for method, own in self.runs.items():
            known = own[0].ids or [str(example) for example in own[0].examples]
            places = [place for place, name in enumerate(known) if str(name) in wanted]
            there = f"{len(places)} of {counted(len(known), 'example')}"
            if len(places) < 2:
                left_out[method] = (
                    f"{method}: {there} would be kept, and two are needed: the method is left out"
                )
                continue
            runs[method] = [run.of_examples(np.array(places)) for run in own]
            left_out[method] = f"{method}: {there} are kept"
        if not runs:
            what = "ids" if own[0].ids else "indices in the training images"
            raise UserError(
                f"no method has two of the examples to keep on its panel: name them by their {what}"
            )
        kept = hashlib.sha256("\0".join(sorted(wanted)).encode(errors="surrogateescape")).hexdigest()
        return replace(self, name=called, runs=runs, left_out=left_out, kept=kept, _counts={})

    def may_lack_answers(self, method: str) -> bool:
        """Whether a seed of a method says which of its answers are missing."""
        return any(map(may_lack_answers, self._runs(method)))

    def has_mates(self, method: str) -> bool:
        """Whether a method's answers depend on mates: the nearest of several views is looked for."""
        return self._runs(method)[0].shape[0] > 1

    def check_recorded(self, method: str, *names: str) -> None:
        """Check that all seeds of a method have some arrays or coordinates, by their names in FORMAT.md.

        Raises
        ------
        UserError
            If one lacks them; says which.
        """
        for run in self._runs(method):
            for name in names:
                if name not in run.recorded and run.coordinate(name) is None:
                    raise UserError(
                        f"seed {run.seed} of {method} recorded no {name.replace('_', ' ')}: an earlier version, "
                        "another program or a judge of one's own made it; train it again in another `study`"
                    )

    def correct(self, method: str) -> xarray.DataArray:
        """Return whether each answer was right: bool, (seed, epoch, view, augmentation, example).

        The array is read lazily: the values of `study.correct("simclr").sel(epoch=5)` are one epoch of each seed.
        The mates are the panel's fixed ones. Answers that are missing are False here; `study.array(method, "present")`
        says which are there.

        Raises
        ------
        UserError
            If the study has no such method; while reading, if a file is damaged.
        """
        return self.array(method, "correct")

    def array(self, method: str, name: str) -> xarray.DataArray:
        """Return an array that was recorded every epoch, such as `rivals`, by its name in FORMAT.md.

        The axes are seed and those of FORMAT.md; it is read lazily, as :meth:`correct` is.

        Raises
        ------
        UserError
            If the study has no such method, or a seed did not record it; while reading, if a file is damaged.
        """
        if name not in RECORDED:
            raise UserError(f"no array {name!r} is recorded: use one of {', '.join(RECORDED)}")
        self.check_recorded(method, name)
        axes = ("seed", *RECORDED[name].axes)
        lazy = xarray.Variable(axes, indexing.LazilyIndexedArray(RecordedArray(self._runs(method), name)))
        return xarray.DataArray(lazy, coords=self._coordinates(method, axes), name=name)

    def in_training(self, method: str) -> Bool[np.ndarray, "seed example"]:
        """Return which examples of the panel each seed was trained on: all, unless `hold_out` left some out."""
        known = [(run.coordinate("in_training"), run.shape[2]) for run in self._runs(method)]
        return np.stack([np.ones(count, bool) if seen is None else seen for seen, count in known])

    def learning_probability(self, method: str, *, view: int = 0) -> xarray.DataArray:
        """Return r_t(x): float, (epoch, example), 0 (every answer wrong) to 1 (memorization thesis, eq. 4.2).

        Parameters
        ----------
        method
            One of :attr:`methods`.
        view
            The view whose nearest neighbour should be its positive, 0 or 1; methods that learn from labels have
            only view 0.

        Raises
        ------
        UserError
            If the study has no such method or view, or a file is damaged.
        """
        counts = self.counts(method)
        if not isinstance(view, SupportsIndex) or np.ndim(view) or view not in range(len(counts.correct)):
            raise UserError(f"`view` must be in [0, {len(counts.correct) - 1}] for {method}, got {view!r}")
        answered = counts.trials if counts.answered is None else counts.answered[int(view)]
        values = counts.correct[int(view)] / answered
        axes = ("epoch", "example")
        attributes = {
            "long_name": "learning probability r_t(x)",
            "seeds": counts.num_seeds,
            "trials": counts.trials,
        }
        known = xarray.Dataset(coords=self._coordinates(method, axes))
        if counts.places is not None:
            known = known.isel(example=counts.places)
        return xarray.DataArray(values, dims=axes, coords=known.coords, name="r", attrs=attributes)

    def scalars(self, method: str) -> xarray.Dataset:
        """Return what was recorded once per epoch (loss, its terms, diagnostics): float, (seed, epoch) each.

        A scalar that a seed did not record is NaN.

        Raises
        ------
        UserError
            If the study has no such method, or a file is damaged.
        """
        runs = self._runs(method)
        epochs = snapshots.common_epochs(runs)
        by_seed = [run.scalars(epochs) for run in runs]
        names = dict.fromkeys(name for scalars in by_seed for name in scalars)
        absent = np.full(len(epochs), np.nan)
        axes = ("seed", "epoch")
        values = {
            name: (axes, np.stack([scalars.get(name, absent) for scalars in by_seed])) for name in names
        }
        return xarray.Dataset(values, coords=self._coordinates(method, axes))

    def counts(self, method: str) -> MethodCounts:
        """Return the counts of a method, which are read once and kept: what most analyses work on.

        Raises
        ------
        UserError
            If the study has no such method, or a file is damaged.
        """
        runs = self._runs(method)
        if method not in self._counts:
            self._counts[method] = count(method, runs, scoring_of(runs, self.mates))
        return self._counts[method]

    def indicators(
        self, method: str, epochs: Sequence[int]
    ) -> Shaped[np.ndarray, "seed epoch view augmentation example"]:
        """Return the answers at some epochs, as a NumPy array: bool; floats in [0, 1] among random mates."""
        wanted, runs = list(of_kind("epochs", epochs, Sequence[int])), self._complete_runs(method)
        name, score = scoring_of(runs, self.mates)
        return np.stack([score(run.read(name, wanted)) for run in runs])

    def answers(
        self, method: str, *, held_out: bool = False
    ) -> Iterator[tuple[int, Shaped[np.ndarray, "seed view augmentation example"]]]:
        """Yield every epoch and its answers; a few epochs of all seeds are in memory at a time.

        Parameters
        ----------
        method
            One of :attr:`methods`.
        held_out
            Answers on the test images that are held out from training, instead of the panel's.

        Raises
        ------
        UserError
            If the study has no such method, or a seed recorded no such answers.

        Examples
        --------
        >>> import dynamics, tempfile
        >>> correct = np.ones((2, 1, 3, 4), dtype=bool)  # two epochs, one view, three augmentations, four examples
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     folder = snapshots.seed_folder(Path(runs), "demo", "supervised", 0)
        ...     snapshots.write_finished(folder, method="supervised", seed=0, correct=correct)
        ...     [(epoch, right.shape) for epoch, right in dynamics.open_study(Path(runs, "demo")).answers("supervised")]
        [(1, (1, 1, 3, 4)), (2, (1, 1, 3, 4))]
        """
        name, score = scoring_of(self._complete_runs(method), self.mates, held_out=held_out)
        yield from ((epoch, score(values)) for epoch, values in self.stream(method, name))

    def stream(self, method: str, *names: str) -> Iterator[tuple[Any, ...]]:
        """Yield every epoch and what some arrays of FORMAT.md recorded then, (seed, ...) each.

        Raises
        ------
        UserError
            If the study has no such method, or a seed did not record one of them.
        """
        self.check_recorded(method, *names)
        yield from stream(self._complete_runs(method), names)

    def inputs(self) -> dict[str, Any]:
        """Return the provenance of the data, by method: config, seeds, hashes of snapshots, data, and what to know.

        `data_fingerprint` is a list, with the order of the seeds, where they were not trained on the same images. The
        hash of a published copy is that of its original: what is computed from either belongs together.
        """
        return {
            method: {
                "fingerprint": runs[0].fingerprint,
                "seeds": [run.seed for run in runs],
                "snapshots": [run.provenance.get("published", {}).get("of", run.digest()) for run in runs],
                "dataset": runs[0].provenance.get("dataset"),
                "data_fingerprint": data[0] if len(set(data)) == 1 else data,
                "mates": self.mates if runs[0].shape[0] > 1 else None,
                "notes": [*mismatches.between_seeds(method, runs), *self._about_answers(method)],
            }
            | ({} if self.kept is None else {"kept": self.kept})
            for method, runs in self.runs.items()
            for data in [mismatches.data_fingerprints(runs)]
        }

    def _about_answers(self, method: str) -> list[str]:
        said, run = [self.left_out[method]] if method in self.left_out else [], self._runs(method)[0]
        if self.may_lack_answers(method):
            said.append(f"{method}: r_t is of the answers that are there; some may be missing")
        if not self.in_training(method).all():
            said.append(
                f"{method}: seeds left examples of the panel out of their training, and r_t is over all seeds; "
                "analysis.memorization tells them apart"
            )
        if self.mates == "random" and self.has_mates(method):
            said.append(f"{method}: answers among {batch_of(run) - 1} random mates")
        return said

    def _runs(self, method: str) -> list[snapshots.Run]:
        if not isinstance(method, str) or method not in self.runs:
            raise UserError(f"study {self.name} has no method {method!r}: it has {', '.join(self.methods)}")
        return self.runs[method]

    def _complete_runs(self, method: str) -> list[snapshots.Run]:
        """Return a method's runs, none of whose answers may be missing: those would count as wrong."""
        if self.may_lack_answers(method):
            raise UserError(f"{method} may lack answers: use the examples that have all, study.complete()")
        return self._runs(method)

    def _coordinates(self, method: str, axes: Sequence[str]) -> dict[str, Any]:
        runs = self._runs(method)
        known: dict[str, Any] = {"seed": [run.seed for run in runs], "epoch": snapshots.common_epochs(runs)}
        for prefix in ("", "held_out_"):
            if (axis := f"{prefix}example") in axes:
                known[axis] = runs[0].coordinate(axis)
                labels = {
                    name: runs[0].coordinate(name) for name in (f"{prefix}label", f"{prefix}true_label")
                }
                known |= {name: (axis, values) for name, values in labels.items() if values is not None}
        if "example" in axes and (ids := runs[0].ids) is not None:
            known["id"] = ("example", ids)
        return {name: values for name, values in known.items() if name in axes or isinstance(values, tuple)}

    def _summary(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """Return the header and rows of the table that represents a study."""
        rows = []
        for method in self.methods:
            runs = self.runs[method]
            sizes = map(str, (len(runs), len(snapshots.common_epochs(runs)), *runs[0].shape))
            rows.append([method, *sizes, runs[0].data or "not recorded"])
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
