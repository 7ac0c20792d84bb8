# SPDX-License-Identifier: Apache-2.0
"""Random views of images: parameters drawn per image, a batch rendered at a time, on the images' device."""

from dynamics.augment.simclr import SimCLRViews
from dynamics.augment.views import Draw, Views
from dynamics.augment.weak import CropFlipViews, IdentityViews

__all__ = ["CropFlipViews", "Draw", "IdentityViews", "SimCLRViews", "Views"]
