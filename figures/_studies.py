# SPDX-License-Identifier: Apache-2.0
"""Which study's results are drawn: the one that is named, or the one whose results were written last."""

from pathlib import Path

from dynamics.console import UserError, say


def choose_study(results: Path, study: str | None) -> str:
    """Name the study to draw: `study` itself, or the one under `results` that was written last.

    Raises
    ------
    UserError
        When the folder, or results of the study in it, do not exist; says which command makes them.
    """
    if not results.is_dir():
        raise UserError(
            f"no results folder at {results}: "
            "run python -m analysis.learning first, or name the folder with --results"
        )
    studies = {
        folder.name: written for folder in sorted(results.iterdir()) if (written := _last_write(folder))
    }
    if study is not None:
        if study not in studies:
            known = ", ".join(studies) or "none"
            raise UserError(
                f"no results of study {study!r} in {results} (there: {known}): "
                f"run python -m analysis.learning --study {study}, or choose one with --study"
            )
        return study
    if not studies:
        raise UserError(f"no results in {results}: run python -m analysis.learning first")
    chosen = max(studies, key=lambda name: studies[name])
    say(f"study {chosen} (results written last in {results}; choose another with --study)")
    return chosen


def _last_write(folder: Path) -> float:
    return max((path.stat().st_mtime for path in folder.glob("*.json")), default=0.0)
