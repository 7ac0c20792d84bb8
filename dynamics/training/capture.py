# SPDX-License-Identifier: Apache-2.0
"""Repetition of a training step: called again on a CPU, replayed as one CUDA graph on a GPU.

A step is a function without arguments that reads and writes tensors whose addresses are fixed. A captured step is
launched as one graph, so that the host is not the bottleneck: it launches kernels more slowly than the GPU runs them.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import torch
from torch import nn

from dynamics.errors import UserError

LOGGER = logging.getLogger(__name__)

Engine = Literal["eager", "graph", "compiled"]
"""eager: one kernel after the other. graph: the step as one CUDA graph. compiled: the same with networks that
`torch.compile` has fused."""

WARM_UP = 3
"""Steps before the capture, during which libraries choose their algorithms and allocate their memory."""


def choose(engine: str, device: torch.device) -> Engine:
    """Return the engine that is asked for, or for auto the one that suits the device.

    Raises
    ------
    UserError
        When there is no such engine, or the device does not support it.

    Examples
    --------
    >>> choose("auto", torch.device("cpu"))
    'eager'
    """
    if engine == "auto":
        return "graph" if device.type == "cuda" else "eager"
    if engine not in ("eager", "graph", "compiled"):
        raise UserError(f"`engine` must be auto, eager, graph or compiled, got {engine!r}")
    if engine != "eager" and device.type != "cuda":
        raise UserError(f"`engine` {engine} needs a CUDA device, got {device.type}: use eager or auto")
    return engine  # type: ignore[return-value]


def compile_networks(networks: nn.Module, **options: Any) -> None:
    """Let `torch.compile` fuse every submodule of a method, in place: names and weights stay as they are.

    What was compiled before is forgotten: the compiler keeps a limited number of versions of a layer's code for all
    networks of a process, and would silently stop compiling when the recipes of a study need more.

    Examples
    --------
    >>> compile_networks(nn.Sequential(nn.Linear(2, 2)))  # compiled when it is first called
    """
    torch._dynamo.reset()
    for part in networks.children():
        part.compile(dynamic=False, **options)


def repeated(
    step: Callable[[], None], engine: Engine, *, draws: torch.Generator, name: str
) -> Callable[[], None]:
    """Return a function that does the same as `step`.

    Parameters
    ----------
    step
        Reads and writes tensors in place and does not read a value back to the host. To capture it, it is called a
        few times here, so the tensors that it writes must be set afterwards.
    engine
        How to repeat it. A step that cannot be captured is called eagerly, with a warning.
    draws
        The generator that it draws from: a replay continues from the generator's state, as a call does.
    name
        Name of the step in the warning.

    Examples
    --------
    >>> total = torch.zeros(())
    >>> step = repeated(lambda: total.add_(1), "eager", draws=torch.Generator(), name="count")
    >>> for _ in range(3):
    ...     _ = step()
    >>> total
    tensor(3.)
    """
    if engine == "eager":
        return step
    before = torch.cuda.current_stream()
    try:
        return _captured(step, draws)
    except Exception as error:  # a kernel that cannot be captured may raise anything
        torch.cuda.set_stream(before)
        LOGGER.warning(
            "a step of %s cannot be captured (%s): its kernels are launched one by one", name, _reason(error)
        )
        return step


def _captured(step: Callable[[], None], draws: torch.Generator) -> Callable[[], None]:
    # The same stream throughout: gradients are accumulated on the stream where the parameters were first used.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    graph.register_generator_state(draws)
    try:
        # thread_local: another thread (which loads or writes) may allocate meanwhile.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            step()
    except Exception:
        _leave_capture(pool, draws)
        raise
    return graph.replay


def _leave_capture(pool: Any, draws: torch.Generator) -> None:
    """Undo what a failed capture leaves behind in PyTorch before 2.13, which does not clean up after an error.

    The allocator would still serve the graph's pool and refuse to free memory, and the generator would treat every
    draw as part of the graph.
    """
    with suppress(Exception):
        torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), pool)
        torch._C._cuda_releasePool(torch.cuda.current_device(), pool)
    with suppress(Exception):
        draws.graphsafe_set_state(torch.Generator(draws.device).graphsafe_get_state())


def _reason(error: BaseException) -> str:
    """Return the first line of the original error: leaving a failed capture raises another one."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).split("\n")[0] or type(error).__name__
