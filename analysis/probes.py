# SPDX-License-Identifier: Apache-2.0
"""What can be read off frozen features by a linear layer: the true classes, on new images too (thesis, table B.1).

Logistic regression on the outputs of the last but one layer, for every method, whatever labels it was trained
on; beside it, as floors, networks that were never trained and the pixels themselves. The accuracy is that after
the last epoch, not the best.

python -m analysis.probes
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from jaxtyping import Float32, Float64

from analysis.framework import console, results
from analysis.framework.networks import Encoded, WhereNetworks, applies, choose_runs
from analysis.framework.where import open_study
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.names import PIXELS, UNTRAINED
from dynamics.study import Study

if TYPE_CHECKING:
    import torch

    from dynamics.features import Features, Split
    from dynamics.linear_probe import ProbeRecipe

__all__ = ["analyse", "applies", "show"]

TOGETHER_BYTES = 4 * 2**30
"""Training features of several seeds are on the device together while they take less than this."""

SPLITS: "tuple[Split, Split]" = ("train", "test")

Matrices = dict["Split", list[Float32[np.ndarray, "example feature"]]]
"""By split, features of each seed, or a single matrix that all seeds share."""
Accuracies = dict["Split", Float64[np.ndarray, " seed"]]
"""By split, the accuracy of each seed, 0 to 1."""


def analyse(
    study: Study,
    *,
    data_root: Path = Path("data"),
    device: str = "auto",
    methods: Sequence[str] | None = None,
    seeds: int | None = None,
    recipe: "ProbeRecipe | None" = None,
) -> results.Result:
    """Train a linear probe on the features of every network, and on the floors.

    The result has one row a method, and one each for `random-initialisation` (the first method's networks
    before their first step) and `pixels`; the arrays `<method>.train` and `.test` are accuracies by seed. The
    setting `states` holds a hash of every network's weights and batch-norm buffers: those whose features
    were probed, found unchanged after the last probe was trained.

    Parameters
    ----------
    study
        What to read.
    data_root
        Folder of the images.
    device
        Where to compute features and probes.
    methods
        By default all that have networks.
    seeds
        Use the first so many seeds of each method; by default all.
    recipe
        How to train probes; by default as the thesis.

    Raises
    ------
    UserError
        When there are no networks, the images are not there or others, or weights changed meanwhile.
    """
    from dynamics.linear_probe import ProbeRecipe

    recipe = ProbeRecipe() if recipe is None else recipe
    chosen = choose_runs(study, methods, seeds)
    encoded = Encoded.open(chosen, data_root=data_root, device=device)
    first = next(iter(chosen.values()))
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    states: dict[str, list[str]] = {}
    for method, runs in chosen.items():
        matrices, states[method] = _features(runs, encoded.features)
        found = _probe(runs, matrices, encoded, recipe)
        check_frozen(runs, encoded, states[method])
        rows.append(_row(method, found))
        arrays.update(_arrays(method, found))
    untrained, states[UNTRAINED] = _features(first, encoded.untrained)
    pixels: Matrices = {split: [encoded.pixels(split)] for split in SPLITS}
    for name, matrices in ((UNTRAINED, untrained), (PIXELS, pixels)):
        found = _probe(first, matrices, encoded, recipe)
        rows.append(_row(name, found))
        arrays.update(_arrays(name, found))
    settings = {
        **asdict(recipe),
        "actual_epochs": recipe.actual_epochs(encoded.dataset.num_train),
        "untrained_of": next(iter(chosen)),
        "seeds": {method: [run.seed for run in runs] for method, runs in chosen.items()},
        "states": states,
    }
    inputs = {method: record for method, record in study.inputs().items() if method in chosen}
    return results.Result(name="probes", rows=rows, inputs=inputs, arrays=arrays, settings=settings)


def _features(
    runs: Sequence[snapshots.Run], source: "Callable[[snapshots.Run, Split], Features]"
) -> tuple[Matrices, list[str]]:
    """Return features of one network a run, and the networks' hashes."""
    made = {split: [source(run, split) for run in runs] for split in SPLITS}
    states = [one.state for one in made["train"]]
    assert states == [one.state for one in made["test"]]
    return {split: [one.values for one in made[split]] for split in SPLITS}, states


def _probe(
    runs: Sequence[snapshots.Run], matrices: Matrices, encoded: Encoded, recipe: "ProbeRecipe"
) -> Accuracies:
    """Train a probe for the seed of each run, as many at a time as fit on the device; score them."""
    import torch

    from dynamics.linear_probe import accuracy, fit, logits

    labels = {split: torch.from_numpy(encoded.labels(split)).to(encoded.device) for split in SPLITS}
    shared = len(matrices["train"]) < len(runs)
    step = len(runs) if shared else max(1, TOGETHER_BYTES // matrices["train"][0].nbytes)
    scores: dict[Split, list[np.ndarray]] = {split: [] for split in SPLITS}
    for start in range(0, len(runs), step):
        seeds = [run.seed for run in runs[start : start + step]]
        group = {split: own if shared else own[start : start + step] for split, own in matrices.items()}
        features = _stack(group["train"], len(seeds), encoded)
        num_classes = encoded.dataset.num_classes
        probes = fit(features, labels["train"], num_classes=num_classes, seeds=seeds, recipe=recipe)
        for split in SPLITS:
            if split != "train":
                features = _stack(group[split], len(seeds), encoded)
            scores[split].append(accuracy(logits(probes, features), labels[split]).cpu().numpy())
    return {split: np.concatenate(values) for split, values in scores.items()}


def _stack(
    group: Sequence[Float32[np.ndarray, "example feature"]], count: int, encoded: Encoded
) -> "torch.Tensor":
    """Bring the features of `count` seeds to the device: one matrix each, or one that all share."""
    import torch

    return torch.from_numpy(np.stack(group)).to(encoded.device).expand(count, -1, -1)


def check_frozen(runs: Sequence[snapshots.Run], encoded: Encoded, states: Sequence[str]) -> None:
    """Compare networks, read again from their runs, with hashes taken before.

    Raises
    ------
    UserError
        When a network is not as it was.
    """
    from dynamics.features import state_hash
    from dynamics.networks import trained

    for run, state in zip(runs, states, strict=True):
        if state_hash(trained(run, encoded.dataset)) != state:
            raise UserError(f"the weights of {run.folder} changed while they were probed: run this again")


def _row(method: str, found: Accuracies) -> results.Row:
    row: dict[str, Any] = {"method": method, "seeds": len(found["train"])}
    for split, values in found.items():
        row[split] = float(values.mean())
        row[f"{split}_sd"] = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    return row


def _arrays(method: str, found: Accuracies) -> dict[str, np.ndarray]:
    return {f"{method}.{split}": values for split, values in found.items()}


def show(result: results.Result) -> None:
    """Print table B.1."""
    settings = result.settings
    console.table(
        f"linear probes on frozen features, {settings['actual_epochs']} epochs: accuracy, mean ± sd over seeds",
        ["features", "N", "train", "test"],
        [[row["method"], row["seeds"], *(_spread(row, split) for split in SPLITS)] for row in result.rows],
    )
    checked = sum(len(settings["states"][method]) for method in result.inputs)
    console.say(f"{checked} networks have the weights and batch-norm statistics that they had before")


def _spread(row: results.Row, split: str) -> str:
    sd = row[f"{split}_sd"]
    return f"{row[split]:.4f}" + ("" if sd is None or np.isnan(sd) else f" ± {sd:.4f}")


def main() -> None:
    """Run the command."""
    from dynamics.linear_probe import ProbeRecipe

    @dataclass(frozen=True, kw_only=True)
    class Arguments(WhereNetworks, ProbeRecipe):
        """Train linear probes on the frozen features of a study's networks."""

        methods: tuple[str, ...] | None = None
        """Methods whose networks to probe; by default all that have some."""
        seeds: int | None = None
        """Use the first so many seeds of each method; by default all."""

    arguments = tyro.cli(Arguments, prog="python -m analysis.probes")
    study = open_study(arguments)
    result = analyse(
        study,
        data_root=arguments.data_root,
        device=arguments.device,
        methods=arguments.methods,
        seeds=arguments.seeds,
        recipe=ProbeRecipe(**{field.name: getattr(arguments, field.name) for field in fields(ProbeRecipe)}),
    )
    show(result)
    results.save(result, arguments.results / study.name)


if __name__ == "__main__":
    console.run(main)
