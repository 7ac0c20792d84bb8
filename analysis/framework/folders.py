# SPDX-License-Identifier: Apache-2.0
"""Which of several studies' folders: the one that is named, or the one that was written last."""

from collections.abc import Callable
from pathlib import Path

from analysis.framework.console import say
from dynamics.errors import UserError


def newest(
    folder: Path, study: str | None, written: Callable[[Path], float | None], *, what: str, make: str
) -> str:
    """Return the study that was asked for, once it is known to be there, or the one that was written last.

    Parameters
    ----------
    folder
        Holds one subfolder a study.
    study
        The name that was asked for.
    written
        Returns when a subfolder was written last, in seconds since 1970; None where it is no candidate.
    what, make
        What a study's subfolder holds, and how it is made, for the messages.

    Raises
    ------
    UserError
        When the folder, or the study in it, does not exist.
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: {make}")
    found = {
        path.name: when for path in folder.iterdir() if path.is_dir() and (when := written(path)) is not None
    }
    if study is not None:
        if study not in found:
            known = ", ".join(sorted(found)) or "none"
            raise UserError(f"no {what} {study!r} in {folder} (there: {known}): choose one with `study`")
        return study
    if not found:
        raise UserError(f"no {what} in {folder}: {make}")
    chosen = max(sorted(found), key=found.__getitem__)
    say(f"study {chosen} (written last in {folder}; choose another with --study)")
    return chosen
