# SPDX-License-Identifier: Apache-2.0
"""What do single units respond to: images that maximise them, by gradient ascent (memorization thesis, figure 5.4).

For some channels at the centre of the output of each block, of one network of each method and, as a control,
of one that was never trained. Beside each image stands its activation, and the share of real training images
that activate the unit less: 100 says that the image is beyond all of them. A unit that nothing makes active is
kept and called dead.

robust  (default) images in [0, 1], each network's own normalisation behind them, natural spectrum and colours
thesis  pixels in the units of each network's input, plain ascent, 11, 19, 27 and 35 pixels (eq. 5.4); these
        units, and with them the strength of its penalty, differ between methods

python -m analysis.activations --preset robust --canvas image
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro

from analysis.activation_maximisation.settings import Settings
from analysis.framework import console, results
from analysis.framework.networks import Encoded, WhereNetworks, choose_runs, has_network
from analysis.framework.networks import applies as has_networks
from analysis.framework.where import open_study
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.names import UNTRAINED
from dynamics.study import Study

if TYPE_CHECKING:  # these bring torch along
    from analysis.activation_maximisation.grids import Grid
    from dynamics.data import Dataset
    from dynamics.methods import Method

__all__ = ["Settings", "analyse", "applies", "show"]


ENCODER = "resnet18"
"""The network whose four blocks are looked into."""


def applies(study: Study) -> str | None:
    """Say in one line why a study has no blocks to look into; None where it has some."""
    if (reason := has_networks(study)) is not None:
        return reason
    runs = [run for runs in study.runs.values() for run in runs if has_network(run)]
    if any(run.config["encoder"] == ENCODER for run in runs):
        return None
    return (
        f"study {study.name} has no {ENCODER}, and no other encoder has the four blocks whose units are shown"
    )


def analyse(
    study: Study,
    *,
    settings: Settings | None = None,
    methods: Sequence[str] = (),
    seed: int | None = None,
    data_root: Path = Path("data"),
    device: str = "auto",
) -> results.Result:
    """Find the images that maximise units of one network of each method, and of an untrained one.

    The result has a row for each method (and UNTRAINED) and block; see :func:`row`. Arrays for each of them,
    named `<method>.block<b>.`: `images` (tile, height, width, channel; 0 to 255, as shown), `channels`,
    `activation`, `largest` (of real images), `percentile` (among real images, 0 to 100), `dead`.

    Parameters
    ----------
    study
        What to read.
    settings
        How to search.
    methods
        Which methods; all that have a trained network by default.
    seed
        Whose networks; the lowest seed of each method by default.
    data_root
        Folder that holds the images.
    device
        Where to compute.

    Raises
    ------
    UserError
        When a method, seed or network is missing, or a setting is out of range.
    """
    settings = Settings() if settings is None else settings
    _check(settings)
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    runs = choose_runs(study, methods=methods, seed=seed)
    runs = {method: run for method, run in runs.items() if run.config["encoder"] == ENCODER}
    encoded = Encoded.open(
        {method: [run] for method, run in runs.items()}, data_root=data_root, device=device
    )
    dataset = encoded.dataset

    from analysis.activation_maximisation.grids import World, grids_of

    examples = np.unique(next(iter(runs.values())).examples)
    world = World.of(dataset, examples, encoded.device)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    for name, seed_, network in _networks_of(runs, dataset):
        for grid in grids_of(network, world, settings):
            rows.append({"method": name, "seed": seed_, **row(grid)})
            arrays |= _arrays(f"{name}.block{grid.plan.block}", grid)
    recorded = {**vars(settings), "steps": settings.steps_for(dataset.image_size)}
    recorded |= {"real_images": len(examples), "image_size": dataset.image_size}
    return results.Result(
        name="activations", rows=rows, inputs=study.inputs(), arrays=arrays, settings=recorded
    )


def _check(settings: Settings) -> None:
    if settings.steps is not None and settings.steps < 1:
        raise UserError(f"--steps {settings.steps} is too few: use 1 or more")
    if settings.tiles < 1:
        raise UserError(f"--tiles {settings.tiles} is too few: use 1 or more")
    if settings.random_state < 0:
        raise UserError(f"--random-state {settings.random_state} is no seed: use 0 or more")


def _networks_of(runs: dict[str, snapshots.Run], dataset: "Dataset") -> Iterator[tuple[str, int, "Method"]]:
    """Yield name, seed and networks: the trained ones, then the first method's before its first step."""
    from dynamics import networks

    for method, run in runs.items():
        yield method, run.seed, networks.trained(run, dataset)
    first = next(iter(runs.values()))
    yield (
        UNTRAINED,
        first.seed,
        networks.untrained(first.method, networks.recipe_of(first), dataset, seed=first.seed),
    )


def row(grid: "Grid") -> results.Row:
    """Return one block's numbers; medians are over the tiles that are not dead, None where all are."""
    live = ~grid.dead
    return {
        "block": grid.plan.block,
        "receptive_field": grid.plan.field.size,
        "canvas": grid.plan.canvas.size,
        "channels": grid.available,
        "tiles": len(grid.dead),
        "dead": int(grid.dead.sum()),
        "dead_share": float(grid.dead.mean()),
        "silent_share": grid.silent,
        "median_activation": _median(grid.activation[live]),
        "median_largest_real": _median(grid.largest[live]),
        "median_percentile": _median(grid.percentile[live]),
        "beyond_real_share": float((grid.activation > grid.largest)[live].mean()) if live.any() else None,
    }


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _arrays(prefix: str, grid: "Grid") -> dict[str, np.ndarray]:
    fields = ("images", "activation", "largest", "percentile", "dead")
    arrays = {f"{prefix}.{name}": getattr(grid, name) for name in fields}
    return {f"{prefix}.channels": grid.plan.channels, **arrays}


def show(result: results.Result) -> None:
    """Print one line a method and block."""
    columns = ["method", "block", "field", "canvas", "tiles", "dead", "silent on data", "activation"]
    console.table(
        f"activation maximisation, preset {result.settings['preset']}, {result.settings['steps']} steps: "
        f"medians over live tiles, against {result.settings['real_images']} real images",
        [*columns, "largest real", "percentile", "beyond all real"],
        [
            [row_[name] for name in ("method", "block", "receptive_field", "canvas", "tiles", "dead")]
            + [f"{100 * row_['silent_share']:.0f} %"]
            + [_number(row_[name]) for name in ("median_activation", "median_largest_real")]
            + [_number(row_["median_percentile"]), _number(row_["beyond_real_share"])]
            for row_ in result.rows
        ],
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


@dataclass(frozen=True, kw_only=True)
class Arguments(Settings, WhereNetworks):
    """Find the images that maximise single units of a study's networks."""

    methods: tuple[str, ...] = ()
    """Methods to look at; by default all that have a trained network."""
    seed: int | None = None
    """Whose networks; by default the lowest seed of each method."""


def main() -> None:
    """Run the command."""
    arguments = tyro.cli(Arguments, prog="python -m analysis.activations", description=__doc__)
    study = open_study(arguments)
    settings = Settings(**{name: getattr(arguments, name) for name in Settings.__dataclass_fields__})
    result = analyse(
        study,
        settings=settings,
        methods=arguments.methods,
        seed=arguments.seed,
        data_root=arguments.data_root,
        device=arguments.device,
    )
    show(result)
    results.save(result, arguments.results / study.name)


if __name__ == "__main__":
    console.run(main)
