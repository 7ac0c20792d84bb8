# SPDX-License-Identifier: Apache-2.0
"""The features of images: an encoder's outputs, those of the penultimate layer, cached beside the run.

Class divergences (memorization thesis, figure 5.2), t-SNE (5.1) and linear probes (table B.1) use them.
They are computed once for a run and kept beside it in `features/`: an array file, and a record of the weights
and images that it was made from. Where either is damaged or the record does not fit, both are made again.
"""

import hashlib
import io
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from dynamics import files, networks, snapshots
from dynamics.augment import Views
from dynamics.data import Dataset, Track
from dynamics.errors import UserError
from dynamics.methods import Method
from dynamics.methods.base import ImageStatistics

FORMAT = "training-dynamics.features/1"
"""Version of the features: raised when the same weights and images are to give different ones."""
BATCH = 512
"""Number of images on the device at a time."""

Split = Literal["train", "test"]


class Features(NamedTuple):
    """Features of all images of a split, and the hash of the network that made them."""

    values: Float32[np.ndarray, "example feature"]
    """In the order of the data set; memory-mapped where there is a file, so do not write to it."""
    state: str
    """:func:`state_hash` of the network, the same before the first image and after the last."""


def of_run(
    run: snapshots.Run,
    dataset: Dataset,
    split: Split,
    *,
    device: torch.device,
    statistics: ImageStatistics | None = None,
    progress: Track | None = None,
    untrained: bool = False,
) -> Features:
    """Return the features of a finished run's network, from its cache where that is valid.

    Parameters
    ----------
    run
        A finished seed.
    dataset
        Its data, from :func:`dynamics.networks.dataset_of`, or other data if `statistics` is given.
    split
        Split whose images to encode.
    device
        Where to compute, in float32.
    statistics
        Statistics of the run's training data, by which other images are normalised, too; needed only for those.
    progress
        Shows how far the computation is.
    untrained
        Take the network before its first step instead (the thesis's "random initialisation"). Batch norm is in
        eval mode and has seen nothing, so it changes nothing.

    Raises
    ------
    UserError
        When the weights are missing, damaged or of another architecture, or the disk is full.

    Examples
    --------
    >>> import torch
    >>> from pathlib import Path
    >>> from dynamics.networks import dataset_of
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> digits = dataset_of(run, data_root=Path("data"))
    >>> of_run(run, digits, "train", device=torch.device("cpu")).values.shape
    (256, 32)
    """
    known = networks.image_statistics(dataset if statistics is None else statistics)
    if untrained:
        network = networks.untrained(run.method, networks.recipe_of(run), known, seed=run.seed)
    # Features depend on the weights, the method's treatment of pixels, and the images.
    key: dict[str, Any] = {
        "method": run.method,
        "config": run.fingerprint,
        "weights": state_hash(network) if untrained else _hash_of_weights(run),
        "data": dataset.fingerprint,
        "split": split,
    }
    name = f"untrained-{split}" if untrained else split
    if statistics is not None:  # other images than the run's own have a cache beside it
        key["normalised_by"] = [list(statistics.mean), list(statistics.std)]
        name = f"{dataset.name}-{dataset.fingerprint[:8]}-{name}"

    def make() -> Features:
        method = network if untrained else networks.trained(run, known)
        return encode(method, dataset, split, device=device, statistics=known, progress=progress)

    return _cached(run.features_folder / name, key, make)


def _hash_of_weights(run: snapshots.Run) -> str:
    return files.sha256_of(run.weights) if run.weights.exists() else "missing"


def of_pixels(dataset: Dataset, split: Split) -> Float32[np.ndarray, "example feature"]:
    """Return the pixels themselves in [0, 1], flattened: the floor that learnt features should exceed.

    Examples
    --------
    >>> from dynamics import data
    >>> of_pixels(data.load("digits"), "test").shape
    (355, 192)
    """
    images = split_images(dataset, split)
    return (images.flatten(1).to(torch.float32) / 255).cpu().numpy()


def split_images(dataset: Dataset, split: Split) -> UInt8[Tensor, "example 3 height width"]:
    """Return the images of a split.

    Examples
    --------
    >>> from dynamics import data
    >>> len(split_images(data.load("digits"), "train"))
    1442
    """
    return dataset.train_images if split == "train" else dataset.test_images


def encode(
    method: Method,
    dataset: Dataset,
    split: Split,
    *,
    device: torch.device,
    statistics: ImageStatistics | None = None,
    progress: Track | None = None,
) -> Features:
    """Stream a split's images through a method's encoder: eval mode, no augmentation, float32.

    An image is seen as the method sees its views (in [0, 1] or normalised per channel, by the statistics of
    `dataset` where no others are given), but not augmented.

    Raises
    ------
    AssertionError
        When encoding changed the network's weights or buffers.

    Examples
    --------
    >>> from dynamics import data, methods
    >>> digits = data.load("digits")
    >>> method = networks.untrained("simclr", methods.recipe("simclr")(width=2), digits, seed=0)
    >>> encode(method, digits, "test", device=torch.device("cpu")).values.shape
    (355, 16)
    """
    known = networks.image_statistics(dataset if statistics is None else statistics)
    views: Views = method.views(method.recipe, known)
    images = split_images(dataset, split)
    before = state_hash(method)
    encoder = method.eval().to(device).encoder
    values = np.empty((len(images), encoder.num_features), dtype=np.float32)
    starts: Iterable[int] = range(0, len(images), BATCH)
    if progress is not None:
        starts = progress(starts, description=f"features of {split} images")
    with torch.inference_mode(), full_precision(device):
        for start in starts:
            batch = images[start : start + BATCH].to(device)
            values[start : start + BATCH] = encoder(views.clean(batch)).cpu().numpy()
    after = state_hash(method)
    assert after == before, "computing features changed the network"
    return Features(values, after)


def state_hash(module: nn.Module) -> str:
    """Hash all of a module's weights and buffers, batch norm's statistics too: names, shapes and bits.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> before = state_hash(layer)
    >>> torch.nn.init.zeros_(layer.bias).sum().item(), state_hash(layer) == before
    (0.0, False)
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape};".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Compute convolutions in full float32: on a GPU they would be rounded to TF32's 10 bits otherwise.

    Examples
    --------
    >>> with full_precision(torch.device("cpu")):
    ...     pass
    """
    if device.type != "cuda":
        return nullcontext()
    manager = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return cast(AbstractContextManager[None], manager)


def _cached(stem: Path, key: dict[str, Any], make: Callable[[], Features]) -> Features:
    """Return the cached value of a key, or compute it and cache it where the disk has room and may be written to."""
    if (kept := _read(stem, key)) is not None:
        return kept
    made = make()
    try:
        _write(stem, key, made)
    except (OSError, UserError):
        return made
    return _read(stem, key) or made


def _read(stem: Path, key: dict[str, Any]) -> Features | None:
    """Return the cached value, or None where it is missing, has another key, or is damaged."""
    array, record = _paths(stem)
    try:
        content = files.read_json(record)
        fits = content.get("format") == FORMAT and content.get("key") == key
        if not fits or files.sha256_of(array) != content.get("sha256"):
            return None
        return Features(np.load(array, mmap_mode="r", allow_pickle=False), str(content["state"]))
    except (UserError, OSError, ValueError, KeyError):
        return None


def _write(stem: Path, key: dict[str, Any], made: Features) -> None:
    array, record = _paths(stem)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(made.values))
    parts = (header.getvalue(), made.values.data.cast("B"))
    digest = hashlib.sha256(parts[0])
    digest.update(parts[1])
    files.make_folder(stem.parent)
    files.atomic_write(array, *parts)
    content = {"format": FORMAT, "key": key, "state": made.state, "sha256": digest.hexdigest()}
    files.write_json(record, content)


def _paths(stem: Path) -> tuple[Path, Path]:
    return stem.with_name(f"{stem.name}.npy"), stem.with_name(f"{stem.name}.json")
