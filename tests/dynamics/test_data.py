# SPDX-License-Identifier: Apache-2.0
"""The data set itself, the way it is found by name, and the digits."""

import hashlib
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from dynamics import data
from dynamics.errors import UserError


def small(rng: np.random.Generator, *, train: int = 30, test: int = 6, size: int = 5) -> data.Dataset:
    def split(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = rng.integers(0, 256, (n, 3, size, size), dtype=np.uint8)
        return torch.from_numpy(images), torch.from_numpy(np.resize([0, 1, 2], n).astype(np.int64))

    return data.Dataset.build("small", train=split(train), test=split(test), classes=("a", "b", "ц"))


def changed(dataset: data.Dataset, field: str, value: Any) -> str:
    """Build the same data with one field changed and return its fingerprint."""
    now = {
        name: getattr(dataset, name)
        for name in ("train_images", "train_labels", "test_images", "test_labels", "classes")
    }
    now[field] = value
    train, test = ((now[f"{s}_images"], now[f"{s}_labels"]) for s in ("train", "test"))
    return data.Dataset.build("other name", train=train, test=test, classes=now["classes"]).fingerprint


def test_every_public_file_is_a_data_set_and_nothing_else_is() -> None:
    assert data.names() == ("cifar10", "digits", "folder", "tiny-imagenet")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="no data set 'mnist': use one of cifar10, digits, folder"):
        data.load("mnist")
    with pytest.raises(UserError, match="no data set '_dataset'"):
        data.load("_dataset")


def test_importing_the_package_loads_no_reader() -> None:
    code = "import sys, dynamics.data; print({'PIL', 'sklearn', 'torchvision', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_digits_are_scikit_learns_in_another_scale() -> None:
    from sklearn.datasets import load_digits

    digits = data.load("digits")
    assert digits.classes == tuple("0123456789")
    assert (digits.num_train, len(digits.test_labels)) == (1442, 355)
    assert (digits.image_size, digits.num_classes) == (8, 10)

    reference = load_digits()
    expected = Counter(
        (int(label), np.round(image * 255 / 16 + 1e-9).astype(np.uint8).tobytes())
        for image, label in zip(reference.images, reference.target, strict=True)
    )
    found = Counter(
        (int(label), image[channel].numpy().tobytes())
        for images, labels in (
            (digits.train_images, digits.train_labels),
            (digits.test_images, digits.test_labels),
        )
        for image, label in zip(images, labels, strict=True)
        for channel in range(3)
    )
    assert found == Counter({key: 3 * count for key, count in expected.items()})


def test_digits_split_every_class_alike() -> None:
    digits = data.load("digits")
    train, test = digits.train_labels.bincount(), digits.test_labels.bincount()
    assert torch.equal(test, (train + test) // 5)


def test_digits_are_the_same_bits_on_every_machine() -> None:
    expected = "cbe5f04550a0a9d24448a508f768468bb3ab9e7f08d2d1afcc52282ebd556682"
    assert data.load("digits").fingerprint == expected


def test_the_fingerprint_is_a_sha256_that_sees_every_part_of_the_data(rng: np.random.Generator) -> None:
    dataset = small(rng)
    assert changed(dataset, "train_labels", dataset.train_labels.clone()) == dataset.fingerprint
    prints = {dataset.fingerprint, changed(dataset, "classes", ("a", "b", "c"))}
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        value = getattr(dataset, field).clone()
        value.view(-1)[-1] = value.view(-1)[-1] ^ 1 if value.dtype == torch.uint8 else 0
        prints.add(changed(dataset, field, value))
    prints.add(changed(dataset, "train_images", dataset.train_images.transpose(2, 3).contiguous()))
    assert len(prints) == 7
    assert all(len(fingerprint) == len(hashlib.sha256().hexdigest()) for fingerprint in prints)


def test_the_fingerprint_ignores_how_memory_is_laid_out(rng: np.random.Generator) -> None:
    dataset = small(rng)
    strided = dataset.train_images.to(memory_format=torch.channels_last)
    assert strided.stride() != dataset.train_images.stride()
    assert changed(dataset, "train_images", strided) == dataset.fingerprint


def test_to_a_device_and_back_changes_nothing(rng: np.random.Generator) -> None:
    dataset = small(rng)
    moved = dataset.to("meta")
    assert moved.train_images.device.type == moved.test_labels.device.type == "meta"
    assert (moved.fingerprint, moved.classes, moved.image_size) == (dataset.fingerprint, ("a", "b", "ц"), 5)


def test_moments_are_those_of_the_pixels(rng: np.random.Generator) -> None:
    dataset = small(rng, train=500, size=7)
    pixels = dataset.train_images.numpy().astype(np.float64) / 255
    moments = dataset.channel_moments()
    np.testing.assert_allclose(moments.mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(moments.std, pixels.std(axis=(0, 2, 3)), rtol=1e-12)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_constant_channel_can_be_divided_by_its_std(rng: np.random.Generator, value: int) -> None:
    dataset = small(rng)
    dataset.train_images[:, 1] = value
    mean, std = dataset.channel_moments()
    assert (mean[1], std[1]) == (pytest.approx(value / 255), 1.0)
    assert std[0] != 1.0


def test_a_subset_keeps_images_with_their_labels_and_the_test_images(rng: np.random.Generator) -> None:
    dataset = small(rng)
    subset = dataset.subset(7)
    assert subset.train_labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert torch.equal(subset.train_images, dataset.train_images[:7])
    assert torch.equal(subset.test_images, dataset.test_images)
    assert subset.fingerprint != dataset.fingerprint
    assert dataset.subset(30).fingerprint == dataset.fingerprint


@pytest.mark.parametrize("n", [-1, 0, 2, 31])
def test_a_subset_that_cannot_be_had_names_the_limits(rng: np.random.Generator, n: int) -> None:
    with pytest.raises(
        UserError,
        match=rf"train_examples must be in \[3, 30\] .*30 training .*3 classes, got {n}; None is all",
    ):
        small(rng).subset(n)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_measures_and_chooses_the_same(rng: np.random.Generator) -> None:
    dataset = small(rng, train=3000, size=16)
    moved = dataset.to("cuda")
    assert moved.channel_moments() == dataset.channel_moments()
    assert moved.subset(100).fingerprint == dataset.subset(100).fingerprint
    generators = (torch.Generator().manual_seed(3) for _ in range(2))
    here, there = (
        data.permuted_labels(d.train_labels, g) for d, g in zip((dataset, moved), generators, strict=True)
    )
    assert torch.equal(here, there.cpu())


IMAGES = np.zeros((6, 3, 8, 8), np.uint8)
LABELS = np.arange(6) % 2


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.astype(np.float32), LABELS, "images of train must be uint8, pixels 0 to 255, got float32"),
        (np.full(IMAGES.shape, np.nan), LABELS, "must be uint8"),
        (IMAGES.astype(bool), LABELS, "must be uint8"),
        (torch.rand(6, 3, 8, 8), LABELS, "must be uint8, pixels 0 to 255, got float32"),
        (IMAGES.transpose(0, 2, 3, 1), LABELS, r"axes \(example, 3 channels, .*got uint8 \(6, 8, 8, 3\)"),
        (IMAGES[:, :1], LABELS, "repeat grey ones three times"),
        (IMAGES[:, 0], LABELS, "axes"),
        (IMAGES[:, :, :4], LABELS, "be square"),
        (IMAGES[:, :, :0, :0], LABELS, "be square"),
        (IMAGES, LABELS[:5], "one label for each image and at least one image, got 6 images and labels"),
        (IMAGES, LABELS[:, None], "one label for each image"),
        (IMAGES[:0], LABELS[:0], "at least one image"),
        (IMAGES, LABELS.astype(float), "labels of train must be integers, .*got float64"),
        (IMAGES, LABELS.astype(bool), "labels of train must be integers"),
        (IMAGES, torch.rand(6), "labels of train must be integers"),
        (IMAGES, LABELS + 1, r"labels of train must be in \[0, 1\], .*got 1 to 2"),
        (IMAGES, LABELS - 1, r"labels of train must be in \[0, 1\]"),
        (IMAGES, np.full(6, 2**64 - 1, np.uint64), "got 18446744073709551615 to 18446744073709551615"),
        (torch.from_numpy(IMAGES), torch.full((6,), 3, dtype=torch.uint16), "got 3 to 3"),
        (IMAGES, LABELS.astype("timedelta64[s]"), "labels of train must be integers"),
        (
            np.ma.masked_equal(IMAGES, 3),
            LABELS,
            "images of train must be an ordinary array, got a masked one",
        ),
        (
            IMAGES,
            np.ma.masked_equal(LABELS, 1),
            "labels of train must be an ordinary array, got a masked one",
        ),
        (torch.from_numpy(IMAGES).to_sparse(), LABELS, "got a sparse one"),
        (torch.empty(6, 3, 8, 8, dtype=torch.uint8, device="meta"), LABELS, "got a meta one"),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_what_cannot_be_a_data_set_is_refused(images: Any, labels: Any, message: str, split: str) -> None:
    """They were bare assertions, or failed in a worker."""
    splits = {"train": (IMAGES, LABELS), "test": (IMAGES, LABELS), split: (images, labels)}
    with pytest.raises(UserError, match=message.replace("train", split)):
        data.Dataset.build("mine", **splits, classes=["cat", "dog"])


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["cat", "cat"], "different names, got 'cat' twice"),
        ([], "must be a list of the names of the classes"),
        (["cat", ""], "must be a list of the names"),
        ("ab", "must be a list of the names"),
        ({"cat", "dog"}, "must be a list of the names"),
    ],
)
def test_classes_have_names_of_their_own(classes: list[str], message: str) -> None:
    with pytest.raises(UserError, match=f"classes must .*{message}" if "different" in message else message):
        data.Dataset.build("mine", train=(IMAGES, LABELS), test=(IMAGES, LABELS), classes=classes)


def test_splits_have_images_of_one_size() -> None:
    with pytest.raises(UserError, match="must be of one size"):
        data.Dataset.build(
            "mine", train=(IMAGES, LABELS), test=(IMAGES[..., :4, :4], LABELS), classes=["cat", "dog"]
        )


def test_arrays_of_either_kind_are_one_data_set_and_a_copy_is_kept() -> None:
    images, labels = IMAGES.copy(), LABELS.astype(">u2")
    from_numpy = data.Dataset.build("mine", train=(images, labels), test=(images, labels), classes=["a", "b"])
    images[:] = 9
    tensors = torch.from_numpy(IMAGES.copy()), torch.from_numpy(LABELS.copy())
    from_tensors = data.Dataset.build("mine", train=tensors, test=tensors, classes=["a", "b"])
    for tensor in tensors:
        tensor.fill_(9)
    assert from_tensors.train_images.max() == 0 and from_tensors.test_labels.max() == 1
    assert from_numpy.train_images.max() == 0 and from_numpy.train_labels.dtype == torch.int64
    pair = (torch.from_numpy(IMAGES.copy()), torch.from_numpy(LABELS.astype(np.int32)))
    assert (
        data.Dataset.build("other", train=pair, test=pair, classes=["a", "b"]).fingerprint
        == from_numpy.fingerprint
    )
