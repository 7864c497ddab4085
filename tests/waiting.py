"""Waiting for something that no event announces to the test, such as a row in the server's database."""

import time
from collections.abc import Callable

EVERY = 0.005  # seconds between two looks
PATIENCE = 30.0  # seconds; what works comes much sooner, even on a slow machine


def wait_until(holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until a condition is true. Raises AssertionError after `patience` seconds."""
    give_up = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < give_up, f"this did not happen within {patience} s"
        time.sleep(EVERY)
