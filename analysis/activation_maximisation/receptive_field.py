# SPDX-License-Identifier: Apache-2.0
"""Receptive fields: how much of an image one unit sees (Araujo et al., 2019, doi:10.23915/distill.00021).

Along the layers, a kernel of k pixels at a distance j between neighbouring units adds (k - 1) j pixels to the
field, and a stride multiplies j. The memorization thesis's 11, 19, 27 and 35 pixels leave the strides out.
"""

from typing import NamedTuple

from analysis.activation_maximisation.settings import CanvasKind
from dynamics.encoders.resnet18 import BasicBlock
from dynamics.encoders.resnet18 import Encoder as ResNet18

THESIS_SIZES = (11, 19, 27, 35)
"""Pixels of the thesis's pseudo-images, by block."""

LARGEST = 4
"""A canvas is at most this many training images wide: 128 pixels for 32."""


class Field(NamedTuple):
    """Receptive field of the units of one block."""

    size: int
    """Height and width of the receptive field, in pixels."""
    stride: int
    """Pixels between the centres of the fields of two neighbouring units."""


class Canvas(NamedTuple):
    """An image to be optimised for the unit at the centre of a block's output."""

    size: int
    """Height and width, in pixels."""
    margin: int
    """Pixels to add above and to the left, so that the unit's receptive field is exactly the canvas."""


def receptive_fields(encoder: ResNet18) -> tuple[Field, ...]:
    """Return the receptive field after each block (stage) of an encoder: 11, 25, 53 and 109 for ResNet-18.

    Examples
    --------
    >>> [field.size for field in receptive_fields(ResNet18(width=2))]
    [11, 25, 53, 109]
    """
    size, stride = encoder.conv1.kernel_size[0], encoder.conv1.stride[0]
    fields = []
    for stage in encoder.stages:
        for residual in stage.children():
            assert isinstance(residual, BasicBlock)
            for layer in (residual.conv1, residual.conv2):
                size += (layer.kernel_size[0] - 1) * stride
                stride *= layer.stride[0]
        fields.append(Field(size, stride))
    return tuple(fields)


def default_kind(fields: tuple[Field, ...], image_size: int) -> CanvasKind:
    """Return "receptive-field", or "image" where the last field is more than LARGEST images wide.

    A network for 8-pixel images has only ever seen 8 pixels and black around them; an image of 109 pixels would
    be far from everything that it was trained on.

    Examples
    --------
    >>> default_kind((Field(11, 1), Field(109, 8)), 32), default_kind((Field(11, 1), Field(109, 8)), 8)
    ('receptive-field', 'image')
    """
    return "receptive-field" if fields[-1].size <= LARGEST * image_size else "image"


def choose_canvas(kind: CanvasKind, field: Field, *, block: int, image_size: int) -> Canvas:
    """Return the canvas of a block.

    Parameters
    ----------
    kind
        "receptive-field": what the unit can see, up to LARGEST images wide. "image": what it can see, up to
        the size of an image. "thesis": 11, 19, 27 or 35 pixels.
    field
        Receptive field of the block's units.
    block
        Number of the block, from 1.
    image_size
        Height of the images that the network was trained on, in pixels.

    Examples
    --------
    >>> choose_canvas("image", Field(109, 8), block=4, image_size=32)
    Canvas(size=32, margin=0)
    """
    if kind == "thesis":
        return Canvas(THESIS_SIZES[block - 1], 0)
    limit = LARGEST * image_size if kind == "receptive-field" else image_size
    if field.size > limit:
        return Canvas(limit, 0)
    return Canvas(field.size, -(field.size // 2) % field.stride)
