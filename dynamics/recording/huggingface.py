# SPDX-License-Identifier: Apache-2.0
"""A callback for the Trainer of Hugging Face's transformers that records a panel after every epoch."""

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

from dynamics.errors import UserError
from dynamics.recording.panel import Panel
from dynamics.recording.recorder import Recorder

try:
    from transformers import TrainerCallback
except ImportError:
    raise ImportError(
        "dynamics.recording.huggingface needs transformers: pip install 'transformers[torch]'"
    ) from None


class RecordPanel(TrainerCallback):
    """Records one seed: `Trainer(..., callbacks=[RecordPanel("runs/mine/bert/seed-0000", panel)])`.

    The panel's inputs are what the tokenizer returns, `tokenizer(texts, padding=True, return_tensors="pt")`: a callback
    cannot reach the trainer's own data. Training that is resumed from a checkpoint goes on in the same folder.

    Parameters
    ----------
    folder, panel, config, held_out, in_training
        As for :class:`dynamics.Recorder`.
    forward
        What returns the logits of a batch, given the model; by default the model itself.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        panel: Panel,
        *,
        config: Mapping[str, Any] | None = None,
        forward: Callable[[Any], Callable[..., Any]] = lambda model: model,
        held_out: Panel | None = None,
        in_training: Any = None,
    ) -> None:
        self.folder, self.forward = folder, forward
        self.kept = {"panel": panel, "config": config, "held_out": held_out, "in_training": in_training}
        self.recorder: Recorder | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Open the recorder, in the main process."""
        if state.is_world_process_zero:
            if args.max_steps > 0:
                raise UserError(
                    "`max_steps` must not be set: the panel is recorded epoch by epoch, use num_train_epochs"
                )
            self.recorder = Recorder(self.folder, epochs=int(state.num_train_epochs), **self.kept)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Record the epoch that has just been trained."""
        if self.recorder is not None:
            self.recorder.epoch(self.forward(more["model"]), epoch=round(state.epoch))

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Finish the run; one that was stopped early (EarlyStoppingCallback) with the epochs that it has."""
        if self.recorder is not None:
            self.recorder.finish(early=len(self.recorder.recorded) < state.num_train_epochs)
            self.recorder.close()
