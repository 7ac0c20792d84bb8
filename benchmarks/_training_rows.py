# SPDX-License-Identifier: Apache-2.0
"""What do timed epochs say: pace, utilisation, the cost of snapshots, and how they compare with others'."""

import statistics
from collections.abc import Sequence

from benchmarks._epochs import Epochs
from benchmarks._rows import Row, missing
from benchmarks._targets import MB
from benchmarks._timing import rate, ratio, spent

OTHERS = {"baseline": "baseline (the thesis's recipe)", "lightly": "lightly's SimCLR loop"}
"""Loops of others, as they are called in rows."""


def own(key: str, name: str, epochs: Epochs, *, images: int, note: str) -> list[Row]:
    """Return what ours takes: time, pace, share of snapshots, start and, on a GPU, memory."""
    made = [
        spent(f"{key}.epoch", f"{name}: epoch of {images} images with snapshots", "s", epochs.seconds, note),
        rate(f"{key}.images_per_second", f"{name}: ours", "images/s", images, epochs.seconds),
        spent(
            f"{key}.snapshot_share",
            f"{name}: panel and snapshots, share of an epoch",
            "%",
            [100 * share for share in epochs.snapshot_shares],
            note=_parts(epochs),
        ),
        Row(
            key=f"{key}.start",
            what=f"{name}: start of a seed, before its first epoch",
            value=epochs.progress[0].start_seconds,
            unit="s",
        ),
    ]
    if epochs.allocated is not None and epochs.reserved is not None:
        note = f"{epochs.reserved / MB:,.0f} MB reserved".replace(",", " ")
        what = f"{name}: peak memory of the GPU, ours"
        made.append(
            Row(key=f"{key}.peak_memory", what=what, value=epochs.allocated / MB, unit="MB", note=note)
        )
    return made


def _parts(epochs: Epochs) -> str:
    panel = statistics.median(each.panel_seconds for each in epochs.timed)
    store = statistics.median(each.store_seconds for each in epochs.timed)
    return f"{1e3 * panel:.3g} ms to score the panel, {1e3 * store:.3g} ms to write"


def utilisation(
    key: str, name: str, epochs: Epochs, *, operations: float, steps: int, rates: Sequence[float], note: str
) -> Row:
    """Return the operations per second of the steps as a share of those of a matrix product.

    Parameters
    ----------
    key, name
        What it is about.
    epochs
        Ours.
    operations
        Counted for one step, forward and backward.
    steps
        Steps of an epoch.
    rates
        Operations per second of the matrix product, timed in turn with the epochs.
    note
        Which product.
    """
    ceiling = statistics.median(rates)
    found = [100 * operations * steps / each.train_seconds / ceiling for each in epochs.timed]
    note = f"{operations / 1e9:.3g} GFLOP a step; {note} does {ceiling / 1e9:.3g} GFLOP/s"
    return spent(f"{key}.utilisation", f"{name}: model FLOP utilisation of the steps", "%", found, note)


def compared(
    key: str, name: str, other: str, epochs: Epochs, seconds: Sequence[float], *, images: int, note: str
) -> list[Row]:
    """Return the pace of another loop, whose epochs of as many images take `seconds`, and how many times it ours is."""
    spelled = OTHERS[other]
    ours, theirs = ([images / value for value in each] for each in (epochs.seconds, seconds))
    return [
        rate(f"{key}.{other}_images_per_second", f"{name}: {spelled}", "images/s", images, seconds, note),
        ratio(f"{key}.ratio_{other}", f"{name}: images per second, ours / {spelled}", ours, theirs),
    ]


def memory_of(key: str, name: str, other: str, allocated: int | None) -> list[Row]:
    """Return the memory of a GPU that another loop took, in bytes; no row where there is no GPU."""
    if allocated is None:
        return []
    what = f"{name}: peak memory of the GPU, {OTHERS[other]}"
    return [Row(key=f"{key}.peak_memory_{other}", what=what, value=allocated / MB, unit="MB")]


def left_out(key: str, name: str, other: str, why: str) -> Row:
    """Return the row of a comparison that could not be made."""
    return missing(f"{key}.ratio_{other}", f"{name}: images per second, ours / {OTHERS[other]}", "x", why)
