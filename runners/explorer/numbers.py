# SPDX-License-Identifier: Apache-2.0
"""The numbers of the explorer's page, as small as they can be: answers as differences of counts, scores in planes."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, UInt8

from analysis.correlation import why_not_comparable
from analysis.examples import class_name, keys
from analysis.framework.results import Result
from analysis.framework.table import spread_over
from analysis.statistics.difficulty import HARD, title
from dynamics.names import counted, label, ordered
from dynamics.study import Study
from figures._style import colours, shades

MOST_EXAMPLES, MOST_EPOCHS = 4096, 60
"""Larger studies are sampled, so that the page stays small enough to send."""
BYTE = 255
ALWAYS = (
    "Intervals are those of Agresti and Coull for other seeds, nominally 95 %; whether two methods are told apart is "
    "judged of each example on its own, by the interval of Agresti and Caffo for the difference.",
    "The easiest and hardest of many examples are so in part by luck: scores.csv has the reliability of each score. "
    "Scores that are epochs count those that were recorded.",
)
"""What to know of every page."""


@dataclass(frozen=True)
class Chosen:
    """What of a study the page shows."""

    study: Study
    methods: tuple[str, ...]
    """Those whose examples can be set against the first one's."""
    notes: list[str]
    """What was left out, and why."""

    @classmethod
    def of(cls, study: Study) -> "Chosen":
        """Choose the methods, examples and epochs of a page.

        Examples
        --------
        >>> from analysis.framework.example import example_study
        >>> Chosen.of(example_study()).methods
        ('simclr', 'supervised')
        """
        study = study.complete()
        first, *others = ordered(study.methods)
        why = {other: why_not_comparable(study, first, other) for other in others}
        notes = [f"{reason}: {label(method)} is left out" for method, reason in why.items() if reason]
        about = [note for known in study.inputs().values() for note in known["notes"]]
        notes += dict.fromkeys([*study.notes, *about])
        return cls(study, (first, *(other for other in others if why[other] is None)), notes)

    @cached_property
    def places(self) -> Int64[np.ndarray, " example"]:
        """Places in the panel of the examples that are shown: all, or as many evenly spread ones as a page holds."""
        size = self.study.runs[self.methods[0]][0].shape[2]
        return np.array(spread_over(size, MOST_EXAMPLES) if size > MOST_EXAMPLES else range(size))

    def epochs(self, method: str) -> list[int]:
        """Return the epochs of a method that are shown."""
        known = [int(epoch) for epoch in self.study.counts(method).epochs]
        return [known[place] for place in spread_over(len(known), MOST_EPOCHS)]

    def sampled(self) -> list[str]:
        """Say what is left out because the study is large."""
        run = self.study.runs[self.methods[0]][0]
        said = []
        if len(self.places) < run.shape[2]:
            said.append(f"{len(self.places)} of {counted(run.shape[2], 'example')} are shown, evenly spread")
        for method in self.methods:
            shown, there = len(self.epochs(method)), len(self.study.counts(method).epochs)
            if shown < there:
                said.append(f"{shown} of {counted(there, 'epoch')} of {label(method)} are shown")
        return said


def collect(chosen: Chosen, known: Result, maps: Result | None) -> dict[str, Any]:
    """Return all that the page knows but its pictures, ready for JSON.

    Parameters
    ----------
    chosen
        What to show.
    known
        The result of analysis.examples.
    maps
        The result of analysis.embedding, where there is one.
    """
    study, places = chosen.study, chosen.places
    run = study.runs[chosen.methods[0]][0]
    colour = colours(study.methods)
    rows = {(row["example"], row["occurrence"]): row for row in _own_rows(known, chosen)}
    named = keys(run.examples)
    shown = [rows[named[place]] for place in places.tolist()]
    columns = _quantities(chosen, shown) | _rivals(chosen) | _maps(chosen, maps)
    classes, class_of = _classes(shown)
    return {
        "study": study.name,
        "methods": [
            {
                "name": method,
                "label": label(method),
                "colour": colour[method],
                "dark": shades(colour[method], 3)[0],
                "seeds": study.counts(method).num_seeds,
                "epochs": chosen.epochs(method),
            }
            | _answers(chosen, method)
            | _learnt(chosen, method)
            for method in chosen.methods
        ],
        "examples": [row["example"] for row in shown],
        "ids": [str(row["id"]) for row in shown] if shown and "id" in shown[0] else None,
        "classes": classes,
        "classOf": class_of,
        "quantities": [
            {"key": key, "label": name, "hard": hard} | _coded(values)
            for key, (name, hard, values) in columns.items()
        ],
        "maps": sorted({key.split(".")[1] for key in columns if key.startswith("t-SNE.")}),
        "notes": [*chosen.notes, *chosen.sampled(), *ALWAYS],
    }


def packed(values: np.ndarray) -> str:
    r"""Return the bytes of an array, compressed, as text.

    Examples
    --------
    >>> zlib.decompress(base64.b64decode(packed(np.arange(3, dtype=np.uint8))))
    b'\x00\x01\x02'
    """
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 9)).decode()


def levels_of(answers: np.ndarray) -> tuple[UInt8[np.ndarray, "augmentation example"], int]:
    """Return the sum of answers over seeds as a byte, and the byte that stands for all of them being right.

    Answers that are no indicators, and those of more seeds than fit into a byte, are rounded to a 255th.

    Examples
    --------
    >>> levels_of(np.array([[[True, False]], [[True, False]]]))
    (array([[2, 0]], dtype=uint8), 2)
    """
    if answers.dtype == np.bool_ and len(answers) <= BYTE:
        return answers.sum(axis=0).astype(np.uint8), len(answers)
    return np.rint(answers.mean(axis=0) * BYTE).astype(np.uint8), BYTE


def _answers(chosen: Chosen, method: str) -> dict[str, Any]:
    """Return the seeds that were right, (epoch, augmentation, example), as differences from epoch to epoch."""
    wanted, found, levels = set(chosen.epochs(method)), [], BYTE
    for epoch, values in chosen.study.answers(method):
        if epoch in wanted:
            one, levels = levels_of(values[:, 0][..., chosen.places])
            found.append(one)
    counts = np.stack(found)
    changes = np.diff(
        counts, axis=0, prepend=np.zeros_like(counts[:1])
    )  # wraps around, as the page's sums do
    return {"answers": packed(changes), "levels": levels, "augmentations": counts.shape[1]}


def _learnt(chosen: Chosen, method: str) -> dict[str, Any]:
    """Return the labels that a method learnt, as names, where some are not those of the classes."""
    run = chosen.study.runs[method][0]
    if run.labels is None or run.true_labels is None or (run.labels == run.true_labels).all():
        return {}
    return {"learnt": [class_name(run, label) for label in run.labels[chosen.places].tolist()]}


def _own_rows(known: Result, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the rows of analysis.examples that are of the chosen methods' panel."""
    first = f"{chosen.methods[0]}.area"
    return [row for row in known.rows if row[first] is not None]


def _classes(shown: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[int]]:
    """Return the names of the classes in the order of their labels, and the place of each example's; -1 for none."""
    labels = {row["true_label"]: row["class"] for row in shown if row.get("true_label") is not None}
    place = {number: at for at, number in enumerate(sorted(labels))}
    return [labels[number] for number in sorted(labels)], [
        place.get(row.get("true_label"), -1) for row in shown
    ]


Quantity = tuple[str, int, Float[np.ndarray, " example"]]
"""How it is called, what is hard (1 what is high, -1 what is low, 0 neither), and each example's value."""


def _quantities(chosen: Chosen, shown: Sequence[Mapping[str, Any]]) -> dict[str, Quantity]:
    names = [*HARD, "m"]
    found: dict[str, Quantity] = {}
    for method in chosen.methods:
        for name in names:
            if f"{method}.{name}" in shown[0]:
                called = "memorization m" if name == "m" else title(name)
                hard = 1 if name == "m" else HARD[name]
                found[f"{method}.{name}"] = (
                    f"{called}, {label(method)}",
                    hard,
                    _column(shown, f"{method}.{name}"),
                )
    theirs = [name for name in shown[0] if name.startswith("others.")]
    for name in theirs:
        found[name] = (f"{name.removeprefix('others.')}, from elsewhere", 0, _column(shown, name))
    return found


def _column(shown: Sequence[Mapping[str, Any]], name: str) -> Float[np.ndarray, " example"]:
    return np.array([np.nan if row[name] is None else row[name] for row in shown], dtype=np.float64)


def _rivals(chosen: Chosen) -> dict[str, Quantity]:
    """Return how many training examples were nearer than the positive after the last epoch, where it was recorded."""
    found: dict[str, Quantity] = {}
    for method in chosen.methods:
        if all("rivals" in run.recorded for run in chosen.study.runs[method]):
            last = chosen.study.array(method, "rivals").isel(epoch=-1, view=0)
            mean = last.astype(np.float64).mean(("seed", "augmentation")).values[chosen.places]
            found[f"{method}.rivals"] = (f"rivals, {label(method)}", 1, mean)
    return found


def _maps(chosen: Chosen, maps: Result | None) -> dict[str, Quantity]:
    """Return where the examples lie on the t-SNE maps; those that are on none have no value."""
    if maps is None:
        return {}
    run = chosen.study.runs[chosen.methods[0]][0]
    place = {int(example): at for at, example in enumerate(maps.arrays["examples"])}
    at = [place.get(int(example), -1) for example in run.examples[chosen.places]]
    if max(at) < 0:
        return {}
    found: dict[str, Quantity] = {}
    for name, values in maps.arrays.items():
        method = name.removesuffix(".map")
        if name.endswith(".map") and method in (*chosen.methods, "pixels"):
            places = np.where(np.array(at)[:, np.newaxis] < 0, np.nan, values[at].astype(np.float64))
            for axis in (0, 1):
                shown = f"t-SNE {axis + 1}, {label(method)}"
                found[f"t-SNE.{method}.{'xy'[axis]}"] = (shown, 0, places[:, axis])
    return found


def _coded(values: Float[np.ndarray, " example"]) -> dict[str, Any]:
    """Return numbers of 32 bits, first the lowest bytes of all; what is not finite then has no value."""
    with np.errstate(over="ignore"):
        single = values.astype("<f4")
    known = single[np.isfinite(single)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    whole = bool(len(known)) and bool((known == np.rint(known)).all())
    planes = single.view(np.uint8).reshape(len(single), 4).T
    return {"low": low, "high": high, "values": packed(planes), "integer": whole}
