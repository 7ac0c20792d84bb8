# SPDX-License-Identifier: Apache-2.0
"""Train seeds of a method from a program or a notebook, into the same folders as the command line does."""

import contextlib
import dataclasses
import operator
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, SupportsIndex

import numpy as np
import torch
from torch import nn

from dynamics import data, encoders, files, methods, study_file
from dynamics.catalogue import hyphenated
from dynamics.config import MAX_SEED, Recipe
from dynamics.data import Dataset
from dynamics.errors import UserError, system_errors_explained
from dynamics.methods import Method
from dynamics.names import counted
from dynamics.opening import open_study
from dynamics.study import Study
from dynamics.training import capture, logs
from dynamics.training.check_data import check_complete, check_data
from dynamics.training.devices import all_devices, choose_workers
from dynamics.training.job import Job
from dynamics.training.plan import longest_first, make_plan, record
from dynamics.training.pool import Event, Source, run_jobs
from dynamics.training.progress import Board


@system_errors_explained()
def train(  # noqa: PLR0913 - the front door: all are keywords
    method: str | type[Method],
    dataset: str | Dataset | None = None,
    *,
    seeds: SupportsIndex | Iterable[SupportsIndex] = 1,
    runs: str | Path = "runs",
    study: str | None = None,
    preset: str | Path | None = None,
    data_root: str | Path = "data",
    download: bool = False,
    workers: int | Literal["auto"] = "auto",
    device: str = "auto",
    engine: str = "auto",
    replace_epochs: bool = False,
    log: str | Iterable[str] = (),
    progress: bool = True,
    on_event: Callable[[Event], None] = lambda event: None,
    **fields: Any,
) -> Study:
    """Train seeds of a method and open the study that holds them; complete seeds are left unchanged.

    Each seed is trained in a process of its own with one thread, as many at a time as the machine has cores or
    GPUs. Training may be stopped at any time: the same call resumes it, to the same bits.

    Parameters
    ----------
    method
        Its name, or a class of your own (:class:`~dynamics.methods.base.Method`).
    dataset
        Its name, or one made in memory (:meth:`dynamics.Dataset.build`); by default that of the preset.
    seeds
        The seeds, or their number n for 0 to n - 1.
    runs, study
        Where the run folders go: `runs/study/method/seed-0000`; the study's name is by default that of the preset.
    preset
        quick (digits, minutes on a CPU), cifar-small (photographs, a night), thesis (CIFAR-10), or a study file; by
        default thesis where there is a GPU.
    data_root, download
        Folder where images are looked for, and whether to download them there where they are absent.
    workers
        Seeds at a time; auto is one per GPU, or one per core where there is none.
    device
        auto, cpu, cuda or cuda:1; auto is all GPUs, or the CPU where there is none.
    engine
        How steps are repeated: auto, or one of :data:`dynamics.training.capture.Engine`.
    replace_epochs
        Whether an interrupted seed goes on although code, libraries or processor have changed, and epochs that come
        out differently are replaced.
    log
        Where each epoch's numbers go beside log.jsonl in the seed's folder: "tensorboard" or "wandb", or both; into
        `runs/.logs/study`. No bit of the training depends on it.
    progress
        Whether to show which seeds are trained and the time left: in a table that is updated in place in Jupyter,
        elsewhere in a few lines on standard error.
    on_event
        Called when a seed starts, after each of its epochs and when it ends.
    **fields
        Fields of the method's recipe: `epochs=2`, `lr=1e-3`, `encoder=MyEncoder`.

    Raises
    ------
    UserError
        When a name, a field or a size is refused, the study holds other recipes, or a seed fails.

    Examples
    --------
    >>> import dynamics, tempfile
    >>> small = {"epochs": 1, "train_examples": 64, "width": 2, "panel_examples": 16, "panel_augmentations": 1}
    >>> study = dynamics.train("supervised", "digits", seeds=1, runs=tempfile.mkdtemp(), study="nb", preset="quick",
    ...                        **small)
    >>> study.learning_probability("supervised").shape
    (1, 16)
    """
    runs, data_root = (
        files.expanded(path, name) for path, name in ((runs, "runs"), (data_root, "data_root"))
    )
    _check_kind("download", download, bool, "True or False")
    _check_kind("replace_epochs", replace_epochs, bool, "True or False")
    _check_kind("progress", progress, bool, "True or False")
    _check_kind("on_event", on_event, Callable, "a function of one event")
    wanted = wanted_seeds(seeds)
    file = study_file.read(default_preset() if preset is None else preset)
    where = file.name if study is None else study
    name = methods.name_of(method)
    recipe = file.recipe_of(name, **_fields(fields, dataset))
    if isinstance(dataset, Dataset):
        recipe = _fitted(recipe, dataset, fields)
    plan = make_plan(runs, where, name, recipe, wanted)
    chosen = logs.wanted(log)
    devices, at_a_time = choose_resources(device, workers, engine, jobs=len(plan.missing))
    failures: list[str] = []
    held: dict[Job, str] = {}

    def take_in(event: Event) -> None:
        if event.kind == "failed":
            failures.append(f"seed {event.job.seed}: {event.payload}")
        if event.kind == "held":
            held[event.job] = f"seed {event.job.seed} is being trained by {event.payload}"
        elif held.pop(event.job, None):
            pass  # it was free again, or completed by the other process
        if board is not None:
            board.on_event(event)
        on_event(event)

    if plan.missing:
        fingerprints = check_data(plan.missing, data_root=data_root, download=download)
        record(plan, data=fingerprints)
        jobs = longest_first(plan.missing)
        with Board(jobs, workers=at_a_time) if progress else contextlib.nullcontext() as board:
            run_jobs(
                jobs,
                source=Source(data_root=data_root, engine=engine, replace_epochs=replace_epochs, log=chosen),
                devices=devices,
                workers=at_a_time,
                on_event=take_in,
            )
    else:
        check_complete(plan.complete, data_root=data_root)
    failures += held.values()
    if failures:
        raise UserError(
            f"{len(failures)} of {counted(len(plan.missing), 'seed')} of {name} failed; {failures[0]}"
        )
    return open_study(runs / where)


def _check_kind(name: str, value: object, kind: Any, described: str) -> None:
    if not isinstance(value, kind):
        raise UserError(f"`{name}` must be {described}, got {value!r}")


def default_preset() -> str:
    """Return the default preset: thesis where there is a CUDA device, else quick.

    Examples
    --------
    >>> default_preset() in ("quick", "thesis")
    True
    """
    return "thesis" if torch.cuda.is_available() else "quick"


def wanted_seeds(seeds: SupportsIndex | Iterable[SupportsIndex]) -> list[int]:
    """Return the seeds as a list without duplicates; an integer n stands for 0 to n - 1.

    Raises
    ------
    UserError
        When there is none, or one is out of range.

    Examples
    --------
    >>> wanted_seeds(3)
    [0, 1, 2]
    """
    try:
        if isinstance(seeds, (str, bytes, bool)):
            raise TypeError
        if isinstance(seeds, np.ndarray):
            seeds = list(seeds)  # an array supports an index as well, if it has one element
        if isinstance(seeds, SupportsIndex) and operator.index(seeds) > MAX_SEED + 1:
            raise UserError(
                f"`seeds` must be at most {MAX_SEED + 1}, got {seeds}"
            )  # before there is a list of them
        listed = range(operator.index(seeds)) if isinstance(seeds, SupportsIndex) else seeds
        wanted = [operator.index(seed) for seed in listed]
    except TypeError:
        raise UserError(
            f"`seeds` must be a number of seeds or a list of them, such as 4 or range(4, 8), got {seeds!r}"
        ) from None
    if not wanted:
        raise UserError(f"`seeds` must name at least one seed, got {seeds}")
    if min(wanted) < 0 or max(wanted) > MAX_SEED:
        raise UserError(f"`seeds` must be in [0, {MAX_SEED}], got {min(wanted)} to {max(wanted)}")
    return list(dict.fromkeys(wanted))


def choose_resources(
    device: str, workers: int | Literal["auto"], engine: str, *, jobs: int
) -> tuple[list[str], int]:
    """Return the devices that workers are distributed over, and how many seeds are trained at a time.

    Raises
    ------
    UserError
        When the device, the number of workers or the engine cannot be used.

    Examples
    --------
    >>> choose_resources("cpu", 4, "auto", jobs=3)
    (['cpu'], 3)
    """
    devices = all_devices(device)
    capture.choose(engine, torch.device(devices[0]))
    return devices, choose_workers(workers, devices, jobs)


def _fields(fields: dict[str, Any], dataset: str | Dataset | None) -> dict[str, Any]:
    """Return fields of a recipe; a data set or encoder that is an object is registered and replaced by its name."""
    named = dict(fields)
    if isinstance(dataset, Dataset):
        data.CATALOGUE.register(dataset.name, dataset)
        named["dataset"] = dataset.name
    elif dataset is not None:
        named["dataset"] = dataset
    encoder = named.get("encoder")
    if isinstance(encoder, type) and issubclass(encoder, nn.Module):
        named["encoder"] = hyphenated(encoder)
        encoders.CATALOGUE.register(named["encoder"], encoder)
    elif encoder is not None and not isinstance(encoder, str):
        got = encoder.__name__ if isinstance(encoder, type) else f"an object of {type(encoder).__name__}"
        raise UserError(f"`encoder` must be a name or a subclass of torch.nn.Module, got {got}")
    return named


def _fitted(recipe: Recipe, dataset: Dataset, fields: dict[str, Any]) -> Recipe:
    """Fit the sizes that are not given to a data set made in memory: those of a preset suit the preset's data."""
    count = dataset.num_train
    fitted: dict[str, Any] = {"train_examples": None, "batch_size": min(recipe.batch_size, count)}
    if recipe.panel_examples > count:
        batches = -(-count // recipe.panel_batch)
        fitted |= {"panel_batch": count // batches, "panel_examples": count // batches * batches}
    return dataclasses.replace(
        recipe, **{name: value for name, value in fitted.items() if name not in fields}
    )
