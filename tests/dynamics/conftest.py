# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that train."""

import pytest
import torch

from dynamics import data
from dynamics.data import Dataset


@pytest.fixture(scope="session")
def digits() -> Dataset:
    torch.set_num_threads(1)
    return data.load("digits")
