# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 from a small archive in the published form, whole, broken and absent."""

import hashlib
import pickle
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from dynamics import data
from dynamics.errors import UserError

NAMES = ["air plane", "cat", "ship"]


class OldDtype:
    """Pickled as NumPy did under Python 2, as in the published files."""

    def __reduce__(self) -> Any:
        return np.dtype, ("u1", 0, 1)


class OldArray:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __reduce__(self) -> Any:
        return np.ndarray, (self.array.shape, OldDtype(), self.array.tobytes())


def put(folder: Path, name: str, content: dict[str, Any]) -> list[str]:
    path = folder / name
    path.write_bytes(pickle.dumps(content, protocol=2))
    return [name, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()]


@pytest.fixture
def pixels(rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Write 2 training files and 1 test file of 4 images each; return the images as they lie in the files."""
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    images = rng.integers(0, 256, (3, 4, 3072), dtype=np.uint8)
    entries = [
        put(folder, name, {"data": OldArray(images[index]), "labels": [2, 0, 1, index]})
        for index, name in enumerate(("data_batch_1", "data_batch_2", "test_batch"))
    ]
    meta = put(folder, "batches.meta", {"label_names": NAMES})
    monkeypatch.setattr(CIFAR10, "train_list", entries[:2])
    monkeypatch.setattr(CIFAR10, "test_list", entries[2:])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": meta[0], "md5": meta[1], "key": "label_names"})
    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")  # nobody listens
    return images


def refused(tmp_path: Path, *, download: bool = False) -> str:
    with pytest.raises(UserError) as caught:
        data.load("cifar10", data_root=tmp_path, download=download)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "dataset=digits needs no download" in message
    return message


def check(dataset: data.Dataset, pixels: np.ndarray) -> None:
    # A published row is the red plane, the green one, the blue one, each by rows.
    assert np.array_equal(dataset.train_images.numpy(), pixels[:2].reshape(8, 3, 32, 32))
    assert np.array_equal(dataset.test_images.numpy(), pixels[2].reshape(4, 3, 32, 32))
    assert dataset.train_labels.tolist() == [2, 0, 1, 0, 2, 0, 1, 1]
    assert dataset.test_labels.tolist() == [2, 0, 1, 2]
    assert dataset.classes == tuple(NAMES)


@pytest.mark.parametrize("download", [False, True])
def test_images_and_labels_are_those_of_the_files(tmp_path: Path, pixels: np.ndarray, download: bool) -> None:
    check(data.load("cifar10", data_root=tmp_path, download=download), pixels)


def test_absent_files_are_answered_with_where_and_how(tmp_path: Path) -> None:
    message = refused(tmp_path / "nowhere")
    assert "no CIFAR-10 in" in message
    assert "download=True" in message
    assert "with data_root" in message


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_damaged_file_is_named(tmp_path: Path, pixels: np.ndarray, name: str) -> None:
    path = tmp_path / CIFAR10.base_folder / name
    path.write_bytes(path.read_bytes()[:-1])
    assert f"damaged ({name} does not have the published MD5)" in refused(tmp_path)
    path.unlink()
    assert f"damaged ({name} is missing)" in refused(tmp_path)


def test_a_failed_download_names_the_address_and_the_file_to_fetch_by_hand(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    (tmp_path / CIFAR10.base_folder / "test_batch").unlink()
    message = refused(tmp_path, download=True)
    assert re.search(rf"could not download {re.escape(CIFAR10.url)} .*refused", message)
    assert f"put {CIFAR10.filename} there by hand" in message


def test_an_archive_that_was_put_there_is_unpacked_over_broken_files(
    tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / CIFAR10.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / CIFAR10.base_folder, CIFAR10.base_folder)
    md5 = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5)
    for name in ("batches.meta", "data_batch_1"):
        (tmp_path / CIFAR10.base_folder / name).write_bytes(b"half")
    check(data.load("cifar10", data_root=tmp_path, download=True), pixels)
