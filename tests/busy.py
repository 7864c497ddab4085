"""Limits of time that hold on an idle machine, and are stretched on a busy one."""

import time

WORK = 0.1  # seconds of processor time


def within(seconds: float, limit: float) -> bool:
    """Tell whether something was quick enough; the limit grows with what else the machine has to do."""
    return seconds < limit or seconds < limit * slowness()


def slowness() -> float:
    """Return how many times as long as on an idle machine a piece of work takes now: 1.0 or more."""
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < WORK:
        pass
    return max((time.monotonic() - began) / WORK, 1.0)
