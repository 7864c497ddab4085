"""Write to WebSockets once per turn of the event loop, so that frames for one client go together."""

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from gevent.hub import Hub

if TYPE_CHECKING:
    from final_app.wire.websocket import WebSocket

SLICE = 256  # WebSockets that are written to before everybody else gets a turn
REST = 2.0  # after writing, the writer waits this many times as long as the writing took


class Writer:
    """The WebSockets of one event loop that have frames to write.

    A system call takes more time than everything else that a delivery needs, so several frames for one
    client share one system call. The writer begins as soon as the handlers of this turn have returned.
    If there are many clients, writing takes long. In this case, the writer then rests for a while, and
    writes everything that the handlers send in the meantime together. A single message is not delayed.
    """

    _writers: ClassVar["WeakKeyDictionary[Hub, Writer]"] = WeakKeyDictionary()

    @classmethod
    def of(cls, hub: Hub) -> "Writer":
        """Return the writer of this event loop."""
        return cls._writers.setdefault(hub, cls(hub))

    def __init__(self, hub: Hub) -> None:
        self._loop = hub.loop
        # With a timer, unlike with a callback, the loop first reads from all sockets.
        self._next_slice = hub.loop.timer(0.0)
        self._waiting: deque[WebSocket] = deque()
        self._spent = 0.0  # seconds that the writer has spent since it last rested
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
