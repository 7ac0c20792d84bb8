# SPDX-License-Identifier: Apache-2.0
"""In what the seeds and methods of a study differ that should not, and what they share that should differ."""

from collections.abc import Mapping, Sequence

from dynamics import snapshots
from dynamics.names import ordered


def between_seeds(method: str, runs: Sequence[snapshots.Run]) -> list[str]:
    """Say which epochs are left out because a seed lacks them, which seeds saw other images or computed otherwise.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> between_seeds("supervised", trained_study().runs["supervised"])
    []
    """
    found = []
    common = snapshots.common_epochs(runs)
    different = snapshots.unlike_in_epochs(runs)
    shortest, longest = (end(different, key=lambda run: len(run.epochs)) for end in (min, max))
    if len(longest.epochs) > len(common):
        span = f"epoch {common[0]} is" if len(common) == 1 else f"epochs {common[0]} to {common[-1]} are"
        found.append(
            f"{method}: {span} used, as far as every seed has them: seed {shortest.seed} has "
            f"{len(shortest.epochs)}, seed {longest.seed} has {len(longest.epochs)}"
        )
    first: dict[str, int] = {}
    for run in runs:
        if precision := run.provenance.get("precision"):  # earlier versions did not record it
            first.setdefault(precision, run.seed)
    if len(first) > 1:
        found.append(
            f"{method}: " + ", ".join(f"seed {seed} was trained in {one}" for one, seed in first.items())
        )
    data = data_fingerprints(runs)
    other = next((place for place, one in enumerate(data) if one != data[0]), None)
    if other is not None:
        found.append(
            f"{method}: seeds {runs[0].seed} and {runs[other].seed} were not trained on the same images "
            f"(data fingerprints {_short(data[0])} and {_short(data[other])})"
        )
    return found


def between_methods(runs: Mapping[str, Sequence[snapshots.Run]]) -> list[str]:
    """Say which methods saw other images than the first, and which hold the same records as another.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> one = trained_study().runs["supervised"]
    >>> between_methods({"supervised": one})
    []
    """
    data = {
        method: known for method in ordered(runs) if (known := data_fingerprints(runs[method])[0]) is not None
    }
    first = next(iter(data), "")
    images = [
        f"{first} and {method} were not trained on the same images "
        f"(data fingerprints {_short(data[first])} and {_short(known)})"
        for method, known in data.items()
        if known != data[first]
    ]
    return images + _same_records(runs)


def data_fingerprints(runs: Sequence[snapshots.Run]) -> list[str | None]:
    """Return the fingerprint of the images of each seed; None where it was not recorded.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> [fingerprint[:8] for fingerprint in data_fingerprints(trained_study().runs["supervised"])]
    ['d32552e4']
    """
    return [run.provenance.get("data_fingerprint") for run in runs]


def _short(fingerprint: str | None) -> str:
    return str(fingerprint)[:8] if fingerprint else "not recorded"


def _same_records(runs: Mapping[str, Sequence[snapshots.Run]]) -> list[str]:
    """Say which methods hold the same records as another: they count as two, though they are one."""
    first: dict[str, snapshots.Run] = {}
    same = [
        (twin.method, run.method)
        for opened in runs.values()
        for run in opened
        if (twin := first.setdefault(snapshots.records_of(run), run)).method != run.method
        and snapshots.surely_copied(run.correct(), probability="probability" in run.recorded)
    ]
    return [f"{one} and {other} hold the same records" for one, other in dict.fromkeys(same)]
