# SPDX-License-Identifier: Apache-2.0
"""Folders of images: every mode of pixels, the cache, and what each mistake is answered with."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dynamics import data
from dynamics.data import _cache, _decode
from dynamics.errors import UserError


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def images(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, np.ndarray]:
    """Write colour images of two classes, 3 + 2 for training and 1 + 1 for testing; return the pixels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    written = {}
    for name in ("train/b/2.png", "train/a/x.PNG", "train/b/1.bmp", "train/b/10.png", "train/a/y.tif"):
        written[name] = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    for name in ("test/a/1.png", "test/b/1.png"):
        written[name] = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    for name, array in written.items():
        save(tmp_path / "set" / name, array)
    return written


def load(tmp_path: Path, **options: Any) -> data.Dataset:
    return data.load("folder", data_root=tmp_path / "set", **options)


def refused(tmp_path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    return str(caught.value)


def test_images_are_ordered_by_class_and_name(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    dataset = load(tmp_path)
    assert dataset.classes == ("a", "b")
    assert dataset.train_labels.tolist() == [0, 0, 1, 1, 1]
    assert dataset.test_labels.tolist() == [0, 1]
    order = ["a/x.PNG", "a/y.tif", "b/1.bmp", "b/10.png", "b/2.png"]
    expected = np.stack([images[f"train/{name}"].transpose(2, 0, 1) for name in order])
    assert np.array_equal(dataset.train_images.numpy(), expected)
    assert np.array_equal(dataset.test_images.numpy()[1], images["test/b/1.png"].transpose(2, 0, 1))


def test_val_serves_where_there_is_no_test(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    before = load(tmp_path)
    (tmp_path / "set/test").rename(tmp_path / "set/val")
    assert load(tmp_path).fingerprint == before.fingerprint


def test_hidden_and_foreign_files_are_passed_over(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    before = load(tmp_path)
    for name in (".DS_Store", ".hidden.png", "notes.txt", "Thumbs.db"):
        (tmp_path / "set/train/a" / name).write_text("no image")
    (tmp_path / "set/train/.checkpoints").mkdir()
    (tmp_path / "set/train/labels.csv").touch()
    assert load(tmp_path).fingerprint == before.fingerprint


def test_many_blocks_keep_their_order_and_report_progress(
    tmp_path: Path, images: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load(tmp_path)
    (tmp_path / "set" / _cache.FILE).unlink()
    monkeypatch.setattr(_decode, "BLOCK", 2)
    shown: list[tuple[str, int]] = []

    def progress(work: Iterable[Any], *, description: str, total: int) -> Iterable[Any]:
        items = list(work)
        assert len(items) == total
        shown.append((description, total))
        return items

    assert load(tmp_path, progress=progress).fingerprint == whole.fingerprint
    assert shown == [("decoding train images", 3), ("decoding test images", 1)]


# What each kind of file is decoded to.


def test_grey_and_bilevel_are_repeated(tmp_path: Path) -> None:
    grey = np.array([[0, 100], [200, 255]], dtype=np.uint8)
    save(tmp_path / "l.png", grey)
    save(tmp_path / "1.png", grey > 150)
    assert np.array_equal(_decode.read_image(tmp_path / "l.png"), np.stack([grey] * 3))
    assert _decode.read_image(tmp_path / "1.png")[2].tolist() == [[0, 0], [255, 255]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, suffix: str) -> None:
    deep = np.array([[0, 128, 129], [257, 32768, 65535]], dtype=np.uint16)
    save(tmp_path / f"deep.{suffix}", deep)
    decoded = _decode.read_image(tmp_path / f"deep.{suffix}")
    assert decoded.tolist() == [np.round(deep / 257).astype(int).tolist()] * 3


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([1, 0])
    image.save(tmp_path / "p.gif")
    assert _decode.read_image(tmp_path / "p.gif").transpose(1, 2, 0).tolist() == [
        [[40, 50, 60], [10, 20, 30]]
    ]
    image.save(tmp_path / "p.png", transparency=b"\xff\x00")  # the second to the last colour is seen through
    assert _decode.read_image(tmp_path / "p.png").transpose(1, 2, 0).tolist() == [[[255] * 3, [10, 20, 30]]]


@pytest.mark.parametrize("channels", [2, 4])
def test_transparent_pixels_are_laid_over_white(tmp_path: Path, channels: int) -> None:
    pixels = np.full((1, 3, channels), 40, dtype=np.uint8)
    pixels[0, :, -1] = [0, 255, 51]
    save(tmp_path / "a.png", pixels)
    # 51 is a fifth: 40 / 5 + 255 * 4 / 5.
    assert _decode.read_image(tmp_path / "a.png").tolist() == [[[255, 40, 212]]] * 3


def test_an_animation_gives_its_first_frame_and_cmyk_its_colours(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "move.gif", save_all=True, append_images=frames[1:])
    assert _decode.read_image(tmp_path / "move.gif")[:, 0, 0].tolist() == [255, 0, 0]
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "ink.jpg", quality=100)
    assert np.allclose(_decode.read_image(tmp_path / "ink.jpg")[:, 0, 0].astype(int), [255, 0, 0], atol=3)


@pytest.mark.parametrize("values", [[0.0, 1.0], [0, 70000], [-1, 0]])
def test_pixels_without_a_known_white_are_refused(tmp_path: Path, values: list[float]) -> None:
    array = np.array([values])
    save(tmp_path / "deep.tif", array.astype(np.float32 if array.dtype == float else np.int32))
    with pytest.raises(UserError, match=r"cannot read the image .*deep\.tif .*not 8 or 16 bits"):
        _decode.read_image(tmp_path / "deep.tif")


# The cache.


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """List the files that are decoded from here on."""
    paths: list[Path] = []
    read_image = _decode.read_image

    def spy(path: Path) -> np.ndarray:
        paths.append(path)
        return read_image(path)

    monkeypatch.setattr(_decode, "read_image", spy)
    return paths


def test_images_are_decoded_once(tmp_path: Path, images: dict[str, np.ndarray], decoded: list[Path]) -> None:
    first = load(tmp_path)
    assert len(decoded) == len(images)
    second = load(tmp_path)
    assert len(decoded) == len(images)
    assert second.fingerprint == first.fingerprint
    assert sorted(p.name for p in (tmp_path / "set").iterdir()) == ["test", "train", _cache.FILE]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("change", ["content", "time", "name", "more", "fewer"])
def test_a_changed_folder_is_decoded_again(
    tmp_path: Path, images: dict[str, np.ndarray], decoded: list[Path], change: str
) -> None:
    load(tmp_path)
    decoded.clear()
    path = tmp_path / "set/train/b/2.png"
    if change == "content":
        save(path, 255 - images["train/b/2.png"])
    elif change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "name":
        path.rename(path.with_name("0.png"))
    elif change == "more":
        save(path.with_name("3.png"), images["train/b/2.png"])
    else:
        path.unlink()
    fresh = load(tmp_path)
    assert len(decoded) == len(images) + {"more": 1, "fewer": -1}.get(change, 0)
    assert len(fresh.train_labels) == len(decoded) - 2
    decoded.clear()
    assert load(tmp_path).fingerprint == fresh.fingerprint
    assert not decoded


@pytest.mark.parametrize("damage", ["short", "flipped", "empty", "foreign", "pickle"])
def test_a_damaged_cache_is_made_again(
    tmp_path: Path, images: dict[str, np.ndarray], decoded: list[Path], damage: str
) -> None:
    whole = load(tmp_path)
    path = tmp_path / "set" / _cache.FILE
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[content.index(whole.train_images.numpy().tobytes()) + 5] ^= 1
        path.write_bytes(content)
    elif damage == "pickle":
        np.savez(path, key=np.array(["x", None], dtype=object))
    else:
        path.write_bytes({"short": content[:-40], "empty": b"", "foreign": b"hello" * 99}[damage])
    decoded.clear()
    assert load(tmp_path).fingerprint == whole.fingerprint
    assert len(decoded) == len(images)
    decoded.clear()
    load(tmp_path)
    assert not decoded


def test_where_the_folder_cannot_be_written_the_users_cache_is(
    tmp_path: Path, images: dict[str, np.ndarray], decoded: list[Path]
) -> None:
    (tmp_path / "set" / _cache.FILE).mkdir()  # a file cannot take its place; root may write anywhere else
    first = load(tmp_path)
    assert [p.suffix for p in (tmp_path / "cache/training-dynamics").iterdir()] == [".npz"]
    assert not [p for p in (tmp_path / "set").iterdir() if p.is_file()]
    decoded.clear()
    assert load(tmp_path).fingerprint == first.fingerprint
    assert not decoded


def test_where_nothing_can_be_written_images_are_decoded_each_time(
    tmp_path: Path, images: dict[str, np.ndarray], decoded: list[Path]
) -> None:
    (tmp_path / "set" / _cache.FILE).mkdir()
    (tmp_path / "cache").touch()
    assert load(tmp_path).fingerprint == load(tmp_path).fingerprint
    assert len(decoded) == 2 * len(images)


def test_the_users_cache_is_where_the_platform_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    found = []
    for platform in ("linux", "darwin"):
        monkeypatch.setattr(_cache.sys, "platform", platform)
        found.append(_cache._user_cache())
    assert found == [Path("/home/me/.cache"), Path("/home/me/Library/Caches")]


# What mistakes are answered with.


@pytest.mark.parametrize("content", [np.zeros((9, 3, 6, 6), np.uint8), np.zeros((5, 3, 6, 6)), np.array(1)])
def test_a_cache_of_other_shapes_is_made_again(
    tmp_path: Path, images: dict[str, np.ndarray], decoded: list[Path], content: np.ndarray
) -> None:
    first = load(tmp_path).fingerprint
    path = tmp_path / "set" / _cache.FILE
    with np.load(path) as stored:
        kept = {name: stored[name] for name in stored.files}
    np.savez(path, **{**kept, "train": content})
    assert load(tmp_path).fingerprint == first and len(decoded) == 2 * len(images)


def test_a_pipe_in_the_place_of_the_cache_does_not_block(
    tmp_path: Path, images: dict[str, np.ndarray]
) -> None:
    path = tmp_path / "set" / _cache.FILE
    os.mkfifo(path)
    load(tmp_path)
    assert path.is_fifo() and len(list((tmp_path / "cache").rglob("*.npz"))) == 1


def test_without_a_home_images_are_decoded_each_time(
    tmp_path: Path, images: dict[str, np.ndarray], decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", no_home)
    (tmp_path / "set" / _cache.FILE).mkdir()
    load(tmp_path)
    load(tmp_path)
    assert len(decoded) == 2 * len(images)


def test_a_missing_split_is_named(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    (tmp_path / "set/test").rename(tmp_path / "set/holdout")
    assert "neither test nor val beside" in refused(tmp_path)
    (tmp_path / "set/train").rename(tmp_path / "set/learn")
    message = refused(tmp_path)
    assert f"no folder {tmp_path}/set/train" in message
    assert "train/CLASS/" in message
    assert "under data_root" in message


def test_images_outside_class_folders_are_no_images(tmp_path: Path) -> None:
    save(tmp_path / "set/train/1.png", np.zeros((6, 6, 3), dtype=np.uint8))
    (tmp_path / "set/test").mkdir()
    assert f"no images in {tmp_path}/set/train: " in refused(tmp_path)


def test_an_empty_class_is_named(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    (tmp_path / "set/test/c").mkdir()
    (tmp_path / "set/test/c/readme.txt").touch()
    assert "class 'c' is empty" in refused(tmp_path)


def test_a_class_that_one_split_lacks_is_named(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    for name in ("c", "d"):
        save(tmp_path / "set/test" / name / "1.png", images["test/a/1.png"])
    where = f"{tmp_path}/set/test but not in {tmp_path}/set/train"
    assert f"class 'c' (and 1 more) is in {where}" in refused(tmp_path)
    for name in ("b", "c", "d"):
        (tmp_path / "set/test" / name).rename(tmp_path / f"away-{name}")
    where = f"{tmp_path}/set/train but not in {tmp_path}/set/test"
    assert f"class 'b' is in {where}" in refused(tmp_path)


@pytest.mark.parametrize("name", ["train/a/x.PNG", "train/b/10.png", "test/b/1.png"])
@pytest.mark.parametrize("content", [b"", b"no image", "short"])
def test_an_unreadable_image_is_named(
    tmp_path: Path, images: dict[str, np.ndarray], name: str, content: bytes | str
) -> None:
    path = tmp_path / "set" / name
    path.write_bytes(path.read_bytes()[:-60] if isinstance(content, str) else content)
    assert refused(tmp_path).startswith(f"cannot read the image {path} (")
    assert not (tmp_path / "set" / _cache.FILE).exists()


def test_the_first_image_of_another_size_is_named(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    for name in ("train/b/2.png", "train/b/10.png", "test/a/1.png"):
        save(tmp_path / "set" / name, np.zeros((5, 6, 3), dtype=np.uint8))
    root = tmp_path / "set"
    assert f"{root}/train/b/10.png is 6 x 5 pixels but {root}/train/a/x.PNG is 6 x 6" in refused(tmp_path)


def test_an_image_that_is_not_square_is_named(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    save(tmp_path / "set/train/a/x.PNG", np.zeros((5, 6, 3), dtype=np.uint8))
    assert f"{tmp_path}/set/train/a/x.PNG is 6 x 5 pixels: images must be square" in refused(tmp_path)


def test_ctrl_c_stops_the_decoding(
    tmp_path: Path, images: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_decode, "BLOCK", 1)
    monkeypatch.setattr(_decode, "THREADS", 1)

    def interrupted(work: Iterable[Any], **_: Any) -> Iterable[Any]:
        yield next(iter(work))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, progress=interrupted)
    assert not (tmp_path / "set" / _cache.FILE).exists()


def test_a_loaded_set_can_be_trained_on(tmp_path: Path, images: dict[str, np.ndarray]) -> None:
    load(tmp_path)
    dataset = load(tmp_path)  # from the cache
    assert dataset.train_images.dtype == torch.uint8
    assert dataset.subset(2).train_labels.tolist() == [0, 1]
    assert min(dataset.channel_moments().std) > 0


@pytest.mark.parametrize("name", ["00.png", "00.eps"])
def test_no_image_starts_another_program(
    tmp_path: Path, images: dict[str, np.ndarray], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostScript is a program that PIL would hand to Ghostscript, whatever the file is called."""
    started = []
    monkeypatch.setattr(subprocess, "check_call", lambda *arguments, **_: started.append(arguments))
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **_: started.append(arguments))
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "set" / "train" / "a" / name).write_bytes(script)
    if name.endswith(".png"):
        assert name in refused(tmp_path)
    else:
        load(tmp_path)
    assert started == []
