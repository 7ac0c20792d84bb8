# SPDX-License-Identifier: Apache-2.0
"""How is one seed trained: an integer in, a run folder out, resumable at any instant.

After every epoch the panel is scored and the snapshot committed. The training state is saved so often
that it costs little; a run that is started again goes back to the last state, and since every epoch
can be made again without its past, it ends bit-equal to one that was never interrupted (on the CPU).
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dynamics import checkpoint, collapse, encoders, methods, networks, panel, provenance, snapshots
from dynamics.config import Config
from dynamics.console import UserError, warn
from dynamics.data import Dataset
from dynamics.lock import seed_lock
from dynamics.methods import Method
from dynamics.streams import generator

STATE_SHARE = 0.02
"""Largest share of the time that is spent on saving states, once the first is saved."""


class Progress(NamedTuple):
    """What is known after an epoch."""

    epoch: int
    epochs: int
    loss: float
    mean_correct: float
    """Mean of `correct` over views, augmentations and examples: this seed's share of E[r_t]."""
    train_seconds: float
    panel_seconds: float
    store_seconds: float
    start_seconds: float
    """From the call to this call's first epoch: networks, views of the panel, the state to go on from, capture."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One seed of one method."""

    method: str
    recipe: Config
    seed: int
    folder: Path


def train(
    job: Job,
    dataset: Dataset,
    *,
    device: torch.device,
    report: Callable[[Progress], None] = lambda progress: None,
    state_share: float = STATE_SHARE,
) -> None:
    """Train one seed to its last epoch, from wherever it is, and finish its run folder.

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
        Largest share of the time to spend on saving states; at infinity one is saved every epoch.

    Raises
    ------
    UserError
        When the folder holds a run of another config or of other data, another process holds its lock, the
        batch or panel does not fit the data, the loss is not finite, or the disk is full.
    """
    called = time.perf_counter()
    with seed_lock(job.folder):
        snapshots.check_config(job.folder, job.recipe.to_json())
        if snapshots.settle(job.folder):
            return
        dataset = check(job, dataset)
        _write_record(job, dataset, device)
        trainer = _Trainer.start(job, dataset, device)
        writer = trainer.open_writer()
        trainer.resume(writer)
        _train_epochs(trainer, writer, report, state_share, start_seconds=time.perf_counter() - called)
        checkpoint.save_weights(trainer.method.state_dict(), job.folder / "weights.safetensors")
        writer.finish(trainer.seconds)


def check(job: Job, dataset: Dataset) -> Dataset:
    """Return the part of a data set that a job trains on, once all its sizes fit.

    Raises
    ------
    UserError
        When batch, panel or subset do not fit the data, or there is no such encoder.
    """
    with torch.device("meta"):  # nothing is allocated
        encoders.build(job.recipe.encoder, width=job.recipe.width)
    dataset = networks.training_data(dataset, job.recipe)
    views = methods.load(job.method).panel_views
    panel.check(job.recipe, num_train=dataset.num_train, num_views=views)
    return dataset


def _write_record(job: Job, dataset: Dataset, device: torch.device) -> None:
    """Write run.json, or compare the one that is there: config and data must be the same."""
    if (job.folder / "run.json").exists():
        before = snapshots.read_run_json(job.folder)["provenance"]["data_fingerprint"]
        if before != dataset.fingerprint:
            raise UserError(
                f"{job.folder} was trained on other images (fingerprint {before}, now {dataset.fingerprint}): "
                "give back the data, or use another --study"
            )
        return
    snapshots.write_run_json(
        job.folder,
        method=job.method,
        seed=job.seed,
        config=job.recipe.to_json(),
        provenance={
            "code": provenance.code_version(),
            "versions": provenance.versions(),
            "machine": provenance.machine(),
            "device": _device_name(device),
            "threads": torch.get_num_threads(),
            "started": provenance.now(),
            "dataset": dataset.name,
            "data_fingerprint": dataset.fingerprint,
            "classes": list(dataset.classes),
        },
    )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _train_epochs(
    trainer: "_Trainer",
    writer: snapshots.Writer,
    report: Callable[[Progress], None],
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
        scores = trainer.panel.score(trainer.method)
        scored = time.perf_counter()
        trainer.seconds += scored - began
        if epoch == recipe.epochs or save_cost <= state_share * (scored - saved_at):
            # Before the snapshot: an epoch that has a state but no snapshot can be scored again.
            trainer.save()
            saved_at = time.perf_counter()
            save_cost = saved_at - scored
        writer.write(epoch, scores.correct, scores.probability, {**trainer.scalars, **scores.diagnostics})
        progress = Progress(
            epoch=epoch,
            epochs=recipe.epochs,
            loss=trainer.scalars["loss"],
            mean_correct=float(scores.correct.mean()),
            train_seconds=trained - began,
            panel_seconds=scored - trained,
            store_seconds=time.perf_counter() - scored,
            start_seconds=start_seconds,
        )
        _log(trainer.job.folder, progress)
        report(progress)


def _log(folder: Path, progress: Progress) -> None:
    """Append the epoch's times; they differ from run to run, so they are kept out of the snapshots."""
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(progress._asdict()) + "\n")


@dataclass(kw_only=True)
class _Trainer:
    """Networks, optimiser and panel of one seed; `epoch` is the last one done."""

    job: Job
    dataset: Dataset
    device: torch.device
    images: Tensor
    labels: Tensor
    examples: Tensor
    method: Method
    optimizer: torch.optim.Optimizer
    panel: panel.Panel
    epoch: int = 0
    seconds: float = 0.0
    scalars: dict[str, float] = field(default_factory=dict)

    @classmethod
    def start(cls, job: Job, dataset: Dataset, device: torch.device) -> "_Trainer":
        """Build everything at epoch 0, from the job's seed."""
        recipe = job.recipe
        method = networks.untrained(job.method, recipe, dataset, seed=job.seed)
        method.bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and device.type == "cuda")
        method.to(device)
        if device.type == "cuda":
            method.to(memory_format=torch.channels_last)  # what tensor cores read without a transposition
        method.train()
        images = dataset.train_images.to(device)
        labels = networks.training_labels(type(method), recipe, dataset).to(device)
        examples = panel.draw_examples(recipe, len(images))
        return cls(
            job=job,
            dataset=dataset,
            device=device,
            images=images,
            labels=labels,
            examples=examples,
            method=method,
            optimizer=method.optimizer(),
            panel=panel.build(
                recipe,
                method.views(recipe, networks.image_statistics(dataset)),
                num_views=method.panel_views,
                images=images,
                labels=labels,
                examples=examples,
            ),
        )

    def open_writer(self) -> snapshots.Writer:
        """Open the run's snapshots, new or begun."""
        return snapshots.Writer.open(
            self.job.folder,
            epochs=self.job.recipe.epochs,
            shape=self.panel.shape,
            scalar_names=(*self.method.terms, "learning_rate", *collapse.names(self.method.panel_views)),
            examples=self.examples.numpy(),
            labels=self.labels[self.examples.to(self.device)].cpu().numpy(),
            true_labels=self.dataset.train_labels[self.examples].numpy(),
        )

    def run_epoch(self, epoch: int) -> None:
        """Train for one epoch; afterwards `scalars` holds the means of the loss's terms over its steps."""
        recipe, seed = self.job.recipe, self.job.seed
        learning_rate = self.method.learning_rate(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr if group.get("fixed") else learning_rate
        self.method.start_epoch(epoch)
        steps = len(self.images) // recipe.batch_size
        order = torch.randperm(len(self.images), generator=generator(seed, "order", epoch))
        batches = order[: steps * recipe.batch_size].view(steps, recipe.batch_size).to(self.device)
        draws = generator(seed, "augmentation", epoch, device=self.device)
        # Sums stay on the device: nothing waits for it before the epoch's end.
        sums = torch.zeros(len(self.method.terms), dtype=torch.float64, device=self.device)
        for batch in batches:
            terms = self.step(self.images[batch], self.labels[batch], draws)
            sums += torch.stack([terms[name].detach() for name in self.method.terms])
        means = (sums / steps).tolist()
        self.scalars = {**dict(zip(self.method.terms, means, strict=True)), "learning_rate": learning_rate}
        self.epoch = epoch
        if not math.isfinite(self.scalars["loss"]):
            raise UserError(f"the loss is {self.scalars['loss']} in epoch {epoch}: lower --lr {recipe.lr}")

    def step(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> dict[str, Tensor]:
        """Do one step of the optimiser on fresh views of a batch of uint8 images."""
        count = self.method.training_views
        repeated = images.repeat(count, 1, 1, 1)
        distribution = self.panel.views
        draw = distribution.draw(len(repeated), images.shape[-1], generator=draws, device=self.device)
        views = distribution.render(repeated, draw).unflatten(0, (count, -1))
        terms = self.method.loss(views, labels)
        self.optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        self.optimizer.step()
        self.method.after_step()
        return terms

    def save(self) -> None:
        """Save all that is needed to go on after this epoch."""
        state: dict[str, Any] = {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "scalars": self.scalars,
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        checkpoint.save(state, self.job.folder / "state.safetensors")

    def resume(self, writer: snapshots.Writer) -> None:
        """Go back to the last saved state, if there is one, and commit its epoch if that is missing."""
        path = self.job.folder / "state.safetensors"
        if not checkpoint.exists(path):
            return
        state, note = checkpoint.load(path)
        if note is not None:
            warn(note)
        if set(range(1, state["epoch"])) - set(writer.committed()):
            warn(f"{self.job.folder} lost an epoch before its last state: trained again from the start")
            return
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.seconds, self.scalars = state["epoch"], state["seconds"], state["scalars"]
        if self.epoch not in writer.committed():
            scores = self.panel.score(self.method)
            writer.write(
                self.epoch, scores.correct, scores.probability, {**self.scalars, **scores.diagnostics}
            )
