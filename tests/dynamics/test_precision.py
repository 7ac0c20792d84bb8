"""Do --precision bf16 and --precision fp32 learn alike: curves of seeds of each, and a control that does not."""

import contextlib
import dataclasses
import functools
import itertools
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from dynamics import data
from dynamics.study_file import preset
from dynamics.training.job import EpochReport, Job
from dynamics.training.loop import train
from dynamics.training.workbench import Workbenches
from tests.typechecks import types_unchecked

SEEDS = 12
LEVEL = 0.002
"""Level of all decisions. Another CPU's rounding gives other curves: of equal learning, it errs in one of 500.

Its power, by draws from normal distributions with the seeds' means and covariances: above 0.999 for the control,
0.998 for "something is learnt".
"""
SMALL = {
    "epochs": 5,
    "train_examples": 208,
    "width": 4,
    "batch_size": 16,
    "schedule_period": 25,
    "schedule_start": 0,
    "panel_examples": 192,
    "panel_augmentations": 3,
    "panel_batch": 16,
}
"""Narrow and short, with steep curves: after five epochs both methods are right four times as often as by chance."""
RATES = {"supervised": 5e-3, "simclr": 1e-2}

pytestmark = pytest.mark.slow
every_method = pytest.mark.parametrize("method", RATES)
every_device = pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
            ],
        ),
    ],
)


class Curves(NamedTuple):
    """What the seeds did after each epoch; axes seed, epoch."""

    learnt: np.ndarray
    """Mean of `correct`: a seed's share of E[r_t]."""
    loss: np.ndarray


@functools.cache
def curves(method: str, device: str, precision: str, slower: float = 1.0) -> Curves:
    """Train the seeds, at the learning rate divided by `slower`."""
    changes: dict[str, Any] = {**SMALL, "precision": precision, "lr": RATES[method] / slower}
    recipe = dataclasses.replace(preset(method, "quick"), **changes)
    rows: list[list[EpochReport]] = []
    workbenches = Workbenches()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(SEEDS):
            rows.append([])
            job = Job(
                method=method, recipe=recipe, seed=seed, folder=Path(folder, method, f"seed-{seed:04d}")
            )
            with types_unchecked() if seed else contextlib.nullcontext():  # they are the same in all seeds
                train(
                    job,
                    data.load("digits"),
                    device=torch.device(device),
                    report=rows[-1].append,
                    workbenches=workbenches,
                )
    return Curves(
        np.array([[report.mean_correct for report in row] for row in rows]),
        np.array([[report.loss for report in row] for row in rows]),
    )


def within_spread(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether after every epoch the means lie within two standard deviations of a seed of each other.

    By the same draws, means of equal learning lie outside in one of 3000, and those of the control always.
    """
    spread = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2)
    return bool((np.abs(first.mean(axis=0) - second.mean(axis=0)) <= 2 * spread).all())


def p_value(first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of the largest standardised difference over the epochs, seeds paired.

    If the two learn alike, a seed's difference is as likely with the other sign. All choices of signs are
    compared, so that 2 / 2^N is the least that N pairs can give (all signs turned give the same again).
    """
    difference = first - second
    scale = np.sqrt((difference**2).sum(axis=0))
    signs = np.array(list(itertools.product((1, -1), repeat=len(difference))))
    largest = np.abs(signs @ (difference / np.where(scale > 0, scale, 1))).max(axis=1)
    return float((largest >= largest[0] - 1e-9).mean())


@every_device
@every_method
def test_bf16_and_fp32_learn_alike(method: str, device: str) -> None:
    full, half = (curves(method, device, precision) for precision in ("fp32", "bf16"))
    assert full.learnt[:, -1].mean() > full.learnt[:, 0].mean(), "nothing learnt"
    assert p_value(full.learnt[:, -1:], full.learnt[:, :1]) <= LEVEL, "nothing learnt"
    assert within_spread(full.learnt, half.learnt)
    assert p_value(full.learnt, half.learnt) > LEVEL


@every_device
@every_method
def test_bf16_is_another_computation(method: str, device: str) -> None:
    """Or the two would agree for no reason: every seed's losses differ, by about what eight bits leave open."""
    full, half = (curves(method, device, precision) for precision in ("fp32", "bf16"))
    assert (full.loss != half.loss).all()
    # The first epoch's steps have not yet drifted apart.
    assert (np.abs(full.loss[:, 0] / half.loss[:, 0] - 1) < 0.2).all()


@every_device
@pytest.mark.parametrize("method", ["supervised", pytest.param("simclr", marks=pytest.mark.kernels)])
def test_worse_learning_is_told_apart(method: str, device: str) -> None:
    """A thirtieth of the learning rate: the same comparison, with as many seeds, must see it, in both ways."""
    full, slow = curves(method, device, "fp32"), curves(method, device, "fp32", slower=30.0)
    assert not within_spread(full.learnt, slow.learnt)
    assert p_value(full.learnt, slow.learnt) <= LEVEL


def test_the_comparison_is_right_when_nothing_differs(rng: np.random.Generator) -> None:
    """Two draws of one distribution are told apart as rarely as the p-value says."""
    p = np.array([p_value(*rng.normal(size=(2, SEEDS, 5)).cumsum(axis=-1)) for _ in range(300)])
    assert (p <= 0.25).mean() == pytest.approx(0.25, abs=0.08)
    assert (p <= LEVEL).sum() <= 4  # 0.6 are expected
    assert p_value(np.ones((SEEDS, 3)), np.ones((SEEDS, 3))) == 1
