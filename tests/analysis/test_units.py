# SPDX-License-Identifier: Apache-2.0
"""Are the right units read: against hooks on a whole forward pass, one image at a time."""

import numpy as np
import pytest
import torch

from analysis.activation_maximisation.grids import normalisation_of
from analysis.activation_maximisation.units import (
    Normalisation,
    Objective,
    Units,
    choose_channels,
    preactivations,
    real_activations,
)
from dynamics import networks
from dynamics.streams import generator
from tests.dynamics import small_runs

COUNTS = (2, 0, 3, 4)
CHANNELS = [0, 1, 5, 2, 7, 0, 15, 3, 8]


@pytest.fixture
def network():
    return small_runs.scrambled(
        "supervised", small_runs.recipe("supervised"), small_runs.dataset(), seed=3
    ).eval()


def hooked(encoder: torch.nn.Module, image: torch.Tensor) -> list[torch.Tensor]:
    """Outputs of all blocks for one image."""
    outputs: list[torch.Tensor] = []
    handles = [
        stage.register_forward_hook(lambda *seen: outputs.append(seen[2][0])) for stage in encoder.stages
    ]
    with torch.no_grad():
        encoder(image[None])
    for handle in handles:
        handle.remove()
    return outputs


@pytest.mark.parametrize("size", [8, 17])
def test_activations_are_those_of_a_whole_pass(network, size: int) -> None:
    images = torch.rand(9, 3, size, size, generator=generator(0, "control"))
    received = preactivations(network.encoder, images, Units(COUNTS, torch.tensor(CHANNELS)))
    blocks = [block for block, count in enumerate(COUNTS) for _ in range(count)]
    assert (received < 0).any() and (received > 0).any()
    for image, block, channel, value in zip(images, blocks, CHANNELS, received, strict=True):
        output = hooked(network.encoder, image)[block]
        middle = output.shape[1] // 2
        torch.testing.assert_close(value.relu(), output[channel, middle, middle])


def test_tiles_do_not_know_each_other(network) -> None:
    images = torch.rand(9, 3, 8, 8, generator=generator(1, "control"))
    units = Units(COUNTS, torch.tensor(CHANNELS))
    together = preactivations(network.encoder, images, units)
    changed = images.clone()
    changed[3] = 0
    other = preactivations(network.encoder, changed, units)
    torch.testing.assert_close(together[[0, 1, 2, 4, 5, 6, 7, 8]], other[[0, 1, 2, 4, 5, 6, 7, 8]])
    assert together[3] != other[3]


@pytest.mark.parametrize("method", ["simclr", "supervised", "random-labels"])
def test_normalisation_is_the_methods_own(method: str) -> None:
    data = small_runs.dataset()
    network = small_runs.scrambled(method, small_runs.recipe(method), data, seed=0)
    views = network.views(network.recipe, networks.image_statistics(data))
    found = normalisation_of(views)
    images = data.train_images[:5]
    torch.testing.assert_close(found.apply(images / 255), views.clean(images), atol=2e-6, rtol=0)
    assert (found == ((0, 0, 0), (1, 1, 1))) == (method != "supervised")


def test_real_activations(network) -> None:
    data = small_runs.dataset()
    own = Normalisation((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    found = real_activations(network.encoder, data.train_images[:4], own, device=torch.device("cpu"))
    for at, image in enumerate(own.apply(data.train_images[:4] / 255)):
        for block, output in enumerate(hooked(network.encoder, image)):
            middle = output.shape[1] // 2
            expected = output[:, middle, middle].numpy()
            np.testing.assert_allclose(found[block][at], expected, rtol=1e-4, atol=1e-6)


def test_the_objective_normalises_and_reads_the_margin(network) -> None:
    units = Units((1,), torch.tensor([1]))
    image = torch.rand(1, 3, 9, 9, generator=generator(2, "control"))
    own = Normalisation((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    objective = Objective(encoder=network.encoder, units=units, margin=2, normalisation=own)
    padded = torch.zeros(1, 3, 11, 11)
    padded[:, :, 2:, 2:] = own.apply(image)
    torch.testing.assert_close(objective(image), preactivations(network.encoder, padded, units))


def test_channels_are_drawn_without_replacement(rng: np.random.Generator) -> None:
    drawn = [choose_channels(10, 4, rng) for _ in range(2000)]
    assert all((np.diff(channels) > 0).all() for channels in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=10)
    assert np.abs(counts / 2000 - 0.4).max() < 4.5 * np.sqrt(0.4 * 0.6 / 2000)
    assert choose_channels(3, 36, rng).tolist() == [0, 1, 2]
