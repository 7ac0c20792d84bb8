# SPDX-License-Identifier: Apache-2.0
"""The disk format of runs: write epochs, open the seeds of a method, verify what is on the disk.

No other package knows a file name or a chunk; FORMAT.md, in this folder, describes the format on one page. Only NumPy
and zarr are needed, so that analyses load no torch.
"""

from dynamics.snapshots.checks import State, state, verify
from dynamics.snapshots.finish import settle, write_finished
from dynamics.snapshots.layout import (
    has_record,
    is_complete,
    last_write,
    list_methods,
    list_seeds,
    list_studies,
    seed_folder,
    state_file,
    weights_file,
)
from dynamics.snapshots.record import check_config, fingerprint, read_run_json, write_run_json
from dynamics.snapshots.run import Run
from dynamics.snapshots.store import Damaged
from dynamics.snapshots.study import common_epochs, open_runs
from dynamics.snapshots.writer import Writer

__all__ = [
    "Damaged",
    "Run",
    "State",
    "Writer",
    "check_config",
    "common_epochs",
    "fingerprint",
    "has_record",
    "is_complete",
    "last_write",
    "list_methods",
    "list_seeds",
    "list_studies",
    "open_runs",
    "read_run_json",
    "seed_folder",
    "settle",
    "state",
    "state_file",
    "verify",
    "weights_file",
    "write_finished",
    "write_run_json",
]
