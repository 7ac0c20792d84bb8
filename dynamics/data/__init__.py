# SPDX-License-Identifier: Apache-2.0
"""Images to train on, one file each: the file's name is the data set's name, adding a file is registering it.

A file holds `load(*, data_root, download, progress)`, which returns a :class:`Dataset`.
"""

import importlib
import pkgutil
from pathlib import Path

from dynamics.console import UserError
from dynamics.data._dataset import ChannelMoments, Dataset, Progress
from dynamics.data._labels import permuted_labels

__all__ = ["ChannelMoments", "Dataset", "Progress", "load", "names", "permuted_labels"]


def names() -> tuple[str, ...]:
    """Return all data sets, as they are written on a command line."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(name.replace("_", "-") for name in sorted(modules) if not name.startswith("_"))


def load(
    name: str, *, data_root: Path = Path("data"), download: bool = False, progress: Progress | None = None
) -> Dataset:
    """Load a data set into memory.

    Parameters
    ----------
    name
        One of :func:`names`.
    data_root
        Folder where the images are looked for, and downloaded to; `digits` needs none.
    download
        Fetch the data where they are absent and public.
    progress
        Shows long work: called as `rich.progress.track` is, with an iterable, `description` and `total`.

    Raises
    ------
    UserError
        When there is no such data set, or its images are absent or broken; the message names what to do.
    """
    if name not in names():
        raise UserError(f"no data set {name!r}: use one of {', '.join(names())}")
    module = importlib.import_module(f"dynamics.data.{name.replace('-', '_')}")
    return module.load(data_root=data_root, download=download, progress=progress)
