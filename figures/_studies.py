# SPDX-License-Identifier: Apache-2.0
"""Which study's results are drawn: the one that is named, or the one whose results were written last."""

from pathlib import Path

from analysis.framework.where import newest


def choose_study(results: Path, study: str | None) -> str:
    """Name the study to draw: `study` itself, or the one under `results` that was written last.

    Raises
    ------
    UserError
        When the folder, or results of the study in it, do not exist; says which command makes them.
    """
    make = "run python -m analysis.learning first, or name the folder with `results`"
    return newest(results, study, _last_write, what="results of study", make=make)


def _last_write(folder: Path) -> float | None:
    return max((path.stat().st_mtime for path in folder.glob("*.json")), default=None)
