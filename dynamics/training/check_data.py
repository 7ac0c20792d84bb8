# SPDX-License-Identifier: Apache-2.0
"""Checks of the data and sizes of jobs before any of them is trained: a mistake is said once, and at once."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from dynamics import data, methods, networks, snapshots, study_file
from dynamics.data import Dataset, Track
from dynamics.errors import UserError
from dynamics.methods.base import ImageStatistics
from dynamics.training.job import Job
from dynamics.training.loop import check
from dynamics.training.rehearsal import rehearse


def check_data(
    jobs: Iterable[Job], *, data_root: Path, download: bool, progress: Track | None = None
) -> dict[str, str]:
    """Load the data of all jobs and check their sizes, before any worker starts; return the data's fingerprints.

    So data are downloaded once, and a mistake is reported once.

    Raises
    ------
    UserError
        When data are missing or not those that the study is trained on, a batch, panel or subset does not fit them,
        or a class of one's own cannot be trained.

    Examples
    --------
    >>> recipe = study_file.preset("simclr", "quick")
    >>> job = Job(method="simclr", recipe=recipe, seed=0, folder=Path("runs/demo/simclr/seed-0000"))
    >>> [*check_data([job], data_root=Path("data"), download=False)]
    ['digits']
    """
    loaded: dict[str, Dataset] = {}
    for job in {(job.method, job.recipe): job for job in jobs}.values():
        name = job.recipe.dataset
        if name not in loaded:
            loaded[name] = data.load(name, data_root=data_root, download=download, progress=progress)
        dataset = check(job, loaded[name])
        _check_recorded(job, loaded[name])
        _check_origin(job, dataset)
        _check_size(job, dataset)
        rehearse(job, dataset)
    return {name: dataset.fingerprint for name, dataset in loaded.items()}


def _check_size(job: Job, dataset: Dataset) -> None:
    """Refuse a network whose weights, gradients and optimiser's two moments no memory here could hold."""
    statistics = ImageStatistics(dataset.num_classes, dataset.image_size, (0.5,) * 3, (0.25,) * 3)
    own = networks.own_code(job.method, job.recipe)
    try:
        with torch.device("meta"):  # nothing is allocated
            weights = sum(
                parameter.numel()
                for parameter in methods.load(job.method)(job.recipe, statistics).parameters()
            )
    except UserError:
        raise
    except Exception as error:  # sizes whose product no integer holds
        if own:  # it is rehearsed, and need not be able to do without values
            return
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"no network of this size can be made ({reason}): lower `width` or the other sizes"
        ) from None
    needed, there = 16 * weights, _memory()
    if needed > there:
        raise UserError(
            f"training a network of {weights:.1e} weights takes {needed / 2**30:.0f} GiB, and there are "
            f"{there / 2**30:.0f}: lower `width` {job.recipe.width} or the other sizes"
        )


def _memory() -> int:
    """Return the memory of this machine or of its largest GPU, in bytes."""
    gpus = [
        torch.cuda.get_device_properties(index).total_memory for index in range(torch.cuda.device_count())
    ]
    return max([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *gpus])


def check_complete(jobs: Iterable[Job], *, data_root: Path) -> None:
    """Check that complete seeds were trained on the images and with the code of now, as far as these are there.

    Raises
    ------
    UserError
        When they were trained on others: what they hold is no answer to this call.

    Examples
    --------
    >>> check_complete([], data_root=Path("data"))
    """
    for job in {(job.method, job.recipe): job for job in jobs}.values():
        try:
            dataset = check(job, data.load(job.recipe.dataset, data_root=data_root))
        except UserError:  # results may outlive their images
            continue
        _check_origin(job, dataset)


def _check_recorded(job: Job, dataset: Dataset) -> None:
    """Check that the images of a data set are those that the study's file names: hosts may not differ in them."""
    path, before = job.study_folder / study_file.NAME, None
    if path.exists():
        with contextlib.suppress(UserError):  # one that cannot be read is written anew
            before = study_file.parsed(path).data.get(dataset.name)
    if before not in (None, dataset.fingerprint):
        raise UserError(
            f"{job.study_folder} is trained on different images of {dataset.name} (fingerprint {before}, here "
            f"{dataset.fingerprint}): restore the data, or use another `study`"
        )


def _check_origin(job: Job, dataset: Dataset) -> None:
    """Check that what a study holds was trained on the same images, and with the same code of one's own."""
    study = job.study_folder
    code = networks.own_code(job.method, job.recipe)
    for place, provenance in _origins(study):
        before = provenance.get("data_fingerprint")
        if before not in (None, dataset.fingerprint):
            raise UserError(
                f"{place} was trained on different images (fingerprint {before}, now {dataset.fingerprint}): "
                "restore the data, or use another `study`"
            )
        for name, digest in provenance.get("own_code", {}).items():
            if code.get(name, digest) != digest:
                raise UserError(
                    f"{place} was trained with other code of {name}: use another `study`, or the class as it was then"
                )


def _origins(study: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the folder and the provenance of the first seed of each method of a study."""
    for method in snapshots.list_methods(study.parent, study.name):
        for folder in snapshots.seed_folders(study.parent, study.name, method):
            if snapshots.has_record(folder):
                yield folder, snapshots.read_run_json(folder)["provenance"]
                break
