# SPDX-License-Identifier: Apache-2.0
"""Runs of Weights & Biases: one for each seed, in a project that is called like the study.

A process that goes on with a seed goes on with its run. Without a network (WANDB_MODE=offline) each process leaves a
folder with every epoch; `wandb sync` replaces what it has sent of the run before.
"""

import hashlib
import json
import os
from collections.abc import Mapping

from dynamics.errors import UserError
from dynamics.training.logs import base

LONGEST = 128
"""Maximum number of characters of a project's name."""
PATIENCE = 30
"""Seconds that the network may take to begin a run, and to end it; what is not sent by then stays in the folder."""


class Log(base.Log):
    """A run of Weights & Biases."""

    package = "wandb"

    def __init__(self, logged: base.Logged) -> None:
        import wandb

        # A notebook that uses W&B says here where its service is: there the run of a worker that was killed is in use.
        os.environ.pop("WANDB_SERVICE", None)
        logged.folder.mkdir(parents=True, exist_ok=True)
        whose = json.dumps([logged.study, dict(logged.identity)], sort_keys=True)
        self._run = wandb.init(
            project=logged.study[:LONGEST],
            group=logged.method,
            name=f"{logged.method}/seed-{logged.seed:04d}",
            id=hashlib.sha256(whose.encode()).hexdigest()[:16],
            resume="allow",
            config=dict(logged.config),
            dir=logged.folder,
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                x_disable_stats=True,
                reinit="create_new",  # never the run of a seed whose log has failed
                init_timeout=PATIENCE,
                finish_timeout=PATIENCE,
            ),
        )
        self._first = self._run.step
        """The server has the epochs before this one."""

    def write(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the numbers of an epoch."""
        if epoch >= self._first:
            self._run.log(dict(values), step=epoch, commit=True)

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()

    @classmethod
    def check(cls) -> None:
        """Check that the package is there, and an account unless W&B is offline; never ask for one.

        Raises
        ------
        UserError
            If it is not.
        """
        super().check()
        import wandb

        try:
            offline = os.environ.get("WANDB_MODE", "online") != "online"
            ready = offline or wandb.login(prompt=False, verify=False)
        except wandb.Error as error:
            raise UserError(f"`log` wandb cannot be used ({error})") from error
        if not ready:
            raise UserError(
                "`log` wandb needs an account: type wandb login or set WANDB_API_KEY, or keep the runs on this machine "
                "with WANDB_MODE=offline"
            )
