# SPDX-License-Identifier: Apache-2.0
"""Choosing one of several studies' folders: the one that is named, or the one that was written last."""

from collections.abc import Callable
from pathlib import Path

from analysis.framework.console import say
from dynamics import archive
from dynamics.errors import UserError


def newest(
    folder: Path, study: str | None, written: Callable[[Path], float | None], *, what: str, make: str
) -> str:
    """Return the study with a name, after checking that it exists, or the one that was written last.

    Parameters
    ----------
    folder
        Folder that holds one subfolder per study.
    study
        Name of the study; None for the one that was written last.
    written
        Returns when a subfolder was written last, in seconds since 1970; None if it is not a candidate.
    what, make
        What a study's subfolder holds, and how it is made, for messages.

    Raises
    ------
    UserError
        If the folder, or the study in it, does not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as results:
    ...     for study in ("a", "b"):
    ...         Path(results, study).mkdir()
    ...     newest(Path(results), "a", lambda path: path.stat().st_mtime, what="result", make="make one")
    'a'
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: {make}")
    times = {
        path.name: when
        for path in map(archive.opened, folder.iterdir())
        if path.is_dir() and not path.name.startswith(".") and (when := written(path)) is not None
    }
    if study is not None:
        if study.endswith(archive.SUFFIX) and (folder / study).is_file() and study not in times:
            raise UserError(f"{folder / study} is no archive of a study, or cut off: copy it again")
        if study not in times:
            known = ", ".join(sorted(times)) or "none"
            raise UserError(f"no {what} {study!r} in {folder} (there: {known}): choose one with `study`")
        return study
    if not times:
        raise UserError(f"no {what} in {folder}: {make}")
    chosen = max(sorted(times), key=times.__getitem__)
    say(f"study {chosen} (written last in {folder}; choose another with --study)")
    return chosen
