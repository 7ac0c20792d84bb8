# SPDX-License-Identifier: Apache-2.0
"""How is one step repeated a hundred thousand times: called again on a CPU, replayed as one CUDA graph on a GPU.

A step is a function without arguments that reads and writes tensors that stay where they are. Captured, it is sent to
the GPU as a whole: the host, slower to send hundreds of kernels than the GPU is to run them, is out of the way.
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
"""eager: one kernel after the other. graph: the step as one CUDA graph. compiled: that, of networks that
`torch.compile` has fused."""

WARM_UP = 3
"""Steps before the capture: libraries choose their algorithms and allocate their memory in the first."""


def choose(engine: str, device: torch.device) -> Engine:
    """Return the engine that `auto` stands for on a device, or the one that is asked for.

    Raises
    ------
    UserError
        When there is no such engine, or not on this kind of device.
    """
    if engine == "auto":
        return "graph" if device.type == "cuda" else "eager"
    if engine not in ("eager", "graph", "compiled"):
        raise UserError(f"`engine` must be auto, eager, graph or compiled, got {engine!r}")
    if engine != "eager" and device.type != "cuda":
        raise UserError(f"`engine` {engine} needs a CUDA device, got {device.type}: use eager or auto")
    return engine  # type: ignore[return-value]


def compile_networks(networks: nn.Module, **options: Any) -> None:
    """Let `torch.compile` fuse every part of a method that is a module, in place: names and weights stay.

    What was compiled before is forgotten: the compiler keeps a few versions of a layer's code for all networks of a
    process, and gives up, silently, when a study's next recipes want others.
    """
    torch._dynamo.reset()
    for part in networks.children():
        part.compile(dynamic=False, **options)


def repeated(
    step: Callable[[], None], engine: Engine, *, draws: torch.Generator, name: str
) -> Callable[[], None]:
    """Return a call that does what `step` does.

    Parameters
    ----------
    step
        Reads and writes tensors in place and asks for the value of none. Where it is captured, it is called a few
        times here, so what it writes must be set afterwards.
    engine
        How to repeat it. What cannot be captured is repeated eagerly, with a warning.
    draws
        The generator that it draws from: a replay goes on from the generator's state, as a call does.
    name
        What the warning calls the step.
    """
    if engine == "eager":
        return step
    before = torch.cuda.current_stream()
    try:
        return _captured(step, draws)
    except Exception as error:  # a kernel that cannot be captured raises what it likes
        torch.cuda.set_stream(before)
        LOGGER.warning(
            "a step of %s cannot be captured (%s): its kernels are sent one by one", name, _reason(error)
        )
        return step


def _captured(step: Callable[[], None], draws: torch.Generator) -> Callable[[], None]:
    # One stream for all: gradients are summed up on the stream where the parameters were first used.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    graph.register_generator_state(draws)
    try:
        # thread_local: another thread (a loader's, the disk's) may allocate meanwhile.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            step()
    except Exception:
        _leave_capture(pool, draws)
        raise
    return graph.replay


def _leave_capture(pool: Any, draws: torch.Generator) -> None:
    """Undo what a failed capture leaves behind in PyTorch before 2.13, where its end does not come to that.

    The allocator would go on to serve the graph's pool and refuse to free memory, and the generator would take every
    draw for one of the graph's.
    """
    with suppress(Exception):
        torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), pool)
        torch._C._cuda_releasePool(torch.cuda.current_device(), pool)
    with suppress(Exception):
        draws.graphsafe_set_state(torch.Generator(draws.device).graphsafe_get_state())


def _reason(error: BaseException) -> str:
    """Return the first line of what went wrong first: the end of a broken capture raises an error of its own."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).split("\n")[0] or type(error).__name__
