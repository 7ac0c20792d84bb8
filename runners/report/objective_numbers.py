# SPDX-License-Identifier: Apache-2.0
"""The numbers behind figures C.1 and C.2: losses, their terms and diagnostics, at the first and the last epoch."""

import math
from collections.abc import Mapping

from analysis.framework.results import Result, Row
from dynamics.names import label
from runners.report.markup import Html, table

Known = Mapping[tuple[str, str, int], Row]
"""Rows by method, scalar and epoch."""

DIAGNOSTICS = {
    "embedding: spread": "embedding_std",
    "RankMe": "embedding_rank",
    "alignment": "alignment",
    "uniformity": "uniformity",
    "features: spread": "feature_std",
    "RankMe of features": "feature_rank",
}
"""Scalars by the head of their column."""


def losses(results: Mapping[str, Result]) -> Html:
    """Return the loss and its terms."""
    known, ends = _known(results["objectives"])
    rows = [
        [label(method), term, ends[method][0], _spread(known, method, term, ends[method][0])]
        + [ends[method][1], _spread(known, method, term, ends[method][1])]
        for method, own in results["objectives"].settings["methods"].items()
        for term in own["terms"]
    ]
    columns = ["setting", "term", "first t", "value", "last t", "value"]
    return table(columns, rows, caption="Mean ± sd over seeds; terms are not weighted")


def diagnostics(results: Mapping[str, Result]) -> Html:
    """Return what figure C.2 draws."""
    known, ends = _known(results["objectives"])
    rows = [
        [label(method), epoch, *(_mean(known, method, scalar, epoch) for scalar in DIAGNOSTICS.values())]
        for method, own in results["objectives"].settings["methods"].items()
        if own["diagnostics"]
        for epoch in dict.fromkeys(ends[method])
    ]
    return table(["setting", "t", *DIAGNOSTICS], rows, caption="First and last epochs, means over seeds")


def _known(result: Result) -> tuple[Known, dict[str, tuple[int, int]]]:
    """Return the rows by what they are of, and every method's first and last epoch."""
    known = {(row["method"], row["scalar"], row["epoch"]): row for row in result.rows}
    epochs: dict[str, list[int]] = {}
    for method, _, epoch in known:
        epochs.setdefault(method, []).append(epoch)
    return known, {method: (min(own), max(own)) for method, own in epochs.items()}


def _spread(known: Known, method: str, scalar: str, epoch: int) -> str | None:
    row = known.get((method, scalar, epoch))
    if row is None or row["mean"] is None:
        return None
    size = abs(row["mean"])
    if size > 0 and not 1e-4 <= size < 1e6:
        kind = ".3g"
    else:  # four digits of the mean, and its spread in the same places
        kind = f".{max(3 - math.floor(math.log10(size)), 0) if size > 0 else 3}f"
    return f"{row['mean']:{kind}}" + ("" if row["sd"] is None else f" ± {row['sd']:{kind}}")


def _mean(known: Known, method: str, scalar: str, epoch: int) -> str | None:
    row = known.get((method, scalar, epoch))
    return None if row is None or row["mean"] is None else f"{row['mean']:.3g}"
