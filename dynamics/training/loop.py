# SPDX-License-Identifier: Apache-2.0
"""The training loop of one seed: an integer in, a run folder out, resumable at any instant.

After every epoch the panel is scored and the snapshot committed. The training state is saved as often as it costs
little; a run that is started again goes back to the last state, and since the random numbers of an epoch depend on
the seed and the epoch alone, it ends bit-equal to one that was never interrupted (on the CPU).
"""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Sequence

import torch

from dynamics import encoders, methods, networks, provenance, snapshots
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.lock import seed_lock
from dynamics.training import capture, checkpoint, panel, precision, stopping
from dynamics.training.job import EpochReport, Job
from dynamics.training.logs import Logs
from dynamics.training.trainer import Trainer
from dynamics.training.workbench import Workbenches

LOGGER = logging.getLogger(__name__)

MOST_FILES = 4096
"""Names of more files would be most of what a seed records."""
STATE_SHARE = 0.02
"""Largest fraction of the time that is spent on saving states, once the first is saved."""


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
    >>> from pathlib import Path
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
        trainer = Trainer(job=job, bench=bench, lock=lock, replace=replace_epochs or device.type == "cuda")
        writer = trainer.open_writer()
        trainer.start(writer)
        logs = trainer.begin_logs(writer, log)
        with contextlib.closing(logs), _saved_when_stopped(trainer):
            _train_epochs(
                trainer, writer, logs, report, state_share, start_seconds=time.perf_counter() - called
            )
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
    >>> from pathlib import Path
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


@contextlib.contextmanager
def _saved_when_stopped(trainer: Trainer) -> Iterator[None]:
    with stopping.training():
        try:
            yield
        except stopping.Stopped:
            trainer.save_unsaved()  # in the block: a second signal must not end the process before it has
            raise


def _train_epochs(
    trainer: Trainer,
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
        scores = trainer.bench.score()
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
            mean_correct=float(scores.arrays["correct"][0].mean()),
            train_seconds=trained - began,
            panel_seconds=scored - trained,
            store_seconds=time.perf_counter() - scored,
            start_seconds=start_seconds,
        )
        logs.write(writer.log(done._asdict(), scores.arrays, {**trainer.scalars, **scores.diagnostics}))
        report(done)
        stopping.check()
