# SPDX-License-Identifier: Apache-2.0
"""The examples that are learnt first and last: ranked by area, and ties said where they leave the choice to chance."""

from pathlib import Path

import numpy as np

from analysis import extremes
from dynamics import snapshots
from dynamics.opening import open_study


def test_ties_with_the_last_one_shown_are_said(tmp_path: Path) -> None:
    """Of 40 examples 3 are never right and 9 once; the others are right from the second epoch on."""
    correct = np.ones((4, 1, 1, 40), bool)
    correct[0] = False
    correct[:, ..., :3] = False
    correct[:3, ..., 3:12] = False
    folder = snapshots.seed_folder(tmp_path, "s", "mine", 0)
    snapshots.write_finished(folder, method="mine", seed=0, correct=correct)
    result = extremes.analyse(open_study(tmp_path / "s"))
    first, last = result.tables()
    assert [row["example"] for row in last.rows] == [*range(extremes.SHOWN)]
    shown = extremes.SHOWN
    assert f"mine, hardest: {12 - shown} more have the area of rank {shown}" in last.notes
    assert f"mine, easiest: {28 - shown} more have the area of rank {shown}" in last.notes
    assert [row["area"] for row in first.rows] == [0.75] * shown
