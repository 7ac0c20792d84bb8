# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dynamics import snapshots
from dynamics.errors import UserError
from tests.dynamics import crash_points
from tests.dynamics.recorded import epoch_entry, record

EPOCHS = 25
WRITE = f"""
import sys
from pathlib import Path
from tests.dynamics.recorded import epoch_entry, record

folder = Path(sys.argv[1])
writer = record(folder, [], epochs={EPOCHS})
for epoch in range(1, {EPOCHS} + 1):
    writer.write(epoch, *epoch_entry(epoch))
writer.finish(1.0)
"""


@pytest.mark.slow
def test_at_every_crash_point_all_acknowledged_epochs_are_there_and_no_other() -> None:
    assert crash_points.count("snapshots", at_once=2) > 150


@pytest.mark.slow
def test_a_reader_beside_a_writer_sees_whole_epochs_only(tmp_path: Path) -> None:
    folder = tmp_path / "simclr" / "seed-0000"
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(folder)], cwd=Path(__file__).parents[2])
    seen: list[int] = []
    reads = 0
    while not snapshots.is_complete(folder):
        assert writer.poll() in (None, 0), "the writer failed"
        try:
            run = snapshots.Run(folder)
        except UserError as error:
            assert "no run.json" in str(error)
            time.sleep(0.01)
            continue
        assert len(run.epochs) >= len(seen)
        seen = list(run.epochs)
        if seen:
            assert np.array_equal(
                run.correct(), np.stack([epoch_entry(epoch)[0]["correct"] for epoch in seen])
            )
            assert len(run.scalars()["loss"]) == len(seen)
            reads += 1
        assert snapshots.state(folder).kind != "damaged"
    assert writer.wait() == 0
    assert reads > 3
    assert snapshots.Run(folder).epochs == tuple(range(1, EPOCHS + 1))


def test_a_run_opened_before_the_end_can_be_read_after_it(tmp_path: Path) -> None:
    writer = record(tmp_path, [1, 2, 3, 4])
    run = snapshots.Run(tmp_path)
    before = run.correct([2])
    writer.finish(1.0)
    assert np.array_equal(run.correct([2]), before)
    assert run.examples.tolist() == list(range(100, 107))
