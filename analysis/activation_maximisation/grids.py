# SPDX-License-Identifier: Apache-2.0
"""The grids of one network: for each block its channels, their images, and how real images compare."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64, UInt8
from torch import Tensor

from analysis.activation_maximisation import ascent
from analysis.activation_maximisation.parametrisation import Colours, colours_of
from analysis.activation_maximisation.receptive_field import (
    Canvas,
    Field,
    choose_canvas,
    default_kind,
    receptive_fields,
)
from analysis.activation_maximisation.settings import AscentSettings, CanvasKind
from analysis.activation_maximisation.transforms import Motion
from analysis.activation_maximisation.units import (
    RAW,
    Normalisation,
    Objective,
    Units,
    choose_channels,
    real_activations,
)
from dynamics.augment import Views
from dynamics.data import Dataset
from dynamics.encoders.resnet18 import Encoder as ResNet18
from dynamics.methods import Method
from dynamics.networks import image_statistics

SHIFTS = 16
"""An image is shifted by at most this fraction of its height, or of a training image's if that is smaller. Shifts of
2 pixels make it impossible to find what a unit with a field of 11 responds to."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What the networks of a study have in common: the data and the device."""

    dataset: Dataset
    images: UInt8[Tensor, "example channel size size"]
    """Real images to compare with."""
    colours: Colours
    """Colours of the training images, on `device`."""
    device: torch.device

    @classmethod
    def of(cls, dataset: Dataset, examples: Int64[np.ndarray, " example"], device: torch.device) -> "World":
        """Take some training images, by index, to compare with."""
        images = dataset.train_images[torch.from_numpy(examples)]
        mean, root = (values.to(device) for values in colours_of(dataset.train_images))
        return cls(dataset=dataset, images=images, colours=Colours(mean, root), device=device)


class BlockPlan(NamedTuple):
    """Canvas and channels of one block."""

    block: int
    """Number of the block, from 1."""
    field: Field
    canvas: Canvas
    channels: Int64[np.ndarray, " tile"]


class Grid(NamedTuple):
    """The tiles of one block."""

    plan: BlockPlan
    images: UInt8[np.ndarray, "tile size size channel"]
    activation: Float32[np.ndarray, " tile"]
    """Activation of the unit on its image."""
    largest: Float32[np.ndarray, " tile"]
    """Largest activation of the unit on real images."""
    percentile: Float[np.ndarray, " tile"]
    """Percentage of real images that activate the unit less, 0 to 100."""
    dead: Bool[np.ndarray, " tile"]
    """Whether the search could not make the unit active, nor (robust) any of the real images does."""
    available: int
    """Number of channels of the block."""
    silent: float
    """Fraction of all the block's channels that none of the real images activates, 0 to 1."""


def grids_of(method: Method, world: World, settings: AscentSettings) -> list[Grid]:
    """Find the maximising images of one network, trained or not, for all blocks.

    Examples
    --------
    >>> from dynamics import data, methods
    >>> digits = data.load("digits")
    >>> recipe = methods.recipe("supervised")(width=2)
    >>> network = methods.load("supervised")(recipe, image_statistics(digits))
    >>> world = World.of(digits, np.arange(20), torch.device("cpu"))
    >>> grids = grids_of(network, world, AscentSettings(canvas="image", steps=1, tiles=2))
    >>> [(grid.plan.block, grid.images.shape, grid.available) for grid in grids[::3]]
    [(1, (2, 8, 8, 3), 2), (4, (2, 8, 8, 3), 16)]
    """
    encoder = method.eval().requires_grad_(requires_grad=False).to(world.device).encoder
    assert isinstance(encoder, ResNet18)
    own = normalisation_of(method.views(method.recipe, image_statistics(world.dataset)))
    real = real_activations(encoder, world.images, own, device=world.device)
    plans = plan_blocks(
        receptive_fields(encoder),
        [activations.shape[1] for activations in real],
        image_size=world.dataset.image_size,
        settings=settings,
    )
    made = []
    for canvas, group in groupby(plans, key=lambda plan: plan.canvas):
        together = list(group)  # images of one size go through the network together
        sizes = [len(plan.channels) for plan in together]
        with _suited_threads(sum(sizes) * encoder.conv1.out_channels * canvas.size**2):
            found = search(encoder, together, canvas, own, world, settings)
        parts = zip(*(field.cpu().split(sizes) for field in found), strict=True)
        for plan, part in zip(together, parts, strict=True):
            grid = _grid(plan, ascent.Found(*part), real[plan.block - 1])
            if settings.preset == "robust":  # the thesis's units are dead when no start makes them active
                grid = grid._replace(dead=grid.dead & (grid.largest <= 0))
            made.append(grid)
    return made


def normalisation_of(views: Views) -> Normalisation:
    """Return a method's normalisation of pixels without augmentation, measured on black and white.

    Examples
    --------
    >>> from dynamics import data, methods
    >>> statistics = image_statistics(data.load("digits"))
    >>> method = methods.load("supervised")
    >>> own = normalisation_of(method.views(methods.recipe("supervised")(), statistics))
    >>> [round(value, 3) for value in own.mean], [round(value, 3) for value in statistics.mean]
    ([0.305, 0.305, 0.305], [0.305, 0.305, 0.305])
    """
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    black, white = views.clean(ends)[:, :, 0, 0].double()
    std = 1 / (white - black)
    return Normalisation(tuple((-black * std).tolist()), tuple(std.tolist()))


def kind_of(settings: AscentSettings, fields: tuple[Field, ...], image_size: int) -> CanvasKind:
    """Return the kind of canvas in the settings, or the default of the preset.

    Examples
    --------
    >>> fields = (Field(11, 1), Field(109, 8))
    >>> kind_of(AscentSettings(), fields, 32), kind_of(AscentSettings(), fields, 8)
    ('receptive-field', 'image')
    >>> kind_of(AscentSettings(preset="thesis"), fields, 8)
    'thesis'
    """
    if settings.canvas is not None:
        return settings.canvas
    return "thesis" if settings.preset == "thesis" else default_kind(fields, image_size)


def plan_blocks(
    fields: tuple[Field, ...], widths: list[int], *, image_size: int, settings: AscentSettings
) -> list[BlockPlan]:
    """Choose canvas and channels of each block, from its receptive field and its number of channels.

    Examples
    --------
    >>> fields, settings = (Field(11, 1), Field(109, 8)), AscentSettings(tiles=3)
    >>> plans = plan_blocks(fields, [2, 16], image_size=32, settings=settings)
    >>> [(plan.block, plan.canvas.size, len(plan.channels)) for plan in plans]
    [(1, 11, 2), (2, 109, 3)]
    """
    kind = kind_of(settings, fields, image_size)
    plans = []
    for block, (field, width) in enumerate(zip(fields, widths, strict=True), start=1):
        rng = np.random.default_rng([settings.random_state, block])
        canvas = choose_canvas(kind, field, block=block, image_size=image_size)
        plans.append(BlockPlan(block, field, canvas, choose_channels(width, settings.tiles, rng)))
    return plans


def search(
    encoder: ResNet18,
    plans: list[BlockPlan],
    canvas: Canvas,
    own: Normalisation,
    world: World,
    settings: AscentSettings,
) -> ascent.Found:
    """Run the ascent for all tiles of some blocks at once; the random numbers are the same for all networks.

    Examples
    --------
    >>> from dynamics import data
    >>> encoder = ResNet18(width=2).eval().requires_grad_(False)
    >>> settings = AscentSettings(preset="thesis", tiles=2, steps=1)
    >>> world = World.of(data.load("digits"), np.arange(20), torch.device("cpu"))
    >>> plan = plan_blocks((Field(11, 1),), [2], image_size=8, settings=settings)[0]
    >>> tuple(search(encoder, [plan], plan.canvas, RAW, world, settings).images.shape)
    (2, 3, 11, 11)
    """
    counts = dict.fromkeys(range(1, plans[-1].block + 1), 0) | {
        plan.block: len(plan.channels) for plan in plans
    }
    channels = torch.from_numpy(np.concatenate([plan.channels for plan in plans])).to(world.device)
    objective = Objective(
        encoder=encoder,
        units=Units(tuple(counts.values()), channels),
        margin=canvas.margin,
        normalisation=own if settings.preset == "robust" else RAW,
    )
    stream = np.random.default_rng([settings.random_state, plans[0].block, 1])
    generator = torch.Generator().manual_seed(int(stream.integers(2**32)))
    steps = settings.steps_for(world.dataset.image_size)
    size = canvas.size
    if settings.preset == "thesis":
        return ascent.thesis(
            objective, count=len(channels), size=size, steps=steps, generator=generator, device=world.device
        )
    return ascent.robust(
        objective,
        count=len(channels),
        size=size,
        colours=world.colours,
        motion=Motion(shift=min(size, world.dataset.image_size) / SHIFTS),
        steps=steps,
        generator=generator,
    )


def _grid(plan: BlockPlan, found: ascent.Found, real: Float32[np.ndarray, "example feature"]) -> Grid:
    activation = found.activation.numpy()
    own = real[:, plan.channels]
    return Grid(
        plan=plan,
        images=(found.images.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy(),
        activation=activation,
        largest=own.max(axis=0),
        percentile=100 * (own < activation).mean(axis=0),
        dead=found.dead.numpy(),
        available=real.shape[1],
        silent=float((real.max(axis=0) <= 0).mean()),
    )


WORTH_DIVIDING = 1_000_000
"""Minimum size of the largest map of a batch, in numbers, for which several cores are faster than one. Below,
threads wait for each other at every layer, and on a busy machine for other programs: a factor of 8 was measured."""


@contextlib.contextmanager
def _suited_threads(numbers: int) -> Iterator[None]:
    """Let torch use a single core inside the context if the largest map has few numbers."""
    before = torch.get_num_threads()
    if numbers < WORTH_DIVIDING:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
