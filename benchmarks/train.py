# SPDX-License-Identifier: Apache-2.0
"""How fast is a training epoch with snapshots, beside the thesis's code and lightly's, and what limits it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks import _engines, _flops, _kernels, _memory, _training_rows
from benchmarks._epochs import in_turn
from benchmarks._others import Pace, Peer
from benchmarks._plan import Plan
from benchmarks._rows import Row, Setting
from benchmarks.peers.baseline import METHODS, Baseline
from benchmarks.peers.lightly_loop import LightlyLoop, installed
from dynamics import methods
from dynamics.training.worker import keep_freed

LIGHTLYS = "simclr"
"""The method that lightly's loop trains."""


def measure(setting: Setting) -> list[Row]:
    """Time every method; on the CPU with the preset quick and one thread, on a GPU with the thesis's."""
    threads = torch.get_num_threads()
    if not setting.cuda:
        torch.set_num_threads(1)
        keep_freed()  # both as in the runner's workers
    try:
        return _measure(setting)
    finally:
        torch.set_num_threads(threads)


def _measure(setting: Setting) -> list[Row]:
    plan = Plan.of(setting)
    product = _flops.fastest_product(
        _flops.precision(plan.recipe("simclr"), plan.device), plan.device, quick=setting.quick
    )
    rows = []
    for name in (*METHODS, *(name for name in methods.names() if name not in METHODS)):
        if setting.time_for(f"epochs of {name}"):
            rows += time_method(name, plan, product)
    return rows + (_gpu_parts if setting.cuda else _cpu_parts)(plan, setting)


def _cpu_parts(plan: Plan, setting: Setting) -> list[Row]:
    rows = []
    for name in METHODS[:1] if setting.quick else METHODS:
        if setting.time_for(f"memory of {name}"):
            rows += _memory.measure(f"train.cpu.{name}", name, plan.recipe(name))
    return rows


def _gpu_parts(plan: Plan, setting: Setting) -> list[Row]:
    key, recipe, device = "train.cuda.simclr", plan.recipe("simclr"), plan.device
    rows = []
    if setting.time_for("kernels of simclr"):
        rows += _kernels.measure(key, "simclr", recipe, plan.dataset, device=device)
    if setting.time_for("engines for simclr"):
        images = plan.dataset.num_train
        rows += _engines.measure(key, "simclr", recipe, rounds=2, images=images, device=device)
    return rows


def time_method(name: str, plan: Plan, product: _flops.Product) -> list[Row]:
    """Time epochs of ours, of the loops that have the method, and matrix products, in turn."""
    recipe, device = plan.recipe(name), plan.device
    key, images = f"train.{device.type}.{name}", plan.images(recipe)
    paces = others(name, plan)
    in_between: dict[str, Callable[[], float]] = {**paces, "product": product.rate}
    epochs = in_turn(name, recipe, plan.dataset, device=device, rounds=plan.rounds(name), others=in_between)
    rows = _training_rows.own(key, name, epochs, images=images, note=plan.note(recipe))
    rows.append(
        _training_rows.utilisation(
            key,
            name,
            epochs,
            operations=_flops.of_step(name, recipe, plan.dataset, device=device),
            steps=images // recipe.batch_size,
            rates=epochs.others["product"],
            note=f"a product of {product.size} x {product.size}",
        )
    )
    for other, pace in paces.items():
        seconds, note = epochs.others[other], plan.note_for(other, recipe)
        rows += _training_rows.compared(key, name, other, epochs, seconds, images=images, note=note)
        rows += _training_rows.memory_of(key, name, other, pace.allocated)
    if name == LIGHTLYS and not installed():
        rows.append(_training_rows.left_out(key, name, "lightly", "not installed (it is in the extra bench)"))
    return rows


def others(name: str, plan: Plan) -> dict[str, Pace]:
    """Return the loops of others that train this method."""
    recipe = plan.recipe(name)
    part = plan.part_for_others(recipe)
    times = plan.images(recipe) / plan.images(part)
    found = {}
    options: dict[str, Any] = {"device": plan.device, "workers": plan.workers}
    if name in METHODS:
        build: Callable[[], Peer] = partial(Baseline, name, part, plan.dataset, **options)
        found["baseline"] = Pace(build, device=plan.device, times=times)
    if name == LIGHTLYS and installed():
        found["lightly"] = Pace(
            partial(LightlyLoop, part, plan.dataset, **options), device=plan.device, times=times
        )
    return found
