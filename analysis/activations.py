# SPDX-License-Identifier: Apache-2.0
"""What do single units respond to? Images that maximise them, by gradient ascent (memorization thesis, figure 5.4).

For some channels at the centre of the output of each block, of one network of each method and, as a control,
of one that was never trained. Beside each image stands its activation, and the percentage of real training
images that activate the unit less: at 100 the image exceeds all of them. A unit that nothing activates is kept and
called dead.

    robust  (default) images in [0, 1], normalised as for each network, with natural spectrum and colours
    thesis  pixels in the units of each network's input, plain ascent, 11, 19, 27 and 35 pixels (eq. 5.4); these
            units, and with them the strength of its penalty, differ between methods

python -m analysis.activations --preset robust --canvas image
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.activation_maximisation.settings import AscentSettings
from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.networks import Encoded, has_network, one_run_each
from analysis.framework.networks import applies as has_networks
from analysis.framework.table import Column, Table
from dynamics import snapshots
from dynamics.config import check_min, check_non_negative
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.names import UNTRAINED
from dynamics.study import Study

if TYPE_CHECKING:  # these import torch
    from analysis.activation_maximisation.grids import Grid
    from dynamics.data import Dataset
    from dynamics.methods import Method

DEFAULTS = AscentSettings()
TAKES_LONGEST = True
"""Where all analyses are made, it is the last: ascent takes minutes for each network, the longer the larger images."""
ENCODER = "resnet18"
"""The encoder whose four blocks are analysed."""

COLUMNS: Mapping[str, str] = {
    **shared("method", "seed"),
    "block": "Block of the encoder, 1 to 4.",
    "receptive_field": "Side of the square of pixels that a unit of the block sees.",
    "canvas": "Side of the images that were searched for, in pixels.",
    "channels": "Number of channels of the block.",
    "tiles": "Number of channels that were searched for, drawn at random.",
    "dead": "Number of tiles that are dead: neither the search nor (robust) any real image activates the unit.",
    "dead_share": "Fraction of tiles that are dead, 0 to 1.",
    "silent_share": "Fraction of all the block's channels that no real image activates, 0 to 1.",
    "median_activation": "Activation of a unit on its image: median over live tiles; empty where all are dead.",
    "median_largest_real": "Largest activation of a unit on real images: median over live tiles.",
    "median_percentile": "Percentage of real images that activate a unit less than its image does: median; 100: all.",
    "beyond_real_share": "Fraction of live tiles whose image activates the unit more than any real image, 0 to 1.",
}
"""What the columns mean."""


def applies(study: Study) -> str | None:
    """Say in one line why a study has no blocks to analyse; None where it has some.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study())
    'no seed of study made-up has a trained network (ingested, not trained to its end, or published without weights)'
    """
    if (reason := has_networks(study)) is not None:
        return reason
    runs = [run for runs in study.runs.values() for run in runs if has_network(run)]
    if any(run.config["encoder"] == ENCODER for run in runs):
        return None
    return (
        f"study {study.name} has no {ENCODER}, and no other encoder has the four blocks whose units are shown"
    )


@checked
def analyse(
    study: Study,
    *,
    settings: AscentSettings = DEFAULTS,
    methods: Sequence[str] | None = None,
    seed: int | None = None,
    data_root: Path = Path("data"),
    device: str = "auto",
) -> results.Result:
    """Find the images that maximise units of one network of each method, and of an untrained one.

    The result has a row for each method (and UNTRAINED) and block; see :func:`_row`. Arrays for each of them,
    named `<method>.block<b>.`: `images` (tile, height, width, channel; 0 to 255, as shown), `channels`,
    `activation`, `largest` (of real images), `percentile` (among real images, 0 to 100), `dead`.

    Parameters
    ----------
    study
        The study.
    settings
        How to search.
    methods
        Methods to analyse; by default all that have a trained network.
    seed
        Seed whose networks to analyse; by default the lowest of each method.
    data_root
        Folder that holds the images that the study was trained on; digits needs none.
    device
        Where to compute: auto, cpu, cuda or cuda:1.

    Raises
    ------
    UserError
        When a method, seed or network is missing, or a setting is out of range.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> few = AscentSettings(tiles=2, steps=1)
    >>> result = analyse(trained_study(), settings=few, device="cpu")
    >>> [(row["method"], row["block"]) for row in result.rows[::4]]
    [('supervised', 1), ('random-initialisation', 1)]
    """
    if settings.steps is not None:
        check_min(settings, 1, "steps")
    check_min(settings, 1, "tiles")
    check_non_negative(settings, "random_state")
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    runs = one_run_each(study, methods, seed=seed)
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
            rows.append({"method": name, "seed": seed_, **_row(grid)})
            arrays |= _arrays(f"{name}.block{grid.plan.block}", grid)
    recorded = {**vars(settings), "steps": settings.steps_for(dataset.image_size)}
    recorded |= {"real_images": len(examples), "image_size": dataset.image_size}
    return results.Result(
        name="activations", rows=rows, inputs=study.inputs(), arrays=arrays, settings=recorded
    )


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


def _row(grid: "Grid") -> results.Row:
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


def tables(result: results.Result) -> list[Table]:
    """Return one row per network and block.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> few = AscentSettings(tiles=2, steps=1)
    >>> tables(analyse(trained_study(), settings=few, device="cpu"))[0].caption[:34]
    'activation maximisation, preset ro'
    """
    columns = [
        Column("method", "method", "method"),
        Column("block", "block", "d"),
        Column("receptive_field", "field, px", "d"),
        Column("canvas", "canvas, px", "d"),
        Column("tiles", "tiles", "d"),
        Column("dead", "dead", "d"),
        Column("silent_share", "silent on data", ".0%"),
        Column("median_activation", "activation", ".3g"),
        Column("median_largest_real", "largest real", ".3g"),
        Column("median_percentile", "percentile", ".3g"),
        Column("beyond_real_share", "beyond all real", ".0%"),
    ]
    caption = (
        f"activation maximisation, preset {result.settings['preset']}, {result.settings['steps']} steps: "
        f"medians over live tiles, against {result.settings['real_images']} real training images"
    )
    return [Table(caption=caption, columns=columns, rows=result.rows)]


if __name__ == "__main__":
    main("activations")
