"""The time left that is shown, and the board that shows it."""

import dataclasses
import errno
import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import dynamics
from analysis.framework.console import in_flags
from dynamics.names import duration
from dynamics.study_file import preset
from dynamics.training.job import EpochReport, Job
from dynamics.training.pool import Event
from dynamics.training.progress import Board, Pace, name

SECONDS = {"simclr": 4.0, "supervised": 1.0, "random-labels-aug": 2.0}
EPOCHS = {"simclr": 25, "supervised": 20, "random-labels-aug": 80}


def report(epoch: int, job: Job, seconds: float) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        epochs=job.recipe.epochs,
        loss=1.0,
        mean_correct=0.5,
        train_seconds=0.8 * seconds,
        panel_seconds=0.15 * seconds,
        store_seconds=0.05 * seconds,
        start_seconds=3.0,
    )


def jobs_of(seeds: Mapping[str, int], folder: Path = Path("/absent/runs/study")) -> list[Job]:
    """Return the jobs of some seeds of each method, in order, with recipes of the quick preset."""
    recipes = {
        method: dataclasses.replace(preset(method, "quick"), epochs=EPOCHS[method]) for method in seeds
    }
    return [
        Job(method=method, recipe=recipes[method], seed=i, folder=folder / method / f"seed-{i:04d}")
        for method, n in seeds.items()
        for i in range(n)
    ]


def test_nothing_is_said_before_an_epoch_is_over() -> None:
    pace = Pace(jobs_of({"simclr": 2}), workers=1)
    assert pace.seconds_left() is None


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_time_left_is_that_of_a_machine_whose_epochs_take_what_they_took(workers: int) -> None:
    """Eight seeds of each of three methods, one epoch of each seen: the rest takes its epochs, spread over workers."""
    jobs = jobs_of(dict.fromkeys(EPOCHS, 8))
    pace = Pace(jobs, workers=workers)
    for job in {job.method: job for job in jobs}.values():
        pace.epoch(job, report(1, job, SECONDS[job.method]))
    work = sum((EPOCHS[m] * 8 - 1) * SECONDS[m] for m in EPOCHS)
    assert pace.seconds_left() == pytest.approx(max(work / workers, 80 * 2.0))


def test_it_falls_to_nothing_as_epochs_go_by_and_failures_take_their_share_away() -> None:
    jobs = jobs_of({"supervised": 3})
    pace = Pace(jobs, workers=1)
    left = []
    for epoch in range(1, 21):
        pace.epoch(jobs[0], report(epoch, jobs[0], 1.0))
        left.append(pace.seconds_left())
    assert left == pytest.approx(np.arange(59, 39, -1))
    pace.ended(jobs[0])
    pace.ended(jobs[1])
    assert pace.seconds_left() == pytest.approx(20)
    pace.ended(jobs[2])
    assert pace.seconds_left() == 0


def test_recent_epochs_count_so_that_a_slower_machine_is_noticed() -> None:
    (job,) = jobs_of({"random-labels-aug": 1})
    pace = Pace([job], workers=1)
    for epoch in range(1, 51):
        pace.epoch(job, report(epoch, job, 1.0 if epoch <= 30 else 2.0))
    assert pace.seconds_left() == pytest.approx(2.0 * 30)


def test_epochs_on_the_disk_are_not_counted_again() -> None:
    one, other = jobs_of({"supervised": 2})
    pace = Pace([one, other], workers=1, done={other: 15})
    pace.epoch(one, report(1, one, 1.0))
    assert pace.seconds_left() == pytest.approx(19 + 5)


def test_a_method_that_was_not_seen_is_taken_to_train_on_as_many_views_a_second() -> None:
    """SimCLR has two views of each image, so its epochs are guessed to take twice as long as supervised ones."""
    simclr, supervised = jobs_of({"simclr": 1, "supervised": 1})
    pace = Pace([simclr, supervised], workers=1)
    pace.epoch(supervised, report(20, supervised, 1.0))
    assert pace.seconds_left() == pytest.approx(25 * 2.0)


def test_the_longest_seed_alone_bounds_the_time_left() -> None:
    jobs = jobs_of({"random-labels-aug": 1, "supervised": 1})
    pace = Pace(jobs, workers=8)
    for job in jobs:
        pace.epoch(job, report(1, job, 1.0))
    assert pace.seconds_left() == pytest.approx(79)


def test_the_board_says_what_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    jobs = jobs_of({"supervised": 2}, tmp_path)
    board = Board(jobs, workers=1, say=print, spelled=in_flags, clock=lambda: now)
    with board:
        board.on_event(Event(jobs[0], "started"))
        for epoch in range(1, 21):
            now += 10
            board.on_event(Event(jobs[0], "epoch", report(epoch, jobs[0], 10.0)))
        board.on_event(Event(jobs[0], "done"))
        board.on_event(Event(jobs[1], "started"))
        board.on_event(Event(jobs[1], "failed", "lower `lr`"))
        board.say_failures()  # it was printed twice
    out, err = capsys.readouterr()
    assert out.count("\n") == 11  # a line every 15 s of 200 s, and one for the end
    assert (
        "supervised/seed-0000: epoch 2/20, loss 1.0000, mean r_t 0.500; 0 of 2 seeds, 6 min 20 s left" in out
    )
    assert "supervised/seed-0000 done: epoch 20/20" in out and "1 of 2 seeds, 3 min 20 s left" in out
    assert err == "failed: supervised/seed-0001: lower --lr\n"
    assert board.seconds == 200 and board.failures == {jobs[1]: "lower --lr"}
    assert "1 of 2 seeds, 1 failed, 0 s left" in str(board._table().title)


def test_a_sweeps_seeds_are_called_by_their_setting() -> None:
    (job,) = jobs_of({"simclr": 1})
    assert name(job) == "simclr/seed-0000"
    assert name(dataclasses.replace(job, setting="lr-0.1")) == "lr-0.1/simclr/seed-0000"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "unknown time"), (0.4, "0 s"), (59.6, "1 min 00 s"), (190, "3 min 10 s"), (18120, "5 h 02 min")],
)
def test_times_are_said_as_a_person_says_them(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.slow
def test_a_program_says_a_line_for_each_seed_unless_told_not_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"epochs": 1, "train_examples": 64, "width": 2, "panel_examples": 16, "panel_augmentations": 1}
    for study, progress in (("loud", True), ("quiet", False)):
        dynamics.train(
            "supervised", "digits", runs=tmp_path, study=study, preset="quick", progress=progress, **small
        )  # type: ignore[arg-type]
        out, err = capsys.readouterr()
        done = r"epoch 1/1, loss [\d.]+, mean r_t [\d.]+; "
        line = rf"supervised/seed-0000 done: {done}1 of 1 seed, 0 s left\n"
        slow = rf"(supervised/seed-0000: {done}0 of 1 seed, .*\n)?"  # a slow machine says how far it is
        assert not out and re.fullmatch(slow + line if progress else "", err)


def test_a_terminal_that_has_gone_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    (job,) = jobs_of({"supervised": 1}, tmp_path)
    monkeypatch.setattr("sys.stderr", Gone())
    with Board([job], workers=1) as board:
        board.on_event(Event(job, "started"))
        board.on_event(Event(job, "failed", "lower `lr`"))
    assert board.failures == {job: "lower lr"}
