# SPDX-License-Identifier: Apache-2.0
"""Names of the folders and files of a run, and lists of the runs there are.

A seed's folder is `runs/<study>/<method>/seed-0007/`; FORMAT.md, in this folder, says what each file holds.
"""

import operator
import re
from pathlib import Path
from typing import SupportsIndex

from dynamics import archive, files

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


def seed_folder(runs: Path, study: str, method: str, seed: SupportsIndex) -> Path:
    """Return the folder of one seed, which need not exist.

    Raises
    ------
    ValueError
        If the seed is negative, or a name is empty, hidden or leads out of its folder.

    Examples
    --------
    >>> seed_folder(Path("runs"), "demo", "simclr", 7).as_posix()
    'runs/demo/simclr/seed-0007'
    """
    for name in (study, method):
        if name in ("", ".", "..") or name.startswith(".") or Path(name).name != name:
            raise ValueError(
                f"the name of a study or a method must be that of a visible folder, got {name!r}"
            )
    seed = operator.index(seed)
    if seed < 0:
        raise ValueError(f"a seed must be >= 0, got {seed}")
    return archive.opened(runs / study) / method / f"seed-{seed:04d}"


def seed_of(folder: Path) -> int | None:
    """Return the seed in a folder's name; None if it has another name.

    Examples
    --------
    >>> seed_of(Path("runs/demo/simclr/seed-0007"))
    7
    """
    match = _SEED.fullmatch(folder.name)
    return None if match is None else int(match[1])


def list_studies(runs: Path) -> list[str]:
    """List the studies under `runs` that hold a seed, in alphabetical order.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     seed_folder(Path(runs), "demo", "simclr", 0).mkdir(parents=True)
    ...     list_studies(Path(runs))
    ['demo']
    """
    there = [*_folders(runs), *sorted(runs.glob(f"*{archive.SUFFIX}"))]
    return [folder.name for folder in there if list_methods(runs, folder.name)]


def list_methods(runs: Path, study: str) -> list[str]:
    """List the methods of a study that hold a seed, in alphabetical order.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     for method in ("vicreg", "simclr"):
    ...         seed_folder(Path(runs), "demo", method, 0).mkdir(parents=True)
    ...     list_methods(Path(runs), "demo")
    ['simclr', 'vicreg']
    """
    folders = _folders(archive.opened(runs / study))
    return [folder.name for folder in folders if list_seeds(runs, study, folder.name)]


def list_seeds(runs: Path, study: str, method: str) -> list[int]:
    """List the seeds of a method that have a folder, in order, whatever it holds (see :func:`state`).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     for seed in (12, 3):
    ...         seed_folder(Path(runs), "demo", "simclr", seed).mkdir(parents=True)
    ...     list_seeds(Path(runs), "demo", "simclr")
    [3, 12]
    """
    seeds = map(seed_of, _folders(archive.opened(runs / study) / method))
    return sorted(seed for seed in seeds if seed is not None)


def seed_folders(runs: Path, study: str, method: str) -> list[Path]:
    """List the folders of a method's seeds, in the order of the seeds, whatever they hold.

    Examples
    --------
    >>> seed_folders(Path("runs"), "no-such-study", "simclr")
    []
    """
    return [seed_folder(runs, study, method, seed) for seed in list_seeds(runs, study, method)]


def has_record(folder: Path) -> bool:
    """Whether a seed's folder has a run.json: its training has begun, or it was ingested.

    Examples
    --------
    >>> has_record(Path("runs/no-such-study/simclr/seed-0000"))
    False
    """
    return files.exists(folder / RUN)


def weights_file(folder: Path) -> Path:
    """Return the file that holds a seed's trained network.

    Examples
    --------
    >>> weights_file(Path("seed-0000")).as_posix()
    'seed-0000/weights.safetensors'
    """
    return folder / WEIGHTS


def state_file(folder: Path) -> Path:
    """Return the file that holds a seed's training state until the seed is complete.

    Examples
    --------
    >>> state_file(Path("seed-0000")).as_posix()
    'seed-0000/state.safetensors'
    """
    return folder / STATE


def current(folder: Path) -> Path | None:
    """Return the zarr group that holds a seed's snapshots now, or None before there are any.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "partial.zarr").mkdir()
    ...     current(Path(folder)).name
    'partial.zarr'
    """
    for name in (FINISHED, PARTIAL):
        if files.exists(folder / name):
            return folder / name
    return None


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def last_write(study: Path) -> float:
    """Return when training last wrote to a study, in seconds since 1970; 0 if it never did.

    What analyses leave beside the runs, such as caches, does not count.

    Examples
    --------
    >>> last_write(Path("runs/no-such-study"))
    0.0
    """
    study = archive.opened(study)
    written = (path for name in (RUN, LOG, COMPLETE) for path in study.glob(f"*/seed-*/{name}"))
    return max((path.stat().st_mtime for path in written), default=0.0)
