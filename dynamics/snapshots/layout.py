# SPDX-License-Identifier: Apache-2.0
"""What the folders and files of a run are called, and which runs there are.

`runs/<study>/<method>/seed-0007/`; FORMAT.md, beside the package, says what each file holds.
"""

import re
from pathlib import Path

RUN = "run.json"
PARTIAL = "partial.zarr"
FINISHED = "snapshots.zarr"
COMPLETE = "complete.json"
STATES = ("state.safetensors", "state.previous.safetensors")
WEIGHTS = "weights.safetensors"

_SEED = re.compile(r"seed-(\d{4,})")


def seed_folder(runs: Path, study: str, method: str, seed: int) -> Path:
    """Return the folder of one seed; nothing is created.

    Raises
    ------
    ValueError
        When the seed is negative or a name is empty, hidden or leads out of its folder.
    """
    for name in (study, method):
        if name in ("", ".", "..") or name.startswith(".") or Path(name).name != name:
            raise ValueError(f"{name!r} is no name of a folder")
    if seed < 0:
        raise ValueError(f"seed {seed} is negative")
    return runs / study / method / f"seed-{seed:04d}"


def list_studies(runs: Path) -> list[str]:
    """Name the studies under `runs` that hold a seed, in alphabetical order."""
    return [folder.name for folder in _folders(runs) if list_methods(runs, folder.name)]


def list_methods(runs: Path, study: str) -> list[str]:
    """Name the methods of a study that hold a seed, in alphabetical order."""
    return [folder.name for folder in _folders(runs / study) if list_seeds(runs, study, folder.name)]


def list_seeds(runs: Path, study: str, method: str) -> list[int]:
    """List the seeds of a method that have a folder, in order, whatever is in it (see :func:`state`)."""
    found = (_SEED.fullmatch(folder.name) for folder in _folders(runs / study / method))
    return sorted(int(match[1]) for match in found if match is not None)


def is_complete(folder: Path) -> bool:
    """Whether a seed is finished: nothing is missing and nothing will change."""
    return (folder / COMPLETE).exists()


def current(folder: Path) -> Path | None:
    """Return the group that holds a seed's snapshots now, or None before there are any."""
    for name in (FINISHED, PARTIAL):
        if (folder / name).exists():
            return folder / name
    return None


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
