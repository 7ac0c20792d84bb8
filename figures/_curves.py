# SPDX-License-Identifier: Apache-2.0
"""The curves that figures draw: learning probabilities of one epoch, each curve sorted on its own.

Over the fraction of examples, from 0 to 1, the area under such a curve is E[r_t] (memorization thesis, eq. 4.3).
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

from analysis.framework.results import Result
from dynamics.errors import UserError
from dynamics.names import counted, ordered
from figures import Results

Quantity = Literal["r", "r_tilde"]

SYMBOLS: dict[Quantity, str] = {"r": r"$r_t(x)$", "r_tilde": r"$\tilde{r}_t(\tilde{x})$"}


def methods(results: Results) -> tuple[str, ...]:
    """Return all methods of the study, in the order of the figures."""
    return ordered(results["learning"].settings["methods"])


def array(result: Result, name: str) -> np.ndarray:
    """Return an array of a result.

    Raises
    ------
    UserError
        When it is missing, as when the .npz file was removed.
    """
    if name not in result.arrays:
        raise UserError(
            f"the result {result.name} has no array {name}: run python -m analysis.{result.name} again"
        )
    return result.arrays[name]


def epochs(results: Results, method: str) -> list[int]:
    """Return the epochs after which a method was scored."""
    return [int(epoch) for epoch in array(results["learning"], f"{method}.epochs")]


def sorted_curve(
    results: Results, method: str, epoch: int, quantity: Quantity = "r"
) -> Float[np.ndarray, " example"]:
    """Return r_t(x) (or, from the first augmentation alone, r~_t) of all examples, 0 to 1, smallest first.

    Raises
    ------
    UserError
        When the epoch is not among those of analysis.learning.
    """
    known = epochs(results, method)
    if epoch not in known:
        raise UserError(
            f"the result learning has no epoch {epoch} of {method}: "
            "it is older than the others, run python -m analysis.learning again"
        )
    learning, at = results["learning"], known.index(epoch)
    own = learning.settings["methods"][method]
    counts, answered, trials = (
        ("correct", "answered", own["trials"])
        if quantity == "r"
        else ("single", "single_answered", own["seeds"])
    )
    if (missing := learning.arrays.get(f"{method}.{answered}")) is not None:
        trials = missing[at]
    return np.sort(array(learning, f"{method}.{counts}")[at] / trials)


def share_of_examples(count: int) -> Float[np.ndarray, " example"]:
    """Return where `count` sorted examples lie on the axis from 0 to 1: in the middle of equal steps."""
    return (np.arange(count) + 0.5) / count


def numbers_of_examples(results: Results) -> set[int]:
    """Return how many examples the methods have in analysis.learning."""
    return {own["examples"] for own in results["learning"].settings["methods"].values()}


def examples_label(numbers: set[int], quantity: Quantity = "r") -> str:
    """Return the label of the axis of examples, with their number if it is the same for all methods."""
    number = counted(min(numbers), "example") if len(numbers) == 1 else "examples"
    return f"fraction of the {number}, sorted by {SYMBOLS[quantity]}"
