# SPDX-License-Identifier: Apache-2.0
"""Rows of results that were computed at the first epochs whose mean r_t reaches a target: how to find one's own.

An epoch that is the first to reach several targets is computed, and counted, once; its row names them all.
"""

from collections.abc import Iterable, Sequence

from analysis.framework.results import Row


def of_quantity(rows: Sequence[Row], quantity: str) -> list[Row]:
    """Return the rows about r or r~ (`r_tilde`): the same ones for a method with one augmentation.

    Examples
    --------
    >>> single = {"quantity": "r_tilde", "augmentations": 1}
    >>> of_quantity([single, {"quantity": "r_tilde", "augmentations": 4}], "r") == [single]
    True
    """
    return [row for row in rows if row["quantity"] == quantity or row["augmentations"] == 1]


def by_target(rows: Iterable[Row]) -> dict[tuple[str, float], Row]:
    """Return the row of each method and target; several targets may have one row.

    Examples
    --------
    >>> list(by_target([{"method": "simclr", "targets": [0.25, 0.5]}]))
    [('simclr', 0.25), ('simclr', 0.5)]
    """
    return {(row["method"], target): row for row in rows for target in row["targets"]}
