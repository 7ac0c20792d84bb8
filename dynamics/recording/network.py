# SPDX-License-Identifier: Apache-2.0
"""Ask a network of PyTorch's about a panel, whatever it takes and returns, without a trace in its training."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dynamics.errors import UserError
from dynamics.methods.rivals import count_rivals
from dynamics.methods.views import retrieve_partner
from dynamics.recording.panel import Inputs, Panel, leaves
from dynamics.recording.undisturbed import modules_of, undisturbed

NAMES = ("logits", "embeddings", "embedding")
"""Under which name an output is looked for where there are several."""
PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def ask(model: Callable[..., Any], panel: Panel) -> dict[str, np.ndarray]:
    """Return what a network says of a panel: its logits, or how its embeddings answer.

    Parameters
    ----------
    model
        A module, or any callable that returns logits (batch, class); with the panel's `positive_views`, embeddings
        (batch, output). It may return a tensor, or a mapping, tuple or object that holds one. Modules that a function
        refers to are put in eval mode as well.
    panel
        The panel, with its inputs.

    Returns
    -------
    dict
        `logits` (augmentation, example, class), or the answers of FORMAT.md (view, augmentation, example).

    Raises
    ------
    UserError
        If the output does not fit.

    Examples
    --------
    >>> network = nn.Linear(3, 2)
    >>> ask(network, Panel(np.zeros((5, 3), dtype=np.float32), labels=[0, 1, 0, 1, 0]))["logits"].shape
    (1, 5, 2)
    """
    model = model.module if isinstance(model, PARALLEL) else model
    modules = modules_of(model)
    with undisturbed(modules):
        device = next((one.device for module in modules for one in module.parameters()), None)
        if panel.positive_views:
            pairs = zip(panel.inputs, panel.positive_views, strict=True)
            judged = [_judge(model, panel, pair, device) for pair in pairs]
            return {name: np.stack([one[name] for one in judged], axis=1) for name in judged[0]}
        logits = [_outputs(model, inputs, panel, device) for inputs in panel.inputs]
        if len({one.shape for one in logits}) > 1:
            raise UserError("the network must return as many logits for every augmentation")
        return {"logits": torch.stack(logits).float().cpu().numpy()}


def _judge(
    model: Callable[..., Any], panel: Panel, pair: tuple[Inputs, Inputs], device: torch.device | None
) -> dict[str, np.ndarray]:
    """Return the answers of two views of every example, (view, example)."""
    views = torch.stack([_outputs(model, inputs, panel, device) for inputs in pair]).float()
    if not views.isfinite().all():
        raise UserError("the network's embeddings are not finite: the training has diverged")
    units = functional.normalize(views, dim=-1)
    found = [
        retrieve_partner(part[0], part[1], panel.temperature) for part in units.split(panel.batch_size, dim=1)
    ]
    classes = torch.zeros(len(panel)) if panel.labels is None else torch.from_numpy(panel.labels)
    rivals = count_rivals(views, classes.long().to(views.device))
    parts = {
        name: torch.cat([getattr(one, name) for one in found], dim=1)
        for name in ("correct", "probability", "margin", "error_norm")
    }
    parts |= {"rivals": rivals.all} | (
        {} if panel.labels is None else {"same_class_rivals": rivals.same_class}
    )
    return {name: values.cpu().numpy() for name, values in parts.items()}


def _outputs(model: Callable[..., Any], inputs: Inputs, panel: Panel, device: torch.device | None) -> Tensor:
    """Return the outputs for all examples, computed batch by batch."""
    parts = []
    for start in range(0, len(panel), panel.batch_size):
        batch = {
            name: _as_tensor(values[start : start + panel.batch_size], device)
            for name, values in leaves(inputs)
        }
        output = model(**batch) if isinstance(inputs, Mapping) else model(*batch.values())
        parts.append(find_output(output, len(next(iter(batch.values())))))
    if len({part.shape[1] for part in parts}) > 1:
        raise UserError("the network must return as many outputs for every batch")
    return torch.cat(parts)


def _as_tensor(values: Any, device: torch.device | None) -> Tensor:
    """Return a part of the inputs for a network, which may change it."""
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        values = torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))
    return values.clone() if device is None else values.to(device, copy=True)


def find_output(output: Any, batch: int) -> Tensor:
    """Return the tensor (batch, output) in what a network returned.

    Raises
    ------
    UserError
        If there is none, or several and none is called logits or embeddings.

    Examples
    --------
    >>> loss, logits = torch.tensor(0.3), torch.zeros(8, 10)
    >>> find_output((loss, logits), 8) is logits, find_output({"loss": loss, "logits": logits}, 8) is logits
    (True, True)
    """
    if isinstance(output, Tensor):
        named = {"": output}
    elif isinstance(output, Mapping):
        named = dict(output)
    elif isinstance(output, (list, tuple)) and not hasattr(output, "_fields"):
        named = {str(place): one for place, one in enumerate(output)}
    else:
        named = output._asdict() if hasattr(output, "_asdict") else dict(getattr(output, "__dict__", {}))
    fitting = {
        name: one
        for name, one in named.items()
        if isinstance(one, Tensor) and one.ndim == 2 and len(one) == batch and one.is_floating_point()
    }
    for name in NAMES:
        if name in fitting:
            return fitting[name]
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    there = {
        name: tuple(one.shape) if isinstance(one, Tensor) else type(one).__name__
        for name, one in named.items()
    }
    raise UserError(
        f"the network must return floats (batch, output) for {batch} inputs, or a mapping or tuple with one of them or "
        f"with `logits`, got {there or type(output).__name__}: give a function that returns them"
    )
