# SPDX-License-Identifier: Apache-2.0
"""Evaluate an encoder by a linear layer, by fine-tuning on a fraction of the labels, or by nearest neighbours.

python -m runners.probe --run runs/STUDY/METHOD --mode semi --fraction 0.01
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import track

from analysis.framework import command, console, evaluations
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.networks import has_network
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.evaluation.choose import choose_images
from dynamics.evaluation.encoder import AfterEpoch, Evaluation
from dynamics.evaluation.recipes import EvaluationRecipe
from dynamics.names import counted, duration
from dynamics.training.devices import choose_device
from dynamics.training.progress import LINE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Which encoder to evaluate, on what, and how."""

    recipe: EvaluationRecipe = field(default_factory=EvaluationRecipe)
    run: Path
    """A seed's folder, or a method's (then all its finished seeds): runs/STUDY/METHOD/seed-0000."""
    dataset: str | None = None
    """Data set to evaluate on; by default the images that the run was trained on (its own subset of them)."""
    data_root: Path = Path("data")
    """Folder that holds the images."""
    own_data_root: Path | None = None
    """Folder that holds the images that the run was trained on, if it is a different one; read only if the run's
    method normalises images by their statistics."""
    seeds: int | None = None
    """Number of seeds, the lowest first; by default all."""
    every_epoch: bool = False
    """Score the test images after every epoch in the mode semi, too; linear always does."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:1."""
    results: Path = Path("results")
    """Folder for the numbers, with one folder per study."""


class Clock:
    """Says how far the evaluation is, every few seconds."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.began = self.said = time.monotonic()

    def report(self, name: str, seed: int) -> AfterEpoch:
        """Return the function to call after each epoch of one seed."""

        def after_epoch(epoch: int, epochs: int, loss: float, top1: float | None) -> None:
            done = (self.done + epoch / epochs) / self.total
            self.done += epoch == epochs
            now = time.monotonic()
            if now - self.said > LINE_SECONDS:
                self.said = now
                left = (now - self.began) * (1 - done) / done
                known = "" if top1 is None else f", top-1 {top1:.3f}"
                say(
                    f"{name}, seed {seed}: epoch {epoch}/{epochs}, loss {loss:.4f}{known}; {duration(left)} left"
                )

        return after_epoch


def finished_runs(folder: Path, seeds: int | None) -> list[snapshots.Run]:
    """Return the finished seeds that a folder names, one or all of a method's.

    Raises
    ------
    UserError
        When the folder is neither, or no seed has a trained network.
    """
    if (folder / "run.json").exists():
        folders = [folder]
    else:
        seeds_there = folder.iterdir() if folder.is_dir() else ()
        folders = sorted(path for path in seeds_there if path.name.startswith("seed-") and path.is_dir())
        folders = [path for path in folders if snapshots.has_record(path)]
    if not folders:
        raise UserError(f"no run in {folder}: `run` must be runs/STUDY/METHOD or runs/STUDY/METHOD/seed-0000")
    runs = [run for run in map(snapshots.Run, folders) if has_network(run)]
    if not runs:
        raise UserError(f"no finished seed with a network in {folder}: train it to its end first")
    if seeds is not None and seeds < 1:
        raise UserError(f"`seeds` must be >= 1, got {seeds}")
    return runs[:seeds]


def prepare(arguments: Probe, run: snapshots.Run) -> Evaluation:
    """Load the images, and the statistics of those that the run was trained on."""
    device = choose_device(arguments.device)
    dataset, statistics = choose_images(
        run,
        arguments.dataset,
        data_root=arguments.data_root,
        own_data_root=arguments.own_data_root,
        progress=track,
    )
    return Evaluation(
        dataset=dataset.to(device),
        statistics=statistics,
        recipe=arguments.recipe,
        every_epoch=arguments.every_epoch or arguments.recipe.mode == "linear",
        progress=track,
    )


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    arguments = cli(
        Probe,
        command.current(argv),
        prog="python -m runners.probe",
        description=__doc__,
        flat=True,
    )
    runs = finished_runs(arguments.run, arguments.seeds)
    folder = arguments.results / runs[0].folder.resolve().parent.parent.name
    evaluation = prepare(arguments, runs[0])
    recipe, labels = evaluation.recipe, len(evaluation.chosen(runs[0].seed))
    how = f"{recipe.actual_epochs(labels) * recipe.steps(labels)} steps"
    if recipe.mode == "knn":
        how = f"{min(recipe.knn.neighbours, labels)} neighbours"
    name = evaluation.dataset.name
    say(f"{runs[0].method}, {counted(len(runs), 'seed')}: {recipe.mode} on {labels} labels of {name}, {how}")
    evaluations.read(folder)  # a damaged table is reported before anything is computed
    new = evaluations.evaluate(evaluation, runs, Clock(3 * len(runs)).report)
    evaluations.grow(folder, new)
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
