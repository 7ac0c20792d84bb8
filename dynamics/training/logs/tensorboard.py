# SPDX-License-Identifier: Apache-2.0
"""Event files for TensorBoard: one for each process that trained the seed, of which the last holds every epoch."""

import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from dynamics.training.logs import base


class Log(base.Log):
    """Event files in the folder of a seed; a failure to write is raised at once, for no thread is used."""

    package = "tensorboard"

    def __init__(self, logged: base.Logged) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        logged.folder.mkdir(parents=True, exist_ok=True)
        # Readers take the files in the order of their names.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._event = event_pb2.Event
        self._file = RecordWriter((logged.folder / name).open("xb"))
        self._add(file_version="brain.Event:2")
        # From step 0 on, readers drop what earlier files hold.
        self._add(session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START))

    def write(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the numbers of an epoch."""
        entries = [{"tag": name, "simple_value": value} for name, value in values.items()]
        self._add(step=epoch, summary={"value": entries})

    def _add(self, **fields: Any) -> None:
        self._file.write(self._event(wall_time=time.time(), **fields).SerializeToString())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
