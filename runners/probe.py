# SPDX-License-Identifier: Apache-2.0
"""Evaluate an encoder: a linear layer on it, frozen, or all fine-tuned on a share of the labels.

python -m runners.probe --run runs/STUDY/METHOD --mode semi --fraction 0.01
"""

import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.progress import track

from analysis.framework import console, results
from analysis.framework.console import say
from analysis.framework.networks import has_network
from analysis.framework.results import Result, Row
from analysis.storage import evaluations
from dynamics import data, networks, snapshots
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.evaluation import Evaluation, EvaluationRecipe, Outcome
from dynamics.methods.base import ImageStatistics
from dynamics.names import PIXELS, UNTRAINED
from runners.progress import LINE_SECONDS, duration


@dataclass(frozen=True, kw_only=True)
class Probe(EvaluationRecipe):
    """Which encoder to evaluate, on what."""

    run: Path
    """A seed's folder, or a method's (then all its finished seeds): runs/STUDY/METHOD/seed-0000."""
    dataset: str | None = None
    """Images to tell apart; by default those that the run was trained on (its own subset of them)."""
    data_root: Path = Path("data")
    """Folder that holds the images."""
    own_data_root: Path | None = None
    """Folder that holds the images that the run was trained on, where it is another; looked into only where the
    run's method normalises images by those."""
    seeds: int | None = None
    """Use the first so many seeds; by default all."""
    every_epoch: bool = False
    """Score the test images after every epoch in the mode semi, too; linear always does."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:1."""
    results: Path = Path("results")
    """Folder that takes the numbers, one folder a study."""


class Clock:
    """Says how far the evaluation is, every few seconds."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.began = self.said = time.monotonic()

    def report(self, name: str, seed: int) -> Callable[[int, int, float, float | None], None]:
        """Return what takes in the epochs of one seed."""

        def after_epoch(epoch: int, epochs: int, loss: float, top1: float | None) -> None:
            share = (self.done + epoch / epochs) / self.total
            self.done += epoch == epochs
            now = time.monotonic()
            if now - self.said > LINE_SECONDS:
                self.said = now
                left = (now - self.began) * (1 - share) / share
                known = "" if top1 is None else f", top-1 {top1:.3f}"
                say(
                    f"{name}, seed {seed}: epoch {epoch}/{epochs}, loss {loss:.4f}{known}; {duration(left)} left"
                )

        return after_epoch


def choose_runs(folder: Path, seeds: int | None) -> list[snapshots.Run]:
    """Return the finished seeds that a folder names, one or all of a method's.

    Raises
    ------
    UserError
        When it is neither, or none of them has a trained network.
    """
    if (folder / "run.json").exists():
        found = [folder]
    else:
        found = sorted(path.parent for path in folder.glob("seed-*/run.json"))
    if not found:
        raise UserError(f"no run in {folder}: use --run runs/STUDY/METHOD or runs/STUDY/METHOD/seed-0000")
    runs = [run for run in map(snapshots.Run, found) if has_network(run)]
    if not runs:
        raise UserError(f"no finished seed with a network in {folder}: train it to its end first")
    if seeds is not None and seeds < 1:
        raise UserError(f"--seeds {seeds} is no number of seeds: use 1 or more")
    return runs[:seeds]


def choose_images(arguments: Probe, run: snapshots.Run) -> tuple[Dataset, ImageStatistics | None]:
    """Return the images, and the statistics of the run's own where these are others.

    Which images they are is told by their fingerprint: two folders have the same name of a data set.
    """
    if arguments.dataset is None:
        return networks.dataset_of(run, data_root=arguments.data_root), None
    dataset = data.load(arguments.dataset, data_root=arguments.data_root, progress=track)
    recipe = networks.recipe_of(run)
    if arguments.dataset == recipe.dataset:
        enough = (recipe.train_examples or 0) <= dataset.num_train
        part = dataset.subset(recipe.train_examples) if recipe.train_examples and enough else dataset
        if part.fingerprint == run.provenance.get("data_fingerprint"):
            return part, None
    if arguments.dataset == "folder":
        dataset = dataclasses.replace(dataset, name=f"folder-{dataset.fingerprint[:8]}")
    return dataset, own_statistics(arguments, run)


def own_statistics(arguments: Probe, run: snapshots.Run) -> ImageStatistics:
    """Return the statistics of the images that a run was trained on.

    Raises
    ------
    UserError
        When the run's inputs depend on them and the images are not there.
    """
    try:
        return networks.statistics_of(run, data_root=arguments.own_data_root or arguments.data_root)
    except UserError as error:
        raise UserError(
            f"{run.method} normalises images by those that it was trained on, so these are needed, too: name "
            f"their folder with --own-data-root ({error})"
        ) from None


def prepare(arguments: Probe, run: snapshots.Run) -> Evaluation:
    """Load the images, and what is known of those that the run was trained on."""
    device = choose_device(arguments.device)
    dataset, statistics = choose_images(arguments, run)
    recipe = EvaluationRecipe(
        **{field.name: getattr(arguments, field.name) for field in fields(EvaluationRecipe)}
    )
    return Evaluation(
        dataset=dataset.to(device),
        statistics=statistics,
        recipe=recipe,
        every_epoch=arguments.every_epoch or recipe.mode == "linear",
        progress=track,
    )


def evaluate(evaluation: Evaluation, runs: Sequence[snapshots.Run]) -> Result:
    """Evaluate every seed's encoder and both floors."""
    first, recipe = runs[0], evaluation.recipe
    config = networks.recipe_of(first)
    kinds: dict[str, Callable[[snapshots.Run, Any], Outcome]] = {
        first.method: evaluation.trained,
        UNTRAINED: evaluation.untrained,
        PIXELS: lambda run, report: evaluation.pixels(run.seed, report),
    }
    for run in runs:
        evaluation.chosen(run.seed)  # a share that is too small is said before anything is computed
    clock = Clock(len(kinds) * len(runs))
    rows: list[Row] = []
    arrays: dict[str, np.ndarray] = {}
    settings: dict[str, Any] = {}
    for kind, compute in kinds.items():
        outcomes = [compute(run, clock.report(kind, run.seed)) for run in runs]
        labels: Row = {
            "method": first.method,
            "encoder": config.encoder,
            "width": config.width,
            "features": kind,
            "dataset": evaluation.dataset.name,
            "trained_on": config.dataset,
            "mode": recipe.mode,
            "fraction": recipe.share,
        }
        row = evaluations.row_of(labels, outcomes)
        stem = evaluations.stem_of(row)
        rows.append(row)
        arrays[f"{stem}.loss"] = np.array([one.loss for one in outcomes])
        arrays[f"{stem}.top1"] = np.array([one.top1 for one in outcomes])
        settings[evaluations.key_of(row)] = {
            **asdict(recipe),
            "seeds": [run.seed for run in runs],
            "data_fingerprint": evaluation.dataset.fingerprint,
            "frozen": all(one.encoder_before == one.encoder_after for one in outcomes),
            "outcomes": [asdict(one) for one in outcomes],
        }
    inputs = {
        first.method: {
            "fingerprint": first.fingerprint,
            "seeds": [run.seed for run in runs],
            "snapshots": [run.digest() for run in runs],
            "dataset": first.provenance.get("dataset"),
            "data_fingerprint": first.provenance.get("data_fingerprint"),
        }
    }
    return Result(
        name=evaluations.NAME, rows=rows, inputs=inputs, arrays=arrays, settings={"evaluations": settings}
    )


def show(table: Result, study: str) -> None:
    """Print a study's whole table, and what in it is implausible."""
    names = ["dataset", "mode", "fraction", "method", "features", "seeds"]
    console.table(
        f"evaluations of study {study}: accuracy after the last epoch, mean ± sd over seeds",
        [*names, "top-1", "top-5", "train top-1"],
        [
            [*(row[name] for name in names), _pair(row, "top1"), _pair(row, "top5"), row["train_top1"]]
            for row in table.rows
        ],
    )
    if any(row["top5"] is None for row in table.rows):
        say("top-5 is not defined with fewer than six classes")
    for row in table.rows:
        if row["warning"]:
            console.warn(f"{evaluations.key_of(row)} {row['warning']}: no published encoder does; check it")


def _pair(row: Row, name: str) -> str:
    if row[name] is None:
        return ""
    return f"{row[name]:.4f}" + ("" if row[f"{name}_sd"] is None else f" ± {row[f'{name}_sd']:.4f}")


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    arguments = tyro.cli(Probe, args=list(argv), prog="python -m runners.probe", description=__doc__)
    runs = choose_runs(arguments.run, arguments.seeds)
    study = runs[0].folder.resolve().parent.parent.name
    evaluation = prepare(arguments, runs[0])
    used = len(evaluation.chosen(runs[0].seed))
    recipe = evaluation.recipe
    steps = recipe.actual_epochs(used) * recipe.steps(used)
    say(
        f"{runs[0].method}, {len(runs)} seeds: {recipe.mode} on {used} labels of "
        f"{evaluation.dataset.name}, {steps} steps"
    )
    folder = arguments.results / study
    before = evaluations.read(folder)
    table = evaluations.merge(before, evaluate(evaluation, runs))
    show(table, study)
    results.save(table, folder)
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
