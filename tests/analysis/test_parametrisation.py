# SPDX-License-Identifier: Apache-2.0
"""Colours of a data set against numpy; images that keep its colours, its contrast and its spectrum."""

import numpy as np
import pytest
import torch

from analysis.activation_maximisation.parametrisation import Colours, FourierImages, colours_of
from dynamics.streams import generator


def coloured(count: int = 40, size: int = 6) -> torch.Tensor:
    stream = generator(0, "control")
    noise = torch.randn(count, 3, size, size, generator=stream)
    mix = torch.tensor([[40.0, 0, 0], [30, 20, 0], [10, 5, 8]])
    return (128 + torch.einsum("cd,ndhw->nchw", mix, noise)).clamp(0, 255).to(torch.uint8)


def logits(images: torch.Tensor) -> np.ndarray:
    """(pixel, channel)."""
    pixels = np.clip(images.numpy() / 255, 0.02, 0.98).transpose(0, 2, 3, 1).reshape(-1, images.shape[1])
    return np.log(pixels / (1 - pixels))


@pytest.mark.parametrize("batch", [7, 1000])
def test_colours_against_numpy(batch: int) -> None:
    images = coloured()
    found = colours_of(images, batch=batch)
    plain = logits(images)
    covariance = np.cov(plain.T, ddof=0)
    np.testing.assert_allclose(found.mean, plain.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.root @ found.root, covariance, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.root, found.root.T, atol=1e-5)
    assert float(found.contrast) == pytest.approx(np.trace(covariance), rel=1e-4)


def test_grey_data_give_grey_images() -> None:
    images = coloured()[:, :1].expand(-1, 3, -1, -1)
    made = FourierImages(4, 8, colours_of(images), generator=generator(1, "control")).images().detach()
    torch.testing.assert_close(made[:, 0], made[:, 1], atol=1e-5, rtol=0)
    torch.testing.assert_close(made[:, 0], made[:, 2], atol=1e-5, rtol=0)
    assert made.std() > 0.01


def test_data_of_one_colour_give_that_colour() -> None:
    images = torch.full((3, 3, 4, 4), 51, dtype=torch.uint8)
    made = FourierImages(2, 8, colours_of(images), generator=generator(1, "control")).images()
    torch.testing.assert_close(made, torch.full_like(made, 0.2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [8, 11])
@pytest.mark.parametrize("gain", [0.02, 100])
def test_contrast_is_at_most_that_of_the_data(size: int, gain: float) -> None:
    colours = colours_of(coloured())
    fourier = FourierImages(5, size, colours, generator=generator(2, "control"))
    with torch.no_grad():
        fourier.spectrum *= gain
        made = fourier.images()
    assert float(made.min()) >= 0 and float(made.max()) <= 1
    squares = (made.double().logit() - colours.mean.view(1, 3, 1, 1)).square().sum(dim=1).mean(dim=(1, 2))
    assert (squares <= 1.001 * colours.contrast).all()
    assert (squares > 0.99 * colours.contrast).all() == (gain == 100)


def test_an_empty_spectrum_is_the_mean_colour_and_has_a_gradient() -> None:
    colours = colours_of(coloured())
    fourier = FourierImages(2, 8, colours, generator=generator(2, "control"))
    with torch.no_grad():
        fourier.spectrum.zero_()
    made = fourier.images()
    torch.testing.assert_close(made, colours.mean.sigmoid().view(1, 3, 1, 1).expand_as(made))
    made.sum().backward()
    assert fourier.spectrum.grad is not None
    assert torch.isfinite(fourier.spectrum.grad).all() and (fourier.spectrum.grad != 0).any()


def test_starts_have_the_spectrum_of_natural_images() -> None:
    """Power falls as 1 / f^2: the slope of its logarithm is -2."""
    size = 64
    white = Colours(torch.zeros(3), torch.eye(3))
    made = FourierImages(200, size, white, generator=generator(3, "control")).images().detach()
    power = torch.fft.fft2(made.logit()).abs().square().mean(dim=(0, 1))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    inside = (frequency > 2 / size) & (frequency < 0.45)
    slope = np.polyfit(np.log(frequency[inside]), np.log(power.numpy()[inside]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.1)
