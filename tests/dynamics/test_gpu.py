"""The same study on a CUDA device; skipped, visibly, where there is none."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dynamics import data, methods, networks, panel, snapshots
from dynamics.config import preset
from dynamics.streams import generator
from dynamics.training import Job, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
every_method = pytest.mark.parametrize("name", methods.names())


def job(name: str, folder: Path, **changes: object) -> Job:
    recipe = dataclasses.replace(preset(methods.recipe(name), "quick"), epochs=3, **changes)  # type: ignore[arg-type]
    return Job(method=name, recipe=recipe, seed=0, folder=folder)


@every_method
def test_a_seed_trains_and_finishes(name: str, tmp_path: Path) -> None:
    train(job(name, tmp_path / "a"), data.load("digits"), device=torch.device("cuda"))
    run = snapshots.Run(tmp_path / "a")
    assert run.complete and not snapshots.verify(run.folder)
    assert np.isfinite(run.scalars()["loss"]).all()
    assert "cuda" not in run.provenance["device"]  # the card's name, not the word


@every_method
def test_the_panel_is_scored_as_on_the_cpu(name: str, tmp_path: Path) -> None:
    """Same weights, same views, full precision: verdicts may differ at near-ties only."""
    wanted = job(name, tmp_path, precision="fp32")
    dataset = networks.training_data(data.load("digits"), wanted.recipe)
    scores = []
    for device in ("cpu", "cuda"):
        method = networks.untrained(name, wanted.recipe, dataset, seed=0).to(device)
        built = panel.build(
            wanted.recipe,
            method.views(wanted.recipe, networks.image_statistics(dataset)),
            num_views=method.panel_views,
            images=dataset.train_images.to(device),
            labels=dataset.train_labels.to(device),
            examples=panel.draw_examples(wanted.recipe, dataset.num_train),
        )
        scores.append(built.score(method))
    assert (scores[0].correct == scores[1].correct).mean() > 0.99
    np.testing.assert_allclose(scores[0].probability, scores[1].probability, atol=5e-3)


@every_method
def test_views_are_drawn_on_the_device(name: str) -> None:
    recipe = preset(methods.recipe(name), "quick")
    statistics = networks.image_statistics(data.load("digits"))
    views = methods.load(name).views(recipe, statistics)
    images = torch.randint(0, 256, (64, 3, 8, 8), dtype=torch.uint8, device="cuda")
    draw = views.draw(64, 8, generator=generator(0, "augmentation", 1, device="cuda"), device="cuda")
    rendered = views.render(images, draw)
    torch.testing.assert_close(rendered.cpu(), views.render(images.cpu(), draw.to("cpu")), rtol=0, atol=1e-4)


@every_method
def test_full_precision_learns_what_mixed_precision_learns(name: str, tmp_path: Path) -> None:
    losses = {}
    for precision in ("bf16", "fp32"):
        folder = tmp_path / precision
        train(job(name, folder, precision=precision), data.load("digits"), device=torch.device("cuda"))
        losses[precision] = snapshots.Run(folder).scalars()["loss"]
    np.testing.assert_allclose(losses["bf16"], losses["fp32"], rtol=0.1)
