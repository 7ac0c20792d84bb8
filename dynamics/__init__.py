# SPDX-License-Identifier: Apache-2.0
"""How neural networks learn, example by example.

    import dynamics

    study = dynamics.open_study("runs/demo")               # opening and reading load no torch
    r = study.learning_probability("simclr")               # xarray.DataArray (epoch, example)
    dynamics.train("simclr", "digits", seeds=8, study="mine", epochs=25)

`Method`, `Recipe` and `Dataset` are what one writes to add a way of training or images of one's own; `Recorder` and
`Panel` record what a training loop of one's own learns.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    sys.exit(
        "error: this toolkit runs on Linux and macOS only: it keeps epochs safe by flock and by syncing folders, "
        "which Windows does not have; use the Windows Subsystem for Linux (WSL)"
    )

if TYPE_CHECKING:
    from dynamics.config import Recipe
    from dynamics.data import Dataset
    from dynamics.errors import UserError
    from dynamics.methods import Method
    from dynamics.opening import open_study
    from dynamics.recording import Panel, Recorder
    from dynamics.study import Study
    from dynamics.training.study import train

__version__ = "0.2.0.dev0"

__all__ = [
    "Dataset",
    "Method",
    "Panel",
    "Recipe",
    "Recorder",
    "Study",
    "UserError",
    "open_study",
    "train",
]

_HOMES = {
    "Dataset": "dynamics.data",
    "Method": "dynamics.methods",
    "Panel": "dynamics.recording",
    "Recipe": "dynamics.config",
    "Recorder": "dynamics.recording",
    "Study": "dynamics.study",
    "UserError": "dynamics.errors",
    "open_study": "dynamics.opening",
    "train": "dynamics.training.study",
}
"""Where each name comes from: imported when it is first used, so that torch is loaded only for training."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dynamics' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
