"""How long a check waits for something that may never arrive."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_seconds: ContextVar[float] = ContextVar("how long a check waits", default=3.0)


def patience() -> float:
    """Return the time in seconds."""
    return _seconds.get()


@contextmanager
def hurried(seconds: float) -> Iterator[None]:
    """Within this block, wait for a different time."""
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)
