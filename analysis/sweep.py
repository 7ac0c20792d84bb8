# SPDX-License-Identifier: Apache-2.0
"""How do loss and features depend on a hyperparameter: one row for every setting of a sweep (loss-modification slides).

Loss and r_t after the last epoch, how far the network has collapsed, and what a linear layer reads off its
frozen features. A setting whose loss did not stay finite is listed as failed.

python -m analysis.sweep --study NAME
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro
from jaxtyping import Float64

from analysis import probes
from analysis.framework import console, results
from analysis.framework.networks import WhereNetworks, has_network
from analysis.storage.sweeps import Setting, Sweep, find, split_name
from dynamics import snapshots
from dynamics.names import PIXELS, UNTRAINED
from dynamics.study import Study

__all__ = ["analyse", "applies", "show"]

DIAGNOSTICS = ("embedding_std", "embedding_rank", "feature_std", "feature_rank")
"""Scalars of :mod:`dynamics.training.diagnostics` that are listed, where they were recorded."""
ACCURACIES = ("train", "train_sd", "test", "test_sd", "test_untrained", "test_pixels")


class Seeds(NamedTuple):
    """The seeds of a setting, by how far they have come."""

    whole: list[snapshots.Run]
    stopped: list[snapshots.Run]
    """Begun, with at least one epoch."""
    failed: int
    """How many are not whole, with or without an epoch."""


def applies(study: Study) -> str:
    """Say why a study has no sweep: a sweep is several studies."""
    return f"study {study.name} is no sweep: python -m runners.sweep makes one"


def analyse(sweep: Sweep, *, data_root: Path = Path("data"), device: str = "auto") -> results.Result:
    """Read every setting of a sweep and train linear probes on its features.

    The result has one row a setting, with means and standard deviations over whole seeds (the deviation is None
    for a single one); `failed` counts seeds that are not whole, `failed_epoch` is the first epoch that
    one of them lacks. Arrays, by the setting's name: `<name>.loss` of shape (seed, epoch) for all seeds
    with an epoch, NaN where there is none, `<name>.seeds`, and `<name>.train` and `<name>.test`, the probes'
    accuracy by whole seed, 0 to 1.

    Parameters
    ----------
    sweep
        What to read.
    data_root
        Folder of the images.
    device
        Where to compute features and probes.

    Raises
    ------
    UserError
        When a run is damaged, or the images are not there or others.
    """
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    inputs: dict[str, Any] = {}
    for setting in sweep.settings:
        seeds = _open(sweep, setting)
        row = {"method": sweep.method, "study": setting.study, **setting.values, **_dynamics(seeds)}
        row.update(dict.fromkeys(ACCURACIES))
        arrays[f"{setting.name}.loss"] = _losses([*seeds.whole, *seeds.stopped])
        arrays[f"{setting.name}.seeds"] = np.array(
            [run.seed for run in [*seeds.whole, *seeds.stopped]], dtype=np.int64
        )
        if seeds.whole:
            study = Study(name=setting.study, runs={sweep.method: seeds.whole})
            inputs[setting.study] = study.inputs()[sweep.method]
            if all(has_network(run) for run in seeds.whole):
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


def _open(sweep: Sweep, setting: Setting) -> Seeds:
    whole, stopped = [], []
    for seed in setting.seeds:
        folder = snapshots.seed_folder(sweep.runs, setting.study, sweep.method, seed)
        if snapshots.is_complete(folder):
            whole.append(snapshots.Run(folder))
        elif (folder / "run.json").exists() and (run := snapshots.Run(folder)).epochs:
            stopped.append(run)
    return Seeds(whole, stopped, failed=len(setting.seeds) - len(whole))


def _losses(runs: list[snapshots.Run]) -> Float64[np.ndarray, "seed epoch"]:
    """Return the loss by seed and epoch, from epoch 1; NaN where a seed has no epoch."""
    losses = np.full((len(runs), max((max(run.epochs) for run in runs), default=0)), np.nan)
    for own, run in zip(losses, runs, strict=True):
        own[np.array(run.epochs) - 1] = run.scalars()["loss"]
    return losses


def _dynamics(seeds: Seeds) -> results.Row:
    """Return what the last epoch of a setting's whole seeds looks like."""
    begun = [len(run.epochs) for run in seeds.stopped]
    row: results.Row = {"seeds": len(seeds.whole), "failed": seeds.failed, "failed_epoch": None}
    if seeds.failed:
        row["failed_epoch"] = 1 if len(begun) < seeds.failed else min(begun) + 1
    last = [run.scalars(run.epochs[-1:]) for run in seeds.whole]
    right = [float(run.correct(run.epochs[-1:])[:, 0].mean()) for run in seeds.whole]
    row.update(_spread("loss", [float(scalars["loss"][0]) for scalars in last]))
    row.update(_spread("mean_r", right))
    for name in DIAGNOSTICS:
        known = [float(scalars[name][0]) for scalars in last if name in scalars]
        row[name] = float(np.mean(known)) if known else None
    return row


def _spread(name: str, values: list[float]) -> results.Row:
    """Return mean and standard deviation over seeds; None where they are not defined."""
    mean = float(np.mean(values)) if values else None
    return {name: mean, f"{name}_sd": float(np.std(values, ddof=1)) if len(values) > 1 else None}


def _accuracies(probed: results.Result) -> results.Row:
    own, *floors = probed.rows
    found = {key: own[key] for key in ("train", "train_sd", "test", "test_sd")}
    by_name = {row["method"]: row["test"] for row in floors}
    return {**found, "test_untrained": by_name[UNTRAINED], "test_pixels": by_name[PIXELS]}


def show(result: results.Result) -> None:
    """Print one row a setting, mean ± standard deviation over seeds."""
    fields = result.settings["fields"]
    measured = [name for name in DIAGNOSTICS if any(row[name] is not None for row in result.rows)][:2]
    table = [
        [
            *(row[field] for field in fields),
            state(row),
            *(_cell(row, name) for name in ("loss", "mean_r")),
            *(row[name] for name in measured),
            *(_cell(row, name) for name in ("train", "test")),
        ]
        for row in result.rows
    ]
    names = [*(field.replace("_", "-") for field in fields), "seeds", "loss", "mean r_t"]
    names += [*(name.replace("_", " ") for name in measured), "probe train", "probe test"]
    title = f"sweep {result.settings['sweep']}: {result.settings['method']} after its last epoch, mean ± sd over seeds"
    console.table(title, names, table)
    floors = [row for row in result.rows if row["test_pixels"] is not None]
    if floors:
        untrained = sorted({round(row["test_untrained"], 4) for row in floors})
        low = f"{untrained[0]:.4f}" + (f" to {untrained[-1]:.4f}" if len(untrained) > 1 else "")
        console.say(
            f"probe test of networks before training {low}, of raw pixels {floors[0]['test_pixels']:.4f}"
        )


def state(row: results.Row) -> str:
    """Return how many seeds a setting has, and how many failed."""
    if not row["failed"]:
        return str(row["seeds"])
    return f"{row['failed']} of {row['seeds'] + row['failed']} failed in epoch {row['failed_epoch']}"


def _cell(row: results.Row, name: str) -> str | None:
    if row[name] is None:
        return None
    sd = row[f"{name}_sd"]
    return f"{row[name]:.4f}" + ("" if sd is None or np.isnan(sd) else f" ± {sd:.4f}")


@dataclass(frozen=True, kw_only=True)
class Arguments(WhereNetworks):
    """Compare the settings of a sweep that are on the disk; --study is the sweep's name."""

    method: str | None = None
    """Whose settings, where the sweep has several methods."""


def main() -> None:
    """Run the command."""
    arguments = tyro.cli(Arguments, prog="python -m analysis.sweep")
    name = arguments.study or split_name(console.choose_study(arguments.runs, None))[0]
    result = analyse(
        find(arguments.runs, name, arguments.method), data_root=arguments.data_root, device=arguments.device
    )
    show(result)
    results.save(result, arguments.results / name)


if __name__ == "__main__":
    console.run(main)
