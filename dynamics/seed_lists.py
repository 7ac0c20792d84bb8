# SPDX-License-Identifier: Apache-2.0
"""Seeds as text: numbers and ranges such as "0-9,20"."""

from collections.abc import Iterable, Sequence

from dynamics.config import MAX_SEED
from dynamics.errors import UserError


def parse_seeds(text: str) -> list[int]:
    """Parse seeds such as "0-9,20": ranges include both ends; duplicates are dropped.

    Raises
    ------
    UserError
        If a part is neither a number nor a range, or is out of range.

    Examples
    --------
    >>> parse_seeds("0-2,7")
    [0, 1, 2, 7]
    """
    seeds: dict[int, None] = {}
    for part in text.split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UserError(f"`seeds` must be numbers and ranges such as 0-9,20, got {part!r} in {text!r}")
        low, high = int(first), int(last) if dash else int(first)
        if high < low:
            raise UserError(f"`seeds` must be ranges from low to high, got {part!r} in {text!r}")
        if high > MAX_SEED:
            raise UserError(f"`seeds` must be in [0, {MAX_SEED}], got {part!r} in {text!r}")
        seeds.update(dict.fromkeys(range(low, high + 1)))
    return list(seeds)


def compact(seeds: Sequence[int]) -> int | str:
    """Return sorted seeds as a study file writes them: their number if they are 0 to n - 1, otherwise ranges.

    Examples
    --------
    >>> compact([0, 1, 2]), compact([0, 1, 5])
    (3, '0-1,5')
    """
    return len(seeds) if list(seeds) == list(range(len(seeds))) else in_ranges(seeds)


def in_ranges(seeds: Iterable[int]) -> str:
    """Return seeds as :func:`parse_seeds` reads them, in order.

    Examples
    --------
    >>> in_ranges([5, 0, 1])
    '0-1,5'
    """
    there = set(seeds)
    starts = [seed for seed in sorted(there) if seed - 1 not in there]
    ends = [seed for seed in sorted(there) if seed + 1 not in there]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
