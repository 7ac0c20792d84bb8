"""Sweeps: what is typed, what settings are called, and the whole command on tiny networks."""

import itertools
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis import sweep as comparison
from analysis.framework import results as storage
from analysis.framework.console import in_flags
from analysis.framework.results import Result
from analysis.framework.sweeps import LONGEST, find, setting_name, study_name, sweep_of
from analysis.framework.where import choose_study
from dynamics import methods, snapshots, study_file
from dynamics.errors import UserError
from dynamics.names import check_study_name
from dynamics.study_file import preset
from figures import load, sweep
from figures._style import style
from runners.grid import check_flags, grid, numeric_fields, read_over
from runners.sweep import main, sweep_name
from tests.runners.test_seeds import TINY, heed_interrupts

SIMCLR = methods.recipe("simclr")


def test_values_are_read_with_the_kind_of_their_field() -> None:
    over = read_over([("batch-size", "64", "32"), ("weight_decay", "0", "1e-4")], SIMCLR)
    assert over == {"batch_size": (64, 32), "weight_decay": (0.0, 1e-4)}
    assert [type(value) for values in over.values() for value in values] == [int, int, float, float]


def test_numeric_fields_are_numbers_or_none() -> None:
    kinds = numeric_fields(SIMCLR)
    assert kinds["train_examples"] is int and kinds["lr"] is float
    assert not {"dataset", "blur", "panel_replacement", "optimizer", "presets"} & kinds.keys()


def test_the_grid_holds_every_combination_once() -> None:
    points = grid({"lr": (0.1, 0.2), "batch_size": (1, 2, 3)})
    assert len(points) == 6 and points[1] == {"lr": 0.1, "batch_size": 2}
    assert len({tuple(point.values()) for point in points}) == 6


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"lr": 3e-4}, "lr-0.0003"),
        ({"lr": 1e-5, "batch_size": 64}, "lr-1e-05.batch-size-64"),
        ({"weight_decay": 1e20}, "weight-decay-1e20"),
        ({"invariance_weight": 25.0}, "invariance-weight-25"),
        ({"jitter_strength": -1.5}, "jitter-strength--1.5"),
        ({"lr": 0.123456789}, "lr-0.123456789"),
    ],
)
def test_names_of_settings(values: dict[str, Any], name: str) -> None:
    assert setting_name(values) == name
    assert study_name("my.sweep", values) == f"my.sweep.{name}"


def test_many_fields_have_a_short_name_all_the_same() -> None:
    many = {f"a_rather_long_field_{index}": index / 7 for index in range(10)}
    names = {setting_name({**many, "lr": lr}) for lr in (0.1, 0.2)}
    assert len(names) == 2 and all(len(name) <= LONGEST for name in names)


def test_near_values_have_names_of_their_own(rng: np.random.Generator) -> None:
    values = rng.lognormal(sigma=20, size=200)
    near = [float(value) for value in values] + [float(np.nextafter(value, np.inf)) for value in values]
    assert len({setting_name({"lr": value}) for value in near}) == 400


@pytest.mark.parametrize("study", ["quick", "my.lr-0.1"])
def test_other_studies_are_no_settings(study: str, tmp_path: Path) -> None:
    """A name that looks like a setting's makes none."""
    assert sweep_of(tmp_path / study) is None
    study_file.record(tmp_path / study, {"simclr": preset("simclr", "quick")}, [0])
    assert sweep_of(tmp_path / study) is None


def test_a_copied_setting_is_no_second_setting(tmp_path: Path) -> None:
    for lr in (0.1, 0.2):
        study = study_name("mine", {"lr": lr})
        study_file.record(tmp_path / study, {}, [0], sweep={"name": "mine", "fields": ["lr"]})
        folder = snapshots.seed_folder(tmp_path, study, "simclr", 0)
        snapshots.write_run_json(folder, method="simclr", seed=0, config={"lr": lr}, provenance={})
    assert [setting.values for setting in find(tmp_path, "mine").settings] == [{"lr": 0.1}, {"lr": 0.2}]
    shutil.copytree(tmp_path / "mine.lr-0.1", tmp_path / "mine.lr-0.3")
    with pytest.raises(UserError, match=r"mine\.lr-0\.1 and mine\.lr-0\.3 hold the same setting lr-0\.1"):
        find(tmp_path, "mine")


def test_a_flag_and_a_sweep_exclude_each_other() -> None:
    check_flags({"lr": ()}, ["--lrx", "1", "--batch-size", "2"])
    for word in ("--batch-size=3", "--batch_size"):
        with pytest.raises(UserError, match="batch_size and --over batch-size exclude each other"):
            check_flags({"batch_size": ()}, [word])


def test_a_sweep_has_a_name() -> None:
    assert sweep_name(None, "quick", "w-mse", ["lr", "batch_size"]) == "quick-sweep-w-mse-lr-batch-size"
    assert sweep_name("mine.lr-0.1", "quick", "simclr", ["lr"]) == "mine.lr-0.1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "--method must be given"),
        ("--method simclr", "--over must be given"),
        ("--method simclr --over", "--over needs a field"),
        ("--method simclr --over learning-rate 1", "no such field; use one of train-examples"),
        ("--method simclr --over presets 1", "no such field"),
        ("--method simclr --over tempreature 1", "(did you mean temperature?)"),
        ("--method simclr --over optimizer adam", "does not hold a number"),
        ("--method simclr --over blur 0 1", "does not hold a number"),
        ("--method simclr --over lr", "--over lr has no values"),
        ("--method simclr --over lr 1e-4 0.0001", "must differ, got 0.0001 twice"),
        ("--method simclr --over lr 1 --over lr 2", "--over lr is given twice"),
        ("--method simclr --over lr one", "must be numbers, got 'one'"),
        ("--method simclr --over lr nan", "must be finite"),
        ("--method simclr --over batch-size 64.5", "must be integers, got '64.5'"),
        ("--method simclr --over lr 1e-4 -1", "--lr must be >= 0, got -1.0"),
        ("--method simclr --over batch-size 5000 64", "--batch-size must be <= 384"),
        ("--method simclr --over epochs 5 5000", "--epochs must be <= 4095"),
        ("--method simclr --over lr 1 --lr 2", "exclude each other"),
        ("--method simclr --over lr 1 --study ../x", "--study"),
        ("--method simclr --over lr 1 --n 0", "--n must be"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        main([*arguments.split(), "--preset", "quick"])
    assert re.search(message, in_flags(error.value)) and "\n" not in str(error.value)
    assert not (tmp_path / "runs").exists() and not (tmp_path / "results").exists()


def test_dry_run_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = "--method supervised --over lr 0.1 0.2 --preset quick --dry-run --n 2"
    assert main(arguments.split()) == 0
    assert capsys.readouterr().out.count("would train") == 4
    assert not list(tmp_path.iterdir())


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    places = ["--runs", str(root / "runs"), "--results", str(root / "results"), "--study", "s"]
    return subprocess.Popen(
        [sys.executable, "-m", "runners.sweep", *TINY, *places, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )


@pytest.mark.slow
def test_a_setting_that_diverges_does_not_stop_the_others(tmp_path: Path) -> None:
    arguments = ("--method", "supervised", "--optimizer", "sgd", "--n", "2", "--over", "lr", "1e30", "1e-2")
    out, err = (process := start(tmp_path, *arguments)).communicate(timeout=1000)
    assert process.returncode == 1, err
    assert "2 of 4 seeds trained" in out and "2 of 2 failed in epoch 1" in out and "Traceback" not in err
    found = storage.read(tmp_path / "results/s", "sweep")
    good, bad = found.rows
    assert (good["lr"], good["seeds"], good["failed"]) == (0.01, 2, 0)
    assert (bad["lr"], bad["seeds"], bad["failed"], bad["loss"], bad["test"]) == (1e30, 0, 2, None, None)
    runs = snapshots.open_runs(tmp_path / "runs", "s.lr-0.01", "supervised")
    losses = np.stack([run.scalars()["loss"] for run in runs])
    np.testing.assert_array_equal(found.arrays["lr-0.01.loss"], losses)
    assert good["loss"] == pytest.approx(losses[:, -1].mean()) and good["loss_sd"] == pytest.approx(
        losses[:, -1].std(ddof=1)
    )
    right = np.stack([run.correct([3]) for run in runs])
    assert good["mean_r"] == pytest.approx(right.mean())
    assert good["feature_rank"] == pytest.approx(np.mean([run.scalars()["feature_rank"][-1] for run in runs]))
    assert good["test"] == pytest.approx(found.arrays["lr-0.01.test"].mean()) and good["test"] > 0.05
    assert {path.suffix for path in (tmp_path / "results/s/figures").iterdir()} == {".pdf", ".png"}
    again = comparison.analyse(
        find(tmp_path / "runs", "s"), device="cpu"
    )  # what is on the disk says the same
    assert storage.plain(again.rows) == storage.plain(found.rows)
    with pytest.raises(UserError, match="no sweep 't'"):
        find(tmp_path / "runs", "t")
    with pytest.raises(UserError, match="holds supervised: choose one with method"):
        find(tmp_path / "runs", "s", "simclr")


@pytest.mark.slow
def test_ctrl_c_and_going_on(tmp_path: Path) -> None:
    arguments = ("--method", "supervised", "--over", "lr", "1e-3", "1e-2", "--epochs", "60", "--workers", "1")
    process = start(tmp_path, *arguments)
    folder = tmp_path / "runs/s.lr-0.001/supervised/seed-0000"
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline and not (folder.exists() and snapshots.state(folder).committed >= 2):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "To go on: python -m runners.sweep" in out and not (tmp_path / "results").exists()
    out, err = (process := start(tmp_path, *arguments)).communicate(timeout=1000)
    assert process.returncode == 0, err
    assert len(storage.read(tmp_path / "results/s", "sweep").rows) == 2
    out, err = (process := start(tmp_path, *arguments)).communicate(timeout=1000)
    assert process.returncode == 0 and "2 seeds complete, 0 to train" in out, err


def made_up(rng: np.random.Generator, fields: dict[str, list[float]], *, failed: int = 0) -> Result:
    """Return what analysis.sweep would of two seeds and six epochs; the last settings fail in epoch 3."""
    rows, arrays = [], {}
    points = grid(fields)
    for at, point in enumerate(points):
        fails = at >= len(points) - failed
        curves = 5 - at / 9 + rng.normal(scale=0.05, size=(2, 6))
        curves[:, 2:] = np.nan if fails else curves[:, 2:]
        name = setting_name(point)
        arrays[f"{name}.loss"] = curves
        known = {"test": 0.5 + at / 50, "test_sd": 0.02, "test_untrained": 0.4, "test_pixels": 0.8}
        row = {
            "method": "vicreg",
            "study": f"s.{name}",
            **point,
            **(dict.fromkeys(known) if fails else known),
        }
        rows.append({**row, "seeds": 0 if fails else 2, "failed": 2 if fails else 0})
    settings = {"sweep": "s", "method": "vicreg", "fields": list(fields), "settings": list(arrays)}
    return Result(name="sweep", rows=rows, inputs={}, arrays=arrays, settings=settings)


SWEEPS: dict[str, tuple[dict[str, list[float]], int]] = {
    "one value": ({"lr": [1e-3]}, 0),
    "three": ({"lr": [1e-4, 3e-4, 1e-3]}, 1),
    "all failed": ({"lr": [1.0, 10.0]}, 2),
    "crowded": ({"batch_size": [8, 9, 10, 64, 65, 256]}, 0),
    "grid": ({"lr": [1e-4, 1e-3], "batch_size": [64, 128]}, 1),
    "larger grid": ({"invariance_weight": [1.0, 5.0, 25.0], "batch_size": [32, 64, 128, 256]}, 0),
}


def texts(figure: Figure) -> list[Text]:
    """Return what is written: ticks outside an axis's limits have labels, too, which are not drawn."""
    hidden = set()
    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            out = [tick for tick in ticks if not low <= tick.get_loc() <= high]
            hidden |= {label for tick in out for label in (tick.label1, tick.label2)}
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if text not in hidden and text.get_window_extent().width]


@pytest.mark.parametrize("name", SWEEPS)
def test_the_figure_is_readable(name: str, rng: np.random.Generator) -> None:
    fields, failed = SWEEPS[name]
    with style():
        figure = load("sweep").draw({"sweep": made_up(rng, fields, failed=failed)})
        figure.draw_without_rendering()
        shown = texts(figure)
        boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for one, other in itertools.combinations(range(len(shown)), 2):
        a, b = boxes[one], boxes[other]
        apart = min(a.x1, b.x1) - max(a.x0, b.x0) < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 1
        assert apart, (shown[one], shown[other])


def test_the_figure_draws_the_numbers(rng: np.random.Generator) -> None:
    result = made_up(rng, {"lr": [1e-4, 3e-4, 1e-3]}, failed=1)
    with style():
        losses, accuracies = load("sweep").draw({"sweep": result}).axes
    means = [line.get_ydata() for line in losses.get_lines()[:2]]
    for curve, name in zip(means, ("lr-0.0001", "lr-0.0003"), strict=True):
        np.testing.assert_allclose(np.asarray(curve, dtype=float), result.arrays[f"{name}.loss"].mean(axis=0))
    np.testing.assert_allclose(np.asarray(accuracies.get_lines()[0].get_ydata(), dtype=float), [0.5, 0.52])
    assert accuracies.get_xscale() == "log"
    crosses = [line for line in losses.get_lines() if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [2, 2]


@pytest.mark.parametrize(
    ("values", "geometric"),
    [
        ([1e-4, 3e-4, 1e-3], True),
        ([16, 32, 64, 128], True),
        ([1, 2, 3, 4], False),
        ([0, 1, 10], False),
        ([5], False),
    ],
)
def test_axes_are_logarithmic_where_values_are_geometric(values: list[float], geometric: bool) -> None:
    assert sweep.is_geometric(values) is geometric
    assert math.isfinite(sum(values))


def test_a_sweep_of_many_fields_has_a_name_that_a_folder_can_have() -> None:
    fields = [f"a_field_with_quite_a_long_name_{number}" for number in range(10)]
    names = {sweep_name(None, "quick", "vicreg", some) for some in (fields, fields[1:], fields[:-1])}
    for name in names:
        check_study_name(study_name(name, dict.fromkeys(fields, 0.123456789)))
    assert len(names) == 3


def test_a_sweep_is_told_from_a_study(tmp_path: Path) -> None:
    for lr in (0.1, 0.2):
        study_file.record(tmp_path / f"sw.lr-{lr}", {}, [0], sweep={"name": "sw", "fields": ["lr"]})
        seed = snapshots.seed_folder(tmp_path, f"sw.lr-{lr}", "simclr", 0)
        snapshots.write_run_json(seed, method="simclr", seed=0, config={"lr": lr}, provenance={})
    with pytest.raises(UserError, match=r"sw is a sweep of 2 settings: .*study, such as sw\.lr-0\.1"):
        choose_study(tmp_path, "sw")
