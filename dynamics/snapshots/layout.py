# SPDX-License-Identifier: Apache-2.0
"""What the folders and files of a run are called, and which runs there are.

`runs/<study>/<method>/seed-0007/`; FORMAT.md, beside this file, says what each file holds.
"""

import re
from pathlib import Path

RUN = "run.json"
PARTIAL = "partial.zarr"
FINISHED = "snapshots.zarr"
COMPLETE = "complete.json"
STATES = ("state.safetensors", "state.previous.safetensors")
WEIGHTS = "weights.safetensors"
STATE = STATES[0]
LOG = "log.jsonl"
FEATURES = "features"

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


def has_record(folder: Path) -> bool:
    """Whether training has begun in a seed's folder, or it was taken in."""
    return (folder / RUN).exists()


def weights_file(folder: Path) -> Path:
    """Return where a seed's trained network is kept."""
    return folder / WEIGHTS


def state_file(folder: Path) -> Path:
    """Return where a seed's training state is kept until it is complete."""
    return folder / STATE


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


def last_write(study: Path) -> float:
    """Return when training wrote a study last, in seconds since 1970; 0 where it never did.

    What analyses leave beside the runs, such as caches, does not count.
    """
    written = (path for name in (RUN, LOG, COMPLETE) for path in study.glob(f"*/seed-*/{name}"))
    return max((path.stat().st_mtime for path in written), default=0.0)
