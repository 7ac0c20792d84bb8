import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics import methods
from dynamics.augment import SimCLRViews
from dynamics.config import Recipe
from dynamics.encoders import initialise
from dynamics.errors import UserError
from dynamics.methods.base import ImageStatistics, Method
from dynamics.streams import generator
from dynamics.study_file import preset
from dynamics.training import panel

STATISTICS = ImageStatistics(num_classes=5, image_size=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3))
TRAIN = 300


def setup(name: str, **changes: int) -> tuple[Method, panel.Panel]:
    recipe = preset(name, "quick")
    recipe = type(recipe).from_json({**recipe.to_json(), "panel_examples": 64, "panel_batch": 32, **changes})
    method = methods.load(name)(recipe, STATISTICS)
    initialise(method, generator(1, "weights"))
    images = torch.randint(0, 256, (TRAIN, 3, 8, 8), dtype=torch.uint8, generator=generator(2, "control"))
    labels = torch.randint(0, 5, (TRAIN,), generator=generator(3, "control"))
    built = panel.build(
        recipe,
        method.views(recipe, STATISTICS),
        num_views=method.panel_views,
        images=images,
        labels=labels,
        examples=panel.draw_examples(recipe, TRAIN),
    )
    return method, built


every_method = pytest.mark.parametrize("name", methods.names())


@every_method
def test_scoring_leaves_the_network_as_it_was(name: str) -> None:
    """Batch norm's buffers above all: in train mode they would take in the panel."""
    method, built = setup(name)
    method.train()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    built.score(method)
    assert method.training
    for key, value in method.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert any("running_mean" in key for key in before)


@every_method
def test_scores_are_those_of_eval_mode_one_augmentation_at_a_time(name: str) -> None:
    method, built = setup(name)
    for module in method.modules():  # statistics unlike a batch's own
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2, generator=generator(8, "control"))
    scores = built.score(method)
    views, augmentations, examples = built.shape
    assert (
        scores.arrays["correct"].shape
        == scores.arrays["probability"].shape
        == (views, augmentations, examples)
    )
    method.eval()
    for m in range(augmentations):
        with torch.no_grad():
            outputs = torch.stack([method(built.render(m, v)) for v in range(views)])
            judged = method.judge(outputs, built.labels)
        assert (judged.correct.numpy() == scores.arrays["correct"][:, m]).mean() > 0.99
        np.testing.assert_allclose(judged.probability.numpy(), scores.arrays["probability"][:, m], atol=2e-3)


@every_method
def test_the_panel_is_the_same_every_time(name: str) -> None:
    first, second = setup(name)[1], setup(name)[1]
    for m in range(first.shape[1]):
        for v in range(first.shape[0]):
            assert torch.equal(first.render(m, v), second.render(m, v))


def test_without_randomness_there_is_one_augmentation() -> None:
    assert setup("random-labels")[1].shape == (1, 1, 64)
    assert setup("random-labels-aug")[1].shape == (1, 3, 64)
    assert setup("simclr")[1].shape == (2, 3, 64)


def test_views_and_augmentations_differ() -> None:
    built = setup("simclr")[1]
    rendered = [built.render(m, v) for m in range(3) for v in range(2)]
    for i, one in enumerate(rendered):
        for other in rendered[i + 1 :]:
            assert not torch.equal(one, other)


def test_more_augmentations_begin_with_the_same_ones() -> None:
    few, many = setup("simclr", panel_augmentations=2)[1], setup("simclr", panel_augmentations=5)[1]
    assert all(torch.equal(few.render(m, v), many.render(m, v)) for m in range(2) for v in range(2))


def test_chunks_and_cache_do_not_change_the_views(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = setup("simclr")[1].render(0, 1)
    monkeypatch.setattr(panel, "CHUNK", 7)
    monkeypatch.setattr(panel, "CACHE_BYTES", 0)
    built = setup("simclr")[1]
    torch.testing.assert_close(built.render(0, 1), whole, rtol=0, atol=1e-6)
    assert not built._rendered


@pytest.mark.parametrize(("size", "views"), [(8, 4096), (16, 1024), (32, 256), (600, 1)])
def test_a_chunk_fits_into_a_processors_caches(size: int, views: int) -> None:
    images = torch.zeros(1, 3, size, size, dtype=torch.uint8)
    built = panel.Panel(images=images, labels=torch.zeros(1), views=SimCLRViews(), draws=[[]])
    assert built.chunk == views


@given(st.integers(2, 200), st.integers(0, 50), st.booleans())
@settings(deadline=None, max_examples=30)
def test_examples_are_drawn_from_the_panel_seed(size: int, seed: int, replacement: bool) -> None:
    config = Recipe(panel_examples=size, panel_seed=seed, panel_replacement=replacement)
    drawn = panel.draw_examples(config, 200)
    assert drawn.shape == (size,) and drawn.min() >= 0 and drawn.max() < 200
    assert torch.equal(drawn, panel.draw_examples(config, 200))
    assert replacement or len(drawn.unique()) == size
    if not replacement:
        longer = panel.draw_examples(Recipe(panel_examples=200, panel_seed=seed), 200)
        assert torch.equal(drawn, longer[:size])


def test_replacement_repeats_some() -> None:
    drawn = panel.draw_examples(Recipe(panel_examples=1024, panel_replacement=True), 2000)
    assert len(drawn.unique()) < 1024


def test_too_many_examples_is_said() -> None:
    with pytest.raises(
        UserError, match="panel_examples must be <= 300, the number of training images, got 301"
    ):
        panel.check(Recipe(panel_examples=301), num_train=TRAIN, num_test=TRAIN, num_views=1)
    panel.check(
        Recipe(panel_examples=301, panel_replacement=True), num_train=TRAIN, num_test=TRAIN, num_views=1
    )


def test_a_panel_that_does_not_split_into_batches_is_said() -> None:
    config = Recipe(panel_examples=100, panel_batch=48)
    with pytest.raises(UserError, match=r"panel_examples must be a multiple of panel_batch \(48\), got 100"):
        panel.check(config, num_train=TRAIN, num_test=TRAIN, num_views=2)
    panel.check(config, num_train=TRAIN, num_test=TRAIN, num_views=1)  # has no partners to look for
