"""Tiny ImageNet: labels that belong to their images, and what each layout that cannot be right is answered with."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dynamics import data
from dynamics.data import _cache, _decode
from dynamics.errors import UserError

CLASSES = ("n03", "n01", "n02")  # not in alphabetical order, as in the published wnids.txt


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, quality=100)


@pytest.fixture
def root(rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write three classes whose brightness tells them apart: two training and two validation images each."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "set" / "tiny-imagenet-200"
    lines = []
    for place, name in enumerate(CLASSES):
        level = 60 * (1 + int(name[-1]))
        for number in range(2):
            noise = rng.integers(0, 10, (8, 8, 3))
            save(folder / f"train/{name}/images/{name}_{number}.JPEG", (level + noise).astype(np.uint8))
            (folder / f"train/{name}/{name}_boxes.txt").write_text("boxes")
            image = f"val_{(5 * place + 7 * number) % 11}.JPEG"
            save(folder / "val/images" / image, (level + noise).astype(np.uint8))
            lines.append(f"{image}\t{name}\t0\t1\t2\t3\n")
    (folder / "wnids.txt").write_text("\n".join(CLASSES))
    (folder / "words.txt").write_text("n01\ta word\n")
    (folder / "val/val_annotations.txt").write_text("".join(sorted(lines)))
    return folder


def load(folder: Path) -> data.Dataset:
    return data.load("tiny-imagenet", data_root=folder)


def test_every_image_has_its_own_label(root: Path) -> None:
    dataset = load(root)
    assert dataset.classes == ("n01", "n02", "n03")
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        brightness = images.double().mean(dim=(1, 2, 3))
        assert labels.bincount().tolist() == [2, 2, 2]
        assert ((brightness - 4.5) / 60 - 2).round().tolist() == labels.tolist()
    assert dataset.image_size == 8


def test_the_folder_above_serves_too(root: Path) -> None:
    assert load(root.parent).fingerprint == load(root).fingerprint


def test_the_order_of_wnids_and_of_annotations_changes_nothing(root: Path) -> None:
    before = load(root)
    (root / "wnids.txt").write_text("n02\nn01\nn03\n")
    annotations = root / "val/val_annotations.txt"
    annotations.write_text("\n".join(reversed(annotations.read_text().splitlines())))
    assert load(root).fingerprint == before.fingerprint


def test_a_grey_image_becomes_colour(root: Path, rng: np.random.Generator) -> None:
    save(root / "train/n01/images/n01_0.JPEG", rng.integers(0, 255, (8, 8), dtype=np.uint8))
    first = load(root).train_images[0]
    assert (first == first[0]).all() and first.float().std() > 20


def test_images_are_decoded_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(root)
    assert (root / _cache.FILE).exists()
    monkeypatch.setattr(_decode, "read_image", None)
    assert load(root).fingerprint == first.fingerprint


def test_a_consistent_part_is_a_data_set(root: Path) -> None:
    shutil.rmtree(root / "train/n02")
    (root / "wnids.txt").write_text("n01\nn03\n")
    annotations = root / "val/val_annotations.txt"
    lines = annotations.read_text().splitlines()
    annotations.write_text("\n".join(line for line in lines if "n02" not in line))
    for line in lines:
        if "n02" in line:
            (root / "val/images" / line.split("\t")[0]).unlink()
    dataset = load(root)
    assert (dataset.num_train, len(dataset.test_labels), dataset.classes) == (4, 4, ("n01", "n03"))


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        path = root / name
        path.write_text(change(path.read_text()))

    return apply


def sort_into_folders(root: Path) -> None:
    for line in (root / "val/val_annotations.txt").read_text().splitlines():
        image, name = line.split("\t")[:2]
        (root / "val" / name).mkdir(exist_ok=True)
        (root / "val/images" / image).rename(root / "val" / name / image)
    (root / "val/val_annotations.txt").unlink()


def one_class(text: str) -> str:
    return text.replace("n01", "n02").replace("n03", "n02")


ANNOTATIONS = "val/val_annotations.txt"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "wnids.txt").unlink(), "no Tiny ImageNet in .*looked for wnids.txt"),
        (edit("wnids.txt", lambda text: ""), "wnids.txt names no class"),
        (edit("wnids.txt", lambda text: text + "\nn01"), "names class n01 twice"),
        (edit("wnids.txt", lambda text: text + "\nn04"), "class n04 is in wnids.txt but has no image"),
        (edit("wnids.txt", lambda text: "n01"), r"class n02 \(and 1 more\) is in .*train but not in wnids"),
        (lambda root: shutil.rmtree(root / "train"), "no folder .*/train"),
        (lambda root: shutil.rmtree(root / "train/n01/images"), "class n01 is in wnids.txt but has no image"),
        (lambda root: (root / ANNOTATIONS).unlink(), "no .*annotations.txt: without it no validation image"),
        (lambda root: shutil.rmtree(root / "val"), "no .*annotations.txt: without it no validation image"),
        (sort_into_folders, "sorted into class folders"),
        (edit(ANNOTATIONS, lambda text: text.replace("n02", "n09")), "names class 'n09', which is not in"),
        (edit(ANNOTATIONS, lambda text: text.replace("\t", " ")), "line 1 of .* names no class"),
        (edit(ANNOTATIONS, lambda text: text + "val_0.JPEG\tn02\n"), "gives val_0.JPEG two classes"),
        (edit(ANNOTATIONS, one_class), "gives all 6 images one class of 3"),
        (
            edit(ANNOTATIONS, lambda text: text.replace("n03", "n02")),
            "class n03 is in wnids.txt but no image",
        ),
        (edit(ANNOTATIONS, lambda text: text + "val_99.JPEG\tn02\n"), "val_99.JPEG is in .*txt but not in"),
        (
            edit(ANNOTATIONS, lambda text: text[text.index("\n") + 1 :]),
            "val_0.JPEG is in .*images but not in",
        ),
        (edit(ANNOTATIONS, lambda text: ""), r"\(and 5 more\) is in .*images but not in"),
        (lambda root: shutil.rmtree(root / "val/images"), r"\(and 5 more\) is in .*txt but not in"),
    ],
)
def test_what_cannot_match_is_refused(root: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(root)
    with pytest.raises(UserError, match=message):
        load(root)
    assert not (root / _cache.FILE).exists()


@pytest.mark.slow
def test_a_real_part_of_it(shared: Path, tmp_path: Path) -> None:
    """Two classes of the part of the real archive beside the checkout, grey images and all."""
    import tarfile

    wanted = ("n01443537", "n04507155")
    with tarfile.open(shared / "data/tiny-imagenet-subset.tar.xz") as archive:
        for member in archive:
            name = member.name
            if not member.isfile() or not ("/val/" in name or any(wnid in name for wnid in wanted)):
                continue
            archive.extract(member, tmp_path, filter="data")
    root = tmp_path / "tiny-imagenet-200"
    (root / "wnids.txt").write_text("\n".join(wanted))
    with pytest.raises(UserError, match=r"which is not in wnids\.txt"):  # val still has all classes
        load(root)
    annotations = root / "val/val_annotations.txt"
    lines = annotations.read_text().splitlines()
    kept = [line for line in lines if line.split("\t")[1] in wanted]
    annotations.write_text("\n".join(kept))
    for line in set(lines) - set(kept):
        (root / "val/images" / line.split("\t")[0]).unlink()
    dataset = load(tmp_path)
    assert (dataset.num_train, len(dataset.test_labels), dataset.image_size) == (240, 100, 64)
    assert dataset.test_labels.bincount().tolist() == [50, 50]
