# SPDX-License-Identifier: Apache-2.0
"""How are a row's numbers written in the tables of the report; without a row, or where it has none, there is None."""

from analysis.framework.results import Row
from dynamics.names import label
from runners.report.markup import Html


def features_label(name: str) -> str:
    """Return whose features they are: a method's, or those of a network that learnt nothing."""
    return "random initialisation" if name == "random-initialisation" else label(name)


def fixed(row: Row | None, name: str, digits: int = 3) -> str | None:
    """Return a number with so many digits behind the point."""
    value = None if row is None else row.get(name)
    return None if value is None else f"{value:.{digits}f}"


def small(row: Row | None, name: str) -> str | None:
    """Return a probability to one digit, however small."""
    if row is None or row[name] is None:
        return None
    return "< 1e-300" if row[name] == 0 else f"{row[name]:.1g}"


def interval(row: Row | None, name: str) -> str | None:
    """Return the ends of an interval."""
    low, high = (None, None) if row is None else (row[f"{name}_low"], row[f"{name}_high"])
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"


def spread(row: Row | None, name: str, digits: int = 4) -> str | None:
    """Return a mean with its standard deviation, where there is one."""
    if row is None:
        return None
    sd = row[f"{name}_sd"]
    return f"{row[name]:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")


def chi(row: Row | None) -> Html | None:
    """Return a chi-square to two digits."""
    return None if row is None or row["chi2"] is None else power(f"{row['chi2']:.1e}")


def power(printed: str) -> Html:
    """Write 1.3e17 as a number with a power of ten, and 2.7e0 as 2.7."""
    mantissa, exponent = printed.split("e")
    at = int(exponent)
    return Html(f"{float(printed):.3g}" if 0 <= at < 3 else f"{mantissa}·10<sup>{at}</sup>")
