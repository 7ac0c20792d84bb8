# SPDX-License-Identifier: Apache-2.0
"""F tests of an effect that is crossed with random seeds, where no single mean square is its error.

Sums of mean squares stand above and below so that both have one expectation if the effect is absent; their degrees of
freedom are Satterthwaite's (1946, Biometrics Bulletin 2:110). Known as F' or quasi F (Clark 1973, Journal of Verbal
Learning and Verbal Behavior 12:335, who tests words and participants as random alike).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

ROUNDING = 1e-12
"""Mean squares of answers below this are rounding errors of equal ones."""


class MeanSquare(NamedTuple):
    """A mean square, of one epoch or of several, and its degrees of freedom."""

    value: Float[np.ndarray, "*epoch"]
    dof: int


class QuasiF(NamedTuple):
    """The test; nan where nothing varies, or a mean square has no degrees of freedom."""

    f: Float[np.ndarray, "*epoch"]
    """About 1 where the effect is absent, above it where it is there."""
    dof_above: Float[np.ndarray, "*epoch"]
    dof_below: Float[np.ndarray, "*epoch"]
    p: Float[np.ndarray, "*epoch"]
    """Probability of a larger F where the effect is absent."""


def quasi_f(above: Sequence[MeanSquare], below: Sequence[MeanSquare]) -> QuasiF:
    """Test whether the mean squares above are larger than those below.

    Examples
    --------
    >>> one, two, three = (MeanSquare(np.array(value), dof) for value, dof in ((4.0, 9), (1.0, 90), (2.0, 30)))
    >>> found = quasi_f([one, two], [two, three])
    >>> round(float(found.f), 2), round(float(found.dof_above), 1), round(float(found.p), 3)
    (1.67, 14.0, 0.086)
    """
    sums, dofs = zip(*map(_satterthwaite, (above, below)), strict=True)
    defined = (sums[1] > ROUNDING) & np.isfinite(sums[0]) & np.isfinite(dofs[0]) & np.isfinite(dofs[1])
    f = np.divide(sums[0], sums[1], out=np.full(sums[0].shape, np.nan), where=defined)
    p = np.where(
        defined, stats.f.sf(f, np.where(defined, dofs[0], 1.0), np.where(defined, dofs[1], 1.0)), np.nan
    )
    known = [np.where(defined, dof, np.nan) for dof in dofs]
    return QuasiF(f, known[0], known[1], p)


def _satterthwaite(squares: Sequence[MeanSquare]) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of mean squares and its degrees of freedom."""
    if any(one.dof < 1 for one in squares):
        nothing = np.full(np.shape(squares[0].value), np.nan)
        return nothing, nothing
    total = np.asarray(np.sum([one.value for one in squares], axis=0))
    parts = np.sum([one.value**2 / one.dof for one in squares], axis=0)
    return total, np.divide(total**2, parts, out=np.full(total.shape, np.nan), where=parts > 0)
