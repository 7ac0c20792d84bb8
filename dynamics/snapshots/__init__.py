# SPDX-License-Identifier: Apache-2.0
"""The disk format of runs: write epochs, open the seeds of a method, verify what is on the disk.

No other package knows a file name or a chunk; FORMAT.md, in this folder, describes the format on one page. Only NumPy
and zarr are needed, so that analyses load no torch.
"""

from dynamics.snapshots.checks import State, state, verify
from dynamics.snapshots.complete import copied, is_complete, is_finished
from dynamics.snapshots.damage import Damaged, check_format
from dynamics.snapshots.fence import Superseded
from dynamics.snapshots.finish import settle, write_finished
from dynamics.snapshots.layout import (
    has_record,
    last_write,
    list_methods,
    list_seeds,
    list_studies,
    seed_folder,
    seed_folders,
    state_file,
    weights_file,
)
from dynamics.snapshots.record import (
    add_session,
    check_config,
    check_identity,
    fingerprint,
    identity,
    read_run_json,
    write_run_json,
)
from dynamics.snapshots.run import Run
from dynamics.snapshots.study import common_epochs, open_runs, records_of, surely_copied, unlike_in_epochs
from dynamics.snapshots.writer import Changed, Writer, declared_arrays

__all__ = [
    "Changed",
    "Damaged",
    "Run",
    "State",
    "Superseded",
    "Writer",
    "add_session",
    "check_config",
    "check_format",
    "check_identity",
    "common_epochs",
    "copied",
    "declared_arrays",
    "fingerprint",
    "has_record",
    "identity",
    "is_complete",
    "is_finished",
    "last_write",
    "list_methods",
    "list_seeds",
    "list_studies",
    "open_runs",
    "read_run_json",
    "records_of",
    "seed_folder",
    "seed_folders",
    "settle",
    "state",
    "state_file",
    "surely_copied",
    "unlike_in_epochs",
    "verify",
    "weights_file",
    "write_finished",
    "write_run_json",
]
