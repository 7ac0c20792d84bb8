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
from dynamics.workbench import Workbench, Workbenches
from runners.pool import Source, run_jobs

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


@every_method
def test_a_step_is_captured(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the warning that goes before the way out; W-MSE's solver alone may have to take it."""
    train(job(name, tmp_path / "a"), data.load("digits"), device=torch.device("cuda"))
    warned = "cannot be captured" in capsys.readouterr().err
    assert not warned or name == "w-mse"


@every_method
@pytest.mark.parametrize("engine", ["graph", "compiled"])
def test_engines_agree(name: str, engine: str, tmp_path: Path) -> None:
    """A replay draws the same views as a call; sums are not made in one order, so losses agree as far as bits last."""
    losses = {}
    for chosen in ("eager", engine):
        folder = tmp_path / chosen
        wanted = job(name, folder, precision="fp32")
        train(wanted, data.load("digits"), device=torch.device("cuda"), engine=chosen)
        losses[chosen] = snapshots.Run(folder).scalars()["loss"]
    np.testing.assert_allclose(losses["eager"][0], losses[engine][0], rtol=0.02)
    np.testing.assert_allclose(losses["eager"], losses[engine], rtol=0.1)


@pytest.mark.parametrize("name", ["simclr", "supervised"])
def test_a_seed_does_not_depend_on_its_neighbours(name: str, tmp_path: Path) -> None:
    """Alone, after another seed on the same workbench, and beside two processes: within what atomics change."""
    alone = job(name, tmp_path / "alone")
    train(alone, data.load("digits"), device=torch.device("cuda"))
    shared = Workbenches()
    for seed, folder in ((1, "before"), (0, "after")):
        wanted = dataclasses.replace(job(name, tmp_path / folder), seed=seed)
        train(wanted, data.load("digits"), device=torch.device("cuda"), workbenches=shared)
    beside = [dataclasses.replace(job(name, tmp_path / f"beside-{seed}"), seed=seed) for seed in range(3)]
    source = Source(data_root=tmp_path)
    run_jobs(beside, source=source, devices=["cuda"], workers=3, on_event=lambda event: None)
    expected = snapshots.Run(alone.folder).scalars()["loss"]
    for folder in ("after", "beside-0"):
        np.testing.assert_allclose(snapshots.Run(tmp_path / folder).scalars()["loss"], expected, rtol=0.05)


def test_nothing_waits_within_an_epoch() -> None:
    """PyTorch raises at any wait of the host while the steps of an epoch are sent."""
    recipe = job("simclr", Path("unused")).recipe
    dataset = networks.training_data(data.load("digits"), recipe)
    bench = Workbench("simclr", recipe, dataset, device=torch.device("cuda"), engine="eager")
    bench.begin(0)
    steps = bench.launch(0, 1)
    next(steps)  # what is before the first step may wait: the order of the images is moved
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert sum(1 for _ in steps) == bench.steps - 1
    finally:
        torch.cuda.set_sync_debug_mode("default")
