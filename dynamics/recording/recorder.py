# SPDX-License-Identifier: Apache-2.0
"""A recorder for anybody's training loop: what a network answers on a panel, after every epoch, as a run of a study."""

import logging
import operator
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from dynamics import files, snapshots
from dynamics.errors import UserError, system_errors_explained
from dynamics.lock import seed_lock
from dynamics.names import counted
from dynamics.recording.declared import (
    about,
    check_folder,
    check_like_other_seeds,
    describe,
    epoch_numbers,
    numbers_by_name,
    plain_config,
)
from dynamics.recording.held_out import check_held_out, held_out_arrays, held_out_coordinates
from dynamics.recording.judgement import PER_OPTION, judge, on_three_axes
from dynamics.recording.panel import Panel, as_array
from dynamics.recording.rows import panel_of, panel_of_first_epoch, rows_of, spread
from dynamics.seed_lists import in_ranges

LOGGER = logging.getLogger(__name__)
SOURCE = "recorder"
OF_EMBEDDINGS = ("panel_batch", "temperature")
"""What is written down of a panel where the nearest view is looked for."""
_OPEN: "weakref.WeakValueDictionary[Path, Recorder]" = weakref.WeakValueDictionary()
"""The recorders of this process, so that a cell of a notebook may be run again."""


class Recorder:
    """Records one seed of one way of training, whoever trains it; every analysis, figure and page reads what it makes.

    An epoch that is written is safe: it is on the disk, completely, or not at all. A loop that is started again opens
    the same folder and goes on. An epoch that comes out with other bits replaces the one that is there and deletes all
    later ones, which belong to another training.

    Parameters
    ----------
    folder
        `runs/<study>/<method>/seed-0000`: the seeds of one method are to differ in their random seed alone.
    panel
        The examples that are asked about. Without one, :meth:`write` gets labels and ids with its first epoch.
    epochs
        Number of epochs, or the numbers of those that are recorded, such as [0, 1, 2, 5, 10].
    config
        What else determines the numbers (learning rate, batch size): plain values by name, the same for all seeds.
    held_out
        Examples that the network is not trained on, asked about beside the panel under as many augmentations: for
        :mod:`analysis.generalization`.
    in_training
        Whether each example of the panel is in the training set of this seed, booleans (example,), where seeds leave
        some out: for :mod:`analysis.memorization`. By default all are.

    Raises
    ------
    UserError
        If the folder is not that of a seed, holds a run with another config or panel, or is being written by another
        process.

    Examples
    --------
    >>> import tempfile
    >>> import dynamics
    >>> runs = tempfile.mkdtemp()
    >>> panel = Panel(labels=[0, 1, 0])
    >>> with Recorder(f"{runs}/mine/my-net/seed-0000", panel=panel, epochs=2) as recorder:
    ...     recorder.write(logits=[[2.0, 0.5], [1.0, 0.0], [0.0, 1.0]], epoch=1)  # numpy, from any framework
    ...     recorder.write(logits=[[2.0, 0.5], [0.0, 1.0], [0.0, 1.0]], epoch=2)
    ...     recorder.finish()
    >>> dynamics.open_study(f"{runs}/mine").learning_probability("my-net").values.tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        panel: Panel | None = None,
        epochs: int | Sequence[int],
        config: Mapping[str, Any] | None = None,
        held_out: Panel | None = None,
        in_training: Any = None,
    ) -> None:
        self.folder = files.expanded(folder, "folder")
        check_folder(self.folder)
        if panel is not None and not isinstance(panel, Panel):
            raise UserError(f"`panel` must be a dynamics.Panel, got {type(panel).__name__}")
        if held_out is not None:
            check_held_out(panel, held_out)
        self.panel, self.held_out, self.numbers = panel, held_out, epoch_numbers(epochs)
        self.in_training = None if in_training is None else as_array("in_training", in_training)
        self.config = plain_config(config or {})
        self._writer: snapshots.Writer | None = None
        self._options: int | None = None
        if panel is not None:
            self._check_in_training(panel)
            check_like_other_seeds(
                self.folder, about(panel, held_out), {"source": SOURCE, **self.config}, but=OF_EMBEDDINGS
            )
        if (earlier := _OPEN.get(self.folder.resolve())) is not None:
            earlier.close()
        with system_errors_explained(), ExitStack() as failing:
            self._lock = failing.enter_context(seed_lock(self.folder))
            self.finished = snapshots.settle(self.folder)
            run = snapshots.Run(self.folder) if snapshots.has_record(self.folder) else None
            self._before = () if run is None else run.epochs
            if self.panel is None and self._before and run is not None:
                self.panel = panel_of(run)
            self._close = weakref.finalize(self, failing.pop_all().close)
        self._last: int | None = None
        self._began = self._since = time.perf_counter()
        _OPEN[self.folder.resolve()] = self

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"{len(self.recorded)} of {len(self.numbers)} epochs"
        return f"Recorder({str(self.folder)!r}): {state}"

    @property
    def recorded(self) -> tuple[int, ...]:
        """Epochs that are on the disk, in order; those of earlier sessions as well."""
        return self._before if self._writer is None else tuple(self._writer.committed())

    def epoch(
        self,
        model: Callable[..., Any],
        *,
        epoch: int | None = None,
        scalars: Mapping[str, float] | None = None,
    ) -> None:
        """Ask a PyTorch network about the panel and write what it answers.

        It is asked in eval mode and without gradients; modes, buffers and random numbers are left as they were.

        Parameters
        ----------
        model
            A module, or any callable that returns logits (batch, class); with the panel's `positive_views` embeddings
            (batch, output). See :func:`dynamics.recording.network.ask`.
        epoch, scalars
            As in :meth:`write`.

        Raises
        ------
        UserError
            If the panel has no inputs, or as :meth:`write`.
        """
        from dynamics.recording.network import ask

        number = self._number(epoch)
        if self.panel is None or not self.panel.inputs:
            raise UserError(
                "`panel` must hold the inputs that the network is called with, or use recorder.write"
            )
        said = ask(model, self.panel)
        options = self._checked_options(self.panel, said)
        arrays = judge(said, self.panel.labels) if "logits" in said else said
        if self.held_out is not None:
            arrays = arrays | held_out_arrays(ask(model, self.held_out), self.held_out)
        self._commit(self.panel, number, arrays, scalars or {})
        self._options = options

    def write(  # noqa: PLR0913 - what there may be of an epoch, each by name
        self,
        *,
        epoch: int | None = None,
        logits: Any = None,
        probabilities: Any = None,
        correct: Any = None,
        predicted: Any = None,
        margin: Any = None,
        probability: Any = None,
        error_norm: Any = None,
        present: Any = None,
        labels: Any = None,
        ids: Any = None,
        classes: Sequence[str] | None = None,
        scalars: Mapping[str, float] | None = None,
        held_out: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one epoch, computed by any framework; on return it is on the disk.

        Parameters
        ----------
        epoch
            Its number: from 1, unless the recorder was given numbers. Without it the epochs count up by themselves, in
            a folder that was empty when the recorder was opened.
        logits, probabilities
            Floats (example, class), or with augmentations (augmentation, example, class).
        correct, predicted, margin, probability, error_norm
            Or what follows from them (see FORMAT.md): (example,) or (augmentation, example).
        present
            Which answers are there: booleans of the same shape; by default all. Give it at all epochs, or at none.
        labels, classes
            The labels and the names of the classes, where there is no panel: at least with the first epoch.
        ids
            Indices or texts: which examples these are, if not all of the panel, in its order. Those that are not named
            are missing in this epoch. Give them at all epochs, or at none.
        scalars
            Numbers of this epoch, such as the loss: the same names at all epochs.
        held_out
            What the network answers on the held-out examples, where the recorder has some: `logits`, `probabilities`,
            `predicted` or `correct` by name, shaped like those of the panel.

        Raises
        ------
        UserError
            If something does not fit, with what was there before or with itself; what is on the disk stays.
        """
        number = self._number(epoch)
        given = {
            "logits": logits,
            "probabilities": probabilities,
            "correct": correct,
            "predicted": predicted,
            "margin": margin,
            "probability": probability,
            "error_norm": error_norm,
        }
        panel = self.panel or panel_of_first_epoch(given, labels, ids, classes)
        rows = rows_of(panel, labels, ids, classes)
        own = None if panel.labels is None else panel.labels[rows]
        there = None if present is None else on_three_axes("present", as_array("present", present))
        if there is not None and there.dtype != np.bool_:
            raise UserError(f"`present` must be booleans, got {there.dtype}")
        arrays = judge(given, own, there)
        if there is not None or ids is not None:
            shape = arrays["correct"].shape
            arrays["present"] = np.ones(shape, bool) if there is None else there
            arrays = {name: spread(values, rows, len(panel)) for name, values in arrays.items()}
        if (held_out is None) != (self.held_out is None):
            raise UserError("`held_out` must be given when the recorder is opened, and then with every epoch")
        if held_out is not None and self.held_out is not None:
            arrays |= held_out_arrays(held_out, self.held_out)
        options = self._checked_options(panel, given)
        self._commit(panel, number, arrays, scalars or {})
        self.panel, self._options = panel, options

    def finish(self, *, early: bool = False) -> None:
        """Complete the run: from then on it is read by all analyses, and never changed.

        Parameters
        ----------
        early
            Whether the training was stopped before its last epoch: those that are there are all.

        Raises
        ------
        UserError
            If an epoch is missing (and not `early`), or none was written.
        """
        if self.finished:
            return
        self._check_open()
        if not self.recorded:
            raise UserError(f"{self.folder} has no epoch yet: write one before you finish")
        missing = [number for number in self.numbers if number not in self.recorded]
        if missing and not early:
            raise UserError(
                f"{self.folder} lacks {len(missing)} of {counted(len(self.numbers), 'epoch')} (the first is "
                f"{missing[0]}): write them, or finish with `early=True` if the training was stopped"
            )
        with system_errors_explained():
            writer = self._writer or snapshots.Writer.reopen(self.folder)
            writer.finish(time.perf_counter() - self._began, early=early)
        self.finished, self._before = True, tuple(writer.committed())
        self.close()

    def close(self) -> None:
        """Let go of the folder; a recorder that is opened there again goes on."""
        self._close()

    def _check_open(self) -> None:
        if not self._close.alive:
            other = _OPEN.get(self.folder.resolve())
            why = "is closed" if other in (None, self) else "was closed by another that was opened there"
            raise UserError(f"the recorder of {self.folder} {why}: open another one")
        self._lock.check()

    def _number(self, epoch: int | None) -> int:
        if self.finished:
            raise UserError(
                f"{self.folder} is finished: record another seed, or delete the folder to record this one again"
            )
        self._check_open()
        if epoch is None:
            if self._before:
                raise UserError(
                    f"{self.folder} has epochs {self._before[0]} to {self._before[-1]} of an earlier session: say "
                    "which one this is, `epoch`, or delete the folder to begin again"
                )
            left = [number for number in self.numbers if self._last is None or number > self._last]
            if not left:
                raise UserError(
                    f"`epochs` ends with {self.numbers[-1]}, which is written: finish, or declare more"
                )
            return left[0]
        try:
            number = operator.index(epoch)
        except TypeError:
            raise UserError(f"`epoch` must be an integer, got {epoch!r}") from None
        if number not in self.numbers:
            hint = ": epochs count from 1" if number == 0 else ""
            raise UserError(
                f"`epoch` must be one of the declared epochs, {self.numbers[0]} to {self.numbers[-1]}, "
                f"got {number}{hint}"
            )
        recorded = self.recorded
        if skipped := [before for before in self.numbers if before < number and before not in recorded]:
            raise UserError(
                f"epoch {skipped[0]} must be recorded before epoch {number}: a checkpoint that was saved before it was "
                "recorded still holds its network"
            )
        return number

    def _commit(
        self, panel: Panel, number: int, arrays: dict[str, np.ndarray], scalars: Mapping[str, float]
    ) -> None:
        if arrays["correct"].shape[-1] != len(panel):
            raise UserError(
                f"an epoch must hold the {len(panel)} examples of the panel, got {arrays['correct'].shape[-1]}: "
                "say which these are with `ids`"
            )
        if (
            "held_out_correct" in arrays
            and arrays["held_out_correct"].shape[:2] != arrays["correct"].shape[:2]
        ):
            raise UserError(
                f"`held_out` must be answered under the {arrays['correct'].shape[1]} augmentations of the panel, got "
                f"shape {arrays['held_out_correct'].shape}"
            )
        if "present" in arrays and not arrays["present"].any():
            raise UserError(f"epoch {number} must have an answer that is present: leave it out otherwise")
        values = numbers_by_name(scalars)
        right = arrays["correct"][0]
        if "present" in arrays:  # in the first view, unless it has none
            right = (
                right[arrays["present"][0]]
                if arrays["present"][0].any()
                else arrays["correct"][arrays["present"]]
            )
        with system_errors_explained():
            writer = self._writer or self._open_writer(panel, arrays, values)
            self._check_alike(writer, arrays, values)
            self._writer = writer
            if writer.holds(number, arrays, values) is False and (later := writer.take_back_after(number)):
                LOGGER.warning(
                    "%s: epoch %d came out differently and is replaced; what the training before had after it is "
                    "deleted: %s",
                    *(self.folder, number, f"epoch{'s' * (len(later) > 1)} {in_ranges(later)}"),
                )
            writer.write(number, arrays, values)
            now = time.perf_counter()
            times = {"epoch": number, "mean_correct": float(right.mean()), "seconds": now - self._since}
            writer.log(times, arrays, values)
        self._last, self._since = number, now

    def _open_writer(
        self, panel: Panel, arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]
    ) -> snapshots.Writer:
        shape = arrays["correct"].shape
        config = {"source": SOURCE, **self.config}
        if shape[0] > 1:
            config |= dict(zip(OF_EMBEDDINGS, (panel.batch_size, panel.temperature), strict=True))
        self._check_in_training(panel)
        describe(self.folder, panel, config, about(panel, self.held_out))
        known = {"label": panel.labels, "true_label": panel.true_labels, "in_training": self.in_training}
        return snapshots.Writer.open(
            self.folder,
            epochs=len(self.numbers),
            shape=(shape[0], shape[1], shape[2]),
            scalar_names=list(scalars),
            coordinates={
                "epoch": np.array(self.numbers),
                "example": panel.indices,
                **{name: values for name, values in known.items() if values is not None},
                **held_out_coordinates(self.held_out),
            },
            optional=[name for name in arrays if name != "correct"],
        )

    def _check_in_training(self, panel: Panel) -> None:
        if self.in_training is not None and self.in_training.shape != (len(panel),):
            raise UserError(
                f"`in_training` must say it of each of the {len(panel)} examples, got shape {self.in_training.shape}"
            )

    def _checked_options(self, panel: Panel, given: Mapping[str, Any]) -> int | None:
        """Return the number of classes, which is that of the panel, and of the epochs before; None if it is unknown."""
        options = next(
            (as_array(name, given[name]) for name in PER_OPTION if given.get(name) is not None), None
        )
        if options is None or not options.ndim:
            return self._options
        known = self._options if panel.classes is None else len(panel.classes)
        if known not in (None, options.shape[-1]):
            raise UserError(
                f"every epoch must have the same number of classes, {known} before, {options.shape[-1]} now"
            )
        return int(options.shape[-1])

    def _check_alike(
        self, writer: snapshots.Writer, arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]
    ) -> None:
        """Check that an epoch has the arrays, shapes and scalars of those before."""
        for what, there, now in (
            ("arrays", writer.arrays, arrays),
            ("scalars", writer.scalar_names, scalars),
        ):
            if {*there} != {*now}:
                raise UserError(
                    f"every epoch must have the same {what}: {', '.join(sorted(there)) or 'none'} before, "
                    f"{', '.join(sorted(now)) or 'none'} now"
                )
        if arrays["correct"].shape != writer.shape:
            raise UserError(
                f"every epoch must have the same shape, {writer.shape} before, {arrays['correct'].shape} now"
            )
