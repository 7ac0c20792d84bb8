# SPDX-License-Identifier: Apache-2.0
"""A callback for Lightning's Trainer that records a panel after every training epoch."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from dynamics.errors import UserError
from dynamics.recording.panel import Panel
from dynamics.recording.recorder import Recorder

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    try:
        from pytorch_lightning.callbacks import Callback
    except ImportError:
        raise ImportError("dynamics.recording.lightning needs Lightning: pip install lightning") from None


class RecordPanel(Callback):
    """Records one seed: `Trainer(callbacks=[RecordPanel("runs/mine/my-net/seed-0000", panel)])`.

    The trainer's `max_epochs` says how many epochs there will be. A fit that is resumed from a checkpoint goes on in
    the same folder. A run that stops early (EarlyStopping) is finished with the epochs that it has.

    Parameters
    ----------
    folder, panel, config, held_out, in_training
        As for :class:`dynamics.Recorder`.
    forward
        What returns the logits of a batch, given the LightningModule; by default its `forward`.
    scalars
        Names of logged metrics (`self.log`) that are recorded as well; they must be there after every epoch.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        panel: Panel,
        *,
        config: Mapping[str, Any] | None = None,
        forward: Callable[[Any], Callable[..., Any]] = lambda module: module,
        scalars: Sequence[str] = (),
        held_out: Panel | None = None,
        in_training: Any = None,
    ) -> None:
        self.folder = folder
        self.kept = {"panel": panel, "config": config, "held_out": held_out, "in_training": in_training}
        self.forward, self.scalars = forward, scalars
        self.recorder: Recorder | None = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the recorder, in the main process."""
        if not trainer.is_global_zero:
            return
        if not trainer.max_epochs or trainer.max_epochs < 1:
            raise UserError(f"`max_epochs` of the trainer must be >= 1, got {trainer.max_epochs}")
        self.recorder = Recorder(self.folder, epochs=trainer.max_epochs, **self.kept)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Record the epoch that has just been trained."""
        if self.recorder is not None:
            metrics = trainer.callback_metrics
            if absent := [name for name in self.scalars if name not in metrics]:
                raise UserError(f"`scalars` must be logged in every epoch, got none called {absent[0]!r}")
            self.recorder.epoch(
                self.forward(pl_module),
                epoch=trainer.current_epoch + 1,
                scalars={name: float(metrics[name]) for name in self.scalars},
            )

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Finish the run, unless it was interrupted."""
        if self.recorder is not None:
            ended = trainer.current_epoch >= trainer.max_epochs
            if ended or (trainer.should_stop and not trainer.interrupted):
                self.recorder.finish(early=not ended)
            self.recorder.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Let go of the folder."""
        if self.recorder is not None:
            self.recorder.close()
