# SPDX-License-Identifier: Apache-2.0
"""Views depend on their draw, draws on their generator, and nothing waits for the device."""

import dataclasses
import math

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dynamics.augment import CropFlipViews, IdentityViews, SimCLRViews, Views, crop
from dynamics.errors import UserError

NORMALISED = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2023, 0.1994, 0.2010)}
PIPELINES = {
    "simclr": SimCLRViews(),
    "resized-crop-flip": SimCLRViews(jitter_probability=0.0, grayscale_probability=0.0, blur=False),
    "crop-flip": CropFlipViews(**NORMALISED),
    "identity": IdentityViews(),
}
every_pipeline = pytest.mark.parametrize("name", PIPELINES)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int, size: int) -> Tensor:
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=generator(n + size))


def view(views: Views, images: Tensor, seed: int = 0) -> Tensor:
    return views.render(images, views.draw(len(images), images.shape[-1], generator=generator(seed)))


@every_pipeline
@pytest.mark.parametrize("size", [1, 8, 32, 64])
def test_views_have_the_images_shape_and_float32(name: str, size: int) -> None:
    images = noise(5, size)
    before = images.clone()
    made = view(PIPELINES[name], images)
    assert made.shape == images.shape
    assert made.dtype == torch.float32
    assert torch.equal(images, before)


@every_pipeline
def test_a_clean_view_is_the_image_in_the_units_of_the_views(name: str) -> None:
    views, images = PIPELINES[name], noise(6, 32)
    before, clean = images.clone(), PIPELINES[name].clean(images)
    assert torch.equal(images, before) and clean.dtype == torch.float32
    mean, std = (NORMALISED["mean"], NORMALISED["std"]) if name == "crop-flip" else ((0.0,) * 3, (1.0,) * 3)
    expected = (images / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(clean, expected, rtol=0, atol=1e-6)
    if name != "simclr":  # its jitter changes colours; crops and flips leave the middle of a grey image alone
        grey, middle = torch.full((6, 3, 32, 32), 90, dtype=torch.uint8), (..., slice(8, 24), slice(8, 24))
        torch.testing.assert_close(view(views, grey)[middle], views.clean(grey)[middle], rtol=0, atol=1e-6)


@every_pipeline
@pytest.mark.parametrize("size", [8, 32, 64])
def test_rendering_in_chunks_is_rendering_at_once(name: str, size: int) -> None:
    views, images = PIPELINES[name], noise(70, size)
    draw = views.draw(70, size, generator=generator())
    whole = views.render(images, draw)
    chunks = [views.render(images[i : i + 32], draw[i : i + 32]) for i in range(0, 70, 32)]
    assert torch.equal(torch.cat(chunks), whole)
    some = torch.tensor([69, 3, 3, 40])
    assert torch.equal(views.render(images[some], draw[some]), whole[some])


@every_pipeline
def test_the_generator_decides_everything(name: str) -> None:
    views, images = PIPELINES[name], noise(40, 32)
    torch.manual_seed(1)
    first = view(views, images)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(view(views, images), first)
    assert torch.equal(view(views, images, seed=1), first) == views.deterministic
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    stream = generator()
    draws = [views.draw(40, 32, generator=stream) for _ in range(2)]
    again = torch.equal(views.render(images, draws[0]), views.render(images, draws[1]))
    assert again == views.deterministic


@every_pipeline
def test_every_image_has_parameters_of_its_own(name: str) -> None:
    views = PIPELINES[name]
    made = view(views, noise(1, 32).repeat(64, 1, 1, 1))
    distinct = len(torch.unique(made.flatten(1), dim=0))
    assert distinct == 1 if views.deterministic else distinct > 45  # 162 places and sides for a padded crop


@every_pipeline
def test_a_draw_can_be_made_here_and_rendered_there(name: str) -> None:
    draw = PIPELINES[name].draw(6, 32, generator=generator())
    moved = draw.to("meta")
    assert {value.device.type for value in vars(moved).values() if value is not None} == {"meta"}
    asked = PIPELINES[name].draw(6, 32, generator=generator(), device="meta")
    shapes = [{k: v.shape for k, v in vars(d).items() if v is not None} for d in (moved, asked)]
    assert shapes[0] == shapes[1]
    assert len(draw) == len(moved) == 6
    assert len(draw[2:5]) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        draw.flip = None


@every_pipeline
def test_one_row_does_not_serve_a_whole_batch(name: str) -> None:
    views = PIPELINES[name]
    with pytest.raises(ValueError, match="a draw for 1 images cannot be rendered on 4"):
        views.render(noise(4, 8), views.draw(1, 8, generator=generator()))


class NoWaiting(TorchDispatchMode):
    """Refuses what makes the host wait for the device or a shape depend on data."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in self.FORBIDDEN, name
        if name.startswith(("index", "_index")):
            indices = [i for i in args[1] if isinstance(i, Tensor)]
            assert all(i.dtype not in (torch.bool, torch.uint8) for i in indices), f"{name} by a mask"
        # A tensor made from the host's numbers is a copy to the device.
        assert name not in ("lift_fresh", "lift_fresh_copy"), name
        return func(*args, **(kwargs or {}))


@every_pipeline
def test_nothing_waits_for_the_device(name: str) -> None:
    views, images, stream = PIPELINES[name], noise(8, 32), generator()
    with NoWaiting():
        views.render(images, views.draw(8, 32, generator=stream))


@pytest.mark.parametrize(
    "wait",
    [lambda x: x[x > 0], lambda x: x.max().item(), lambda x: x.nonzero(), lambda x: x + torch.tensor([1.0])],
)
def test_the_check_for_waiting_sees_waiting(wait) -> None:
    x = torch.ones(3)
    with NoWaiting(), pytest.raises(AssertionError):
        wait(x)


@every_pipeline
def test_rendering_compiles_as_one_graph(name: str) -> None:
    views, images = PIPELINES[name], noise(8, 32)
    draw = views.draw(8, 32, generator=generator())
    plain = views.render(images, draw)
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        compiled = torch.compile(views.render, fullgraph=True, backend="eager")
        # To rounding: some versions trace `add` with a factor as a product and a sum.
        torch.testing.assert_close(compiled(images, draw), plain, rtol=0, atol=2e-6)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
        torch.compiler.reset()


def test_what_is_switched_off_is_not_drawn_and_moves_nothing_else() -> None:
    full = SimCLRViews().draw(30, 32, generator=generator())
    less = PIPELINES["resized-crop-flip"].draw(30, 32, generator=generator())
    assert less.factors is less.order is less.grey is less.sigma is None
    assert torch.equal(less.box, full.box)
    assert torch.equal(less.flip, full.flip)
    stronger = SimCLRViews(jitter_strength=0.5).draw(30, 32, generator=generator())
    assert torch.equal(stronger.order, full.order)
    assert torch.equal(stronger.sigma, full.sigma)


def test_views_without_a_choice_are_deterministic() -> None:
    assert IdentityViews().deterministic
    assert CropFlipViews(padding=0, flip_probability=0.0).deterministic
    assert CropFlipViews(padding=0, flip_probability=1.0).deterministic
    assert not CropFlipViews(padding=0).deterministic
    assert not CropFlipViews(flip_probability=0.0).deterministic
    assert not PIPELINES["resized-crop-flip"].deterministic
    images = noise(20, 8)
    mirrored = view(CropFlipViews(padding=0, flip_probability=1.0), images)
    assert torch.equal(mirrored, view(IdentityViews(), images.flip(-1)))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (SimCLRViews, "crop_scale_min", 0.0),
        (SimCLRViews, "crop_scale_min", 1.5),
        (SimCLRViews, "crop_ratio", (2.0, 1.0)),
        (SimCLRViews, "flip_probability", 1.2),
        (SimCLRViews, "jitter_probability", -0.1),
        (SimCLRViews, "jitter_strength", 3.0),
        (SimCLRViews, "grayscale_probability", float("nan")),
        (SimCLRViews, "blur_sigma", (0.0, 1.0)),
        (CropFlipViews, "padding", -1),
        (CropFlipViews, "flip_probability", 2.0),
        (CropFlipViews, "std", (0.1, 0.0, 0.1)),
        (IdentityViews, "mean", (0.1,)),
    ],
)
def test_impossible_fields_are_refused_by_name(kind: type, field: str, value: object) -> None:
    with pytest.raises(UserError, match=f"{field}.*must be .*got"):
        kind(**{field: value})


@settings(deadline=None, max_examples=60)
@given(
    size=st.integers(1, 70),
    least=st.floats(0.01, 1.0),
    ratio=st.tuples(st.floats(0.2, 5.0), st.floats(0.2, 5.0)).map(sorted).map(tuple),
    seed=st.integers(0, 2**31),
)
def test_boxes_lie_inside_and_are_of_the_asked_size(
    size: int, least: float, ratio: tuple[float, float], seed: int
) -> None:
    uniform = torch.rand(50, 2 * crop.TRIES + 2, generator=generator(seed))
    uniform[:10, -2:] = 1 - 2**-24  # the largest number that torch.rand gives
    boxes = crop.resized_boxes(uniform, size, scale=(least, 1.0), ratio=ratio)
    top, left, height, width = boxes.unbind(1)
    assert torch.equal(boxes, boxes.round())
    assert boxes.min() >= 0
    assert min(height.min(), width.min()) >= 1
    assert max((top + height).max(), (left + width).max()) <= size
    # Rounding moves each side by up to half a pixel.
    assert ((height + 0.5) * (width + 0.5)).min() >= min(least, ratio[0], 1 / ratio[1]) * size**2 * (1 - 1e-5)
    more = torch.minimum(height, width) > 1  # a side that would vanish is one pixel, whatever the ratio
    assert ((width + 0.5) / (height - 0.5))[more].ge(ratio[0] * (1 - 1e-5)).all()
    assert ((width - 0.5) / (height + 0.5))[more].le(ratio[1] * (1 + 1e-5)).all()


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 9),
    size=st.integers(1, 48),
    strength=st.floats(0.0, 2.5),
    least=st.floats(0.05, 1.0),
    seed=st.integers(0, 2**31),
)
def test_simclr_views_stay_in_the_unit_interval(
    n: int, size: int, strength: float, least: float, seed: int
) -> None:
    images = noise(n, size)
    made = view(SimCLRViews(jitter_strength=strength, crop_scale_min=least), images, seed)
    assert made.shape == images.shape
    assert torch.isfinite(made).all()
    assert made.min() >= -1e-6
    assert made.max() <= 1 + 1e-6


@settings(deadline=None, max_examples=30)
@given(
    colour=st.tuples(*[st.integers(0, 255)] * 3),
    size=st.integers(1, 48),
    seed=st.integers(0, 2**31),
)
def test_an_even_image_stays_even(colour: tuple[int, int, int], size: int, seed: int) -> None:
    """Crop, flip and blur move pixels; colours are changed the same way everywhere."""
    images = torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(4, 3, size, size).contiguous()
    made = view(SimCLRViews(), images, seed)
    # Blur rounds to a float32 step (1.2e-7); brightness, contrast and saturation enlarge that by up to 1.8 each.
    assert (made.amax((2, 3)) - made.amin((2, 3))).max() < 2e-6
    moved = view(SimCLRViews(jitter_probability=0.0, grayscale_probability=0.0), images, seed)
    torch.testing.assert_close(moved, images / 255, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(size=st.integers(1, 20), padding=st.integers(0, 12), seed=st.integers(0, 2**31))
def test_padded_crops_are_windows_of_the_image(size: int, padding: int, seed: int) -> None:
    images = noise(6, size)
    views = CropFlipViews(padding=padding)
    draw = views.draw(6, size, generator=generator(seed))
    assert 0 <= draw.offset.min() <= draw.offset.max() <= 2 * padding
    made = views.render(images, draw)
    for i in range(6):
        down, right = (draw.offset[i] - padding).tolist()
        plain = made[i].flip(-1) if draw.flip[i] else made[i]
        back = math.prod(max(0, size - abs(step)) for step in (down, right))
        rows = slice(max(0, -down), size - max(0, down)), slice(max(0, down), size - max(0, -down))
        columns = slice(max(0, -right), size - max(0, right)), slice(max(0, right), size - max(0, -right))
        if back == 0:
            assert plain.abs().max() == 0
            continue
        seen, source = plain[:, rows[0], columns[0]], images[i][:, rows[1], columns[1]] / 255
        assert torch.equal(seen, source)
        assert plain.count_nonzero() == seen.count_nonzero()
