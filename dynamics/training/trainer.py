# SPDX-License-Identifier: Apache-2.0
"""One seed between its epochs: its networks, what of it is on the disk, and where it goes on."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.lock import SeedLock
from dynamics.training import checkpoint, diagnostics, panel
from dynamics.training.job import Job
from dynamics.training.logs import FOLDER, Logged, Logs
from dynamics.training.workbench import Workbench

LOGGER = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Trainer:
    """One seed on its workbench; `epoch` is the last complete one."""

    job: Job
    bench: Workbench
    lock: SeedLock
    replace: bool
    epoch: int = 0
    seconds: float = 0.0
    scalars: dict[str, float] = field(default_factory=dict)
    unsaved: dict[str, Any] | None = None
    """A copy of the state after the last epoch, if that is newer than the one on the disk."""
    arrays: Collection[str] = ()
    """What the snapshots hold of what is scored."""

    def open_writer(self) -> snapshots.Writer:
        """Open the run's snapshots, which may exist already: an earlier version may have recorded less."""
        bench = self.bench
        declared = snapshots.declared_arrays(self.job.folder)
        self.arrays = bench.arrays if declared is None else declared.intersection(bench.arrays)
        return snapshots.Writer.open(
            self.job.folder,
            epochs=self.job.recipe.epochs,
            shape=bench.panel.shape,
            scalar_names=(
                *bench.method.terms,
                "learning_rate",
                *diagnostics.names(bench.method.panel_views),
            ),
            coordinates=bench.coordinates(self.job.seed) | self._untrained(declared),
            optional=[name for name in self.arrays if name != "correct"],
        )

    def _untrained(self, declared: set[str] | None) -> dict[str, np.ndarray]:
        """Return how the new network answers; nothing where the snapshots have it already, or never had it."""
        if declared is not None:
            return {}
        self.bench.begin(self.job.seed)
        return self.bench.untrained()

    def run_epoch(self, epoch: int) -> None:
        """Train for one epoch; afterwards `scalars` holds the means of the loss's terms over its steps."""
        self.scalars = self.bench.run_epoch(self.job.seed, epoch)
        self.epoch = epoch

    def commit(self, writer: snapshots.Writer, scores: panel.PanelScores) -> None:
        """Commit the panel's scores after this epoch."""
        writer.write(*self._entry(scores))

    def check(self, writer: snapshots.Writer, scores: panel.PanelScores) -> None:
        """Check, before anything of this epoch is saved, that the folder is ours and no other bits are in it."""
        self.lock.check()
        if not self.replace:
            writer.check_unchanged(*self._entry(scores))

    def _entry(self, scores: panel.PanelScores) -> tuple[int, dict[str, np.ndarray], dict[str, float]]:
        arrays = {name: values for name, values in scores.arrays.items() if name in self.arrays}
        return self.epoch, arrays, {**self.scalars, **scores.diagnostics}

    def begin_logs(self, writer: snapshots.Writer, names: Sequence[str]) -> Logs:
        """Open the logs, and write what earlier processes have trained: they may have died before they could."""
        job = self.job
        logs = Logs(
            names,
            Logged(
                study=job.study_folder.name,
                method=job.method,
                seed=job.seed,
                config=job.recipe.to_json(),
                identity=snapshots.identity(job.folder),
                folder=job.study_folder.parent.joinpath(FOLDER, *job.folder.parts[-3:]),
            ),
        )
        for line in writer.begin_log(self.epoch):
            logs.write(line)
        return logs

    def save(self) -> None:
        """Save all that is needed to continue after this epoch."""
        checkpoint.save(self._state(), snapshots.state_file(self.job.folder))
        self.unsaved = None

    def keep(self) -> None:
        """Keep a copy of the state after this epoch, to be saved if the next one is not reached."""
        self.unsaved = checkpoint.copied(self._state())

    def save_unsaved(self) -> None:
        """Save the state after the last epoch, unless it is on the disk."""
        if self.unsaved is not None:
            self.lock.check()
            checkpoint.save(self.unsaved, snapshots.state_file(self.job.folder))

    def _state(self) -> dict[str, Any]:
        return {
            "run": snapshots.identity(self.job.folder),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "scalars": self.scalars,
            "method": self.bench.method.state_dict(),
            "optimizer": self.bench.optimizer.state_dict()["state"],
        }

    def start(self, writer: snapshots.Writer) -> None:
        """Load the last saved state and commit its epoch if it is missing; without a state, begin the seed."""
        state = self._last_state(writer)
        if state is None:
            self.bench.begin(self.job.seed)
            return
        self.bench.load(state["method"], state["optimizer"])
        self.epoch, self.seconds, self.scalars = state["epoch"], state["seconds"], state["scalars"]
        if self.epoch not in writer.committed():
            self.commit(writer, self.bench.score())

    def _last_state(self, writer: snapshots.Writer) -> dict[str, Any] | None:
        path = snapshots.state_file(self.job.folder)
        if not checkpoint.exists(path):
            return None
        state, note = checkpoint.load(path)
        if note is not None:
            LOGGER.warning("%s", note)
        lacking = {"epoch", "seconds", "scalars", "method", "optimizer"}.difference(
            state if isinstance(state, dict) else ()
        )
        if lacking:
            raise UserError(
                f"{path} is not a training state (it has no {min(lacking)}): restore it from a copy"
            )
        snapshots.check_identity(snapshots.identity(self.job.folder), state.get("run", {}), path)
        if set(range(1, state["epoch"])) - set(writer.committed()):
            LOGGER.warning(
                "%s lost an epoch before its last state: it is trained again from the start", self.job.folder
            )
            return None
        loaded: dict[str, Any] = state
        return loaded
