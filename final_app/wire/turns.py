"""Fairness: clients that send without a pause wait in a queue, so that everybody else can continue."""

from collections import deque
from time import perf_counter

import gevent
from gevent.event import Event

BURST = 8  # packets or requests that one client can send in a row
LARGE = 2_000  # characters in a packet that count as one more packet, as they take long to parse
PAUSE = 0.001  # seconds for everybody else between two clients from the queue
AT_ONCE = 0.0001  # seconds; if reading takes longer, the client has made a pause

_line: deque[Event] = deque()


class Turn:
    """Counts what one client sends without a pause.

    After each burst, the client waits in a queue that all clients share, and only one client at a time
    leaves the queue. Without the queue, a hundred busy clients would make everybody else wait a hundred
    times as long as a single busy client does.
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

        `size` is the length of the client's packet. A very large packet has to wait even if it is the
        first one, because many clients can each send one such packet.
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
