# SPDX-License-Identifier: Apache-2.0
"""Data sets, one file each: the file's name is the data set's name, adding a file is registering it.

A file holds `load(*, data_root, download, progress)`, which returns a :class:`Dataset`.
"""

from pathlib import Path

from dynamics import own_files
from dynamics.catalogue import Catalogue
from dynamics.data._dataset import ChannelMoments, Dataset, Track
from dynamics.data._labels import balanced_subset, flipped_labels, permuted_labels

__all__ = [
    "CATALOGUE",
    "ChannelMoments",
    "Dataset",
    "Track",
    "balanced_subset",
    "flipped_labels",
    "load",
    "names",
    "permuted_labels",
]

own_files.add(__path__, __name__)
CATALOGUE = Catalogue("data set", __name__)


def names() -> tuple[str, ...]:
    """Return all data sets, as they are written on a command line.

    Examples
    --------
    >>> "digits" in names()
    True
    """
    return CATALOGUE.names()


def load(
    name: str, *, data_root: Path = Path("data"), download: bool = False, progress: Track | None = None
) -> Dataset:
    """Load a data set into memory, or return the one that this process registered under the name.

    Parameters
    ----------
    name
        One of :func:`names`.
    data_root
        Folder where the images are looked for, and downloaded to; `digits` needs none.
    download
        Fetch the data where they are absent and can be downloaded.
    progress
        Shows the progress of long work: called like `rich.progress.track`, with an iterable, `description` and `total`.

    Raises
    ------
    UserError
        When there is no such data set, or its images are missing or damaged; the message says what to do.

    Examples
    --------
    >>> load("digits").num_train
    1442
    """
    registered = CATALOGUE.load(name, "load")
    if isinstance(registered, Dataset):
        return registered
    dataset: Dataset = registered(data_root=data_root, download=download, progress=progress)
    return dataset
