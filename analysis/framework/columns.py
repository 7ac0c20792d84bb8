# SPDX-License-Identifier: Apache-2.0
"""What the columns of a result file mean, in the words of the analysis that computes them.

Every analysis says it in `COLUMNS`: one sentence for each column, in the order of its file. Columns that several
results have, and those that follow from another by their suffix, are said here and listed there by :func:`shared`. A
word in angle brackets stands for a name that a study decides: `<method>.area`.
"""

import importlib
import re
from collections.abc import Mapping

SHARED: Mapping[str, str] = {
    "method": "Method, by its name on the command line.",
    "other": "Method that it is compared with; in rows about one method the same.",
    "encoder": "Encoder, by its name on the command line; empty where it was not recorded.",
    "epoch": "Epoch t: the answers are those after it.",
    "targets": "Target means that this epoch is the first to reach; [] where it is the first for none.",
    "seed": "Seed of the network; empty for pixels.",
    "seeds": "Number of seeds, N.",
    "augmentations": "Number of fixed augmentations of each example, M.",
    "examples": "Number of examples that are analysed, K.",
    "example": "Index of the example among the training images that were used.",
    "id": "Name of the example; empty, or no column, where examples have no names.",
    "class": "Class of the true label: its name, or its number where the runs recorded no names.",
    "mean_r": "E[r_t]: mean of r_t over examples, 0 to 1.",
    "score": "Difficulty score, as defined in `analysis.statistics.difficulty`.",
    "reliability": "Correlation to expect with as many new seeds: 0 all noise, 1 none; empty for one seed.",
    "seeds_for_80": "Number of seeds that a reliability of 0.8 needs; empty where no number is enough.",
    "observed": "Correlation of the means over seeds, whose noise makes it smaller than `rho`.",
}
"""Columns that several results have."""

SUFFIXES: Mapping[str, tuple[str, str]] = {
    f"_{kind}_{end}": (
        "",
        f"{side} 95 % limit of `{{}}` for {others}; empty for too few seeds.",
    )
    for kind, others in (
        ("these_examples", "other seeds, same panel"),
        ("examples_like_these", "other seeds and other examples like these"),
    )
    for end, side in (("low", "Lower"), ("high", "Upper"))
} | {
    "_low": ("", "Lower 95 % limit of `{}` for other seeds; empty where there is none."),
    "_high": ("", "Upper 95 % limit of `{}` for other seeds; empty where there is none."),
    "_sd": ("", "Standard deviation of `{}` over seeds (divisor n - 1); empty for one seed."),
    "_error_dof": ("_f", "Degrees of freedom of the denominator of `{}`."),
    "_dof": ("_f", "Degrees of freedom of the numerator of `{}`."),
    "_p_two_sided": ("_p", "The same as `{}` for any deviation, also for less variation than by chance."),
    "_p": ("", "p-value of `{}`: small where chance alone rarely makes it so large."),
    "_q": (
        "_p",
        "`{}` after Benjamini and Hochberg's correction for the tests of all rows.",
    ),
}
"""By suffix, the ending of the column that it is about, and the meaning."""


def shared(*names: str) -> dict[str, str]:
    """Return columns, with their meanings, of which this module says what they mean.

    Raises
    ------
    KeyError
        For a column that it says nothing of.

    Examples
    --------
    >>> shared("mean_r", "mean_r_sd")["mean_r_sd"]
    'Standard deviation of `mean_r` over seeds (divisor n - 1); empty for one seed.'
    """
    found = {name: SHARED.get(name) or (_by_suffix(name) or ("", ""))[1] for name in names}
    if unknown := [name for name, text in found.items() if not text]:
        raise KeyError(f"{unknown[0]} is neither shared nor has it a suffix: say what it means")
    return found


def ends_of(name: str) -> dict[str, str]:
    """Return the four ends of a column's intervals: for these examples, and for examples like these.

    Examples
    --------
    >>> list(ends_of("gap"))[::3]
    ['gap_these_examples_low', 'gap_examples_like_these_high']
    """
    kinds = ("these_examples", "examples_like_these")
    return shared(*(f"{name}_{kind}_{end}" for kind in kinds for end in ("low", "high")))


def meaning(name: str, own: Mapping[str, str]) -> str:
    """Return what a column means: by the result's own meanings, the shared ones, or its suffix.

    Parameters
    ----------
    name
        Name of the column.
    own
        Meanings of the result's own columns: `COLUMNS` of the analysis.

    Raises
    ------
    KeyError
        When nothing says it.

    Examples
    --------
    >>> own = {"f": "F of classes.", "<method>.r": "r_t of the method."}
    >>> meaning("f", own), meaning("simclr.r", own), meaning("epoch", own)
    ('F of classes.', 'r_t of the method.', 'Epoch t: the answers are those after it.')
    >>> meaning("f_sd", own)
    'Standard deviation of `f` over seeds (divisor n - 1); empty for one seed.'
    """
    if (found := entry(name, own)) is not None:
        return own[found]
    if name in SHARED:
        return SHARED[name]
    if (derived := _by_suffix(name)) is not None:
        about, text = derived
        meaning(about, own)
        return text
    raise KeyError(f"nothing says what the column {name} means: add it to COLUMNS")


def entry(name: str, own: Mapping[str, str]) -> str | None:
    """Return the name under which a column stands in `COLUMNS`; None where it does not.

    Examples
    --------
    >>> entry("simclr.r", {"<method>.r": "r_t of the method."})
    '<method>.r'
    """
    if name in own:
        return name
    # others.r is a score r of others, not of a method called others
    placeholders = sorted((one for one in own if "<" in one), key=lambda one: one.startswith("<"))
    return next((one for one in placeholders if re.fullmatch(_pattern(one), name)), None)


def _pattern(placeholder: str) -> str:
    """Return a regular expression for the names that a placeholder stands for; only a method's has no dots."""
    parts = re.split("(<[a-z]+>)", placeholder)
    texts = {"<method>": "[^.]+"}
    return "".join(texts.get(part, ".+") if part.startswith("<") else re.escape(part) for part in parts)


def _by_suffix(name: str) -> tuple[str, str] | None:
    """Return the column that a column is about, and its meaning; None where it has no suffix."""
    for suffix, (ending, text) in SUFFIXES.items():
        if name.endswith(suffix) and name != suffix:
            about = name.removesuffix(suffix) + ending
            return about, text.format(about)
    return None


def columns(result: str) -> list[tuple[str, str]]:
    """Return the columns of a result, by its name, in the order of its file, each with its meaning.

    Examples
    --------
    >>> columns("learning")[1]
    ('epoch', 'Epoch t: the answers are those after it.')
    """
    home = "analysis.framework.evaluations" if result == "evaluation" else f"analysis.{result}"
    own: Mapping[str, str] = importlib.import_module(home).COLUMNS
    return [(name, meaning(name, own)) for name in own]
