# SPDX-License-Identifier: Apache-2.0
"""At which epoch has another method learnt as much: alignment by the mean of r_t (memorization thesis, eq. 4.4).

    t_B = argmin over t of | E[r^A at t_A] - E[r^B at t] |

Epochs are discrete, so the two means are never equal: the residual says how far apart they stay.

python -m analysis.alignment --reference simclr --epochs 1 5 10 25 50 200
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tyro
from jaxtyping import Float, Int64

from analysis.framework import console, results
from analysis.framework.where import Where, open_study
from dynamics.errors import UserError
from dynamics.study import Study

THESIS_EPOCHS = (1, 5, 10, 25, 50, 200)


class Alignment(NamedTuple):
    """For each epoch of the reference, the other method's nearest one."""

    position: Int64[np.ndarray, " reference_epoch"]
    """Where it lies on the other method's epoch axis."""
    residual: Float[np.ndarray, " reference_epoch"]
    """|difference of the means|, 0 to 1: above the step between epochs, the other method never gets there."""


def align(reference: Float[np.ndarray, " reference_epoch"], other: Float[np.ndarray, " epoch"]) -> Alignment:
    """Find for each mean of the reference the epoch of the other method with the nearest mean.

    The first such epoch where several are equally near.

    Parameters
    ----------
    reference
        E[r^A] at the epochs to be aligned, 0 to 1.
    other
        E[r^B] at all epochs.
    """
    distance = np.abs(reference[:, None] - other[None, :])
    position = distance.argmin(axis=1)
    return Alignment(position, distance[np.arange(len(reference)), position])


def analyse(
    study: Study, *, reference: str | None = None, epochs: Sequence[int] | None = None
) -> results.Result:
    """Align all methods of a study to some epochs of one of them.

    Parameters
    ----------
    study
        What to read.
    reference
        The method to align to: simclr by default, or the first method where there is no simclr.
    epochs
        Its epochs; by default those of the thesis that it has reached.

    Raises
    ------
    UserError
        When the reference has none of the epochs, or one that was asked for is missing.
    """
    if reference is None:
        reference = "simclr" if "simclr" in study.methods else study.methods[0]
    base = study.counts(reference)
    chosen = [t for t in THESIS_EPOCHS if t in base.epochs] if epochs is None else list(epochs)
    if not chosen:
        raise UserError(f"{reference} has none of the epochs {THESIS_EPOCHS}: choose some with --epochs")
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
                    "reference_mean_r": float(base.mean[positions[index]]),
                    "mean_r": float(other.mean[at]),
                }
            )
    settings = {"reference": reference, "epochs": chosen}
    return results.Result(name="alignment", rows=rows, inputs=study.inputs(), settings=settings)


def show(result: results.Result) -> None:
    """Print one line a method: the aligned epochs, and the largest residual."""
    reference, epochs = result.settings["reference"], result.settings["epochs"]
    lines = []
    for method in dict.fromkeys(row["method"] for row in result.rows):
        own = [row for row in result.rows if row["method"] == method]
        worst = max(row["residual"] for row in own)
        lines.append([method, *(row["epoch"] for row in own), worst])
    columns = ["method", *(f"{reference} {epoch}" for epoch in epochs), "largest residual"]
    console.table("epochs with the same mean r_t", columns, lines)


@dataclass(frozen=True, kw_only=True)
class Arguments(Where):
    """Align epochs between methods by the mean of r_t."""

    reference: str | None = None
    """Method to align to; by default simclr, or the first method where there is no simclr."""
    epochs: tuple[int, ...] | None = None
    """Epochs of the reference; by default 1 5 10 25 50 200, as far as it has them."""


def main() -> None:
    """Run the command."""
    arguments = tyro.cli(Arguments, prog="python -m analysis.alignment")
    study = open_study(arguments)
    result = analyse(study, reference=arguments.reference, epochs=arguments.epochs)
    show(result)
    results.save(result, arguments.results / study.name)


if __name__ == "__main__":
    console.run(main)
