# SPDX-License-Identifier: Apache-2.0
"""Which examples of a panel an epoch is about."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.recording.panel import Panel, as_array


def panel_of_first_epoch(
    given: Mapping[str, Any], labels: Any, ids: Any, classes: Sequence[str] | None
) -> Panel:
    """Return the panel that a first epoch is about, where none was declared.

    Parameters
    ----------
    given, labels, ids, classes
        As in :meth:`dynamics.Recorder.write`.

    Raises
    ------
    UserError
        If nothing says how many examples there are, or what is right.

    Examples
    --------
    >>> panel_of_first_epoch({}, labels=[0, 1], ids=["a.png", "b.png"], classes=None).ids
    ['a.png', 'b.png']
    """
    if labels is None and any(given.get(name) is not None for name in ("logits", "probabilities")):
        raise UserError("without a panel the first epoch needs `labels`, to say what is right")
    if labels is None and ids is None:
        answers = next((as_array(name, one) for name, one in given.items() if one is not None), None)
        if answers is None or not answers.ndim:
            raise UserError("an epoch must hold answers: `logits`, `probabilities`, `correct` or another")
        ids = np.arange(answers.shape[-1])
    texts = ids is not None and as_array("ids", ids).dtype.kind == "U"
    return Panel(
        None,
        labels,
        classes=classes,
        ids=[str(one) for one in ids] if texts else None,
        indices=None if texts else ids,
    )


def panel_of(run: snapshots.Run) -> Panel:
    """Return the panel that a run was recorded on, without its inputs.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> len(panel_of(trained_study().runs["supervised"][0]))
    128
    """
    panel = Panel(
        None,
        run.labels,
        indices=run.examples,
        ids=run.ids,
        true_labels=run.true_labels,
        classes=run.provenance.get("classes"),
    )
    panel.named = bool(run.panel.get("named"))
    return panel


def rows_of(
    panel: Panel, labels: Any, ids: Any, classes: Sequence[str] | None
) -> Int64[np.ndarray, " row"] | slice:
    """Return which examples of a panel an epoch is about: all, unless their ids are given.

    Raises
    ------
    UserError
        If labels or classes are given, and are not the panel's.

    Examples
    --------
    >>> rows_of(Panel(labels=[0, 1, 0], indices=[30, 10, 20]), None, [20, 10], None)
    array([2, 1])
    """
    rows = slice(None) if ids is None else places(panel, ids)
    for name, values, there in (("labels", labels, panel.labels), ("classes", classes, panel.classes)):
        if values is None:
            continue
        known = None if there is None else np.asarray(there)[rows if name == "labels" else slice(None)]
        if known is None or not np.array_equal(known, as_array(name, values)):
            raise UserError(f"`{name}` must be those of the panel, or of the first epoch: leave them out")
    return rows


def places(panel: Panel, ids: Any) -> np.ndarray:
    """Return where examples are in the panel, by their ids or indices.

    Raises
    ------
    UserError
        If one is not there or named twice, or the panel holds an index twice.

    Examples
    --------
    >>> places(Panel(indices=[30, 10, 20]), [10, 30])
    array([1, 0])
    """
    names = panel.ids if panel.ids is not None else panel.indices.tolist()
    place = {name: at for at, name in enumerate(names)}
    if len(place) < len(names):
        raise UserError("`ids` cannot be told apart: the panel holds an index twice")
    array = as_array("ids", ids)
    if array.ndim != 1 or not array.size:
        raise UserError(f"`ids` must be a list of at least one, got shape {array.shape}")
    asked = array.tolist()
    if absent := [one for one in asked if one not in place]:
        raise UserError(f"`ids` must be those of the panel, got {absent[0]!r}, which it does not hold")
    if len({*asked}) < len(asked):
        raise UserError("`ids` must be unique within an epoch")
    return np.array([place[one] for one in asked])


def spread(
    values: np.ndarray, rows: np.ndarray | slice, examples: int
) -> Shaped[np.ndarray, "view augmentation example"]:
    """Return an epoch's array over the whole panel, zero where nothing was given.

    Examples
    --------
    >>> spread(np.array([[[True, True]]]), np.array([0, 2]), 3)
    array([[[ True, False,  True]]])
    """
    if isinstance(rows, slice):
        return values
    if values.shape[-1] != len(rows):
        raise UserError(f"`ids` must name each of the {values.shape[-1]} answers, got {len(rows)}")
    whole = np.zeros((*values.shape[:-1], examples), values.dtype)
    whole[..., rows] = values
    return whole
