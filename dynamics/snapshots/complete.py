# SPDX-License-Identifier: Apache-2.0
"""complete.json: written last, it marks a seed as finished and lists its files with their sizes and SHA-256."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dynamics import files
from dynamics.errors import UserError
from dynamics.snapshots.damage import Damaged, check_format
from dynamics.snapshots.layout import COMPLETE, FINISHED, RUN, WEIGHTS
from dynamics.snapshots.record import IDENTITY, check_identity, identity
from dynamics.snapshots.store import Store

FORMAT = "training-dynamics.complete/2"


class Listed(NamedTuple):
    """A file in the list."""

    sha256: str
    size: int | None
    """In bytes; None in lists of version 0.1."""


class Completion(NamedTuple):
    """The content of complete.json."""

    made_by: dict[str, Any]
    """Method, seed, recipe and data of the run; empty in lists of version 0.1."""
    wall_seconds: float | None
    files: dict[str, Listed]
    """By path in the seed's folder: run.json, every file in snapshots.zarr and, if they were kept, the weights."""


def write(folder: Path) -> None:
    """Mark a seed as finished, as its files are now.

    Examples
    --------
    >>> write(Path("runs/no-such-study/simclr/seed-0000"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dynamics.snapshots.damage.Damaged: ...snapshots.zarr/zarr.json is damaged (no zarr.json in ...
    """
    listed = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": files.sha256_of(folder / name)}
        for name in expected_files(folder)
    }
    wall_seconds = Store(folder / FINISHED).attributes.get("wall_seconds")
    content = {"format": FORMAT, **identity(folder), "wall_seconds": wall_seconds, "files": listed}
    files.write_json(folder / COMPLETE, content)


def expected_files(folder: Path) -> list[str]:
    """List the files of a finished seed that its complete.json must name, as paths in its folder.

    Examples
    --------
    >>> expected_files(Path("runs/no-such-study/simclr/seed-0000"))
    []
    """
    alone = [path for path in (folder / RUN, folder / WEIGHTS) if path.is_file()]
    parts = [path for path in sorted((folder / FINISHED).rglob("*")) if path.is_file()]
    return [path.relative_to(folder).as_posix() for path in (*alone, *parts)]


def copied(folder: Path, *, weights: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the files that make a finished seed, as its copy holds them: names in its folder, and contents.

    Parameters
    ----------
    folder
        The seed's folder.
    weights
        Whether the copy holds the trained network; its complete.json does not list it otherwise.

    Examples
    --------
    >>> [*copied(Path("runs/no-such-study/simclr/seed-0000"), weights=False)]  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: no complete.json in ...
    """
    content = files.read_json(folder / COMPLETE)
    if not weights:
        content["files"].pop(WEIGHTS, None)
    for name in expected_files(folder):
        if weights or name != WEIGHTS:
            yield name, (folder / name).read_bytes()
    yield COMPLETE, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def read(folder: Path) -> Completion:
    """Read a seed's complete.json.

    Raises
    ------
    Damaged
        If it is missing, or not what was written.
    UserError
        If its format is newer.

    Examples
    --------
    >>> read(Path("runs/no-such-study/simclr/seed-0000"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dynamics.snapshots.damage.Damaged: ...
    """
    path = folder / COMPLETE
    try:
        content = files.read_json(path)
    except UserError as error:
        raise Damaged(path, str(error)) from error
    version = check_format(path, content.get("format"), FORMAT)
    try:
        seconds = content["wall_seconds"]
        completion = Completion(
            made_by={name: content[name] for name in IDENTITY if name in content},
            wall_seconds=None if seconds is None else float(seconds),
            files={
                str(name): Listed(str(entry), None)
                if version == 1
                else Listed(str(entry["sha256"]), int(entry["bytes"]))
                for name, entry in content["files"].items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(path, f"no list of files ({error})") from error
    if f"{FINISHED}/zarr.json" not in completion.files:
        raise Damaged(path, f"it does not list {FINISHED}/zarr.json")
    return completion


def is_finished(folder: Path) -> bool:
    """Whether a seed was finished, without a look at its files: what a worker asks of thousands of seeds.

    Examples
    --------
    >>> is_finished(Path("runs/no-such-study/simclr/seed-0000"))
    False
    """
    return files.exists(folder / COMPLETE)


def is_complete(folder: Path) -> bool:
    """Whether a seed is finished: nothing is missing (as :func:`check` sees it) and nothing will change.

    Raises
    ------
    Damaged
        If it was finished, and a file is missing now.

    Examples
    --------
    >>> is_complete(Path("runs/no-such-study/simclr/seed-0000"))
    False
    """
    if not is_finished(folder):
        return False
    check(folder)
    return True


def check(folder: Path) -> Completion:
    """Check in milliseconds that every file of a finished seed is there with its size; no file is read.

    Raises
    ------
    Damaged
        If one is missing or has another size, or complete.json itself is damaged.
    UserError
        If complete.json belongs to another seed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from dynamics import snapshots
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     folder = snapshots.seed_folder(Path(runs), "demo", "simclr", 0)
    ...     snapshots.write_finished(folder, method="simclr", seed=0, correct=np.ones((3, 1, 1, 4), dtype=bool))
    ...     list(check(folder).files)[:2]
    ['run.json', 'snapshots.zarr/correct/c.0.0.0.0']
    """
    completion = read(folder)
    check_identity(identity(folder), completion.made_by, folder / COMPLETE)
    place, look = os.fspath(folder), os.stat if files.on_disk(folder) else None
    for name, listed in completion.files.items():
        try:
            # A path is ten times as slow to make as a string, and there are thousands.
            size = (look(f"{place}/{name}") if look else (folder / name).stat()).st_size
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(folder / name, "missing") from None
        if listed.size not in (None, size):
            raise Damaged(folder / name, f"it has {size} bytes, not {listed.size}")
    return completion


def differences(
    folder: Path, completion: Completion, *, which: Callable[[str], bool] = lambda name: True
) -> Iterator[Damaged]:
    """Compare a finished seed's files with the list, both ways, and read them.

    Parameters
    ----------
    folder, completion
        The seed's folder, and its list.
    which
        Which names to compare; by default all.

    Examples
    --------
    >>> list(differences(Path("runs/no-such-study/simclr/seed-0000"), Completion({}, None, {})))
    []
    """
    there = set(expected_files(folder))
    for name in dict.fromkeys((*completion.files, *sorted(there))):
        if not which(name):
            continue
        if name not in there:
            yield Damaged(folder / name, "missing")
        elif name in completion.files:
            if files.sha256_of(folder / name) != completion.files[name].sha256:
                yield Damaged(folder / name, f"not what {COMPLETE} says")
        elif name != WEIGHTS:  # version 0.1 did not list them
            yield Damaged(folder / name, f"not in {COMPLETE}")


def covers_no_epoch(name: str) -> bool:
    """Whether a file of a finished seed is not covered by the digests of epochs, or holds these digests.

    Examples
    --------
    >>> covers_no_epoch("run.json"), covers_no_epoch("snapshots.zarr/correct/c.0.0.0.0")
    (True, False)
    """
    return name == RUN or name.endswith("/zarr.json") or "/digest/" in name
