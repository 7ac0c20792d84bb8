# SPDX-License-Identifier: Apache-2.0
"""Differences between the recipes and data of a study and the thesis's, and why numbers may therefore differ."""

from typing import Any

from analysis.framework.table import Column, Table
from analysis.papers.memorization import printed
from dynamics.names import label
from dynamics.snapshots import Run
from dynamics.study import Study
from dynamics.study_file import preset

Differences = dict[str, tuple[Any, Any]]
"""The thesis's value and ours of every field that differs."""

SILENT = ("precision", "panel_seed", "label_seed", "mean", "std")
"""Fields whose values the thesis does not print, or that follow from the data."""
KINDS = {
    "data": ("dataset", "train_examples"),
    "width": ("width", "encoder"),
    "epochs": ("epochs",),
    "seeds": ("seeds",),
    "panel": ("panel_examples", "panel_augmentations", "panel_batch", "panel_replacement"),
}
"""Short names of differences in a row, by field; all other fields are named "recipe"."""
CIFAR10 = "cifar10"


def own_methods(study: Study) -> tuple[str, ...]:
    """Return the thesis's methods that a study has, under the same name.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> own_methods(example_study())
    ('simclr', 'supervised')
    """
    return tuple(method for method in study.methods if method in printed.METHODS)


def reasons(study: Study) -> dict[str, str]:
    """Say in a few words, for each of the thesis's methods in a study, why its numbers may differ.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> reasons(example_study())
    {'simclr': 'recipe not recorded', 'supervised': 'recipe not recorded'}
    """
    return {method: _why(_differences(method, study.runs[method])) for method in own_methods(study)}


def _why(differences: Differences | None) -> str:
    if differences is None:
        return "recipe not recorded"
    kinds = [kind for kind, fields in KINDS.items() if any(name in differences for name in fields)]
    known = {name for fields in KINDS.values() for name in fields}
    if any(name not in known for name in differences):
        kinds.append("recipe")
    return ", ".join(kinds) or "other seeds and examples"


def _differences(method: str, runs: list[Run]) -> Differences | None:
    """Return the fields that differ from the thesis's; None where the recipe is not known (ingested indicators)."""
    if "dataset" not in runs[0].config:
        return None
    theirs = preset(method, "thesis").to_json() | {"panel_replacement": True, "seeds": printed.SEEDS}
    ours = runs[0].config | {"seeds": len(runs)}
    return {
        name: (theirs[name], ours.get(name))
        for name in theirs
        if name not in SILENT and theirs[name] != ours.get(name)
    }


def differences(study: Study) -> list[Table]:
    """Return the fields that differ from the thesis's: one column per method whose recipe is known.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> from dynamics import snapshots
    >>> recipe, correct = preset("simclr", "thesis").to_json() | {"epochs": 5}, np.zeros((5, 1, 1, 8), dtype=bool)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     seed = Path(folder) / "0"
    ...     snapshots.write_finished(seed, method="simclr", seed=0, correct=correct, config=recipe)
    ...     differences(Study(name="short", runs={"simclr": [Run(seed)]}))[0].cells()
    [['epochs', '200 → 5'], ['panel_replacement', 'True → False'], ['seeds', '30 → 1']]
    """
    found = {method: _differences(method, study.runs[method]) for method in own_methods(study)}
    known = {method: own for method, own in found.items() if own is not None}
    fields = dict.fromkeys(name for own in known.values() for name in own)
    if not fields:
        return []
    rows = [
        {"field": name, **{method: _cell(study, method, name, own) for method, own in known.items()}}
        for name in fields
    ]
    columns = [Column("field", "field", "code"), *(Column(method, label(method)) for method in known)]
    caption = "Recipes, thesis → here; a dash where a method has no such field"
    return [Table(caption=caption, columns=columns, rows=rows)]


def _cell(study: Study, method: str, name: str, own: Differences) -> str | None:
    if name not in own:
        return "same" if name == "seeds" or name in study.runs[method][0].config else None
    theirs, ours = own[name]
    return f"{_short(theirs)} → {_short(ours)}"


def _short(value: Any) -> str:
    return "all" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def remarks(study: Study) -> list[str]:
    """Say whether numbers can be expected to equal the thesis's; nothing where recipes and data are the same.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [line.partition(":")[0] for line in remarks(example_study())]
    ['Indicators were taken in from arrays (runners.ingest)']
    """
    runs = {method: study.runs[method] for method in own_methods(study)}
    data = {own[0].data for own in runs.values()}
    others = sorted(name for name in data if name not in (None, CIFAR10))
    lines = [FOLDER if name == "folder" else f"The data are {name}, not CIFAR-10." for name in others]
    if None in data:
        lines.insert(0, INGESTED)
    if others:
        lines.append(OTHER_DATA)
    if all(_differences(method, own) == {} for method, own in runs.items()):
        lines.append("Every field of every recipe is the thesis's.")
    return lines


INGESTED = (
    "Indicators were taken in from arrays (runners.ingest): data, network and recipe are not recorded. Whether "
    "numbers should equal the thesis's depends on where the arrays come from."
)
FOLDER = (
    "The images come from a folder (--dataset folder): the run records their fingerprint, not what they are. Even "
    "copies of CIFAR-10's images differ from the original in every pixel if they were stored as JPEG."
)
OTHER_DATA = (
    "The numbers are therefore not expected to equal the thesis's: a rate, a spread or a distance depends on the "
    "images, on how many there are, and on the network. What can carry over is the direction of its findings; a "
    "verdict “inside” on other data is a coincidence of numbers, not a reproduction."
)
