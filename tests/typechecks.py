"""Checks of types and shapes at run time, which the tests have and users do not."""

from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import config


@contextmanager
def types_unchecked() -> Iterator[None]:
    """Leave the checks out, for calls that repeat what has just been checked: in training they are a third of the time.

    Examples
    --------
    >>> with types_unchecked():
    ...     config.jaxtyping_disable
    True
    """
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", before)
