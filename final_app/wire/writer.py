"""Writing to WebSockets: once per turn of the event loop, with everything sent during this turn."""

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from gevent.hub import Hub

if TYPE_CHECKING:
    from final_app.wire.websocket import WebSocket

SLICE = 256  # WebSockets that are written to before everybody else has a turn
REST = 2.0  # times as long as it has written, the writer waits for more to write


class Writer:
    """The WebSockets of one event loop for which something has been sent, but not yet written.

    Several frames for one client share a system call, which costs more than the rest of a delivery.
    The writing begins as soon as the handlers of this turn have returned. If it has taken long, because
    there are many clients, the next one does not begin at once: what the handlers send in the meantime
    is then written together. A single message is not delayed.
    """

    _writers: ClassVar["WeakKeyDictionary[Hub, Writer]"] = WeakKeyDictionary()

    @classmethod
    def of(cls, hub: Hub) -> "Writer":
        """Return the writer of this event loop."""
        return cls._writers.setdefault(hub, cls(hub))

    def __init__(self, hub: Hub) -> None:
        self._loop = hub.loop
        # Unlike a callback, a timer lets the loop read from all sockets first.
        self._next_slice = hub.loop.timer(0.0)
        self._waiting: deque[WebSocket] = deque()
        self._spent = 0.0  # seconds of the current writing
        self._rests_until = 0.0
        self._begin: object = None  # the timer at the end of the rest

    def add(self, websocket: "WebSocket") -> None:
        """Write to this WebSocket in this turn, or in one of the next if there are many."""
        if not self._waiting:
            rest = self._rests_until - perf_counter()
            if rest <= 0:
                self._loop.run_callback(self._write_slice)
            else:
                self._begin = timer = self._loop.timer(rest)
                timer.start(self._write_slice)
        self._waiting.append(websocket)

    def _write_slice(self) -> None:
        began = perf_counter()
        for _ in range(min(SLICE, len(self._waiting))):
            self._waiting.popleft().flush()
        now = perf_counter()
        self._spent += now - began
        if self._waiting:
            self._next_slice.start(self._write_slice)
        else:
            self._rests_until = now + REST * self._spent
            self._spent = 0.0
