# SPDX-License-Identifier: Apache-2.0
"""Take in what other programs recorded, as arrays or as tables, without a conversion that could corrupt it."""

from dynamics.ingest.arrays import from_arrays
from dynamics.ingest.records import Records
from dynamics.ingest.scores import scores_of_others, take_in_scores
from dynamics.ingest.tables import from_tables
from dynamics.ingest.write import take_in

__all__ = ["Records", "from_arrays", "from_tables", "scores_of_others", "take_in", "take_in_scores"]
