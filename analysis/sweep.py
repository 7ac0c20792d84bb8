# SPDX-License-Identifier: Apache-2.0
"""How do loss and features depend on a hyperparameter? One row for every setting of a sweep (loss-modification slides).

Loss and r_t after the last epoch, how far the network has collapsed, and the accuracy of a linear probe on its
frozen features. A setting whose loss did not stay finite is listed as failed.

python -m analysis.sweep --study NAME
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from analysis import probes
from analysis.framework import command, console, results
from analysis.framework.columns import shared
from analysis.framework.networks import has_network
from analysis.framework.over_seeds import mean_sd
from analysis.framework.sweeps import Setting, Sweep, find, sweep_of
from analysis.framework.table import Column, Table
from analysis.framework.where import choose_study
from dynamics import snapshots
from dynamics.kinds import checked
from dynamics.names import PIXELS, UNTRAINED, label
from dynamics.study import Study

DIAGNOSTICS = ("embedding_std", "embedding_rank", "feature_std", "feature_rank")
"""Scalars of :mod:`dynamics.training.diagnostics` that are listed, where they were recorded."""
ACCURACIES = ("train", "train_sd", "test", "test_sd", "test_untrained", "test_pixels")

COLUMNS: Mapping[str, str] = {
    **shared("method"),
    "study": "Study that holds the seeds of the setting.",
    "<field>": "Value of a field that the sweep varies, under the field's name.",
    "seeds": "Number of seeds that are complete.",
    "failed": "Number of seeds that are not complete.",
    "failed_epoch": "First epoch that a seed that is not complete lacks; empty where all are complete.",
    "loss": "Loss after the last epoch: mean over complete seeds.",
    **shared("loss_sd"),
    "mean_r": "E[r_t] after the last epoch, 0 to 1: mean over complete seeds.",
    **shared("mean_r_sd"),
    "embedding_std": "Spread of the embeddings per dimension: 0 collapsed, 1 even; empty where it was not recorded.",
    "embedding_rank": "RankMe of the embeddings, their effective number of dimensions; 1: collapsed.",
    "feature_std": "Spread of the features per dimension: 0 collapsed, 1 even; empty where it was not recorded.",
    "feature_rank": "RankMe of the features, their effective number of dimensions; 1: collapsed.",
    "train": "Accuracy of a linear probe on training images, 0 to 1; empty where networks were not kept.",
    **shared("train_sd"),
    "test": "Accuracy of a linear probe on test images, 0 to 1; empty where networks were not kept.",
    **shared("test_sd"),
    "test_untrained": "`test` of the networks before training.",
    "test_pixels": "`test` of a linear probe on the pixels.",
}
"""What the columns mean."""


class SettingRuns(NamedTuple):
    """The seeds of a setting, by how far they have come."""

    complete: list[snapshots.Run]
    stopped: list[snapshots.Run]
    """Started, with at least one epoch."""
    failed: int
    """How many are not complete, with or without an epoch."""


def applies(study: Study) -> str:
    """Say that a study is not a sweep, which consists of several studies.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study())
    'study made-up is not a sweep: make one with python -m runners.sweep'
    """
    return f"study {study.name} is not a sweep: make one with python -m runners.sweep"


@checked
def analyse(sweep: Sweep, *, data_root: Path = Path("data"), device: str = "auto") -> results.Result:
    """Read every setting of a sweep and train linear probes on its features.

    The result has one row per setting, with means and standard deviations over complete seeds (the deviation is None
    for a single one); `failed` counts seeds that are not complete, `failed_epoch` is the first epoch that
    one of them lacks. Arrays, by the setting's name: `<name>.loss` of shape (seed, epoch) for all seeds
    with an epoch, NaN where there is none, `<name>.seeds`, and `<name>.train` and `<name>.test`, the probes'
    accuracy by complete seed, 0 to 1.

    Parameters
    ----------
    sweep
        The sweep.
    data_root
        Folder of the images.
    device
        Where to compute features and probes.

    Raises
    ------
    UserError
        When a run is damaged, or the images are missing or not those of the training.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> from analysis.framework.sweeps import Setting
    >>> runs = example_study().runs["simclr"][0].folder.parents[2]
    >>> setting = Setting(study="made-up", values={"lr": 0.1}, seeds=(0, 1, 2, 3))
    >>> sweep = Sweep(name="lr", method="simclr", runs=runs, settings=(setting,))
    >>> [(row["lr"], row["seeds"], row["failed"]) for row in analyse(sweep).rows]
    [(0.1, 4, 0)]
    """
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    inputs: dict[str, Any] = {}
    for setting in sweep.settings:
        seeds = _open(sweep, setting)
        row = {"method": sweep.method, "study": setting.study, **setting.values, **_dynamics(seeds)}
        row.update(dict.fromkeys(ACCURACIES))
        arrays[f"{setting.name}.loss"] = _losses([*seeds.complete, *seeds.stopped])
        arrays[f"{setting.name}.seeds"] = np.array(
            [run.seed for run in [*seeds.complete, *seeds.stopped]], dtype=np.int64
        )
        if seeds.complete:
            study = Study(name=setting.study, runs={sweep.method: seeds.complete})
            inputs[setting.study] = study.inputs()[sweep.method]
            if all(has_network(run) for run in seeds.complete):
                probed = probes.analyse(study, data_root=data_root, device=device)
                row.update(_accuracies(probed))
                for split in ("train", "test"):
                    arrays[f"{setting.name}.{split}"] = probed.arrays[f"{sweep.method}.{split}"]
        rows.append(row)
    settings = {
        "sweep": sweep.name,
        "method": sweep.method,
        "fields": list(sweep.fields),
        "settings": [setting.name for setting in sweep.settings],
    }
    return results.Result(name="sweep", rows=rows, inputs=inputs, arrays=arrays, settings=settings)


def _open(sweep: Sweep, setting: Setting) -> SettingRuns:
    complete, stopped = [], []
    for seed in setting.seeds:
        folder = snapshots.seed_folder(sweep.runs, setting.study, sweep.method, seed)
        if snapshots.is_complete(folder):
            complete.append(snapshots.Run(folder))
        elif snapshots.has_record(folder) and (run := snapshots.Run(folder)).epochs:
            stopped.append(run)
    return SettingRuns(complete, stopped, failed=len(setting.seeds) - len(complete))


def _losses(runs: list[snapshots.Run]) -> Float64[np.ndarray, "seed epoch"]:
    """Return the loss by seed and epoch, from epoch 1; NaN where a seed has no epoch."""
    losses = np.full((len(runs), max((max(run.epochs) for run in runs), default=0)), np.nan)
    for own, run in zip(losses, runs, strict=True):
        own[np.array(run.epochs) - 1] = run.scalars()["loss"]
    return losses


def _dynamics(seeds: SettingRuns) -> results.Row:
    """Return the loss, r_t and diagnostics of a setting's complete seeds after the last epoch."""
    begun = [len(run.epochs) for run in seeds.stopped]
    row: results.Row = {"seeds": len(seeds.complete), "failed": seeds.failed, "failed_epoch": None}
    if seeds.failed:
        row["failed_epoch"] = 1 if len(begun) < seeds.failed else min(begun) + 1
    last = [run.scalars(run.epochs[-1:]) for run in seeds.complete]
    right = [float(run.correct(run.epochs[-1:])[:, 0].mean()) for run in seeds.complete]
    row["loss"], row["loss_sd"] = mean_sd(float(scalars["loss"][0]) for scalars in last)
    row["mean_r"], row["mean_r_sd"] = mean_sd(right)
    for name in DIAGNOSTICS:
        row[name] = mean_sd(float(scalars[name][0]) for scalars in last if name in scalars)[0]
    return row


def _accuracies(probed: results.Result) -> results.Row:
    own, *floors = probed.rows
    found = {key: own[key] for key in ("train", "train_sd", "test", "test_sd")}
    by_name = {row["method"]: row["test"] for row in floors}
    return {**found, "test_untrained": by_name[UNTRAINED], "test_pixels": by_name[PIXELS]}


def tables(result: results.Result) -> list[Table]:
    """Return one row per setting, mean ± standard deviation over seeds.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> from analysis.framework.sweeps import Setting
    >>> runs = example_study().runs["simclr"][0].folder.parents[2]
    >>> setting = Setting(study="made-up", values={"lr": 0.1}, seeds=(0, 1, 2, 3))
    >>> sweep = Sweep(name="lr", method="simclr", runs=runs, settings=(setting,))
    >>> tables(analyse(sweep))[0].columns[0].title
    'lr'
    """
    fields = result.settings["fields"]
    measured = [name for name in DIAGNOSTICS if any(row[name] is not None for row in result.rows)][:2]
    columns = [
        *(Column(field, field.replace("_", "-")) for field in fields),
        Column("state", "seeds"),
        Column("loss", "loss", ".4f", "loss_sd"),
        Column("mean_r", "mean r_t", ".4f", "mean_r_sd"),
        *(Column(name, name.replace("_", " "), ".4g") for name in measured),
        Column("train", "probe train", ".4f", "train_sd"),
        Column("test", "probe test", ".4f", "test_sd"),
    ]
    rows = [{**row, "state": state(row)} for row in result.rows]
    name, method = result.settings["sweep"], label(result.settings["method"])
    caption = f"sweep {name}: {method} after its last epoch, mean ± sd over seeds"
    return [Table(caption=caption, columns=columns, rows=rows, notes=_floors(result))]


def _floors(result: results.Result) -> list[str]:
    known = [row for row in result.rows if row["test_pixels"] is not None]
    if not known:
        return []
    untrained = sorted({round(row["test_untrained"], 4) for row in known})
    low = f"{untrained[0]:.4f}" + (f" to {untrained[-1]:.4f}" if len(untrained) > 1 else "")
    pixels = known[0]["test_pixels"]
    return [f"probe test accuracy of networks before training {low}, of raw pixels {pixels:.4f}"]


def state(row: results.Row) -> str:
    """Return how many seeds a setting has, and how many failed.

    Examples
    --------
    >>> state({"seeds": 3, "failed": 0}), state({"seeds": 1, "failed": 2, "failed_epoch": 5})
    ('3', '2 of 3 failed in epoch 5')
    """
    if not row["failed"]:
        return str(row["seeds"])
    return f"{row['failed']} of {row['seeds'] + row['failed']} failed in epoch {row['failed_epoch']}"


def _command() -> None:
    """Run the command; --study is the sweep's name."""

    def options(
        study: Study, *, method: str | None = None, data_root: Path = Path("data"), device: str = "auto"
    ) -> results.Result:
        """Compare the settings of a sweep that are on the disk.

        Parameters
        ----------
        study
            Name of the sweep.
        method
            Method of the settings; needed only if the sweep has several methods.
        data_root
            Folder of the images.
        device
            Where to compute features and probes: auto, cpu, cuda or cuda:1.
        """
        raise AssertionError("only its signature is used")

    where, given = command.parse(options, sys.argv[1:], prog="python -m analysis.sweep", description=__doc__)
    name = where.study or _newest(where.runs)
    sweep = find(where.runs, name, given.pop("method"))
    command.finish(analyse(sweep, **given), where.results / name)


def _newest(runs: Path) -> str:
    study = choose_study(runs, None)
    found = sweep_of(runs / study)
    return study if found is None else found[0]


if __name__ == "__main__":
    console.run(_command)
