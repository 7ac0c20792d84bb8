# SPDX-License-Identifier: Apache-2.0
"""The training loop of one seed: an integer in, a run folder out, resumable at any instant.

After every epoch the panel is scored and the snapshot committed. The training state is saved as often as it costs
little; a run that is started again goes back to the last state, and since the random numbers of an epoch depend on
the seed and the epoch alone, it ends bit-equal to one that was never interrupted (on the CPU).
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from dynamics import encoders, methods, networks, provenance, snapshots
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.lock import SeedLock, seed_lock
from dynamics.training import capture, checkpoint, diagnostics, panel, precision, stopping
from dynamics.training.logs import FOLDER, Logged, Logs
from dynamics.training.workbench import Workbench, Workbenches

LOGGER = logging.getLogger(__name__)

MOST_FILES = 4096
"""Names of more files would be most of what a seed records."""
STATE_SHARE = 0.02
"""Largest fraction of the time that is spent on saving states, once the first is saved."""


class EpochReport(NamedTuple):
    """Progress and timing of one epoch."""

    epoch: int
    epochs: int
    loss: float
    mean_correct: float
    """Mean of `correct` over views, augmentations and examples: this seed's contribution to E[r_t]."""
    train_seconds: float
    panel_seconds: float
    store_seconds: float
    start_seconds: float
    """From the call of :func:`train` to its first epoch: networks, the panel's views, the saved state, capture."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One seed of one method."""

    method: str
    recipe: Recipe
    seed: int
    folder: Path
    setting: str = ""
    """Its setting in a sweep, as it is shown: lr-0.0003."""

    @property
    def study_folder(self) -> Path:
        """The folder of the study."""
        return self.folder.parents[1]


def train(  # noqa: PLR0913 - all but the first two are keywords
    job: Job,
    dataset: Dataset,
    *,
    device: torch.device,
    report: Callable[[EpochReport], None] = lambda done: None,
    state_share: float = STATE_SHARE,
    engine: str = "auto",
    workbenches: Workbenches | None = None,
    replace_epochs: bool = False,
    log: Sequence[str] = (),
) -> None:
    """Train one seed to its last epoch, from wherever it stands, and finish its run folder.

    Parameters
    ----------
    job
        What to train, and where its run folder is.
    dataset
        The recipe's data, with all its training images.
    device
        Where to compute.
    report
        Called after every epoch of this call.
    state_share
        Largest fraction of the time to spend on saving states; at infinity one is saved every epoch.
    engine
        How steps are repeated: auto, or one of :data:`dynamics.training.capture.Engine`.
    workbenches
        Keeps what seeds share from one call to the next, if it is passed to each; no bit depends on it.
    replace_epochs
        Whether epochs after the last saved state, which are trained again, may replace what was committed if their
        bits differ. They do on a CPU only if code, libraries or the processor have changed; on a GPU they may always.
    log
        Where each epoch's numbers go beside log.jsonl: names of :mod:`dynamics.training.logs`.

    Raises
    ------
    Stopped
        When a signal has asked for it (:mod:`dynamics.training.stopping`); the state is saved.
    UserError
        When the folder holds a run with another recipe or other data, another process holds its lock, the
        batch or panel does not fit the data, the loss or a weight is not finite, an epoch came out differently
        (`replace_epochs`), or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from dynamics import data, study_file
    >>> small = {"epochs": 1, "train_examples": 64, "width": 2, "panel_examples": 16, "panel_augmentations": 1}
    >>> folder = Path(tempfile.mkdtemp()) / "demo/supervised/seed-0000"
    >>> recipe = study_file.preset("supervised", "quick", **small)
    >>> job = Job(method="supervised", recipe=recipe, seed=0, folder=folder)
    >>> train(job, data.load("digits"), device=torch.device("cpu"))
    >>> snapshots.is_complete(folder)
    True
    """
    called = time.perf_counter()
    with seed_lock(job.folder) as lock:
        snapshots.check_config(job.folder, job.recipe.to_json())
        if snapshots.settle(job.folder):
            return
        dataset = check(job, dataset)
        recipe = dataclasses.replace(job.recipe, precision=_write_record(job, dataset, device))
        bench = (workbenches or Workbenches()).get(
            job.method, recipe, dataset, device=device, engine=capture.choose(engine, device)
        )
        trainer = _Trainer(job=job, bench=bench, lock=lock, replace=replace_epochs or device.type == "cuda")
        writer = trainer.open_writer()
        trainer.start(writer)
        logs = trainer.begin_logs(writer, log)
        try:
            _train_epochs(
                trainer, writer, logs, report, state_share, start_seconds=time.perf_counter() - called
            )
        finally:
            logs.close()
        lock.check()
        checkpoint.save_weights(
            bench.method.state_dict(),
            snapshots.weights_file(job.folder),
            made_by=snapshots.identity(job.folder),
        )
        writer.finish(trainer.seconds)


def check(job: Job, dataset: Dataset) -> Dataset:
    """Return the part of a data set that a job trains on, after checking its sizes.

    Raises
    ------
    UserError
        When batch, panel or subset do not fit the data, or there is no such encoder.

    Examples
    --------
    >>> from dynamics import data, study_file
    >>> recipe = study_file.preset("simclr", "quick", train_examples=300)
    >>> check(Job(method="simclr", recipe=recipe, seed=0, folder=Path()), data.load("digits")).num_train
    300
    """
    with torch.device("meta"):  # nothing is allocated
        encoders.build(job.recipe.encoder, width=job.recipe.width)
    dataset = networks.training_data(dataset, job.recipe)
    views = methods.load(job.method).panel_views
    panel.check(job.recipe, num_train=dataset.num_train, num_test=len(dataset.test_labels), num_views=views)
    return dataset


def _write_record(job: Job, dataset: Dataset, device: torch.device) -> precision.Resolved:
    """Write run.json, or compare with the existing one: the data must be the same; return the run's precision."""
    here = precision.resolve(job.recipe, device, image_size=dataset.image_size)
    session = {
        "code": provenance.code_version(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "started": provenance.now(),
    }
    if snapshots.has_record(job.folder):
        before = snapshots.read_run_json(job.folder)["provenance"]
        if before.get("data_fingerprint") != dataset.fingerprint:
            raise UserError(
                f"{job.folder} was trained on different images (fingerprint {before.get('data_fingerprint')}, "
                f"now {dataset.fingerprint}): restore the data, or use another `study`"
            )
        changed = snapshots.add_session(job.folder, session)
        if changed:
            LOGGER.warning("%s goes on with another %s", job.folder, ", ".join(changed))
        begun = precision.begun(job.recipe, before)
        if begun != here:
            LOGGER.warning("%s goes on in %s, as it began: here it would be %s", job.folder, begun, here)
        return begun
    data = {
        "precision": here,
        "dataset": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "own_code": networks.own_code(job.method, job.recipe),
        "classes": list(dataset.classes),
        **_files_of_examples(job, dataset),
    }
    snapshots.write_run_json(
        job.folder,
        method=job.method,
        seed=job.seed,
        config=job.recipe.to_json(),
        provenance={**session, **data},
    )
    return here


def _files_of_examples(job: Job, dataset: Dataset) -> dict[str, list[str]]:
    """Return the names of the files of the panel's examples, if they are files, and not too many for a small record."""
    if dataset.train_files is None or job.recipe.panel_examples > MOST_FILES:
        return {}
    places = panel.draw_examples(job.recipe, dataset.num_train).tolist()
    return {"files": [dataset.train_files[place] for place in places]}


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _train_epochs(
    trainer: "_Trainer",
    writer: snapshots.Writer,
    logs: Logs,
    report: Callable[[EpochReport], None],
    state_share: float,
    *,
    start_seconds: float,
) -> None:
    with stopping.training():
        try:
            _epochs(trainer, writer, logs, report, state_share, start_seconds=start_seconds)
        except stopping.Stopped:
            trainer.save_unsaved()  # in the block: a second signal must not end the process before it has
            raise


def _epochs(
    trainer: "_Trainer",
    writer: snapshots.Writer,
    logs: Logs,
    report: Callable[[EpochReport], None],
    state_share: float,
    *,
    start_seconds: float,
) -> None:
    recipe = trainer.job.recipe
    save_cost, saved_at = 0.0, time.perf_counter()
    for epoch in range(trainer.epoch + 1, recipe.epochs + 1):
        began = time.perf_counter()
        trainer.run_epoch(epoch)
        trained = time.perf_counter()
        scores = trainer.score()
        scored = time.perf_counter()
        trainer.seconds += scored - began
        trainer.check(writer, scores)
        if epoch == recipe.epochs or save_cost <= state_share * (scored - saved_at):
            # Before the snapshot: an epoch with a state but without a snapshot can be scored again.
            trainer.save()
            saved_at = time.perf_counter()
            save_cost = saved_at - scored
        else:
            trainer.keep()
        trainer.commit(writer, scores)
        done = EpochReport(
            epoch=epoch,
            epochs=recipe.epochs,
            loss=trainer.scalars["loss"],
            mean_correct=float(scores.arrays["correct"].mean()),
            train_seconds=trained - began,
            panel_seconds=scored - trained,
            store_seconds=time.perf_counter() - scored,
            start_seconds=start_seconds,
        )
        logs.write(writer.log(done._asdict(), scores.arrays, {**trainer.scalars, **scores.diagnostics}))
        report(done)
        stopping.check()


@dataclass(kw_only=True)
class _Trainer:
    """One seed on its workbench; `epoch` is the last complete one."""

    job: Job
    bench: Workbench
    lock: SeedLock
    replace: bool
    epoch: int = 0
    seconds: float = 0.0
    scalars: dict[str, float] = field(default_factory=dict)
    unsaved: dict[str, Any] | None = None
    """A copy of the state after the last epoch, if that is newer than the one on the disk."""
    arrays: Collection[str] = ()
    """What the snapshots hold of what is scored."""

    def open_writer(self) -> snapshots.Writer:
        """Open the run's snapshots, which may exist already: an earlier version may have recorded less."""
        bench = self.bench
        declared = snapshots.declared_arrays(self.job.folder)
        self.arrays = bench.arrays if declared is None else declared.intersection(bench.arrays)
        return snapshots.Writer.open(
            self.job.folder,
            epochs=self.job.recipe.epochs,
            shape=bench.panel.shape,
            scalar_names=(
                *bench.method.terms,
                "learning_rate",
                *diagnostics.names(bench.method.panel_views),
            ),
            coordinates=bench.coordinates(self.job.seed) | self._untrained(declared),
            optional=[name for name in self.arrays if name != "correct"],
        )

    def _untrained(self, declared: set[str] | None) -> dict[str, np.ndarray]:
        """Return how the new network answers; nothing where the snapshots have it already, or never had it."""
        if declared is not None:
            return {}
        self.bench.begin(self.job.seed)
        return self.bench.untrained()

    def run_epoch(self, epoch: int) -> None:
        """Train for one epoch; afterwards `scalars` holds the means of the loss's terms over its steps."""
        self.scalars = self.bench.run_epoch(self.job.seed, epoch)
        self.epoch = epoch

    def score(self) -> panel.Scores:
        """Score the panel."""
        return self.bench.score()

    def commit(self, writer: snapshots.Writer, scores: panel.Scores) -> None:
        """Commit the panel's scores after this epoch."""
        writer.write(*self._entry(scores))

    def check(self, writer: snapshots.Writer, scores: panel.Scores) -> None:
        """Check, before anything of this epoch is saved, that the folder is ours and no other bits are in it."""
        self.lock.check()
        if not self.replace:
            writer.check_unchanged(*self._entry(scores))

    def _entry(self, scores: panel.Scores) -> tuple[int, dict[str, np.ndarray], dict[str, float]]:
        arrays = {name: values for name, values in scores.arrays.items() if name in self.arrays}
        return self.epoch, arrays, {**self.scalars, **scores.diagnostics}

    def begin_logs(self, writer: snapshots.Writer, names: Sequence[str]) -> Logs:
        """Open the logs, and write what earlier processes have trained: they may have died before they could."""
        job = self.job
        logs = Logs(
            names,
            Logged(
                study=job.study_folder.name,
                method=job.method,
                seed=job.seed,
                config=job.recipe.to_json(),
                identity=snapshots.identity(job.folder),
                folder=job.study_folder.parent.joinpath(FOLDER, *job.folder.parts[-3:]),
            ),
        )
        for line in writer.begin_log(self.epoch):
            logs.write(line)
        return logs

    def save(self) -> None:
        """Save all that is needed to continue after this epoch."""
        checkpoint.save(self._state(), snapshots.state_file(self.job.folder))
        self.unsaved = None

    def keep(self) -> None:
        """Keep a copy of the state after this epoch, to be saved if the next one is not reached."""
        self.unsaved = checkpoint.copied(self._state())

    def save_unsaved(self) -> None:
        """Save the state after the last epoch, unless it is on the disk."""
        if self.unsaved is not None:
            self.lock.check()
            checkpoint.save(self.unsaved, snapshots.state_file(self.job.folder))

    def _state(self) -> dict[str, Any]:
        return {
            "run": snapshots.identity(self.job.folder),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "scalars": self.scalars,
            "method": self.bench.method.state_dict(),
            "optimizer": self.bench.optimizer.state_dict()["state"],
        }

    def start(self, writer: snapshots.Writer) -> None:
        """Load the last saved state and commit its epoch if it is missing; without a state, begin the seed."""
        state = self._last_state(writer)
        if state is None:
            self.bench.begin(self.job.seed)
            return
        self.bench.load(state["method"], state["optimizer"])
        self.epoch, self.seconds, self.scalars = state["epoch"], state["seconds"], state["scalars"]
        if self.epoch not in writer.committed():
            self.commit(writer, self.score())

    def _last_state(self, writer: snapshots.Writer) -> dict[str, Any] | None:
        path = snapshots.state_file(self.job.folder)
        if not checkpoint.exists(path):
            return None
        state, note = checkpoint.load(path)
        if note is not None:
            LOGGER.warning("%s", note)
        lacking = {"epoch", "seconds", "scalars", "method", "optimizer"}.difference(
            state if isinstance(state, dict) else ()
        )
        if lacking:
            raise UserError(
                f"{path} is not a training state (it has no {min(lacking)}): restore it from a copy"
            )
        snapshots.check_identity(snapshots.identity(self.job.folder), state.get("run", {}), path)
        if set(range(1, state["epoch"])) - set(writer.committed()):
            LOGGER.warning(
                "%s lost an epoch before its last state: it is trained again from the start", self.job.folder
            )
            return None
        loaded: dict[str, Any] = state
        return loaded
