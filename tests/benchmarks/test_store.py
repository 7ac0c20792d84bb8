"""Does the benchmark of storage read what was written, and does what it reads resemble the thesis's runs."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.papers.memorization.printed import FIGURE_4_1, FIGURE_4_4_SD, FIGURE_4_5, TABLE_4_2
from benchmarks import store
from benchmarks.harness import Conditions
from benchmarks.store import Sizes
from dynamics.opening import open_study

QUICK = Conditions(device=torch.device("cpu"), quick=True)
SMALL = Sizes(seeds=4, epochs=5, views=2, augmentations=3, examples=48)


@pytest.mark.slow
def test_a_quick_run_measures_everything_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = {row.key: row for row in store.measure(QUICK)}
    wanted = {"write_epoch", "read_seconds", "read_peak", "read_peak_without_torch", "correct_size"}
    assert rows.keys() == {f"store.{name}" for name in wanted | {"stream_seconds", "stream_peak"}}
    without = rows.pop("store.read_peak_without_torch")
    if Path("/proc/self/status").exists():
        assert without.value is not None and 10 < without.value < 0.8 * rows["store.read_peak"].value
    assert all(row.value is not None and row.value > 0 for row in rows.values())
    assert list(tmp_path.iterdir()) == []


def test_no_part_is_begun_after_the_deadline() -> None:
    assert store.measure(dataclasses.replace(QUICK, deadline=0.0)) == []


def test_what_is_read_is_the_mean_of_what_was_drawn(tmp_path: Path) -> None:
    store.write(tmp_path, store.METHOD, SMALL)
    drawn = np.stack(list(store.all_answers(store.METHOD, SMALL)))
    assert drawn.shape == (4, 5, 2, 3, 48) and drawn.size == SMALL.answers
    r = drawn[:, :, 0].mean(axis=(0, 2))
    assert len(np.unique(r)) > 5
    np.testing.assert_allclose(store.read(tmp_path, "learning_probability"), r, rtol=1e-12)
    np.testing.assert_allclose(store.read(tmp_path, "mean"), r.mean(axis=1), rtol=1e-12)
    study = open_study(tmp_path / store.STUDY)
    assert study.notes == () and study.counts(store.METHOD).seeds == (0, 1, 2, 3)  # all are complete
    np.testing.assert_array_equal(study.correct(store.METHOD), drawn)


def test_the_size_is_that_of_the_answers_alone(tmp_path: Path) -> None:
    store.write(tmp_path, store.METHOD, SMALL)
    everything = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert SMALL.answers / 16 < store.size_of(tmp_path, "correct") < everything / 2


@pytest.mark.parametrize("method", FIGURE_4_1)
def test_sizes_are_those_of_the_thesis(method: str) -> None:
    found = store.thesis_sizes(method)
    epochs = {"simclr": 200, "supervised": 50, "random-labels": 20, "random-labels-aug": 500}[method]
    views, augmentations = 1 + (method == "simclr"), 1 if method == "random-labels" else 10
    assert str(found) == f"30 x {epochs} x {views} x {augmentations} x 1024"


@pytest.mark.parametrize("method", FIGURE_4_1)
def test_answers_spread_as_the_thesis_printed(method: str) -> None:
    sizes = store.thesis_sizes(method)
    p = store.thresholds(method, sizes) / store.LEVELS
    for epoch, mean in FIGURE_4_1[method].items():
        assert p[epoch - 1].mean() == pytest.approx(float(mean), abs=0.035)
    for noise, sd in zip(TABLE_4_2[method], FIGURE_4_4_SD[method], strict=True):
        own = p[noise.epoch - 1]
        trials = sizes.seeds * sizes.augmentations
        variance = own.mean(axis=0).var() + (own * (1 - own)).mean() / trials
        assert variance**0.5 == pytest.approx(float(sd), abs=0.045)
    for noise, share in zip(TABLE_4_2[method], FIGURE_4_5.get(method, ()), strict=False):
        own = p[noise.epoch - 1]
        between = own.var(axis=0, ddof=1).mean()
        total = between + own.mean(axis=0).var() - between / sizes.augmentations
        assert between / total == pytest.approx(float(share), abs=0.15)


def test_answers_are_right_as_often_as_they_should_be_and_last() -> None:
    limits = np.full((40, 1, 20_000), round(0.3 * store.LEVELS), dtype=np.uint16)
    found = store.answers(limits, 2, seed=3)
    assert found.shape == (40, 2, 1, 20_000)
    np.testing.assert_allclose(found.mean(axis=(2, 3)), 0.3, atol=5 * (0.3 * 0.7 / 20_000) ** 0.5)
    # Half of the numbers behind them stay: half as many changes as of independent answers.
    changes = (found[1:] != found[:-1]).mean()
    assert changes == pytest.approx(0.5 * 2 * 0.3 * 0.7, abs=0.005)
    assert np.array_equal(found, store.answers(limits, 2, seed=3))
    assert not np.array_equal(found, store.answers(limits, 2, seed=4))
