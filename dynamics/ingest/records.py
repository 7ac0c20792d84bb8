# SPDX-License-Identifier: Apache-2.0
"""What somebody recorded of the seeds of one method, whatever file it came in."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from dynamics.errors import UserError
from dynamics.recording.judgement import PER_ANSWER, PER_OPTION, judge

COUNTS, SHARE = "counts", "share"
GIVEN = (*PER_OPTION, *PER_ANSWER, COUNTS, SHARE)
"""What may be known of answers."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """Answers of several seeds, and what is known of the examples; made by `from_arrays` or `from_tables`."""

    given: dict[str, Shaped[np.ndarray, "seed epoch view augmentation example *option"]]
    """Logits, probabilities, correct and so on, by name; NaN where an answer is missing."""
    seeds: list[int]
    epochs: list[int]
    present: Bool[np.ndarray, "seed epoch view augmentation example"] | None = None
    """Which answers are there; None if all that are not NaN."""
    out_of: int | None = None
    """Number of answers that `counts` are out of."""
    labels: Int64[np.ndarray, " example"] | None = None
    true_labels: Int64[np.ndarray, " example"] | None = None
    indices: Int64[np.ndarray, " example"] | None = None
    """Index of each example in the training data."""
    ids: list[str] | None = None
    classes: list[str] | None = None
    said: list[str] = field(default_factory=list)
    """How the files were understood, where they could be understood otherwise."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of views, of augmentations and of examples."""
        _, _, views, augmentations, examples, *_ = next(iter(self.given.values())).shape
        return views, augmentations, examples

    def of_seed(self, at: int) -> "OfSeed":
        """Return what is recorded of the seed at a place of :attr:`seeds`.

        Epochs that it has no answer of are left out.

        Raises
        ------
        UserError
            If a number is out of range, or no answer is there.
        """
        raw = {name: np.asarray(values[at]) for name, values in self.given.items()}
        there = _there(raw, None if self.present is None else self.present[at])
        if (COUNTS in raw or SHARE in raw) and len(raw) > 1:
            raise UserError(
                "`counts` or `share` are all that is known of answers: give nothing else beside them"
            )
        if COUNTS in raw:
            raw = _of_counts(raw[COUNTS], there, self.out_of)
        elif SHARE in raw:
            raw = _of_share(raw[SHARE], there)
        elif "correct" in raw:
            raw["correct"] = indicators(raw["correct"], there)
        if "predicted" in raw:
            raw["predicted"] = _whole(raw["predicted"], there)
        places = np.flatnonzero(there.any(axis=(1, 2, 3)))
        if not len(places):
            raise UserError(f"seed {self.seeds[at]} has no answer at all: leave it out")
        epochs = [self._judged(raw, there, int(place)) for place in places]
        arrays = {name: np.stack([one[name] for one in epochs]) for name in epochs[0]}
        if not there[places].all():
            arrays["present"] = there[places]
        return OfSeed(self.seeds[at], [self.epochs[place] for place in places], arrays)

    def _judged(self, raw: dict[str, np.ndarray], there: np.ndarray, epoch: int) -> dict[str, np.ndarray]:
        known = {name: values[epoch] for name, values in raw.items()}
        share = {name: known.pop(name) for name in ("share",) if name in known}
        return {**judge(known, self.labels, there[epoch]), **share}


class OfSeed(NamedTuple):
    """What one seed recorded."""

    seed: int
    epochs: list[int]
    arrays: dict[str, Shaped[np.ndarray, "epoch view augmentation example"]]
    """Arrays of FORMAT.md, by name."""


def _there(raw: dict[str, np.ndarray], present: np.ndarray | None) -> Bool[np.ndarray, "*answers"]:
    """Return which answers are there: those that are not said to be missing, and not NaN."""
    shape = next(values.shape[:4] for values in raw.values())
    said = np.ones(shape, bool) if present is None else present
    known = {name: _not_nan(name, values, said) for name, values in raw.items()}
    there = np.logical_and.reduce([said, *known.values()])
    for name, one in known.items():
        if (one & said & ~there).any():
            other = next(other for other, values in known.items() if (one & said & ~values).any())
            raise UserError(
                f"`{other}` is NaN where `{name}` is known: leave one of them out, or both missing"
            )
    return there


def _not_nan(
    name: str, values: np.ndarray, said: Bool[np.ndarray, "*answers"]
) -> Bool[np.ndarray, "*answers"]:
    if not np.issubdtype(values.dtype, np.floating):
        return np.ones(said.shape, bool)
    nan = np.isnan(values)
    if nan.ndim == said.ndim:
        return ~nan
    if (nan.any(axis=-1) & ~nan.all(axis=-1) & said).any():
        raise UserError(
            f"`{name}` must be NaN for all classes of an answer, which is missing then, or for none"
        )
    return ~nan.all(axis=-1)


def indicators(values: np.ndarray, there: Bool[np.ndarray, "*answers"]) -> Bool[np.ndarray, "*answers"]:
    """Return right and wrong as booleans: from booleans, or from numbers that are 0 or 1.

    Nothing else is cast, because a probability or a count would become True.

    Raises
    ------
    UserError
        If another number is among them.

    Examples
    --------
    >>> indicators(np.array([0.0, np.nan, 1.0]), np.array([True, False, True]))
    array([False, False,  True])
    """
    if values.dtype == np.bool_:
        return values
    if values.dtype.kind not in "iuf":
        raise UserError(f"`correct` must hold booleans, or 0 and 1, got {values.dtype}")
    known = values[there]
    if (strange := known[(known != 0) & (known != 1)]).size:
        raise UserError(
            f"`correct` must hold booleans, or 0 and 1, got {strange[0]:.6g}: give probabilities of the classes as "
            "`probabilities`, numbers of right answers as `counts`"
        )
    return (values == 1) & there


def _whole(values: np.ndarray, there: Bool[np.ndarray, "*answers"]) -> np.ndarray:
    """Return classes as integers: as they are, or from floats, which a table has where an answer is missing."""
    if not np.issubdtype(values.dtype, np.floating):
        return values
    known = np.where(there, values, 0)
    if (known != np.round(known)).any():
        raise UserError(f"`predicted` must hold classes, got {known[known != np.round(known)][0]:.6g}")
    return known.astype(np.int64)


def _of_counts(
    counts: np.ndarray, there: Bool[np.ndarray, "*answers"], out_of: int | None
) -> dict[str, np.ndarray]:
    if out_of is None or out_of < 1:
        raise UserError(f"`counts` need `out_of`, the number of answers they are out of, >= 1, got {out_of}")
    if counts.dtype.kind not in "iuf":
        raise UserError(f"`counts` must be integers, got {counts.dtype}")
    known = counts[there]
    if (known != np.round(known)).any() or known.min(initial=0) < 0 or known.max(initial=0) > out_of:
        raise UserError(
            f"`counts` must be integers from 0 to {out_of}, got {known.min():.6g} to {known.max():.6g}"
        )
    return _of_share(counts / np.float64(out_of), there)


def _of_share(share: np.ndarray, there: Bool[np.ndarray, "*answers"]) -> dict[str, np.ndarray]:
    known = share[there]
    if share.dtype.kind not in "iuf" or not 0 <= known.min(initial=0) <= known.max(initial=0) <= 1:
        raise UserError(
            f"`share` must be fractions from 0 to 1, got {share.dtype}, up to {known.max(initial=0)}"
        )
    share = np.where(there, share, 0).astype(np.float32)
    return {"correct": share > 0.5, "share": share}


def as_names(name: str, values: Any) -> list[str]:
    """Return names as plain texts, from texts or integers.

    Raises
    ------
    UserError
        If they are something else, or not a list.

    Examples
    --------
    >>> as_names("ids", np.array([b"a", b"b"]))
    ['a', 'b']
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "SUiu":
        raise UserError(f"`{name}` must be a list of texts, got {array.dtype} of shape {array.shape}")
    return [str(value) for value in (np.char.decode(array) if array.dtype.kind == "S" else array).tolist()]
