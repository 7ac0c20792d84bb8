# SPDX-License-Identifier: Apache-2.0
"""The seeds of a study that are still to be trained, once the recipe is known to fit those that exist."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dynamics import data, encoders, files, methods, snapshots, study_file
from dynamics.config import MAX_EPOCH, SHARED_BY_A_STUDY, Recipe
from dynamics.errors import UserError
from dynamics.names import check_study_name
from dynamics.training.job import Job


class Plan(NamedTuple):
    """Jobs, split into those still to be done and those complete."""

    missing: list[Job]
    complete: list[Job]

    @classmethod
    def together(cls, plans: Iterable["Plan"]) -> "Plan":
        """Join several plans to one."""
        plans = list(plans)
        return cls(
            [job for plan in plans for job in plan.missing], [job for plan in plans for job in plan.complete]
        )


def make_plan(
    runs: Path, study: str, method: str, recipe: Recipe, seeds: Iterable[int], *, thorough: bool = True
) -> Plan:
    """Return which seeds are to be trained, after comparing the recipe with all runs of the study.

    Parameters
    ----------
    runs, study, method, recipe, seeds
        Where and what to train.
    thorough
        Look at the record of each seed, and at each file of those that are complete. Workers of a study that has been
        planned leave it out: they look at one seed of a method, and at those that they train.

    Raises
    ------
    UserError
        When the study's name is refused, a seed of the method was trained with another recipe, or another method
        of the study has another panel or other data; the message names the field and both values.

    Examples
    --------
    >>> import tempfile
    >>> recipe = methods.recipe("simclr")()
    >>> plan = make_plan(Path(tempfile.mkdtemp()), "demo", "simclr", recipe, seeds=[0, 1])
    >>> [job.seed for job in plan.missing], plan.complete
    ([0, 1], [])
    """
    check_study_name(study)
    _check_place(runs / study / method)
    if recipe.epochs > MAX_EPOCH:
        raise UserError(f"`epochs` must be <= {MAX_EPOCH}, got {recipe.epochs}")
    data.CATALOGUE.check(recipe.dataset)
    encoders.CATALOGUE.check(recipe.encoder)
    _check_study(runs, study, method, recipe, thorough=thorough)
    plan, done = Plan([], []), snapshots.is_complete if thorough else snapshots.is_finished
    for seed in seeds:
        folder = snapshots.seed_folder(runs, study, method, int(seed))
        job = Job(method=method, recipe=recipe, seed=int(seed), folder=folder)
        (plan.complete if done(folder) else plan.missing).append(job)
    return plan


def _check_place(folder: Path) -> None:
    """Refuse a place where no folder can be made because something else has its name."""
    for place in (folder, *folder.parents):
        if files.exists(place):
            if not place.is_dir():
                raise UserError(f"{place} must be a folder, but is none: name another with `runs` or `study`")
            return


def _check_study(runs: Path, study: str, method: str, recipe: Recipe, *, thorough: bool) -> None:
    wanted = recipe.to_json()
    for other in snapshots.list_methods(runs, study):
        for folder in snapshots.seed_folders(runs, study, other):
            if other == method:
                snapshots.check_config(folder, wanted)
                if thorough:
                    continue
                break
            config = snapshots.read_run_json(folder)["config"]
            for field in SHARED_BY_A_STUDY:
                if field in config and config[field] != wanted[field]:
                    raise UserError(
                        f"study {study} holds {other} with `{field}` {config[field]}, not {wanted[field]}: "
                        "all methods of a study share data and panel; use the same value, or another `study`"
                    )
            break  # all seeds of a method have the same recipe


def record(plan: Plan, **recorded: Any) -> None:
    """Write a study file beside the runs of each study that is trained; `recorded` are further entries of it.

    Examples
    --------
    >>> record(Plan([], []))
    """
    studies: dict[Path, tuple[dict[str, Recipe], dict[str, set[int]]]] = {}
    for job in (*plan.missing, *plan.complete):
        recipes, seeds = studies.setdefault(job.study_folder, ({}, {}))
        recipes[job.method] = job.recipe
        seeds.setdefault(job.method, set()).add(job.seed)
    for folder, (recipes, seeds) in studies.items():
        for alike in {frozenset(own) for own in seeds.values()}:
            together = {method: recipes[method] for method, own in seeds.items() if own == alike}
            study_file.record(folder, together, alike, **recorded)


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Return jobs with the longest first, so that no worker is left alone with a long one at the end.

    Jobs of one recipe stay together and in their order.

    Examples
    --------
    >>> recipes = [methods.recipe("simclr")(epochs=epochs) for epochs in (2, 9)]
    >>> jobs = [Job(method="simclr", recipe=recipe, seed=0, folder=Path()) for recipe in recipes]
    >>> [job.recipe.epochs for job in longest_first(jobs)]
    [9, 2]
    """
    return sorted(jobs, key=lambda job: -views_trained_on(job.method, job.recipe) * job.recipe.epochs)


def views_trained_on(method: str, recipe: Recipe) -> int:
    """Return the approximate cost of an epoch: the number of views that it trains on, times the network's width.

    For a recipe that trains on all images, the cost is relative to the size of the data set.

    Examples
    --------
    >>> views_trained_on("simclr", methods.recipe("simclr")(width=64, train_examples=1000))
    128000
    """
    views: int = getattr(recipe, "num_views", methods.load(method).panel_views)
    return views * recipe.width * (recipe.train_examples or 1)
