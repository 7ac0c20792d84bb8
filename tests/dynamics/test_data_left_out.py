"""No image is dropped in silence, and no pixels are those of other files."""

import logging
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dynamics import data
from dynamics.data import Dataset
from dynamics.errors import UserError


def image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of four training and two test images."""
    for split, count in (("train", 4), ("test", 2)):
        for number, name in enumerate(("cat", "dog")):
            for index in range(count):
                image(tmp_path / split / name / f"{index}.bmp", 10 * number + index + 100 * count)
    return tmp_path


def load(root: Path) -> Dataset:
    return data.load("folder", data_root=root)


def test_other_pixels_with_the_same_name_size_and_time_are_decoded(root: Path) -> None:
    path = root / "train/cat/0.bmp"
    os.utime(path, (1e9, 1e9))
    before, size = load(root), path.stat().st_size
    assert load(root).fingerprint == before.fingerprint
    image(path, 999)
    os.utime(path, (1e9, 1e9))
    assert (path.stat().st_size, path.stat().st_mtime) == (size, 1e9)
    after = load(root)
    assert after.fingerprint != before.fingerprint and (after.train_images[0] != before.train_images[0]).any()


def test_a_link_without_a_target_is_refused(root: Path) -> None:
    (root / "train/dog/9.bmp").symlink_to("/absent/annex/9.bmp")
    with pytest.raises(UserError, match=r"dog/9\.bmp is a link without a target: fetch the files"):
        load(root)


@pytest.mark.parametrize(("deeper", "kept"), [(1, True), (3, False)])
def test_images_one_folder_deeper_are_said_or_refused(
    root: Path, deeper: int, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "train/dog/more").mkdir()
    for index in range(deeper):
        (root / f"train/dog/{index}.bmp").rename(root / f"train/dog/more/{index}.bmp")
    if not kept:
        with pytest.raises(UserError, match=r"dog has 1 images and loses more files \(3 in a folder"):
            load(root)
        return
    assert load(root).num_train == 7
    assert "train/dog: 3 images; left out: 1 in a folder one level deeper" in caplog.text


def test_other_files_are_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("notes.txt", "._0.bmp", ".DS_Store"):
        (root / "train/cat" / name).write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        assert load(root).num_train == 8
    assert "train/cat: 4 images; left out: 1 of another type, 2 hidden" in caplog.text
    for index in range(4):
        (root / f"train/cat/{index}.heic").write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"cat has 4 images and loses more files \(5 of another type, 2 hidden\)"
    ):
        load(root)


def test_two_spellings_of_a_name_are_one_class(root: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    (root / "train/dog").rename(root / "train" / decomposed)
    (root / "test/dog").rename(root / "test" / composed)
    image(root / "train" / composed / "more.bmp", 5)
    dataset = load(root)
    assert dataset.classes in ((composed, "cat"), ("cat", composed))
    assert dataset.num_train == 9
    assert dataset.train_labels.bincount().sort().values.tolist() == [4, 5]


def test_a_name_that_is_no_utf8_is_refused(root: Path) -> None:
    (root / "train/dog").rename(os.fsdecode(os.fsencode(root / "train") + b"/caf\xe9"))
    with pytest.raises(UserError, match="is not a name in UTF-8: rename that folder"):
        load(root)
