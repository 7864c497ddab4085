"""Writing to WebSockets: once per turn of the event loop, with everything sent during this turn."""

from collections import deque
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from gevent.hub import Hub

if TYPE_CHECKING:
    from final_app.wire.websocket import WebSocket

SLICE = 256  # WebSockets that are written to before everybody else has a turn


class Writer:
    """The WebSockets of one event loop for which something has been sent, but not yet written.

    Several frames for one client share a system call, which costs more than the rest of a delivery.
    This delays nobody, because the writing begins as soon as the handlers of this turn have returned.
    """

    _writers: ClassVar["WeakKeyDictionary[Hub, Writer]"] = WeakKeyDictionary()

    @classmethod
    def of(cls, hub: Hub) -> "Writer":
        """Return the writer of this event loop."""
        return cls._writers.setdefault(hub, cls(hub))

    def __init__(self, hub: Hub) -> None:
        self._loop = hub.loop
        # Unlike a callback, a timer lets the loop read from all sockets first.
        self._rest = hub.loop.timer(0.0)
        self._waiting: deque[WebSocket] = deque()

    def add(self, websocket: "WebSocket") -> None:
        """Write to this WebSocket in this turn, or in one of the next if there are many."""
        if not self._waiting:
            self._loop.run_callback(self._write_slice)
        self._waiting.append(websocket)

    def _write_slice(self) -> None:
        for _ in range(min(SLICE, len(self._waiting))):
            self._waiting.popleft().flush()
        if self._waiting:
            self._rest.start(self._write_slice)
