"""Logs of training: they hold what log.jsonl holds, each epoch once, and neither change nor stop what they are of."""

import errno
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dynamics
from dynamics import lock, snapshots
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.snapshots import writer
from dynamics.training import checkpoint, logs, loop
from dynamics.training.job import Job
from dynamics.training.logs import base
from dynamics.training.pool import Event
from runners import launch, seeds
from runners.launch import slurm
from tests.dynamics.interruption import Stop, stop_after
from tests.dynamics.test_training import EPOCHS, assert_equal, tiny

SMALL = {
    "epochs": 3, "train_examples": 100, "width": 2, "batch_size": 32, "panel_examples": 16, "panel_batch": 8,
    "panel_augmentations": 1,
}  # fmt: skip
Numbers = dict[int, dict[str, float]]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")


def train(runs: Path, log: object, **more: Any) -> dynamics.Study:
    return dynamics.train(
        "simclr", "digits", seeds=2, runs=runs, study="demo", preset="quick", log=log, **SMALL, **more
    )  # type: ignore[arg-type]


def lines(folder: Path) -> Numbers:
    """What log.jsonl holds, without the epochs: each in one line, in order."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in found] == sorted({line["epoch"] for line in found})
    return {
        line.pop("epoch"): {name: value for name, value in line.items() if name != "epochs"} for line in found
    }


def events(folder: Path) -> Numbers:
    """What TensorBoard shows of a seed; fails if it shows an epoch twice."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    shown = accumulators.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    shown.Reload()
    found: Numbers = {}
    for tag in shown.Tags()["scalars"]:
        for event in shown.Scalars(tag):
            assert tag not in found.setdefault(event.step, {})
            found[event.step][tag] = event.value
    return dict(sorted(found.items()))


def records(path: Path) -> Iterator[bytes]:
    """Records of a file of W&B: 7 bytes, then blocks of 32 KiB that hold parts with a checksum, a length and a kind."""
    content, at, record = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        length, kind = struct.unpack_from("<HB", content, at + 4)
        if (left := 2**15 - at % 2**15) < 7 or kind == 0:
            at += left
            continue
        record += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def history(folder: Path) -> tuple[Any, Numbers]:
    """The record of the last W&B run in a seed's folder, and its numbers; fails if it has an epoch twice."""
    messages = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    file = max(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    run, found = None, {}
    for content in records(file):
        message = messages.Record()
        message.ParseFromString(content)
        if message.WhichOneof("record_type") == "run":
            run = run or message.run
        elif message.WhichOneof("record_type") == "history":
            items = message.history.item
            values = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in items}
            assert values["_step"] not in found
            found[values["_step"]] = {name: value for name, value in values.items() if name[0] != "_"}
    return run, found


def assert_alike(found: Numbers, wanted: Numbers, tolerance: float = 1e-6) -> None:
    assert [*found] == [*wanted]
    for epoch, values in wanted.items():
        assert found[epoch] == pytest.approx(values, rel=tolerance)


@pytest.mark.slow
def test_both_logs_hold_what_the_lines_hold_and_change_no_bit(offline: None, tmp_path: Path) -> None:
    logged, plain = (
        train(tmp_path / name, log) for name, log in (("a", ["tensorboard", "wandb"]), ("b", ()))
    )
    ids = set()
    for one, other in zip(logged.runs["simclr"], plain.runs["simclr"], strict=True):
        assert_equal(one, other)
        assert one.read("scalars").tobytes() == other.read("scalars").tobytes()
        weights, wanted_weights = (
            checkpoint.load_weights(run.weights, made_by=run.identity) for run in (one, other)
        )
        assert all(torch.equal(weights[name], value) for name, value in wanted_weights.items())
        assert {path.name for path in one.folder.iterdir()} == {path.name for path in other.folder.iterdir()}
        wanted = lines(one.folder)
        assert {name: [values[name] for values in wanted.values()] for name in one.scalars()} == {
            name: values.tolist() for name, values in one.scalars().items()
        }
        means = one.correct()[:, 0].mean(axis=(1, 2))  # of the first view, as in E[r_t]
        assert [values["mean_correct"] for values in wanted.values()] == pytest.approx(means.tolist())
        assert {"learning_rate", "embedding_rank", "train_seconds"} <= {*wanted[1]}
        folder = tmp_path / "a/.logs/demo/simclr" / one.folder.name
        assert_alike(events(folder), wanted)
        run, found = history(folder)
        assert_alike(found, wanted)
        assert (run.project, run.run_group) == ("demo", "simclr")
        assert run.display_name == f"simclr/{one.folder.name}"
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert {name: config[name] for name in one.config} == one.config
        ids.add(run.run_id)
    assert len(ids) == 2
    assert not (tmp_path / "b/.logs").exists()
    assert snapshots.list_studies(tmp_path / "a") == ["demo"]


@pytest.mark.slow
def test_a_killed_run_has_every_epoch_once(
    offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SERVICE", "3-1-tcp-localhost-1-token")  # as in a notebook that uses W&B itself

    def kill(event: Event) -> None:
        if event.kind == "epoch" and event.payload.epoch == 2 and event.job.seed == 0:
            keeper = lock.holder(event.job.folder)
            assert keeper is not None
            os.kill(keeper.pid, signal.SIGKILL)

    with pytest.raises(UserError, match=r"1 of 2 seeds of simclr failed; .* died"):
        train(tmp_path, ["tensorboard", "wandb"], on_event=kill)
    study = train(tmp_path, ["wandb", "tensorboard"])
    for run in study.runs["simclr"]:
        folder = tmp_path / ".logs/demo/simclr" / run.folder.name
        wanted = lines(run.folder)
        assert [*wanted] == [1, 2, 3]
        assert_alike(events(folder), wanted)
        assert_alike(history(folder)[1], wanted)
    first = tmp_path / ".logs/demo/simclr/seed-0000"
    assert len([*first.glob("events.*")]) == len([*first.glob("wandb/offline-run-*")]) == 2


def job(place: Path) -> Job:
    folder = snapshots.seed_folder(place / "runs", "demo", "supervised", 0)
    return Job(method="supervised", recipe=tiny("supervised", held_out_examples=32), seed=0, folder=folder)


def go_on(work: Job, digits: Dataset, log: tuple[str, ...] = ("tensorboard",), **options: Any) -> Numbers:
    loop.train(work, digits, device=torch.device("cpu"), log=log, **options)
    return lines(work.folder)


def folder_of(work: Job) -> Path:
    return work.folder.parents[2] / ".logs/demo/supervised/seed-0000"


def test_a_log_goes_on_from_the_epoch_that_training_goes_on_from(digits: Dataset, tmp_path: Path) -> None:
    """With the state of the first epoch only: what the first process wrote after it is written anew."""
    pytest.importorskip("tensorboard")
    work = job(tmp_path)
    with pytest.raises(Stop):
        go_on(work, digits, report=stop_after(3), state_share=0.0)
    before = lines(work.folder)
    torn = work.folder / "log.jsonl"
    torn.write_bytes(torn.read_bytes() + b'{"epoch": 4, "lo')  # of a disk that was full
    [events_file] = folder_of(work).iterdir()
    events_file.write_bytes(events_file.read_bytes()[:-9])
    after = go_on(work, digits)
    assert [*before] == [1, 2, 3] and [*after] == [*range(1, EPOCHS + 1)]
    assert after[1] == before[1] and "mean_held_out_correct" in after[1]
    assert after[2]["loss"] == before[2]["loss"] and after[2]["train_seconds"] != before[2]["train_seconds"]
    assert_alike(events(folder_of(work)), after)


def test_a_log_that_begins_late_has_the_epochs_before(digits: Dataset, tmp_path: Path) -> None:
    """Also those whose line is of an earlier version, or missing; only their seconds are not known then."""
    pytest.importorskip("tensorboard")
    work = job(tmp_path)
    with pytest.raises(Stop):
        go_on(work, digits, log=(), report=stop_after(3), state_share=float("inf"))
    whole = lines(work.folder)
    (work.folder / "log.jsonl").write_text(
        '{"epoch": 1, "epochs": 5, "loss": 9.0, "train_seconds": 2.5}\nnonsense\n'
    )
    after = go_on(work, digits)
    assert after[1]["train_seconds"] == 2.5 and "train_seconds" not in after[2]
    for epoch in (1, 2, 3):
        assert {name: value for name, value in after[epoch].items() if "seconds" not in name} == {
            name: value for name, value in whole[epoch].items() if "seconds" not in name
        }
    assert_alike(events(folder_of(work)), after)


@pytest.mark.parametrize("where", ["the folder", "the first epoch", "the end"])
def test_training_outlives_its_logs(
    where: str,
    digits: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("tensorboard")

    kind = logs.CATALOGUE.load("tensorboard", "Log")
    close = kind.close

    def full(log: logs.Log, *_: object) -> None:
        if where == "the end":
            close(log)
        raise OSError(errno.ENOSPC, "No space left on device")

    work = job(tmp_path)
    if where == "the folder":
        folder_of(work).parents[2].mkdir(parents=True)
        folder_of(work).parents[1].write_text("no folder")
    else:
        method = "write" if where == "the first epoch" else "close"
        monkeypatch.setattr(kind, method, full)
    go_on(work, digits)
    assert snapshots.is_complete(work.folder)
    assert caplog.text.count("log tensorboard of supervised/seed-0000 has failed (") == 1
    assert "training goes on without it" in caplog.text


def test_a_missing_package_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None)
    for name in ("tensorboard", "wandb"):
        with pytest.raises(UserError) as caught:
            train(tmp_path, name)
        assert caught.value.args == (
            f"`log` {name} needs the package {name}: pip install 'training-dynamics[{name}]'",
        )
    assert not [*tmp_path.iterdir()]


def test_other_logs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no log 'paper': use one of tensorboard, wandb"):
        train(tmp_path, "paper")


def test_without_an_account_nobody_is_asked_for_one(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    code = "from dynamics.training import logs; logs.wanted('wandb')"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HOME": str(tmp_path)}, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].endswith(
        "log wandb needs an account: type wandb login or set WANDB_API_KEY, or keep the runs on this machine with "
        "WANDB_MODE=offline"
    )


def test_workers_elsewhere_get_the_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    commands: list[list[str]] = []

    def submit(command: list[str], **given: object) -> launch.Submitted:
        commands.append(command)
        return launch.Submitted(["1_0"], "log", lambda: False, lambda: "")

    monkeypatch.setattr(slurm, "submit", submit)
    words = ["--method", "supervised", "--preset", "quick", "--runs", str(tmp_path), "--launcher", "slurm"]
    assert seeds.main([*words, "--log", "tensorboard"]) == 0
    assert commands[0][-2:] == ["--log", "tensorboard"]


def test_what_is_damaged_before_is_left_out(digits: Dataset, tmp_path: Path) -> None:
    work = job(tmp_path)
    with pytest.raises(Stop):
        go_on(work, digits, log=(), report=stop_after(3), state_share=float("inf"))
    again = writer.Writer.reopen(work.folder)
    (work.folder / "partial.zarr/scalars/c.1.0").unlink()
    assert [line["epoch"] for line in again.begin_log(3)] == [1, 3]
    assert np.isfinite([line["loss"] for line in again.begin_log(3)]).all()
