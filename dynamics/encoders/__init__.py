# SPDX-License-Identifier: Apache-2.0
"""Networks that map an image to features: one file each, the file's name is the encoder's name.

A file holds `Encoder(width)`, a module from images (batch, 3, height, width) to features (batch, num_features).
"""

from dynamics.catalogue import Catalogue
from dynamics.encoders.base import ImageEncoder, initialise

__all__ = ["CATALOGUE", "ImageEncoder", "build", "initialise", "names"]

CATALOGUE = Catalogue("encoder", __name__, shared=("base",))


def names() -> tuple[str, ...]:
    """Return all encoders, as they are written on a command line.

    Examples
    --------
    >>> names()
    ('n1', 'resnet18')
    """
    return CATALOGUE.names()


def build(name: str, *, width: int) -> ImageEncoder:
    """Return a new encoder with `num_features` outputs; its weights are set by :func:`initialise`.

    Raises
    ------
    UserError
        When no encoder has that name.

    Examples
    --------
    >>> build("resnet18", width=8).num_features
    64
    """
    encoder: ImageEncoder = CATALOGUE.load(name, "Encoder")(width)
    return encoder
