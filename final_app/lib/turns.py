"""Turns: nobody can have more than one piece of slow work in progress.

If somebody asks for a lot of slow work at once, only the first piece competes with other people's work.
The other pieces wait until the first one is done. So nobody has to wait for all of another person's
work.
"""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Turns:
    """The turns of one kind of work, for example of processing images."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[Hashable, _Turn] = {}  # by who has work in progress

    @contextmanager
    def of(self, who: Hashable) -> Iterator[None]:
        """Wait until all earlier work of `who` is done, and let later work wait for this block."""
        with self._lock:
            turn = self._turns.setdefault(who, _Turn())
            turn.count += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.count -= 1
                if not turn.count:
                    del self._turns[who]


class _Turn:
    """A lock, and how many pieces of work hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
