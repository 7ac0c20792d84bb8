# SPDX-License-Identifier: Apache-2.0
"""A callback for Keras 3, with any backend, that records a panel after every epoch."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal

from dynamics.errors import UserError
from dynamics.recording.panel import Panel
from dynamics.recording.recorder import Recorder

try:
    from keras.callbacks import Callback
except ImportError:
    raise ImportError(
        "dynamics.recording.keras needs Keras and a backend: pip install keras, and set KERAS_BACKEND=torch"
    ) from None


class RecordPanel(Callback):
    """Records one seed: `fit(..., callbacks=[RecordPanel("runs/mine/my-net/seed-0000", panel, outputs="logits")])`.

    `fit` says how many epochs there will be; with `initial_epoch` it goes on in the same folder. A run that stops early
    (EarlyStopping) is finished with the epochs that it has.

    Parameters
    ----------
    folder, panel, config, held_out, in_training
        As for :class:`dynamics.Recorder`.
    outputs
        What the model returns: "probabilities" after a softmax layer, otherwise "logits".
    scalars
        Names of logged numbers that are recorded as well.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        panel: Panel,
        *,
        outputs: Literal["logits", "probabilities"],
        config: Mapping[str, Any] | None = None,
        scalars: Sequence[str] = ("loss",),
        held_out: Panel | None = None,
        in_training: Any = None,
    ) -> None:
        super().__init__()
        if outputs not in ("logits", "probabilities"):
            raise UserError(f"`outputs` must be logits or probabilities, got {outputs!r}")
        self.folder, self.panel, self.held_out = folder, panel, held_out
        self.kept = {"panel": panel, "config": config, "held_out": held_out, "in_training": in_training}
        self.outputs, self.scalars = outputs, scalars
        self.recorder: Recorder | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Open the recorder."""
        self.recorder = Recorder(self.folder, epochs=self.params["epochs"], **self.kept)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record the epoch that has just been trained; Keras counts from 0."""
        if self.recorder is not None:
            logged = logs or {}
            if absent := [name for name in self.scalars if name not in logged]:
                raise UserError(f"`scalars` must be logged in every epoch, got none called {absent[0]!r}")
            self.recorder.write(
                epoch=epoch + 1,
                scalars={name: float(logged[name]) for name in self.scalars},
                held_out=None if self.held_out is None else {self.outputs: self._said(self.held_out)},
                **{self.outputs: self._said(self.panel)},
            )

    def _said(self, panel: Panel) -> list[Any]:
        """Return what the model answers on a panel, one array (example, class) for each augmentation."""
        return [self.model.predict(inputs, batch_size=panel.batch_size, verbose=0) for inputs in panel.inputs]

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Finish the run."""
        if self.recorder is not None:
            self.recorder.finish(early=len(self.recorder.recorded) < self.params["epochs"])
            self.recorder.close()
