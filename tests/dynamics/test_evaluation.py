"""The frozen encoder and its linear layer, against a slow loop; fine-tuning; the same bits from the same seed."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from dynamics import networks, snapshots
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.evaluation import features
from dynamics.evaluation.encoder import Evaluation, ProbeResult
from dynamics.evaluation.examples import Examples
from dynamics.evaluation.features import state_hash
from dynamics.evaluation.recipes import EvaluationRecipe
from dynamics.evaluation.sgd import Standardise, fit, score
from dynamics.streams import generator
from tests.dynamics import small_runs

SHORT = EvaluationRecipe(epochs=3, batch_size=32, min_steps=0)


def evaluation(images: Dataset, recipe: EvaluationRecipe = SHORT) -> Evaluation:
    return Evaluation(dataset=images, statistics=None, recipe=recipe, every_epoch=True)


@pytest.fixture
def images() -> Dataset:
    return small_runs.dataset()


@pytest.fixture
def run(tmp_path: Path, images: Dataset) -> snapshots.Run:
    return small_runs.write(tmp_path / "runs", "simclr", 0, images)


def test_the_hash_sees_a_weight_and_a_buffer(images: Dataset) -> None:
    encoder = small_runs.scrambled("simclr", small_runs.recipe("simclr"), images, seed=0).encoder
    before = state_hash(encoder)
    assert state_hash(encoder) == before
    norm = next(module for module in encoder.modules() if isinstance(module, torch.nn.BatchNorm2d))
    weight = next(module.weight for module in encoder.modules() if isinstance(module, torch.nn.Conv2d))
    assert norm.running_mean is not None and norm.running_var is not None
    for changed in (weight.data, norm.running_mean, norm.running_var, norm.num_batches_tracked):
        kept = changed.clone()
        if changed.is_floating_point():  # by the last bit of one number
            first = changed.view(-1)[:1]
            first.copy_(torch.nextafter(first, torch.full_like(first, math.inf)))
        else:
            changed += 1
        assert state_hash(encoder) != before
        changed.copy_(kept)
        assert state_hash(encoder) == before


@pytest.mark.parametrize("part", ["weight", "running_mean"])
def test_an_encoder_that_changes_while_frozen_is_an_error(
    part: str, run: snapshots.Run, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = networks.trained(run, images)
    monkeypatch.setattr(networks, "trained", lambda *_: held)

    def train_and_spoil(*_: object) -> ProbeResult:
        norm = next(module for module in held.encoder.modules() if isinstance(module, torch.nn.BatchNorm2d))
        getattr(norm, part).data[0] += 1e-3
        return ProbeResult(seed=0, top1=0.0, top5=None, train_top1=0.0, examples=1, loss=(0.0,))

    monkeypatch.setattr(Evaluation, "_frozen", train_and_spoil)
    with pytest.raises(UserError, match="must stay frozen, but its weights changed"):
        evaluation(images).of(run)


def test_linear_leaves_the_encoder_and_fine_tuning_changes_it(run: snapshots.Run, images: Dataset) -> None:
    stored = state_hash(networks.trained(run, images).encoder)
    linear = evaluation(images).of(run)
    assert linear.encoder_before == linear.encoder_after == stored
    semi = evaluation(images, dataclasses.replace(SHORT, mode="semi", fraction=0.5)).of(run)
    assert semi.encoder_before == stored != semi.encoder_after
    assert (linear.examples, semi.examples) == (120, 60)
    assert state_hash(networks.trained(run, images).encoder) == stored  # the file is as it was


def slow_layer(
    rows: np.ndarray, labels: np.ndarray, weight: np.ndarray, bias: np.ndarray, recipe: EvaluationRecipe
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """SGD with momentum on cross-entropy, example by example in float64, gradients by hand."""
    weight, bias = weight.astype(np.float64), bias.astype(np.float64)
    moving_weight, moving_bias = np.zeros_like(weight), np.zeros_like(bias)
    losses = []
    for epoch in range(1, recipe.epochs + 1):
        rate = recipe.lr * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / recipe.epochs))
        order = torch.randperm(len(rows), generator=generator(5, "probe", epoch)).tolist()
        steps = math.ceil(len(rows) / recipe.batch_size)
        summed = 0.0
        for batch in np.array_split(np.array(order), steps):
            slope_weight, slope_bias = np.zeros_like(weight), np.zeros_like(bias)
            for example in batch:
                outputs = weight @ rows[example] + bias
                chances = np.exp(outputs - outputs.max())
                chances /= chances.sum()
                summed -= math.log(chances[labels[example]])
                chances[labels[example]] -= 1
                slope_weight += np.outer(chances, rows[example]) / len(batch)
                slope_bias += chances / len(batch)
            moving_weight = recipe.momentum * moving_weight + slope_weight + recipe.weight_decay * weight
            moving_bias = recipe.momentum * moving_bias + slope_bias + recipe.weight_decay * bias
            weight, bias = weight - rate * moving_weight, bias - rate * moving_bias
        losses.append(summed / len(rows))
    return weight, bias, losses


def test_the_linear_layer_equals_a_slow_loop(rng: np.random.Generator) -> None:
    rows, labels = rng.normal(2, 3, size=(50, 6)).astype(np.float32), rng.integers(0, 4, size=50)
    recipe = EvaluationRecipe(epochs=7, batch_size=16, lr=0.2, weight_decay=0.01, min_steps=0)
    examples = Examples(torch.from_numpy(rows), torch.from_numpy(labels))
    layer = torch.nn.Linear(6, 4)
    start = [part.detach().numpy().copy() for part in (layer.weight, layer.bias)]
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    weight, bias, losses = slow_layer(scaled.astype(np.float64), labels, start[0], start[1], recipe)

    network = torch.nn.Sequential(Standardise.of(examples), layer)
    found = fit(network, [(layer, recipe.lr)], examples, seed=5, recipe=recipe)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias, rtol=1e-4, atol=1e-5)
    assert len(set(np.round(found, 6))) == 7
    right = ((scaled @ weight.T + bias).argmax(axis=1) == labels).mean()
    assert score(network, examples) == (pytest.approx(right), None)


def test_the_whole_linear_evaluation_is_that_layer_on_cached_features(
    run: snapshots.Run, images: Dataset
) -> None:
    outcome = evaluation(images).of(run)
    train, test = (
        features.of_run(run, images, split, device=torch.device("cpu")).values for split in ("train", "test")
    )
    layer = torch.nn.Linear(train.shape[1], 3)
    networks.initialise(layer, generator(0, "probe"))
    rows = Examples(torch.from_numpy(np.array(train)), images.train_labels)
    network = torch.nn.Sequential(Standardise.of(rows), layer)
    loss = fit(network, [(layer, SHORT.lr)], rows, seed=0, recipe=SHORT)
    assert outcome.loss == tuple(loss)
    assert outcome.top1 == score(network, Examples(torch.from_numpy(np.array(test)), images.test_labels))[0]
    assert outcome.test_top1 is not None and len(outcome.test_top1) == 3


@pytest.mark.parametrize("mode", ["linear", "semi"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    mode: str, tmp_path: Path, images: Dataset
) -> None:
    recipe = dataclasses.replace(SHORT, mode=mode, fraction=0.5, augment="crop-flip")
    one, again, other = (
        evaluation(images, recipe).of(small_runs.write(tmp_path / name, "simclr", seed, images))
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert one == again
    assert one.loss != other.loss


def test_top_5_needs_six_classes(rng: np.random.Generator) -> None:
    for classes, defined in ((5, False), (6, True)):
        rows = torch.from_numpy(rng.normal(size=(40, 3)).astype(np.float32))
        labels = torch.arange(40) % classes
        layer = torch.nn.Linear(3, classes)
        top1, top5 = score(layer, Examples(rows, labels))
        own = layer(rows).detach().numpy()
        rank = (own > own[np.arange(40), labels.numpy()][:, None]).sum(axis=1)
        assert top1 == pytest.approx((rank < 1).mean())
        assert top5 == (pytest.approx((rank < 5).mean()) if defined else None)


def test_small_data_are_trained_on_for_a_minimum_of_steps() -> None:
    recipe = EvaluationRecipe()
    assert recipe.actual_epochs(50_000) == 20
    assert recipe.actual_epochs(384) == 500  # of two steps
    assert EvaluationRecipe(min_steps=0).actual_epochs(384) == 20


def test_a_rate_that_is_too_large_is_said(images: Dataset) -> None:
    wild = dataclasses.replace(SHORT, lr=1e38, standardise=False, epochs=5)
    with pytest.raises(UserError, match=r"loss must be finite, got (nan|inf) in epoch \d: lower lr"):
        evaluation(images, wild).pixels(0)
