"""How long a check waits for something that may never arrive."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_seconds: ContextVar[float] = ContextVar("how long a check waits", default=3.0)


def patience() -> float:
    """Return how long to wait for one thing, in seconds."""
    return _seconds.get()


def long_patience() -> float:
    """Return how long to wait for what takes several messages, or a busy machine, in seconds."""
    return 5 * patience()


@contextmanager
def hurried(seconds: float) -> Iterator[None]:
    """Within this block, wait for so many seconds."""
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)
