"""Fairness: clients that send without a pause wait in one queue, so that everybody else can continue."""

from collections import deque
from time import perf_counter

import gevent
from gevent.event import Event

BURST = 8  # packets or requests of one client in a row
LARGE = 2_000  # characters of a packet that count as another one, as they take long to parse
PAUSE = 0.001  # seconds for everybody else, between two clients of the line
AT_ONCE = 0.0001  # seconds; reading that takes longer had to wait for the client

_line: deque[Event] = deque()


class Turn:
    """Counts what one client sends without a pause.

    After each burst, the client waits in the queue. If each of a hundred busy clients had a turn
    instead, the others would wait a hundred times as long as with one.
    """

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0

    def reads(self) -> None:
        """Call this before reading from the client, and `has_read` after it."""
        self._since = perf_counter()

    def has_read(self) -> None:
        if perf_counter() - self._since > AT_ONCE:
            self._count = 0

    def take(self, size: int = 0) -> None:
        """Wait if this client has had many turns in a row.

        `size` is the length of its packet. A large packet waits even if it is the first one, because
        many clients can each send one.
        """
        self._count += 1 + size // LARGE
        if self._count > BURST:
            self._count = 1
            _wait_in_line()


def _wait_in_line() -> None:
    mine = Event()
    _line.append(mine)
    if len(_line) == 1:
        gevent.spawn(_move_on)
    mine.wait()


def _move_on() -> None:
    while _line:
        gevent.sleep(PAUSE)
        _line[0].set()
        gevent.sleep(0)  # the client takes its turn
        _line.popleft()
