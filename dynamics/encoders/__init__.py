# SPDX-License-Identifier: Apache-2.0
"""Which network maps an image to features: one file each, the file's name is the encoder's name.

A file holds `Encoder(width)`, a module from images (batch, 3, height, width) to features (batch, num_features).
"""

import importlib
import pkgutil

from dynamics.console import UserError
from dynamics.encoders._base import ImageEncoder
from dynamics.encoders._initialise import initialise
from dynamics.encoders.resnet18 import BasicBlock
from dynamics.encoders.resnet18 import Encoder as ResNet18

__all__ = ["BasicBlock", "ImageEncoder", "ResNet18", "build", "initialise", "names"]


def names() -> tuple[str, ...]:
    """Return all encoders, as they are written on a command line."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(name.replace("_", "-") for name in sorted(modules) if not name.startswith("_"))


def build(name: str, *, width: int) -> ImageEncoder:
    """Return a new encoder with `num_features` outputs; its weights are set by :func:`initialise`.

    Raises
    ------
    UserError
        When no encoder has that name.
    """
    if name not in names():
        raise UserError(f"no encoder {name!r}: use --encoder {' or '.join(names())}")
    module = importlib.import_module(f"dynamics.encoders.{name.replace('-', '_')}")
    encoder: ImageEncoder = module.Encoder(width)
    return encoder
