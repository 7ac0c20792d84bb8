# SPDX-License-Identifier: Apache-2.0
"""With the same parameters forced on both, every operation gives torchvision's values, image by image."""

import colorsys
import itertools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision.transforms import functional as reference

from dynamics.augment import CropFlipViews, IdentityViews, SimCLRViews, blur, colour, crop
from dynamics.augment.pixels import unit

ORDERS = torch.tensor(list(itertools.permutations(range(4))))
NOTHING = (1.0, 1.0, 1.0, 0.0)


def pictures(size: int) -> Tensor:
    """Photographs, noise, greys, nearly greys, saturated blocks, and constant corners of the colour cube."""
    photo = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    corners = itertools.product((40, 200, 380), (60, 260, 520))
    photos = [photo[:, top : top + size, left : left + size] for top, left in corners if top + size <= 427]
    stream = torch.Generator().manual_seed(size)
    noise = torch.randint(0, 256, (6, 3, size, size), generator=stream)
    greys = noise[:2, :1].expand(-1, 3, -1, -1)
    nearly = (greys + torch.randint(0, 2, greys.shape, generator=stream)).clamp(max=255)
    saturated = 255 * (noise[:2] > 127)
    cube = 255 * torch.tensor(list(itertools.product((0, 1), repeat=3)))
    constant = cube[:, :, None, None].expand(-1, 3, size, size)
    return torch.cat((torch.stack(photos), noise, greys, nearly, saturated, constant)).to(torch.uint8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_by_one(images: Tensor, change) -> Tensor:
    return torch.stack([change(image, i) for i, image in enumerate(images)])


def assert_close(ours: Tensor, theirs: Tensor, atol: float = 1e-6) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


@pytest.mark.parametrize("size", [8, 20, 32, 35, 64])
def test_resized_crops_are_torchvisions(size: int) -> None:
    images = unit(pictures(size))
    draw = SimCLRViews().draw(len(images), size, generator=generator())

    def cut(image: Tensor, i: int) -> Tensor:
        box = [int(value) for value in draw.box[i]]
        view = reference.resized_crop(image.double(), *box, [size, size], antialias=True)
        return reference.hflip(view) if draw.flip[i] else view

    assert 0 < draw.flip.sum() < len(images)
    ours = crop.resized_crop(images, draw.box, draw.flip)
    # Where the size is no power of two, pixel coordinates in float32 (torchvision's too) are rounded.
    atol = 3e-7 if size in (8, 32, 64) else 2e-7 * size
    assert_close(ours, one_by_one(images, cut).float(), atol=atol)


def test_the_whole_box_is_the_image_itself() -> None:
    images = unit(pictures(32))
    box = torch.tensor([[0.0, 0.0, 32.0, 32.0]]).expand(len(images), 4)
    kept = torch.zeros(len(images), dtype=torch.bool)
    assert_close(crop.resized_crop(images, box, kept), images, atol=2e-7)
    assert_close(crop.resized_crop(images, box, ~kept), images.flip(-1), atol=2e-7)


@pytest.mark.parametrize(("padding", "size"), [(0, 8), (1, 8), (4, 32), (4, 35), (9, 8)])
def test_padded_crops_and_normalisation_are_torchvisions_to_the_bit(padding: int, size: int) -> None:
    images = pictures(size)
    mean, std = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    views = CropFlipViews(padding=padding, mean=mean, std=std)
    draw = views.draw(len(images), size, generator=generator())

    def cut(image: Tensor, i: int) -> Tensor:
        top, left = draw.offset[i].tolist()
        view = reference.crop(reference.pad(image, [padding] * 4), top, left, size, size)
        view = reference.hflip(view) if draw.flip[i] else view
        return reference.normalize(reference.convert_image_dtype(view), mean, std)

    assert torch.equal(views.render(images, draw), one_by_one(images, cut))


def test_identity_is_to_tensor_and_normalise() -> None:
    images = pictures(8)
    plain, normalised = IdentityViews(), IdentityViews(mean=(0.5, 0.4, 0.0), std=(0.25, 1.0, 0.5))
    draw = plain.draw(len(images), 8, generator=generator())
    theirs = reference.convert_image_dtype(images)
    assert torch.equal(plain.render(images, draw), theirs)
    expected = reference.normalize(theirs, normalised.mean, normalised.std)
    assert torch.equal(normalised.render(images, draw), expected)


SINGLE = {
    "brightness": (colour.BRIGHTNESS, reference.adjust_brightness, (0.2, 0.7, 1.0, 1.3, 1.8)),
    "contrast": (colour.CONTRAST, reference.adjust_contrast, (0.0, 0.2, 0.7, 1.0, 1.8)),
    "saturation": (colour.SATURATION, reference.adjust_saturation, (0.0, 0.2, 0.7, 1.0, 1.8)),
    "hue": (colour.HUE, reference.adjust_hue, (-0.5, -0.2, -0.01, 0.0, 1 / 6, 0.2, 0.5)),
}


@pytest.mark.parametrize("operation", SINGLE)
def test_each_colour_operation_is_torchvisions(operation: str) -> None:
    column, adjust, values = SINGLE[operation]
    images = unit(pictures(32))
    for value in values:
        factors = torch.tensor(NOTHING).repeat(len(images), 1)
        factors[:, column] = value
        order = ORDERS.repeat(2, 1)[: len(images)]
        theirs = one_by_one(images, lambda image, _, value=value: adjust(image, value))
        # torchvision keeps hue in [1, 2) before it takes the fraction: its own error is 1.4e-6.
        assert_close(colour.jitter(images, factors, order), theirs, atol=2e-6)


def jittered_in_float64(pixels: np.ndarray, factors: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Colour jitter of one image, pixel by pixel, with the standard library's HSV."""
    weights = np.array(colour.GREY)
    for operation in order:
        factor = factors[operation]
        if operation == colour.HUE:
            for row, column in np.ndindex(pixels.shape[1:]):
                hue, saturation, value = colorsys.rgb_to_hsv(*pixels[:, row, column])
                pixels[:, row, column] = colorsys.hsv_to_rgb((hue + factor) % 1, saturation, value)
            continue
        grey = np.tensordot(weights, pixels, 1)
        base = {colour.BRIGHTNESS: 0.0, colour.CONTRAST: grey.mean(), colour.SATURATION: grey}[operation]
        pixels = np.clip(factor * pixels + (1 - factor) * base, 0, 1)
    return pixels


def test_every_order_of_the_four_operations() -> None:
    images = unit(pictures(6)).repeat_interleave(len(ORDERS), 0)
    order = ORDERS.repeat(len(images) // len(ORDERS), 1)
    spread = torch.tensor([0.8, 0.8, 0.8, 0.2])
    uniform = torch.rand(len(images), 4, generator=generator())
    factors = torch.tensor(NOTHING) + spread * (2 * uniform - 1)
    ours = colour.jitter(images, factors, order)
    columns = (images.double().numpy(), factors.double().numpy(), order.numpy())
    exact = np.stack([jittered_in_float64(*row) for row in zip(*columns, strict=True)])
    assert_close(ours, torch.from_numpy(exact).float())

    def sequence(image: Tensor, i: int) -> Tensor:
        for operation in order[i]:
            name = list(SINGLE)[operation]
            image = SINGLE[name][1](image, float(factors[i, operation]))
        return image

    assert_close(ours, one_by_one(images, sequence), atol=1e-5)


def test_places_left_empty_change_no_bit() -> None:
    images = unit(pictures(16))
    shift = torch.linspace(-0.5, 0.5, len(images))
    factors = torch.cat((torch.ones(len(images), 3), shift[:, None]), 1)
    only_hue = colour.shift_hue(images, shift).clamp(0, 1)
    for order in ORDERS:
        assert torch.equal(colour.jitter(images, factors, order.repeat(len(images), 1)), only_hue)


def test_no_turn_of_the_hue_gives_the_image_back() -> None:
    images = unit(pictures(32))
    for turn in (0.0, 1.0, -1.0):
        assert_close(colour.shift_hue(images, torch.full((len(images),), turn)), images)


def test_grey_views_are_torchvisions_and_the_others_keep_every_bit() -> None:
    images = unit(pictures(32))
    chosen = torch.arange(len(images)) % 2 == 0
    ours = colour.grayscale(images, chosen)
    theirs = one_by_one(images, lambda image, _: reference.rgb_to_grayscale(image, 3))
    assert_close(ours[chosen], theirs[chosen], atol=2e-7)
    assert torch.equal(ours[~chosen], images[~chosen])


@pytest.mark.parametrize(("size", "taps"), [(8, 3), (32, 3), (8, 5), (64, 7), (35, 9)])
def test_blurs_are_torchvisions(size: int, taps: int) -> None:
    images = unit(pictures(size))
    sigma = torch.linspace(0.1, 2.0, len(images))
    ours = blur.blur(images, sigma, taps=taps)
    theirs = one_by_one(
        images, lambda image, i: reference.gaussian_blur(image, [taps, taps], [float(sigma[i])] * 2)
    )
    assert_close(ours, theirs)
    assert torch.equal(blur.blur(images, torch.zeros(len(images)), taps=taps), images)


def test_the_blurs_window_is_a_tenth_of_the_image() -> None:
    sizes = (1, 8, 19, 20, 32, 39, 40, 64, 96, 224)
    assert [blur.kernel_size(size) for size in sizes] == [1, 1, 1, 3, 3, 3, 5, 7, 9, 23]


@pytest.mark.parametrize("size", [8, 32, 64])
def test_whole_views_are_torchvisions(size: int) -> None:
    images = pictures(size).repeat(4, 1, 1, 1)
    views = SimCLRViews()
    draw = views.draw(len(images), size, generator=generator())
    assert draw.factors is not None and draw.order is not None
    assert draw.grey is not None and draw.sigma is not None
    taps = blur.kernel_size(size)

    def make(image: Tensor, i: int) -> Tensor:
        box = [int(value) for value in draw.box[i]]
        view = reference.resized_crop(
            reference.convert_image_dtype(image), *box, [size, size], antialias=True
        )
        view = reference.hflip(view) if draw.flip[i] else view
        for operation in draw.order[i]:
            name = list(SINGLE)[operation]
            view = SINGLE[name][1](view, float(draw.factors[i, operation]))
        view = reference.rgb_to_grayscale(view, 3) if draw.grey[i] else view
        return reference.gaussian_blur(view, [taps, taps], [float(draw.sigma[i])] * 2)

    assert_close(views.render(images, draw), one_by_one(images, make), atol=1e-5)
