"""`dynamics.train` and the names of the package: the same folders and bits as the command, from any program."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dynamics
from dynamics import data, snapshots
from dynamics.errors import UserError
from dynamics.study_file import StudyFile, preset
from dynamics.training.check_data import check_data
from dynamics.training.job import Job
from dynamics.training.loop import train

SAME_CODE = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
"""Environment of a process in another folder, which is to import the code that is tested here."""

SMALL: dict[str, Any] = {
    "epochs": 2, "train_examples": 64, "width": 2, "batch_size": 32, "panel_examples": 16, "panel_batch": 8,
    "panel_augmentations": 1,
}  # fmt: skip


def test_every_name_is_there_and_others_are_not() -> None:
    assert {*dynamics.__all__} <= {*dir(dynamics)}
    assert all(getattr(dynamics, name).__doc__ for name in dynamics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        dynamics.trian  # noqa: B018


def test_importing_opening_and_analysing_load_no_torch() -> None:
    code = (
        "import sys, dynamics, analysis; from analysis import binomial, learning, alignment, augmentations, classes, "
        "views, objectives; from dynamics import Study, open_study, UserError; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_bits_are_those_of_the_loop(tmp_path: Path) -> None:
    study = dynamics.train(
        "simclr", "digits", seeds=range(2), runs=tmp_path, study="nb", preset="quick", **SMALL
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for run in study.runs["simclr"]:
        job = Job(
            method="simclr",
            recipe=preset("simclr", "quick", **SMALL),
            seed=run.seed,
            folder=tmp_path / f"{run.seed}",
        )
        train(job, data.load("digits"), device=torch.device("cpu"))
        assert snapshots.Run(job.folder).digest() == run.digest()
    torch.set_num_threads(threads)
    events: list[str] = []
    again = dynamics.train(
        "simclr", "digits", seeds=[np.int64(1)], runs=tmp_path, study="nb", preset="quick", workers=1,
        on_event=lambda event: events.append(event.kind), **SMALL,
    )  # fmt: skip
    assert events == [] and len(again.runs["simclr"]) == 2


@pytest.mark.slow
def test_a_script_without_a_main_guard_trains(tmp_path: Path) -> None:
    """And a file of the user's that is called like a library of ours is not imported by the workers."""
    (tmp_path / "torch.py").write_text("raise ImportError('the wrong torch')\n")
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "mine.py"
    script.write_text(
        "import dynamics\nprint('begun')\n"
        f"study = dynamics.train('supervised', 'digits', seeds=1, study='s', preset='quick', **{SMALL!r})\n"
        "print(study)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("begun") == 1 and "supervised  1      2" in done.stdout
    told = re.compile(r"(supervised/seed-0000: epoch 1/2, .*\n)?supervised/seed-0000 done: epoch 2/2, .*\n")
    assert told.fullmatch(done.stderr)  # a slow machine says how far it is


@pytest.mark.parametrize(
    ("method", "dataset", "fields", "message"),
    [
        ("simclear", "digits", {}, "no method 'simclear': use one of .*did you mean simclr"),
        ("simclr", "mnist", {}, "no data set 'mnist': use one of"),
        ("simclr", "digits", {"preset": "slow"}, "no study file 'slow'"),
        ("simclr", "digits", {"lr": -1.0}, r"^lr must be >= 0, got -1\.0$"),
        ("simclr", "digits", {"learning_rate": 1.0}, "learning_rate is not a field of simclr's recipe"),
        ("simclr", "digits", {"seeds": []}, "seeds must name at least one seed"),
        ("simclr", "digits", {"seeds": [-1]}, r"seeds must be in \[0, 65535\]"),
        ("simclr", "digits", {"study": "../up"}, "study must be letters, digits"),
        ("simclr", "digits", {"workers": 0}, "workers must be >= 1, or auto, got 0"),
        ("simclr", "digits", {"device": "abacus"}, "device abacus cannot be used"),
        ("simclr", "digits", {"engine": "graph", "device": "cpu"}, "engine graph needs a CUDA device, got cpu"),
        ("simclr", "digits", {"train_examples": 5000}, r"train_examples must be in \[10, 1442\] for digits"),
        ("simclr", "cifar10", {"data_root": "nowhere"}, "no CIFAR-10 in .*: use download=True to fetch it there"),
    ],
)  # fmt: skip
def test_mistakes_are_said_with_the_name_of_the_parameter(
    method: str, dataset: str, fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    options = {"runs": tmp_path / "runs", "preset": "quick", **SMALL, **fields}
    with pytest.raises(dynamics.UserError, match=message) as refused:
        dynamics.train(method, dataset, **options)
    assert "--" not in str(refused.value) and not (tmp_path / "runs").exists()


def test_a_seed_that_fails_is_said(tmp_path: Path) -> None:
    fields = {**SMALL, "lr": 1e30, "optimizer": "sgd"}
    with pytest.raises(dynamics.UserError, match="1 of 1 seed of supervised failed; seed 0: the loss is"):
        dynamics.train("supervised", "digits", runs=tmp_path, study="s", preset="quick", **fields)


def test_names_of_built_in_things_are_not_taken(tmp_path: Path) -> None:
    digits = data.load("digits")
    with pytest.raises(dynamics.UserError, match="data set 'digits' exists already"):
        dynamics.train("supervised", digits, runs=tmp_path, preset="quick")


REFUSED = """
import threading, dynamics
from dynamics import methods

class NoMethod: pass
class Numbered(dynamics.Method): name = 3
class Locked(methods.load("supervised")): lock = threading.Lock()

before = methods.names()
for wrong in (NoMethod, Numbered, Locked, None):
    try:
        dynamics.train(wrong, "digits", preset="quick")
    except dynamics.UserError as error:
        print(error)
    assert methods.names() == before
"""


def test_a_refused_class_leaves_nothing_behind(tmp_path: Path) -> None:
    """It was registered before it was looked at, and every later call in the notebook failed."""
    done = subprocess.run(
        [sys.executable, "-c", REFUSED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for line, said in zip(
        done.stdout.splitlines(),
        ("subclass of dynamics.Method", "name of Numbered", "Locked cannot be sent", "subclass"),
        strict=True,
    ):
        assert said in line
    assert not any(tmp_path.iterdir())


def test_a_study_has_one_set_of_images(tmp_path: Path) -> None:
    """Seeds that were trained on others would be averaged with them."""
    digits = data.load("digits")
    first, other = (
        dynamics.Dataset.build(
            "made-here",
            train=(digits.train_images[at : at + 64], digits.train_labels[at : at + 64]),
            test=(digits.test_images[:32], digits.test_labels[:32]),
            classes=digits.classes,
        )
        for at in (0, 64)
    )
    for images in (first, other):
        snapshots.write_finished(
            tmp_path / "one" / "supervised" / f"seed-{images is other:04d}",
            method="supervised",
            seed=int(images is other),
            correct=np.ones((1, 1, 1, 2), bool),
            provenance={"data_fingerprint": first.fingerprint},
        )
    job = Job(
        method="supervised",
        recipe=preset("supervised", "quick", **SMALL, dataset="made-here"),
        seed=2,
        folder=tmp_path / "one" / "supervised" / "seed-0002",
    )
    for images, allowed in ((first, True), (other, False)):
        data.CATALOGUE.register("made-here", images)
        try:
            if allowed:
                check_data([job], data_root=tmp_path, download=False)
            else:
                with pytest.raises(UserError, match="seed-0000 was trained on different images"):
                    check_data([job], data_root=tmp_path, download=False)
        finally:
            del data.CATALOGUE.registered["made-here"]


@pytest.mark.parametrize("seeds", [2**31 + 5, 70_000])
def test_too_many_seeds_are_refused_before_they_are_listed(seeds: int) -> None:
    with pytest.raises(UserError, match="seeds must be at most 65536"):
        dynamics.train("simclr", seeds=seeds)
    with pytest.raises(UserError, match="seeds must be at most 65536"):
        StudyFile(name="many", methods=("simclr",), seeds=seeds).seed_list()


TYPES = """
import json, pathlib, sys
import dynamics
from dynamics import UserError

here = pathlib.Path.cwd()
(here / "file").touch()
for name, value, said in json.loads(sys.argv[1]):
    given = {"preset": "quick", "epochs": 1, "runs": here / "runs", name: value}
    try:
        dynamics.train("supervised", "digits", **given)
    except UserError as error:
        assert said in str(error), (name, value, str(error))
    else:
        raise AssertionError((name, value, "was accepted"))
for value in (None, 3, ""):
    try:
        dynamics.open_study(value)
    except UserError as error:
        assert "path must be the path of a file or folder" in str(error)
assert [path.name for path in here.iterdir()] == ["file"], list(here.iterdir())
"""
WRONG = [
    *(("workers", value, f"workers must be >= 1, or auto, got {value!r}") for value in ("many", 1.5, True, None)),
    *(("seeds", value, "seeds must be a number of seeds or a list") for value in ("0-3", 1.5, None, [0.5], True)),
    *(("study", value, "study must be letters, digits") for value in (3, "", "a b", "\udcff")),
    ("study", "s" * 256, "study must have at most 255 characters, got 256"),
    *(("runs", value, "file must be a folder, but is none") for value in ("file", "file/deeper")),
    *(("runs", value, "runs must be the path of a file or folder") for value in (3, None, "", "a\0b")),
    ("runs", "/proc/absent", "/proc/absent: no such file or directory"),
    *(("data_root", value, "data_root must be the path of a file or folder") for value in (3, None, "")),
    *(("preset", value, "preset must be the path of a file or folder") for value in (3, ["quick"], "")),
    *(("device", value, "device must be auto, cpu, cuda or such as cuda:1") for value in (3, None)),
    ("device", "meta", "device meta cannot be used"),
    *(("engine", value, "engine must be auto, eager, graph or compiled") for value in (3, None)),
    ("on_event", 3, "on_event must be a function of one event, got 3"),
    ("download", "yes", "download must be True or False, got 'yes'"),
]  # fmt: skip


def test_arguments_of_another_type_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Some were accepted, others ended in a TypeError. (The tests' own types are off in another process.)"""
    done = subprocess.run(
        [sys.executable, "-c", TYPES, json.dumps(WRONG)],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=SAME_CODE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_home_folder_is_found_and_a_view_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = snapshots.seed_folder(tmp_path / "runs", "demo", "simclr", 0)
    snapshots.write_finished(folder, method="simclr", seed=0, correct=np.ones((1, 2, 1, 4), bool))
    study = dynamics.open_study("~/runs/demo")
    assert study.learning_probability("simclr", view=1).shape == (1, 4)
    for view in (2, -1):
        with pytest.raises(UserError, match=rf"view must be in \[0, 1\] for simclr, got {view}"):
            study.learning_probability("simclr", view=view)
    assert not Path("~").exists()
