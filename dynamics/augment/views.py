# SPDX-License-Identifier: Apache-2.0
"""The interface of a distribution of views: drawing parameters for each image, apart from rendering the views.

A draw holds one tensor per parameter, one row per example. It can be made once on the CPU, cut into
chunks, moved to a device and rendered there later: the views are the same as if rendered at once. Neither
half has control flow that depends on data or waits for the device, so both can be captured in a CUDA graph
or compiled without a break.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

D = TypeVar("D", bound="Draw")


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Parameters of a batch of views: every field is a tensor with a leading axis of examples, or None."""

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(next(iter(self._present().values())))

    def __getitem__(self: D, index: slice | Tensor) -> D:
        """Return the draw of some of the examples: every field, indexed."""
        return self._map(lambda value: value[index])

    def to(self: D, device: torch.device | str) -> D:
        """Return the same draw on another device."""
        return self._map(lambda value: value.to(device))

    def check(self, images: Tensor) -> None:
        """Refuse a batch of another length: a draw of one row would otherwise be broadcast to all images.

        Raises
        ------
        ValueError
            When the draw and the batch differ in length.
        """
        if len(self) != len(images):
            raise ValueError(f"a draw for {len(self)} images cannot be rendered on {len(images)}")

    def _map(self: D, change: Callable[[Tensor], Tensor]) -> D:
        return dataclasses.replace(self, **{name: change(value) for name, value in self._present().items()})

    def _present(self) -> dict[str, Tensor]:
        # Field by field, not vars(): older compilers cannot look into an instance's dictionary.
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@runtime_checkable
class Views(Protocol[D]):
    """A distribution of views."""

    @property
    def deterministic(self) -> bool:
        """Whether all draws are the same, so that one augmentation stands for any number of them."""

    def draw(
        self, n: int, size: int, *, generator: torch.Generator, device: torch.device | str | None = None
    ) -> D:
        """Draw the parameters of `n` views of images of `size` pixels a side.

        The numbers are drawn on the generator's device and, where another device is given, moved there.
        """

    def render(
        self, images: UInt8[Tensor, "batch 3 size size"], draw: D
    ) -> Float[Tensor, "batch 3 size size"]:
        """Make the views that were drawn, one of each image; nothing is random here."""

    def clean(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 size size"]:
        """Return the images in the units of the views, not augmented but normalised where the views are."""
