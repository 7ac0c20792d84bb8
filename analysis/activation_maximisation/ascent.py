# SPDX-License-Identifier: Apache-2.0
"""Two ways of gradient ascent on images, all tiles of a batch at once.

`robust`: Adam on spectra, moved a little at each step; the image is in [0, 1].
`thesis`: x <- x + d/dx (activation - 0.01 sum x^2) on the pixels, from uniform noise that makes the unit
active, in the units of the network's input; shown as sigmoid((x - mean) / std) (memorization thesis, eq. 5.4).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from analysis.activation_maximisation.parametrisation import Colours, FourierImages
from analysis.activation_maximisation.transforms import Motion, move

Values = Callable[[Tensor], Tensor]
"""Maps images, one per tile, to the preactivations of the tiles' units."""

RATE = 0.05
"""Learning rate of Adam."""

STARTS = 64
"""Number of starts of the robust search, of which the one that drives the unit hardest is continued."""

FADE = 0.3
"""Factor of that start's spectrum before the ascent: what the unit does not see stays close to the mean colour."""

PENALTY, STEP = 0.01, 1.0
"""The thesis's ascent: the factor of sum x^2, and the step size."""

REDRAWS = 100
"""Number of starts that the thesis's ascent tries for a silent unit before it counts as dead."""


class Found(NamedTuple):
    """Pseudo-images, one per tile."""

    images: Float[Tensor, "tile channel size size"]
    """The images as they are shown, in [0, 1]."""
    activation: Float[Tensor, " tile"]
    """Activation of the unit on its final image, >= 0."""
    dead: Bool[Tensor, " tile"]
    """Whether the search could not make the unit active; its image then means nothing."""


def robust(
    values: Values,
    *,
    count: int,
    size: int,
    colours: Colours,
    motion: Motion,
    steps: int,
    generator: torch.Generator,
) -> Found:
    """Maximise preactivations over natural-looking images.

    Parameters
    ----------
    values
        Function to maximise, of images in [0, 1].
    count, size
        Number of tiles, and the height of their images in pixels.
    colours
        Colours of the data set, on the device to use.
    motion
        Random motions under which the units must stay active.
    steps
        Steps of Adam.
    generator
        Source of the start and the motions, on the CPU.

    Returns
    -------
    Found
        The images without motion. A unit is dead when its preactivation is not positive even there.

    Examples
    --------
    >>> def blue(images):
    ...     return (images[:, 2] - images[:, :2].mean(dim=1)).mean(dim=(1, 2))
    >>> colours, generator = Colours(torch.zeros(3), torch.eye(3)), torch.Generator().manual_seed(0)
    >>> found = robust(blue, count=1, size=6, colours=colours, motion=Motion(), steps=5, generator=generator)
    >>> tuple(found.images.shape), int(found.images[0].mean(dim=(1, 2)).argmax()), found.dead.tolist()
    ((1, 3, 6, 6), 2, [False])
    """
    fourier = FourierImages(count, size, colours, generator=generator)
    _set_best_start(fourier, values, generator)
    fill = colours.mean.sigmoid()
    optimizer = torch.optim.Adam([fourier.spectrum], lr=RATE)
    for _ in range(steps):
        maps = motion.draw(count, size, generator=generator).to(colours.mean.device)
        optimizer.zero_grad(set_to_none=True)
        (-values(move(fourier.images(), maps, fill=fill)).sum()).backward()
        optimizer.step()
    with torch.no_grad():
        images = fourier.images()
        received = values(images)
    return Found(images, received.relu(), received <= 0)


@torch.no_grad()
def _set_best_start(fourier: FourierImages, values: Values, generator: torch.Generator) -> None:
    best = values(fourier.images())
    for _ in range(STARTS - 1):
        before = fourier.spectrum.clone()
        fourier.spectrum.copy_(fourier.start(generator))
        found = values(fourier.images())
        better = (found > best).view(-1, 1, 1, 1, 1)
        fourier.spectrum.copy_(torch.where(better, fourier.spectrum, before))
        best = torch.maximum(found, best)
    fourier.spectrum.mul_(FADE)


def thesis(
    values: Values,
    *,
    count: int,
    size: int,
    steps: int,
    generator: torch.Generator,
    device: torch.device,
) -> Found:
    """Maximise activations by plain ascent on the pixels, as the memorization thesis did.

    Parameters
    ----------
    values
        Function to maximise, of a network's inputs.
    count, size, steps, generator
        As for :func:`robust`.
    device
        The device to use.

    Returns
    -------
    Found
        A unit is dead when none of REDRAWS starts makes it active; its image is then the last start.

    Examples
    --------
    >>> def first_bright_second_silent(images):
    ...     return images.mean(dim=(1, 2, 3)) * torch.tensor([1.0, -1.0])
    >>> generator, cpu = torch.Generator().manual_seed(0), torch.device("cpu")
    >>> found = thesis(first_bright_second_silent, count=2, size=4, steps=3, generator=generator, device=cpu)
    >>> found.dead.tolist(), found.activation.sign().tolist()
    ([False, True], [1.0, 0.0])
    """
    x, dead = _active_starts(values, count, size, generator=generator, device=device)
    for _ in range(steps):
        x.requires_grad_()
        gain = values(x).relu().sum() - PENALTY * x.square().sum()
        (gradient,) = torch.autograd.grad(gain, x)
        x = torch.where(dead.view(-1, 1, 1, 1), x, x + STEP * gradient).detach()
    with torch.no_grad():
        activation = values(x).relu()
    return Found(displayed(x), activation, dead)


def _active_starts(
    values: Values, count: int, size: int, *, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Draw uniform noise, repeatedly for units that it leaves silent; also return which ones stay silent."""
    x = torch.zeros(count, 3, size, size, device=device)
    silent = torch.ones(count, dtype=torch.bool, device=device)
    for _ in range(REDRAWS):
        noise = torch.rand(count, 3, size, size, generator=generator).to(device)
        x = torch.where(silent.view(-1, 1, 1, 1), noise, x)
        with torch.no_grad():
            silent = values(x) <= 0
        if not silent.any():
            break
    return x, silent


def displayed(x: Float[Tensor, "tile channel size size"]) -> Float[Tensor, "tile channel size size"]:
    """Map each image to [0, 1] by sigmoid((x - mean) / std) over all its numbers, std unbiased (eq. 5.4).

    A constant image becomes 1/2.

    Examples
    --------
    >>> displayed(torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1)).flatten().round(decimals=2)
    tensor([0.2700, 0.5000, 0.7300])
    """
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    std = x.std(dim=(1, 2, 3), keepdim=True)
    return torch.sigmoid((x - mean) / torch.where(std > 0, std, torch.ones_like(std)))
