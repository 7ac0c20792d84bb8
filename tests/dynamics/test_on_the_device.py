"""A step on a GPU stays there: no tensor is made on the host, moved, or read by it. Checked where there is no GPU.

PyTorch's fake tensors know their device and have no values: a step is done on fake CUDA tensors, and every operation's
devices are written down. Its backward half needs a driver and is left out; nothing of it is ours.
"""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dynamics import methods
from dynamics.methods import Method
from dynamics.methods.base import ImageStatistics
from dynamics.study_file import preset
from dynamics.training import capture

CUDA = torch.device("cuda")
STATISTICS = ImageStatistics(10, 8, (0.5,) * 3, (0.2,) * 3)


class Devices(TorchDispatchMode):
    """Writes down the operations that touch the host's memory."""

    def __init__(self) -> None:
        super().__init__()
        self.on_host: list[str] = []
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.count += 1
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        if any(tensor.device.type != "cuda" for tensor in tensors):
            self.on_host.append(str(func))
        return result


class DeviceGenerator(torch.Generator):
    """Stands for a generator on the GPU, which cannot be made without one."""

    device = CUDA


@pytest.fixture
def fake_rand(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.rand

    def rand(*size: int, generator: DeviceGenerator, device: torch.device) -> Tensor:
        assert generator.device == device == CUDA
        return real(*size, device=device)

    monkeypatch.setattr(torch, "rand", rand)


def on_cuda(module: nn.Module) -> None:
    """Put fake tensors in the place of all parameters and buffers."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                fake = torch.empty(value.shape, device=CUDA)
                part._parameters[name] = nn.Parameter(fake, requires_grad=value.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = torch.zeros(buffer.shape, dtype=buffer.dtype, device=CUDA)


def step(method: Method, recipe: Any) -> None:
    """Do what a workbench's step does, without gradients and optimiser."""
    images = torch.zeros(96, 3, 8, 8, dtype=torch.uint8, device=CUDA)
    labels = torch.zeros(96, dtype=torch.int64, device=CUDA)
    batch = torch.zeros(recipe.batch_size, dtype=torch.int64, device=CUDA)
    with Devices() as devices:
        count, distribution = method.training_views, method.views(recipe, STATISTICS)
        repeated = images[batch].repeat(count, 1, 1, 1)
        draw = distribution.draw(len(repeated), 8, generator=DeviceGenerator(), device=CUDA)
        views = distribution.render(repeated, draw).unflatten(0, (count, -1))
        terms = method.loss(views, labels[batch])
        method.after_step()
        torch.stack([terms[name].detach() for name in method.terms])
    assert devices.count > 20
    assert devices.on_host == []


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize("name", methods.names())
def test_a_step_stays_on_the_device(name: str, fake_rand: None) -> None:
    recipe: Any = preset(name, "quick")
    method = methods.load(name)(recipe, STATISTICS)
    with FakeTensorMode(allow_non_fake_inputs=False):
        on_cuda(method)
        step(method, recipe)


@pytest.mark.parametrize(
    "slip",
    [
        lambda loss: loss * torch.tensor(0.5),
        lambda loss: loss + torch.arange(3).to(CUDA).sum(),
        lambda loss: loss.cpu(),
    ],
    ids=["a number as a tensor", "made and moved", "brought back"],
)
def test_slips_are_noticed(slip: Any, fake_rand: None, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe: Any = preset("supervised", "quick")
    method = methods.load("supervised")(recipe, STATISTICS)
    right = method.loss
    monkeypatch.setattr(method, "loss", lambda *given: {"loss": slip(right(*given)["loss"])})
    with FakeTensorMode(allow_non_fake_inputs=False):
        on_cuda(method)
        with pytest.raises(AssertionError):
            step(method, recipe)


def test_compiled_networks_keep_their_names() -> None:
    recipe = preset("moco", "quick")
    method = methods.load("moco")(recipe, STATISTICS)
    before = list(method.state_dict())
    capture.compile_networks(method, backend="eager")
    assert list(method.state_dict()) == before
    assert all(part._compiled_call_impl is not None for part in method.children())


@pytest.mark.slow
def test_nothing_breaks_a_graph() -> None:
    """Methods that together have all kinds of views and of modules; without names, the command checks every method."""
    chosen = ("simclr", "supervised", "random-labels", "byol")
    command = [sys.executable, "-m", "tests.dynamics.no_graph_break", *chosen]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("traced whole") == len(chosen)
