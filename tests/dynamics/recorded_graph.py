"""A CUDA graph without CUDA: records the operations of a captured step and does them again on the very same tensors.

What a real replay would not see, this one does not see either: Python that chooses, numbers that were read when the
step was captured, tensors put in the place of others. What stops a real capture stops this one: asking for a value.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

HOST_READS = ("aten._local_scalar_dense", "aten.nonzero", "aten.equal", "aten.is_nonzero")


class Recorder(TorchDispatchMode):
    def __init__(self, operations: list[Any]) -> None:
        super().__init__()
        self.operations = operations

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func).rsplit(".", 1)[0] in HOST_READS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}\nsecond line")
        result = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, result))
        return result


class RecordedGraph:
    made: list["RecordedGraph"] = []  # noqa: RUF012
    current: list[object] = []  # noqa: RUF012
    """Streams that were made the current one."""

    def __init__(self) -> None:
        self.operations: list[Any] = []
        self.generators: list[torch.Generator] = []
        self.replays = 0
        RecordedGraph.made.append(self)

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)

    def replay(self) -> None:
        self.replays += 1
        with torch.no_grad():
            for func, args, kwargs, recorded in self.operations:
                again = func(*args, **kwargs)
                for old, new in zip(tree_leaves(recorded), tree_leaves(again), strict=True):
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


@contextmanager
def _capture(
    graph: RecordedGraph, *, pool: object, stream: object, capture_error_mode: str
) -> Iterator[None]:
    try:
        with Recorder(graph.operations):
            yield
    except Exception:
        # As the end of a capture that broke: an error of its own, on top of the one that broke it.
        raise RuntimeError("operation failed due to a previous error during capture") from None


class Stream:
    def wait_stream(self, other: object) -> None:
        """Nothing runs at the same time here."""


@pytest.fixture
def recorded_graphs(monkeypatch: pytest.MonkeyPatch) -> list[RecordedGraph]:
    """Let the CPU capture; gives the graphs that were made."""
    here = Stream()
    fakes = {
        "CUDAGraph": RecordedGraph,
        "graph": _capture,
        "Stream": Stream,
        "stream": lambda stream: nullcontext(),
        "current_stream": lambda: here,
        "set_stream": RecordedGraph.current.append,
        "graph_pool_handle": lambda: (0, 1),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(RecordedGraph, "made", [])
    return RecordedGraph.made
