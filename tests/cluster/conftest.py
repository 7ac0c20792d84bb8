# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from tests.cluster import study


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests, which take minutes and kill processes, to `make test-cluster`."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(3600))
            if "TEST_CLUSTER" not in os.environ:
                item.add_marker(pytest.mark.skip(reason="make test-cluster runs it"))


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study, trained by this machine alone."""
    folder = tmp_path_factory.mktemp("alone")
    done = study.train(folder)
    assert done.returncode == 0, done.stderr
    return folder
