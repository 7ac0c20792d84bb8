# SPDX-License-Identifier: Apache-2.0
"""A user's own images are known by the names of their files, from training to tables and pages."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dynamics
from analysis import correlation, examples
from dynamics import data, snapshots
from dynamics.data import Dataset
from dynamics.training import loop
from dynamics.training.job import Job
from dynamics.training.loop import train
from tests.dynamics import small_runs

CLASSES = ("dark", "light")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey images whose brightness is their number: 12 and 5 of each class."""
    root = tmp_path_factory.mktemp("images")
    for split, count in (("train", 12), ("test", 5)):
        for place, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                grey = 10 * number + 5 * place
                Image.new("L", (8, 8), grey).save(root / split / name / f"photo {grey:03d}.png")
    return root


def record(root: Path, runs: Path, images: Dataset, method: str, **fields: object) -> Path:
    recipe = small_runs.recipe(method, dataset="folder", train_examples=20, batch_size=8, **fields)
    folder = snapshots.seed_folder(runs, "s", method, 0)
    train(Job(method=method, recipe=recipe, seed=0, folder=folder), images, device=torch.device("cpu"))
    return folder


def test_an_example_is_the_file_that_it_is_called(root: Path, tmp_path: Path) -> None:
    images = data.load("folder", data_root=root)
    folder = record(root, tmp_path, images, "supervised")
    run = snapshots.Run(folder)
    assert run.ids is not None and len({*run.ids}) == len(run.ids) == 8
    used = images.subset(20)
    for name, example in zip(run.ids, run.examples, strict=True):
        with Image.open(root / "train" / name) as image:
            assert np.array(image)[0, 0] == used.train_images[example, 0, 0, 0].item()
    study = dynamics.open_study(tmp_path / "s")
    assert study.learning_probability("supervised").id.values.tolist() == run.ids
    table = examples.analyse(study).table
    assert dict(zip(table["example"], table["id"], strict=True)) == dict(
        zip(run.examples.tolist(), run.ids, strict=True)
    )


def test_seeds_from_before_files_were_recorded_are_compared(root: Path, tmp_path: Path) -> None:
    images = data.load("folder", data_root=root)
    record(root, tmp_path, images, "supervised")
    record(root, tmp_path, dataclasses.replace(images, train_files=None), "simclr")
    study = dynamics.open_study(tmp_path / "s")
    assert study.runs["simclr"][0].ids is None
    assert correlation.why_not_comparable(study, "supervised", "simclr") is None


def test_names_of_very_many_are_not_kept(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST_FILES", 7)
    folder = record(root, tmp_path, data.load("folder", data_root=root), "supervised")
    assert snapshots.Run(folder).ids is None


def test_a_name_that_is_no_text_is_written(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in CLASSES:
            (tmp_path / split / name).mkdir(parents=True)
            path = bytes(tmp_path / split / name) + b"/\xff.png"
            with open(path, "wb") as file:  # noqa: PTH123 - a path that is no text
                Image.new("L", (8, 8)).save(file, format="png")
    assert data.load("folder", data_root=tmp_path).train_files == ("dark/�.png", "light/�.png")
