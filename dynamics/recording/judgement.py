# SPDX-License-Identifier: Apache-2.0
"""What is recorded of answers, from whatever a network gave: logits, probabilities, predictions, or right and wrong.

NumPy only, so that any framework can use it. The definitions are those of :mod:`dynamics.methods.base`, which computes
them for this project's own methods where their networks are.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from dynamics.errors import UserError
from dynamics.recording.panel import as_array
from dynamics.snapshots.schema import as_indicators, as_integers

PER_OPTION = ("logits", "probabilities")
"""What has an axis of classes."""
PER_ANSWER = ("correct", "margin", "predicted", "probability", "error_norm")
"""What has one value for each answer."""
MAX_MARGIN = 6e4
"""Margins are cut off there: they are stored as float16."""
ADDS_UP = 0.02
"""How far from 1 the sum of probabilities may be, which are often rounded."""
AXES = "(example,), (augmentation, example) or (view, augmentation, example)"


def judge(
    given: Mapping[str, Any],
    labels: Int64[np.ndarray, " example"] | None,
    present: Bool[np.ndarray, "view augmentation example"] | None = None,
) -> dict[str, np.ndarray]:
    """Return the arrays of FORMAT.md, (view, augmentation, example), that follow from what was given.

    Parameters
    ----------
    given
        Either `logits` or `probabilities`, with the classes as their last axis, or any of `correct`, `predicted`,
        `margin`, `probability` and `error_norm`; axes before are (example,), (augmentation, example) or (view,
        augmentation, example). Where only `predicted` is given, right is what equals the label; where only `margin` is,
        what is above 0.
    labels
        The label of each example, where answers are classes.
    present
        Which answers are there: what is given where one is missing is not looked at, and all arrays are 0 there.

    Raises
    ------
    UserError
        If nothing or too much is given, a type, shape or range does not fit, or a number is not finite.

    Examples
    --------
    >>> found = judge({"logits": [[2.0, 0.5], [0.0, 1.0]]}, np.array([0, 0]))
    >>> found["correct"].tolist(), found["margin"].tolist(), found["predicted"].tolist()
    ([[[True, False]]], [[[1.5, -1.0]]], [[[0, 1]]])
    """
    options = [name for name in PER_OPTION if given.get(name) is not None]
    single = {name: given[name] for name in PER_ANSWER if given.get(name) is not None}
    if len(options) + bool(single) != 1:
        named = ", ".join(f"`{name}`" for name in (*options, *single)) or "nothing"
        raise UserError(
            "give `logits`, or `probabilities`, or some of `correct`, `predicted`, `margin`, `probability` and "
            f"`error_norm`, got {named}"
        )
    if options:
        found = _of_options(options[0], as_array(options[0], given[options[0]]), labels, present)
    else:
        found = _of_answers({name: as_array(name, one) for name, one in single.items()}, labels, present)
    if present is None:
        return found
    return {name: np.where(present, values, 0).astype(values.dtype) for name, values in found.items()}


def _of_options(
    name: str,
    values: np.ndarray,
    labels: Int64[np.ndarray, " example"] | None,
    present: Bool[np.ndarray, "view augmentation example"] | None,
) -> dict[str, np.ndarray]:
    if not np.issubdtype(values.dtype, np.floating) or values.ndim not in (2, 3, 4):
        raise UserError(
            f"`{name}` must be floats with the classes as their last axis, after {AXES}, "
            f"got {values.dtype} of shape {values.shape}"
        )
    if values.shape[-1] < 2:
        raise UserError(
            f"`{name}` must have at least two classes, got shape {values.shape}: one logit z of two classes is the "
            "logits (0, z)"
        )
    values = values.reshape((1,) * (4 - values.ndim) + values.shape)
    if labels is None:
        raise UserError(f"`{name}` need the `labels` of the examples, to say what is right")
    _check_labels(labels, name, values)
    there = _checked_present(present, name, values.shape[:-1])
    if not np.isfinite(values[there]).all():
        raise UserError(
            f"`{name}` must be finite, got {values[there][~np.isfinite(values[there])][0]}: the training may have "
            "diverged; where an answer is missing, say so with `present`"
        )
    values = np.where(there[..., np.newaxis], values, np.full_like(values, 1 / values.shape[-1]))
    probabilities = _check_probabilities(values) if name == "probabilities" else _softmax(values, there)
    place = np.broadcast_to(labels, values.shape[:-1])[..., np.newaxis]
    own = np.take_along_axis(probabilities, place, -1)[..., 0]
    with np.errstate(divide="ignore"):
        scores = np.log(values) if name == "probabilities" else values  # of logits up to a constant
    others = scores.copy()
    np.put_along_axis(others, place, -np.inf, -1)
    with np.errstate(invalid="ignore"):  # two probabilities of 0 are equally likely
        margin = np.nan_to_num(np.take_along_axis(scores, place, -1)[..., 0] - others.max(axis=-1), nan=0.0)
    predicted = values.argmax(axis=-1)
    return {
        "correct": predicted == place[..., 0],
        "probability": own,
        "margin": margin.clip(-MAX_MARGIN, MAX_MARGIN),
        "error_norm": np.sqrt(np.maximum(np.square(probabilities).sum(axis=-1) + 1 - 2 * own, 0)),
        "predicted": predicted,
    }


def _checked_present(present: np.ndarray | None, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return which answers are there: all, unless it is said."""
    if present is None:
        return np.ones(shape, bool)
    if present.shape != shape:
        raise UserError(f"`present` must have the shape of `{name}`, {shape}, got {present.shape}")
    return present


def _softmax(
    logits: Float[np.ndarray, "*answer option"], there: Bool[np.ndarray, "*answer"]
) -> Float[np.ndarray, "*answer option"]:
    if _are_probabilities(logits[there]):
        raise UserError("`logits` look like probabilities, they add up to 1: give them as `probabilities`")
    wide = logits.astype(np.float64, copy=False)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _are_probabilities(values: Float[np.ndarray, "answer option"]) -> bool:
    """Whether all of some values are in [0, 1] and add up to 1, which logits do not by chance."""
    return (
        values.shape[0] > 1
        and bool(values.min() >= 0)
        and bool((np.abs(values.sum(axis=-1) - 1) < 1e-3).all())
    )


def _check_probabilities(values: Float[np.ndarray, "*answer option"]) -> Float[np.ndarray, "*answer option"]:
    sums = values.sum(axis=-1)
    if values.min() < 0 or np.abs(sums - 1).max() > ADDS_UP:
        worst = float(sums.flat[np.abs(sums - 1).argmax()])
        raise UserError(
            "`probabilities` must be >= 0 and add up to 1 over the classes, "
            f"got {values.min():.3g} and a sum of {worst:.3g}: give logits as `logits`"
        )
    return values.astype(np.float64, copy=False)


def _check_labels(labels: Int64[np.ndarray, " example"], name: str, values: np.ndarray) -> None:
    if values.shape[-2] != len(labels):
        raise UserError(f"`{name}` must hold {len(labels)} examples, got shape {values.shape}")
    if labels.min() < 0:
        raise UserError(f"`labels` must be >= 0, the place of a class in `{name}`, got {labels.min()}")
    if labels.max() >= values.shape[-1]:
        raise UserError(
            f"`labels` must be < {values.shape[-1]}, the number of classes in `{name}`, got {labels.max()}"
        )


def _of_answers(
    given: dict[str, np.ndarray],
    labels: Int64[np.ndarray, " example"] | None,
    present: Bool[np.ndarray, "view augmentation example"] | None,
) -> dict[str, np.ndarray]:
    shaped = {name: on_three_axes(name, values) for name, values in given.items()}
    if len({values.shape for values in shaped.values()}) > 1:
        shapes = ", ".join(f"`{name}` {values.shape}" for name, values in given.items())
        raise UserError(f"all that is given must have one shape, got {shapes}")
    shape = next(iter(shaped.values())).shape
    there = _checked_present(present, next(iter(given)), shape)
    found = {name: _checked(name, values, there) for name, values in shaped.items() if name != "correct"}
    if "correct" in shaped:
        correct = as_indicators("`correct`", shaped["correct"])
    elif "predicted" in found:
        if labels is None:
            raise UserError(
                "`predicted` needs the `labels` of the examples, or `correct`, to say what is right"
            )
        correct = found["predicted"] == labels
    elif "margin" in found:
        correct = found["margin"] > 0
    else:
        raise UserError("give `correct`, `predicted` or `margin` as well, to say what is right")
    return {"correct": correct, **found}


def on_three_axes(name: str, values: np.ndarray) -> np.ndarray:
    """Return one epoch's array with the axes view, augmentation and example.

    Raises
    ------
    UserError
        If it has another number of axes.

    Examples
    --------
    >>> on_three_axes("correct", np.array([True, False])).shape
    (1, 1, 2)
    """
    if values.ndim not in (1, 2, 3) or 0 in values.shape:
        raise UserError(f"`{name}` must have the axes {AXES}, got shape {values.shape}")
    return values.reshape((1,) * (3 - values.ndim) + values.shape)


def _checked(
    name: str, values: np.ndarray, there: Bool[np.ndarray, "view augmentation example"]
) -> np.ndarray:
    """Return one epoch's values, once their type and range are checked."""
    if name == "predicted":
        return as_integers("`predicted`", values)
    if not np.issubdtype(values.dtype, np.floating):
        raise UserError(f"`{name}` must be floats, got {values.dtype}")
    known = values[there]
    low, high = {"margin": (-np.inf, np.inf), "probability": (0, 1), "error_norm": (0, 1.415)}[name]
    if not np.isfinite(known).all() or (known.size and not low <= known.min() <= known.max() <= high):
        within = "finite" if low == -np.inf else f"from {low} to {high}"
        raise UserError(f"`{name}` must be {within}, got {known.min():.3g} to {known.max():.3g}")
    return np.clip(values, -MAX_MARGIN, MAX_MARGIN)
