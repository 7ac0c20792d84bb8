# SPDX-License-Identifier: Apache-2.0
"""Flags that commands share: where to compute, where to store runs and data, and the fields of recipes."""

import ast
import dataclasses
import difflib
import inspect
import itertools
import textwrap
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from analysis.framework import command
from analysis.framework.console import say
from analysis.framework.flags import cli
from dynamics import methods, seed_lists, study_file
from dynamics.config import MAX_SEED, Recipe
from dynamics.errors import UserError
from dynamics.methods.views import scored_at_a_temperature
from dynamics.training.study import default_preset

Runner = TypeVar("Runner")
PANEL_TEMPERATURE = "--panel-temperature"
"""Flag of version 0.1: the temperature of methods whose loss has none, which is `temperature` today."""
AS_IN_THE_FILE = "preset"
"""Default of each recipe flag: the field keeps the study file's value."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where to compute and to store runs and data; no flag here changes a result."""

    runs: Path = Path("runs")
    """Folder that holds the studies."""
    data_root: Path = Path("data")
    """Folder that holds downloaded data, or the images of --dataset folder."""
    download: bool = False
    """Download the data set if it is absent."""
    workers: int | Literal["auto"] = "auto"
    """Number of seeds trained at a time, each in a process with one thread; auto is one per GPU, or one per core if
    there is no GPU. With --launcher the number of jobs or actors; auto is one per seed, 100 at most."""
    device: str = "auto"
    """Device to train on: auto, cpu, cuda or cuda:1."""
    engine: Literal["auto", "eager", "graph", "compiled"] = "auto"
    """How training steps are sent to a GPU: eager (kernel by kernel), graph (one CUDA graph per step; auto) or
    compiled (a CUDA graph of compiled networks)."""
    replace_epochs: bool = False
    """Let an interrupted seed go on although code, libraries or processor have changed, and replace the epochs that
    come out differently."""
    log: tuple[str, ...] = ()
    """Where each epoch's numbers go beside log.jsonl: tensorboard, wandb or both; into .logs of --runs."""
    wait: bool = False
    """Return when every seed is complete, whoever trains it; seeds of processes that end are taken up."""


@dataclass(frozen=True, kw_only=True)
class Resources(Machine):
    """Which study to train, and where; except for `preset`, no flag here changes a result."""

    preset: str | None = None
    """quick (digits, minutes on a CPU), cifar-small (photographs, a night), thesis (CIFAR-10) or a study file that
    ends in .toml; by default thesis if there is a GPU, otherwise quick."""
    study: str | None = None
    """Name of the study; by default that of the preset."""
    launcher: Literal["local", "slurm", "ray"] = "local"
    """Where workers run: local (processes here), slurm (an array of jobs) or ray (actors of a cluster)."""
    launcher_args: str = ""
    """For slurm, options of sbatch: partition=gpu,gres=gpu:1,time=4:00:00; for ray, what a worker needs of a node:
    num_gpus=0.5."""
    ray_address: str | None = None
    """Address of the Ray cluster, such as 10.0.0.1:6379; by default the one that this host belongs to."""
    dry_run: bool = False
    """Print what would be trained, with an estimate of the hours, and stop."""


def parse_with_recipe(
    runner: type[Runner], argv: Sequence[str], *, prog: str, description: str
) -> tuple[Runner, Recipe]:
    """Parse the command line of one method; --help shows the values of the method and the preset as defaults.

    Raises
    ------
    UserError
        If no method is named, or the method or the preset is unknown.
    """
    name, chosen = (_value(argv, flag) for flag in ("--method", "--preset"))
    if not name and not {"--help", "-h"} & {*argv}:
        flags = {word.partition("=")[0] for word in argv if word.startswith("--")} - {"--method"}
        if near := difflib.get_close_matches("--method", flags, n=1, cutoff=0.8):
            raise UserError(f"Unrecognized options: {near[0]}: did you mean --method?")
        raise UserError(f"`method` must be given: use one of {', '.join(methods.names())}")
    method = name or "simclr"
    recipe = study_file.preset(method, chosen or default_preset())
    if scored_at_a_temperature(type(recipe)):
        argv = command.current(argv, {PANEL_TEMPERATURE: "--temperature"})
    # The recipe's fields and the other flags form one flat list: --lr, not --recipe.lr.
    groups = [("runner", runner), ("recipe", type(recipe))]
    together: Any = dataclasses.make_dataclass("Arguments", groups, frozen=True, kw_only=True)
    parsed = cli(
        together,
        argv,
        default=together(runner=runner(method=method), recipe=recipe),  # type: ignore[call-arg]
        prog=prog,
        description=f"{description} Methods: {', '.join(methods.names())}.",
        flat=True,
    )
    return parsed.runner, parsed.recipe


def _value(argv: Sequence[str], flag: str) -> str | None:
    """Return the value of a flag, the last one if it is repeated; None if the flag is absent."""
    value = None
    for word, after in itertools.pairwise([*argv, ""]):
        if word == flag:
            value = after
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value


def parse_with_changes(
    runner: type[Runner], argv: Sequence[str], *, prog: str, description: str
) -> tuple[Runner, dict[str, Any]]:
    """Parse the command line of several methods, with the fields to change for all methods that have them."""
    kinds: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for method in methods.names():
        recipe = methods.recipe(method)
        hints = typing.get_type_hints(recipe)
        kinds |= {
            field.name: hints[field.name] for field in dataclasses.fields(recipe) if field.name not in kinds
        }
        texts = field_help(recipe) | texts
    fields = []
    for name, kind in kinds.items():
        helped: Any = Annotated[kind | Literal[AS_IN_THE_FILE], tyro.conf.arg(help=texts.get(name, ""))]
        fields.append((name, helped, dataclasses.field(default=AS_IN_THE_FILE)))
    old: Any = Annotated[
        float | Literal[AS_IN_THE_FILE], tyro.conf.arg(help="The temperature of version 0.1.")
    ]
    fields.append(("panel_temperature", old, dataclasses.field(default=AS_IN_THE_FILE)))
    changes = dataclasses.make_dataclass("Recipe", fields, frozen=True, kw_only=True)
    changes.__doc__ = "Fields to change for all methods that have them; by default the file's values."
    groups = [("runner", runner), ("recipe", changes)]
    together: Any = dataclasses.make_dataclass("Arguments", groups, frozen=True, kw_only=True)
    parsed = cli(
        together,
        argv,
        prog=prog,
        description=description,
        flat=True,
    )
    changed = {name: value for name, value in vars(parsed.recipe).items() if value != AS_IN_THE_FILE}
    return parsed.runner, changed


def field_help(kind: type) -> dict[str, str]:
    """Return the docstring below each field of a dataclass and of the classes that it extends, by name."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in itertools.pairwise(statements):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                texts[field.target.id] = " ".join(str(text.value.value).split())
    return texts


def announce(preset: str | None) -> study_file.StudyFile:
    """Print which preset is used and how to choose another; return it."""
    if preset is not None:
        say(f"preset {preset}")
        return study_file.read(preset)
    chosen = default_preset()
    why = "a CUDA device was found" if chosen == "thesis" else "no CUDA device was found"
    others = " or ".join(f"--preset {name}" for name in study_file.presets() if name != chosen)
    say(f"preset {chosen} ({why}; choose another with {others})")
    return study_file.read(chosen)


def seeds_of_flags(n: int | None, seeds: str | None, default: Iterable[int] = (0,)) -> list[int]:
    """Return the seeds that --n or --seeds ask for.

    Parameters
    ----------
    n
        Number of seeds, from 0.
    seeds
        Numbers and ranges, such as "0-9,20".
    default
        Seeds if neither is given.

    Raises
    ------
    UserError
        If both are given, or one asks for no seed or for one out of range.

    Examples
    --------
    >>> seeds_of_flags(3, None), seeds_of_flags(None, "1,4-5")
    ([0, 1, 2], [1, 4, 5])
    """
    if seeds is not None:
        if n is not None:
            raise UserError("`n` and `seeds` exclude each other: use one")
        chosen = seed_lists.parse_seeds(seeds)
        if not chosen:
            raise UserError(f"`seeds` must be numbers and ranges such as 0-9,20, got {seeds!r}")
        return chosen
    if n is not None and not 1 <= n <= MAX_SEED + 1:
        raise UserError(f"`n` must be in [1, {MAX_SEED + 1}], got {n}")
    return list(default) if n is None else list(range(n))
