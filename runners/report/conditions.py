# SPDX-License-Identifier: Apache-2.0
"""Under which conditions was a study run, and where do they differ from the thesis's."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.comparison import thesis
from dynamics.snapshots import Run
from dynamics.study import Study
from dynamics.study_file import preset

SILENT = ("precision", "panel_seed", "label_seed", "mean", "std")
"""Fields whose values the thesis does not print, or that follow from the data."""

CIFAR10 = "cifar10"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is worth knowing about a method's runs."""

    method: str
    runs: list[Run]
    differences: dict[str, tuple[Any, Any]] | None
    """Fields that are not the thesis's: its value and ours; None where one of them is not known."""

    @property
    def config(self) -> dict[str, Any]:
        """Return the config that all seeds share."""
        return self.runs[0].config

    @property
    def dataset(self) -> str | None:
        """Name of the data; None where the runs do not say (ingested ones)."""
        found = self.config.get("dataset") or self.runs[0].provenance.get("dataset")
        return None if found is None else str(found)

    @property
    def wall_seconds(self) -> list[float]:
        """Training time of each finished seed."""
        return [run.wall_seconds for run in self.runs if run.wall_seconds is not None]

    @property
    def why(self) -> str:
        """Why numbers may differ from the thesis's, in a few words."""
        if self.differences is None:
            return "recipe not recorded"
        kinds = [kind for kind, fields in KINDS.items() if any(name in self.differences for name in fields)]
        known = {name for fields in KINDS.values() for name in fields}
        if any(name not in known for name in self.differences):
            kinds.append("recipe")
        return ", ".join(kinds) or "other seeds and examples"


KINDS = {
    "data": ("dataset", "train_examples"),
    "width": ("width", "encoder"),
    "epochs": ("epochs",),
    "seeds": ("seeds",),
    "panel": ("panel_examples", "panel_augmentations", "panel_batch", "panel_replacement"),
}
"""How differences are named in a table."""


def conditions(study: Study) -> dict[str, Conditions]:
    """Return the conditions of every method of a study."""
    return {
        method: Conditions(
            method=method, runs=study.runs[method], differences=_differences(method, study.runs[method])
        )
        for method in study.methods
    }


def _differences(method: str, runs: list[Run]) -> dict[str, tuple[Any, Any]] | None:
    config = runs[0].config
    if method not in thesis.TABLE_4_1 or "dataset" not in config:
        return None
    printed = preset(method, "thesis").to_json() | {
        "panel_replacement": True,
        "seeds": thesis.SEEDS,
    }
    ours = config | {"seeds": len(runs)}
    return {
        name: (printed[name], ours.get(name))
        for name in printed
        if name not in SILENT and printed[name] != ours.get(name)
    }


def distinct_examples(study: Study) -> dict[str, tuple[int, int]]:
    """Return for each method how many of its panel's examples are distinct, and how many there are."""
    found = {method: runs[0].examples for method, runs in study.runs.items()}
    return {method: (len(np.unique(examples)), len(examples)) for method, examples in found.items()}


def data_note(found: dict[str, Conditions]) -> list[str]:
    """Say why numbers are not expected to equal the thesis's; nothing where the data are CIFAR-10."""
    names = {one.dataset for one in found.values()}
    if names == {CIFAR10}:
        return []
    lines = []
    if None in names:
        lines.append(
            "The indicators were taken in from arrays (runners.ingest): data, network and recipe are not "
            "recorded. Whether numbers should equal the thesis's depends on where the arrays come from."
        )
    others = sorted(name for name in names if name not in (None, CIFAR10))
    for name in others:
        if name == "folder":
            lines.append(
                "The images come from a folder (--dataset folder): the run records their fingerprint, not what "
                "they are. Even copies of CIFAR-10's images differ from the original in every pixel if "
                "they were stored as JPEG."
            )
        else:
            lines.append(f"The data are {name}, not CIFAR-10.")
    if others:
        lines.append(
            "The numbers are therefore not expected to equal the thesis's: other images, another number of "
            "them and another network are learnt at another pace, and a rate, a spread or a distance "
            "depends on all of these. What can carry over is the direction of its findings; "
            "a verdict “inside” on other data is a coincidence of numbers, not a reproduction."
        )
    return lines
