"""Time limits that are right for an idle machine, and longer on a busy one."""

import time

WORK = 0.1  # seconds of processor time


def within(seconds: float, limit: float) -> bool:
    """Return whether something was quick enough. The limit is higher if the machine is busy."""
    return seconds < limit or seconds < limit * slowness()


def slowness() -> float:
    """Return how many times longer than on an idle machine a piece of work takes now (at least 1.0)."""
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < WORK:
        pass
    return max((time.monotonic() - began) / WORK, 1.0)
