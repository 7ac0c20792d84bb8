"""Fixtures that every test may use."""

import shutil
import signal
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from tests.forks import Forks

SHARED = Path(__file__).resolve().parents[2] / "shared"

# The same draws in every run, so that a change is judged by the change; `--hypothesis-profile explore` draws anew.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("fixed")


def pytest_configure(config: pytest.Config) -> None:
    """Keep files in the order below: by default those with few tests come last, and ours with few tests are slow."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have most slow tests: a long file at the end would leave all but one worker idle."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """A command that a test calls in this process sets the handlers of one that is about to exit."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Run commands in forks of a process that has imported the libraries."""
    started = Forks()
    yield started
    started.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """An installed chromium without a screen; its tests are skipped, visibly, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no chromium: install Debian's package chromium to open pages in a browser")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator of its own for every test, the same in every run."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def shared() -> Path:
    """Return the reference material beside the checkout; skip the test where there is none."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside the checkout")
    return SHARED
