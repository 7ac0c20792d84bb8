# SPDX-License-Identifier: Apache-2.0
"""Look at a network in the middle of its training and leave no trace: modes, buffers and random numbers stay."""

import contextlib
import functools
import inspect
import random
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@contextlib.contextmanager
def undisturbed(modules: list[nn.Module]) -> Iterator[None]:
    """Compute within in eval mode and without gradients; afterwards everything is as it was.

    That holds for the mode of every submodule (a frozen batch norm stays frozen), for buffers, and for the random
    state of Python, NumPy and PyTorch; also for modules that are not named, and turn out to be used within.

    Examples
    --------
    >>> network = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    >>> with undisturbed([network]):
    ...     network.training
    False
    >>> network.training
    True
    """
    seen = _Seen()

    def found(module: nn.Module, inputs: Any) -> None:
        if module.training:  # nobody knew of it
            seen.add(module)

    hook = nn.modules.module.register_module_forward_pre_hook(found)
    try:
        with random_state_kept(), torch.no_grad():
            for module in modules:
                seen.add(module)
            try:
                yield
            finally:
                seen.restore()
    finally:
        hook.remove()


class _Seen:
    """Modules in eval mode, with the modes and buffers that they had."""

    def __init__(self) -> None:
        self._modes: dict[nn.Module, bool] = {}
        self._buffers: list[tuple[nn.Module, str, Tensor | None, Tensor | None]] = []

    def add(self, module: nn.Module) -> None:
        for part in module.modules():
            if part not in self._modes:
                self._modes[part] = part.training
                self._buffers += [
                    (part, name, buffer, None if buffer is None else buffer.detach().clone())
                    for name, buffer in part._buffers.items()
                ]
        module.eval()

    def restore(self) -> None:
        for part, mode in self._modes.items():
            part.training = mode
        for part, name, buffer, before in self._buffers:
            part._buffers[name] = buffer  # a network may have put another one there
            if buffer is not None and before is not None:
                with torch.inference_mode(buffer.is_inference()):
                    buffer.copy_(before)


@contextlib.contextmanager
def random_state_kept(*, seed: int | None = None) -> Iterator[None]:
    """Leave the generators of Python, NumPy and PyTorch as they were; within, they may be seeded.

    Examples
    --------
    >>> with random_state_kept(seed=0):
    ...     first = torch.rand(1)
    >>> with random_state_kept(seed=0):
    ...     bool(first == torch.rand(1))
    True
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            if seed is not None:
                random.seed(seed)
                np.random.seed(seed)
                torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def modules_of(model: Callable[..., Any]) -> list[nn.Module]:
    """Return the modules that a callable uses: itself, or those that a partial, method, object or function refers to.

    Examples
    --------
    >>> network = nn.Linear(2, 2)
    >>> modules_of(lambda images: network(images).relu()) == [network]
    True
    """
    found: dict[nn.Module, None] = {}
    seen: set[int] = set()
    waiting: list[Any] = [model]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, nn.Module):
            found[one] = None
        elif isinstance(one, functools.partial):
            waiting += [one.func, *one.args, *one.keywords.values()]
        elif inspect.ismethod(one):
            waiting.append(one.__self__)
        elif inspect.isfunction(one):
            if one.__module__ == getattr(model, "__module__", None):  # not into libraries
                used = inspect.getclosurevars(one)
                waiting += [*used.nonlocals.values(), *used.globals.values(), *(one.__defaults__ or ())]
        elif hasattr(one, "__dict__") and not isinstance(one, (type, ModuleType)):
            waiting += [part for part in vars(one).values() if isinstance(part, nn.Module)]
    return list(found)
