"""The same study on a CUDA device; skipped, visibly, where there is none."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from dynamics import data, methods, networks, snapshots
from dynamics.streams import generator
from dynamics.study_file import preset
from dynamics.training import capture, panel
from dynamics.training.capture import Engine
from dynamics.training.job import Job
from dynamics.training.loop import train
from dynamics.training.pool import Source, run_jobs
from dynamics.training.workbench import Workbench
from tests.dynamics.interruption import Stop, stop_after

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
CUDA = torch.device("cuda")
every_method = pytest.mark.parametrize("name", methods.names())


def job(name: str, folder: Path, **changes: object) -> Job:
    recipe = dataclasses.replace(preset(name, "quick"), epochs=3, **changes)  # type: ignore[arg-type]
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
    one, other = (found.arrays["correct"] for found in scores)
    assert (one == other).mean() > 0.99
    np.testing.assert_allclose(*(found.arrays["probability"] for found in scores), atol=5e-3)


@every_method
def test_views_are_drawn_on_the_device(name: str) -> None:
    recipe = preset(name, "quick")
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
    """Without the warning that goes before the way out."""
    if not methods.load(name).captured:
        pytest.skip("declares that its step is not to be captured")
    train(job(name, tmp_path / "a"), data.load("digits"), device=CUDA)
    assert "cannot be captured" not in capsys.readouterr().err


STEPS = 1
"""Steps that are compared: rounding moves a gradient by parts in a thousand; Adam's next steps make tenths of that."""


@pytest.fixture
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TF32 either: what is left are sums that are not made in one order, and learning enlarges it soon."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def bench_of(name: str, engine: Engine) -> Workbench:
    recipe = job(name, Path("unused"), precision="fp32").recipe
    dataset = networks.training_data(data.load("digits"), recipe)
    return Workbench(name, recipe, dataset, device=CUDA, engine=engine)


def weights(bench: Workbench) -> torch.Tensor:
    trained = [value.detach().flatten() for value in bench.method.parameters() if value.requires_grad]
    return torch.cat(trained).double()


def moved(bench: Workbench, *, draws: int = 0) -> torch.Tensor:
    """By what the weights of seed 0 change in a step, on the images and views of another seed's stream."""
    bench.begin(0)
    before = weights(bench)
    steps = bench.launch(draws, 1)
    for _ in range(STEPS):
        next(steps)
    return weights(bench) - before


def assert_like(one: torch.Tensor, other: torch.Tensor, others_draws: torch.Tensor) -> None:
    """Equal but for a fraction of what other views make of it."""
    assert (other - one).norm() < 0.1 * (others_draws - one).norm()


@every_method
@pytest.mark.parametrize("engine", ["graph", "compiled"])
def test_engines_agree(name: str, engine: Engine, full_precision: None) -> None:
    """A replay draws the same views as a call, and does the same to the weights."""
    eager = bench_of(name, "eager")
    assert_like(moved(eager), moved(bench_of(name, engine)), moved(eager, draws=1))


@every_method
def test_a_seed_does_not_depend_on_what_was_before_or_runs_beside_it(name: str, full_precision: None) -> None:
    """On a workbench that another seed has used, and taking turns with another seed on another stream."""
    alone, used, beside = (bench_of(name, "graph") for _ in range(3))
    expected, another = moved(alone), moved(alone, draws=1)
    used.begin(5)
    used.run_epoch(5, 1)
    assert_like(expected, moved(used), another)

    benches, lanes = (alone, beside), [torch.cuda.Stream() for _ in range(2)]
    alone.begin(0)
    beside.begin(7)
    before = weights(alone)
    torch.cuda.synchronize()
    launches = [bench.launch(seed, 1) for bench, seed in zip(benches, (0, 7), strict=True)]
    for _ in range(STEPS):
        for launch, lane in zip(launches, lanes, strict=True):
            with torch.cuda.stream(lane):
                next(launch)
    torch.cuda.synchronize()
    assert_like(expected, weights(alone) - before, another)


def test_processes_share_a_gpu(tmp_path: Path) -> None:
    jobs = [dataclasses.replace(job("simclr", tmp_path / f"{seed}"), seed=seed) for seed in range(3)]
    source = Source(data_root=tmp_path)
    run_jobs(jobs, source=source, devices=["cuda"], workers=3, on_event=lambda event: None)
    for each in jobs:
        assert snapshots.Run(each.folder).complete


@pytest.mark.parametrize("name", ["simclr", "supervised"])  # Adam and SGD
@pytest.mark.parametrize("engine", ["eager", "graph"])
def test_a_stopped_seed_goes_on(name: str, engine: str, tmp_path: Path) -> None:
    wanted = job(name, tmp_path / "a")
    with pytest.raises(Stop):
        train(
            wanted,
            data.load("digits"),
            device=CUDA,
            report=stop_after(2),
            state_share=math.inf,
            engine=engine,
        )
    train(wanted, data.load("digits"), device=CUDA, engine=engine)
    assert snapshots.Run(wanted.folder).complete


def test_a_capture_that_fails_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """The step goes on eagerly, memory can be freed, and the next one is captured."""
    draws = generator(0, "control", device=CUDA)
    total = torch.zeros((), device=CUDA)

    def waits() -> None:
        total.add_(torch.rand((), generator=draws, device=CUDA))
        total.item()

    def works() -> None:
        total.add_(torch.rand((), generator=draws, device=CUDA))

    call = capture.repeated(waits, "graph", draws=draws, name="this")
    assert "a step of this cannot be captured" in capsys.readouterr().err
    total.zero_()
    call()
    assert 0 < total.item() < 1
    torch.cuda.empty_cache()
    replay = capture.repeated(works, "graph", draws=draws, name="that")
    assert not capsys.readouterr().err
    total.zero_()
    for _ in range(3):
        replay()
    assert 0 < total.item() < 3


@pytest.mark.parametrize("engine", ["eager", "graph"])
@pytest.mark.parametrize("name", ["simclr", "supervised", "moco", "vicreg-tico", "w-mse"])
def test_nothing_waits_within_an_epoch(name: str, engine: Engine) -> None:
    """PyTorch raises at any wait of the host while the steps of an epoch are sent."""
    recipe = job(name, Path("unused")).recipe
    dataset = networks.training_data(data.load("digits"), recipe)
    bench = Workbench(name, recipe, dataset, device=CUDA, engine=engine)
    bench.begin(0)
    steps = bench.launch(0, 1)
    next(steps)  # what is before the first step may wait: the order of the images is moved
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert sum(1 for _ in steps) == bench.steps - 1
    finally:
        torch.cuda.set_sync_debug_mode("default")
