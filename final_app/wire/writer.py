"""Write to WebSockets once per turn of the event loop, so that frames for one client go together."""

import logging
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from gevent.hub import Hub

if TYPE_CHECKING:
    from final_app.wire.websocket import WebSocket

SLICE = 256  # WebSockets that are written to before everybody else gets a turn
LONGEST_REST = 0.02  # seconds

_logger = logging.getLogger(__name__)


class Writer:
    """The WebSockets of one event loop that have frames to write.

    A system call takes more time than everything else that a delivery needs, so several frames for one
    client share one system call. The writer begins as soon as the handlers of this turn have returned.

    Messages from other processes arrive one by one. With `rest`, the writer pauses after it has written,
    for `rest` times as long as the writing took. Then it writes everything that has been sent in the
    meantime. A message that arrives alone is not delayed. A single process needs no such pause, because
    what its clients send during the writing has to wait anyway.
    """

    rest: ClassVar[float] = 0.0

    _writers: ClassVar["WeakKeyDictionary[Hub, Writer]"] = WeakKeyDictionary()

    @classmethod
    def of(cls, hub: Hub) -> "Writer":
        """Return the writer of this event loop."""
        return cls._writers.setdefault(hub, cls(hub))

    def __init__(self, hub: Hub) -> None:
        self._loop = hub.loop
        self._timer: Any = None
        self._waiting: deque[WebSocket] = deque()
        self._spent = 0.0  # seconds that the current writing has taken so far
        self._rests_until = 0.0

    def add(self, websocket: "WebSocket") -> None:
        """Write to this WebSocket in this turn, or later if the writer rests or if there are many."""
        if not self._waiting:
            rest = self._rests_until - perf_counter()
            if rest > 0:
                self._write_after(rest)
            else:
                self._loop.run_callback(self._write_slice)
        self._waiting.append(websocket)

    def _write_slice(self) -> None:
        began = perf_counter()
        for _ in range(min(SLICE, len(self._waiting))):
            websocket = self._waiting.popleft()
            try:
                websocket.flush()
            except Exception:  # an error with one client must not keep all others waiting
                _logger.exception("A WebSocket could not be written to, so it is closed")
                websocket.abort()
        ended = perf_counter()
        self._spent += ended - began
        if self._waiting:
            self._write_after(0.0)  # unlike a callback, a timer lets the loop read from all sockets
        else:
            self._rests_until = ended + min(self.rest * self._spent, LONGEST_REST)
            self._spent = 0.0

    def _write_after(self, pause: float) -> None:
        self._timer = self._loop.timer(pause)  # kept, because otherwise it would not fire
        self._timer.start(self._write_slice)
