# SPDX-License-Identifier: Apache-2.0
"""How well do frozen features tell the true classes? Linear probes (thesis, table B.1) and nearest neighbours.

Logistic regression, and weighted nearest neighbours, on the outputs of the penultimate layer, for every method,
whatever labels it was trained on; as baselines, on untrained networks and on the pixels themselves.
The accuracy is that after the last epoch, not the best.

python -m analysis.probes
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.networks import Encoded, applies, runs_with_networks
from analysis.framework.over_seeds import mean_sd
from analysis.framework.table import Column, Table
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.evaluation.recipes import KnnRecipe, ProbeRecipe
from dynamics.kinds import checked
from dynamics.names import PIXELS, UNTRAINED, counted
from dynamics.study import Study

if TYPE_CHECKING:
    from dynamics.evaluation.features import Features, Split

__all__ = ["analyse", "applies", "tables"]

THESIS, WU = ProbeRecipe(), KnnRecipe()

TOGETHER_BYTES = 4 * 2**30
"""Maximum size of the training features that are on the device together."""

SPLITS: "tuple[Split, Split]" = ("train", "test")

COLUMNS: Mapping[str, str] = {
    "method": "Method of the networks; `random-initialisation` for untrained ones, `pixels` for the images.",
    **shared("seeds"),
    "train": "Accuracy of a linear probe on training images, 0 to 1: mean over seeds.",
    **shared("train_sd"),
    "test": "Accuracy of a linear probe on test images, 0 to 1: mean over seeds.",
    **shared("test_sd"),
    "knn": "Accuracy of weighted nearest neighbours on test images, 0 to 1: mean over seeds.",
    **shared("knn_sd"),
}
"""What the columns mean."""

Matrices = dict["Split", list[Float32[np.ndarray, "example feature"]]]
"""By split, features of each seed, or a single matrix that all seeds share."""
Accuracies = dict[str, Float64[np.ndarray, " seed"]]
"""The accuracy of each seed, 0 to 1: of the linear probe on `train` and `test`, of neighbours (`knn`) on test."""


@checked
def analyse(
    study: Study,
    *,
    data_root: Path = Path("data"),
    device: str = "auto",
    methods: Sequence[str] | None = None,
    seeds: int | None = None,
    recipe: ProbeRecipe = THESIS,
    knn: KnnRecipe = WU,
) -> results.Result:
    """Evaluate every network's features, and the baselines, by linear probes and nearest neighbours.

    The result has one row per method, and one each for `random-initialisation` (the first method's networks
    before their first step) and `pixels`; the arrays `<method>.train`, `.test` and `.knn` are accuracies by seed. The
    setting `states` holds a hash of every network's weights and batch-norm buffers: those whose features
    were probed, unchanged after the last probe was trained.

    Parameters
    ----------
    study
        The study.
    data_root
        Folder that holds the images that the study was trained on; digits needs none.
    device
        Where to compute: auto, cpu, cuda or cuda:1.
    methods
        Methods whose networks to probe; by default all that have networks.
    seeds
        Number of seeds per method, the lowest first; by default all.
    recipe
        How to train linear probes; by default as in the thesis.
    knn
        How nearest neighbours vote.

    Raises
    ------
    UserError
        When there are no networks, the images are missing or not those of the training, or weights changed
        meanwhile.

    Examples
    --------
    >>> import dynamics, tempfile
    >>> small = {"epochs": 1, "train_examples": 64, "width": 2, "panel_examples": 16, "panel_augmentations": 1}
    >>> study = dynamics.train("supervised", "digits", runs=tempfile.mkdtemp(), study="nb", preset="quick", **small)
    >>> list(analyse(study, recipe=ProbeRecipe(min_steps=0)).table.columns)
    ['method', 'seeds', 'train', 'train_sd', 'test', 'test_sd', 'knn', 'knn_sd']
    """
    chosen = runs_with_networks(study, methods, seeds=seeds)
    encoded = Encoded.open(chosen, data_root=data_root, device=device)
    untrained_of = next(iter(chosen))
    floors = {UNTRAINED: chosen[untrained_of], PIXELS: chosen[untrained_of]}
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    states: dict[str, list[str]] = {}
    for name, runs in {**chosen, **floors}.items():
        if name == PIXELS:
            matrices: Matrices = {split: [encoded.pixels(split)] for split in SPLITS}
        else:
            source = encoded.untrained if name == UNTRAINED else encoded.features
            matrices, states[name] = _features(runs, source)
        accuracies = _probe(runs, matrices, encoded, recipe, knn)
        if name in chosen:
            _check_frozen(runs, encoded, states[name])
        rows.append(_row(name, accuracies))
        arrays.update({f"{name}.{kind}": values for kind, values in accuracies.items()})
    settings = {
        **asdict(recipe),
        **asdict(knn),
        "actual_epochs": recipe.actual_epochs(encoded.dataset.num_train),
        "untrained_of": untrained_of,
        "seeds": {method: [run.seed for run in runs] for method, runs in chosen.items()},
        "states": states,
    }
    inputs = {method: record for method, record in study.inputs().items() if method in chosen}
    return results.Result(name="probes", rows=rows, inputs=inputs, arrays=arrays, settings=settings)


def _features(
    runs: Sequence[snapshots.Run], source: "Callable[[snapshots.Run, Split], Features]"
) -> tuple[Matrices, list[str]]:
    """Return the features of each run's network, and the networks' hashes."""
    made = {split: [source(run, split) for run in runs] for split in SPLITS}
    states = [one.state for one in made["train"]]
    assert states == [one.state for one in made["test"]]
    return {split: [one.values for one in made[split]] for split in SPLITS}, states


def _probe(
    runs: Sequence[snapshots.Run], matrices: Matrices, encoded: Encoded, recipe: ProbeRecipe, knn: KnnRecipe
) -> Accuracies:
    """Evaluate each run's features, training as many linear probes at a time as fit on the device."""
    import torch

    from dynamics.evaluation.accuracy import accuracy
    from dynamics.evaluation.knn import class_votes
    from dynamics.evaluation.logistic import fit, logits

    device, num_classes = encoded.device, encoded.dataset.num_classes
    labels = {split: torch.from_numpy(encoded.labels(split)).to(device) for split in SPLITS}
    shared = len(matrices["train"]) < len(runs)
    step = len(runs) if shared else max(1, TOGETHER_BYTES // matrices["train"][0].nbytes)
    scores: dict[str, list[np.ndarray]] = {"train": [], "test": [], "knn": []}
    for start in range(0, len(runs), step):
        seeds = [run.seed for run in runs[start : start + step]]
        group = {split: all_ if shared else all_[start : start + step] for split, all_ in matrices.items()}
        features = {split: torch.from_numpy(np.stack(group[split])).to(device) for split in SPLITS}
        side_by_side = {split: values.expand(len(seeds), -1, -1) for split, values in features.items()}
        probes = fit(
            side_by_side["train"], labels["train"], num_classes=num_classes, seeds=seeds, recipe=recipe
        )
        for split in SPLITS:
            outputs = logits(probes, side_by_side[split])
            scores[split].append(accuracy(outputs, labels[split]).cpu().numpy())
        for bank, queries in zip(features["train"], features["test"], strict=True):
            votes = class_votes(bank, labels["train"], queries, num_classes=num_classes, recipe=knn)
            right = accuracy(votes[None], labels["test"]).cpu().numpy()
            scores["knn"].append(
                right.repeat(len(runs)) if shared else right
            )  # distances do not depend on a seed
    return {kind: np.concatenate(values) for kind, values in scores.items()}


def _check_frozen(runs: Sequence[snapshots.Run], encoded: Encoded, states: Sequence[str]) -> None:
    """Check that networks, read again from their runs, still have the hashes taken before.

    Raises
    ------
    UserError
        When a network has changed.
    """
    from dynamics.evaluation.features import state_hash
    from dynamics.networks import trained

    for run, state in zip(runs, states, strict=True):
        if state_hash(trained(run, encoded.dataset)) != state:
            raise UserError(
                f"the weights of {run.folder} changed while they were probed: run the command again"
            )


def _row(method: str, accuracies: Accuracies) -> results.Row:
    row: results.Row = {"method": method, "seeds": len(accuracies["train"])}
    for kind, values in accuracies.items():
        row[kind], row[f"{kind}_sd"] = mean_sd(values)
    return row


def tables(result: results.Result) -> list[Table]:
    """Return table B.1, with nearest neighbours beside it.

    Examples
    --------
    >>> row = {"method": "pixels", "seeds": 1, "train": 1.0, "test": 0.9, "knn": 0.8}
    >>> settings = {"states": {}, "actual_epochs": 10}
    >>> tables(results.Result(name="probes", rows=[row], inputs={}, settings=settings))[0].cells()
    [['pixels', '1', '1.0000', '0.9000', '0.8000']]
    """
    settings = result.settings
    checked = sum(len(settings["states"][method]) for method in result.inputs)
    columns = [
        Column("method", "features", "method"),
        Column("seeds", "N", "d"),
        Column("train", "linear, train", ".4f", "train_sd"),
        Column("test", "linear, test", ".4f", "test_sd"),
        Column("knn", "kNN, test", ".4f", "knn_sd"),
    ]
    epochs = counted(settings["actual_epochs"], "epoch")
    caption = f"probes of frozen features (linear: {epochs}): accuracy, mean ± sd over seeds"
    note = f"{counted(checked, 'network')} checked: weights and batch-norm statistics are those from before"
    return [Table(caption=caption, columns=columns, rows=result.rows, notes=[note])]


if __name__ == "__main__":
    main("probes")
