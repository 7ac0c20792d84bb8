# SPDX-License-Identifier: Apache-2.0
"""Networks that map an image to features: one file each, the file's name is the encoder's name.

A file holds `Encoder(width)`, a module from images (batch, 3, height, width) to features (batch, num_features).
"""

import inspect

from dynamics import own_files
from dynamics.catalogue import Catalogue
from dynamics.encoders.base import ImageEncoder, initialise
from dynamics.errors import UserError

__all__ = ["CATALOGUE", "ImageEncoder", "build", "initialise", "names"]

own_files.add(__path__, __name__)
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
        When no encoder has that name, or it is not made with a width or does not say how many features it has.

    Examples
    --------
    >>> build("resnet18", width=8).num_features
    64
    """
    kind = CATALOGUE.load(name, "Encoder")
    try:
        inspect.signature(kind).bind(width)
    except TypeError:
        raise UserError(f"encoder {kind.__name__} must be made with one argument, its `width`") from None
    try:
        encoder: ImageEncoder = kind(width)
    except RuntimeError as error:
        if "overflow" not in str(error):
            raise
        raise UserError(f"`width` {width} makes an encoder that no memory holds: lower it") from None
    features = getattr(encoder, "num_features", None)
    if not isinstance(features, int) or features < 1:
        raise UserError(
            f"encoder {kind.__name__} must have an attribute num_features, the number of features that it returns, "
            f"got {features!r}"
        )
    return encoder
