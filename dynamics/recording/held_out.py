# SPDX-License-Identifier: Apache-2.0
"""Examples that a loop is not trained on, scored beside its panel."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dynamics.errors import UserError
from dynamics.recording.judgement import PER_OPTION, judge
from dynamics.recording.panel import Panel, as_array, drawn_from_one, leaves
from dynamics.snapshots.schema import RIVALS

KEPT = ("correct", *RIVALS)
"""What is recorded of answers on them."""
GIVEN = (*PER_OPTION, "correct", "predicted")
"""What :meth:`dynamics.Recorder.write` takes of them."""


def check_held_out(panel: Panel | None, held_out: Panel) -> None:
    """Check that held-out examples are asked about as those of the panel are.

    Raises
    ------
    UserError
        If there is no panel, or they differ in augmentations, views, classes or in what is known of them.

    Examples
    --------
    >>> check_held_out(Panel(labels=[0, 1]), Panel(labels=[1, 0, 1]))
    >>> check_held_out(Panel(labels=[0, 1], ids=["a", "b"]), Panel(labels=[1, 0], ids=["b", "c"]))
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: held_out must hold examples that the panel does not, got 'b' in both
    """
    if not isinstance(held_out, Panel):
        raise UserError(f"`held_out` must be a dynamics.Panel, got {type(held_out).__name__}")
    if panel is None:
        raise UserError("`held_out` needs a `panel`, of examples that are trained on")
    for what, one, other in (
        ("augmentations", panel.augmentations, held_out.augmentations),
        ("`inputs`", bool(panel.inputs), bool(held_out.inputs)),
        ("`positive_views`", bool(panel.positive_views), bool(held_out.positive_views)),
        ("`labels`", panel.labels is not None, held_out.labels is not None),
        ("`classes`", panel.classes, held_out.classes),
    ):
        if one != other:
            raise UserError(f"`held_out` must have the same {what} as the panel, {one}, got {other}")
    if 2 * (same := _in_both(panel, held_out)) > len(held_out):
        raise UserError(
            f"`held_out` must hold other examples than the panel, got {same} with the same inputs"
        )
    if drawn_from_one(panel, held_out):
        both = np.intersect1d(panel.indices, held_out.indices)
        if len(both):
            raise UserError(
                f"`held_out` must hold examples that the panel does not, got number {both[0]} of their data set in both"
            )
    if twice := {*(panel.ids or ())}.intersection(held_out.ids or ()):
        raise UserError(f"`held_out` must hold examples that the panel does not, got {min(twice)!r} in both")


def _in_both(panel: Panel, held_out: Panel) -> int:
    """Return how many held-out examples have the inputs of one of the panel, under the first augmentation.

    A few may be true duplicates.
    """
    if not panel.inputs:
        return 0
    seen = {*_hashes(panel)}
    return sum(one in seen for one in _hashes(held_out))


def _hashes(panel: Panel) -> list[bytes]:
    arrays = [np.ascontiguousarray(as_array(name, values)) for name, values in leaves(panel.inputs[0])]
    return [
        hashlib.sha256(b"".join(array[at].tobytes() for array in arrays)).digest() for at in range(len(panel))
    ]


def held_out_arrays(given: Mapping[str, Any], held_out: Panel) -> dict[str, np.ndarray]:
    """Return the arrays of FORMAT.md that follow from what a network answers on held-out examples.

    Parameters
    ----------
    given
        One of `logits`, `probabilities`, `predicted` and `correct`; of embeddings what
        :func:`dynamics.recording.network.ask` returns.
    held_out
        The examples.

    Raises
    ------
    UserError
        If it does not fit the examples, or is something else.

    Examples
    --------
    >>> held_out_arrays({"predicted": [0, 1, 1]}, Panel(labels=[0, 1, 0]))["held_out_correct"].tolist()
    [[[True, True, False]]]
    """
    found = (
        dict(given)
        if held_out.positive_views and "rivals" in given
        else judge(_of_one_kind(given), held_out.labels)
    )
    if (there := found["correct"].shape[-1]) != len(held_out):
        raise UserError(f"`held_out` must hold {len(held_out)} examples, got {there}")
    return {f"held_out_{name}": found[name] for name in KEPT if name in found}


def _of_one_kind(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or len(given) != 1 or not {*given} <= {*GIVEN}:
        raise UserError(
            f"`held_out` must hold one of {', '.join(f'`{name}`' for name in GIVEN)} by name, got {given!r:.60}"
        )
    return given


def held_out_coordinates(held_out: Panel | None) -> dict[str, np.ndarray]:
    """Return what a run's snapshots hold of the examples themselves.

    Examples
    --------
    >>> [*held_out_coordinates(Panel(labels=[0, 1]))]
    ['held_out_example', 'held_out_label']
    """
    if held_out is None:
        return {}
    known = {
        "example": held_out.indices,
        "label": held_out.labels,
        "true_label": held_out.true_labels,
    }
    return {f"held_out_{name}": values for name, values in known.items() if values is not None}
