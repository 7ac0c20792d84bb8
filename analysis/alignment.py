# SPDX-License-Identifier: Apache-2.0
"""At which epoch has another method learnt as much? Alignment by the mean of r_t (memorization thesis, eq. 4.4).

    t_B = argmin over t of | E[r^A at t_A] - E[r^B at t] |

Epochs are discrete, so the two means are never equal: the residual says how far apart they stay. Between epochs the
means are interpolated (`epoch_of_equal_mean`, with its interval over seeds; empty where a method never gets there).

python -m analysis.alignment --reference simclr --epochs 1 5 10 25 50 200
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table
from analysis.framework.targets import crossing
from analysis.statistics.jackknife import mean_intervals
from dynamics.answers import MethodCounts
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import label
from dynamics.study import Study

THESIS_EPOCHS = (1, 5, 10, 25, 50, 200)

COLUMNS: Mapping[str, str] = {
    "reference": "Method that the others are aligned to.",
    "reference_epoch": "Epoch of the reference, t_A.",
    **shared("method"),
    "epoch": "Epoch t_B at which E[r_t] is nearest to that of the reference; of equally near ones the first.",
    "residual": "Distance of the two means, 0 to 1: above the step between epochs, it never gets there.",
    "epoch_of_equal_mean": "Epoch, interpolated, where E[r_t] first is the reference's; empty where it never is.",
    **shared("epoch_of_equal_mean_low", "epoch_of_equal_mean_high"),
    "reference_mean_r": "E[r_t] of the reference at `reference_epoch`, 0 to 1.",
    **shared("mean_r"),
}
"""What the columns mean."""


class Alignment(NamedTuple):
    """For each epoch of the reference, the other method's nearest one."""

    position: Int64[np.ndarray, " reference_epoch"]
    """Its index on the other method's epoch axis."""
    residual: Float[np.ndarray, " reference_epoch"]
    """Absolute difference of the means, 0 to 1: above the step between epochs, the other method never gets there."""


def align(reference: Float[np.ndarray, " reference_epoch"], other: Float[np.ndarray, " epoch"]) -> Alignment:
    """Find for each mean of the reference the epoch of the other method with the nearest mean.

    Of several equally near epochs, the first is returned.

    Parameters
    ----------
    reference
        E[r^A] at the epochs to be aligned, 0 to 1.
    other
        E[r^B] at all epochs.

    Examples
    --------
    >>> found = align(np.array([0.2, 0.9]), np.array([0.1, 0.25, 0.5]))
    >>> found.position, found.residual.round(2)
    (array([1, 2]), array([0.05, 0.4 ]))
    """
    distance = np.abs(reference[:, None] - other[None, :])
    position = distance.argmin(axis=1)
    return Alignment(position, distance[np.arange(len(reference)), position])


@checked
def analyse(
    study: Study,
    *,
    reference: str | None = None,
    epochs: Sequence[int] | None = None,
    mates: Mates | None = None,
) -> results.Result:
    """Align all methods of a study to some epochs of one of them.

    Parameters
    ----------
    study
        The study.
    reference
        Method to align to; by default simclr, or the first method where there is no simclr.
    epochs
        Epochs of the reference; by default 1 5 10 25 50 200, as far as it has them.
    mates
        Where the nearest view is looked for: among the panel's fixed mates (the thesis's), or among random ones, which
        leaves r_t(x) a property of x (:mod:`dynamics.mates`); by default as the study has it, fixed.

    Raises
    ------
    UserError
        When the reference has none of the default epochs, or lacks one of `epochs`.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> result = analyse(example_study(), epochs=[2, 5])
    >>> result.table[["method", "reference_epoch", "epoch"]].values.tolist()
    [['simclr', 2, 2], ['simclr', 5, 5], ['supervised', 2, 2], ['supervised', 5, 5]]
    """
    study = study.with_mates(mates)
    if reference is None:
        reference = "simclr" if "simclr" in study.methods else study.methods[0]
    base = study.counts(reference)
    chosen = [t for t in THESIS_EPOCHS if t in base.epochs] if not epochs else list(dict.fromkeys(epochs))
    if not chosen:
        raise UserError(
            f"{reference} has none of the thesis's epochs {THESIS_EPOCHS}: choose others with `epochs`"
        )
    positions = [base.position(epoch) for epoch in chosen]
    rows = []
    for method in study.methods:
        other = study.counts(method)
        aligned = align(base.mean[positions], other.mean)
        for index, epoch in enumerate(chosen):
            at = int(aligned.position[index])
            rows.append(
                {
                    "reference": reference,
                    "reference_epoch": epoch,
                    "method": method,
                    "epoch": int(other.epochs[at]),
                    "residual": float(aligned.residual[index]),
                    **_equal_mean(other, float(base.mean[positions[index]])),
                    "reference_mean_r": float(base.mean[positions[index]]),
                    "mean_r": float(other.mean[at]),
                }
            )
    settings = {"reference": reference, "epochs": chosen}
    return results.Result(name="alignment", rows=rows, inputs=study.inputs(), settings=settings)


def _equal_mean(counts: MethodCounts, mean: float) -> results.Row:
    """Return where a method's mean is that of the reference, between epochs, with its 95 % interval over seeds."""
    band = mean_intervals(counts.seed_means, counts.learning_probability.T).these_examples
    curves = {"": counts.mean, "_low": band.high, "_high": band.low}
    found = {name: crossing(curve, mean) for name, curve in curves.items()}
    epochs = counts.epochs.astype(np.float64)
    return {
        f"epoch_of_equal_mean{name}": None if one is None else float(one.between(epochs))
        for name, one in found.items()
    }


def tables(result: results.Result) -> list[Table]:
    """Return one row per method: its epochs with the mean r_t of the reference, and the largest residual.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study(), epochs=[2, 5]))[0].cells()[1]
    ['supervised', '2', '5', '0.025']
    """
    means = {row["reference_epoch"]: row["reference_mean_r"] for row in result.rows}
    rows = []
    for method, own in result.by_method.items():
        epochs = {str(row["reference_epoch"]): row["epoch"] for row in own}
        rows.append({"method": method, **epochs, "residual": max(row["residual"] for row in own)})
    columns = [
        Column("method", "method", "method"),
        *(Column(str(epoch), f"t = {epoch} ({mean:.3f})", "d") for epoch, mean in means.items()),
        Column("residual", "largest residual", ".3f"),
    ]
    caption = (
        f"epochs at which E[r_t] is nearest to that of {label(result.settings['reference'])} at t (its E[r_t]); "
        "residual: remaining difference"
    )
    return [Table(caption=caption, columns=columns, rows=rows)]


if __name__ == "__main__":
    main("alignment")
