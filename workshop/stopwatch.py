"""A stopwatch in a server of lab 18. It measures how often and how long each part of a broadcast runs.

Python's own profiler, cProfile, records every call. If a function takes only a microsecond, recording
the call takes longer than the call itself. Greenlets also confuse cProfile. This stopwatch times only
six functions, and none of them waits for anything.
"""

import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import gevent.socket
from socketio.packet import Packet

from final_app.wire import websocket

TEXT, FRAME, WRITE, REST = "make the text", "make the frame", "write it", "everything else"
PARTS = (TEXT, FRAME, WRITE, REST)


class Stopwatch:
    """Times `fanout.emit` and the parts of a broadcast. `fanout` is a class."""

    def __init__(self, fanout: type) -> None:
        self._parts = [
            (fanout, "emit", REST),
            (websocket.WebSocket, "flush", REST),
            (Packet, "__init__", TEXT),
            (Packet, "encode", TEXT),
            *[(module, "to_frame", FRAME) for module in _modules_with(websocket.to_frame)],
            (gevent.socket.socket, "send", WRITE),
        ]
        self._originals: list[tuple[Any, str, Any]] = []
        self._inner: list[int] = []  # for each running part, the time in its inner parts, in ns
        self._calls = dict.fromkeys(PARTS, 0)
        self._times = dict.fromkeys(PARTS, 0)

    def lap(self) -> dict[str, list[float]]:
        """Start or restart. Return {part: [calls, microseconds]} for the time since the last start."""
        if not self._originals:
            self._start()
        seen: dict[str, list[float]] = {
            part: [self._calls[part], self._times[part] / 1000] for part in PARTS
        }
        self._calls, self._times = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)
        return seen

    def stop(self) -> dict[str, bool]:
        """Remove the stopwatch, so that it costs nothing."""
        while self._originals:
            setattr(*self._originals.pop())
        return {"ok": True}

    def _start(self) -> None:
        for owner, name, part in self._parts:
            original = getattr(owner, name)
            self._originals.append((owner, name, original))
            setattr(owner, name, self._timed(original, part, counts=name != "__init__"))

    def _timed(
        self, original: Callable[..., Any], part: str, *, counts: bool
    ) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            if part == WRITE and not self._inner:  # a response to an HTTP request
                return original(*args, **options)
            self._inner.append(0)
            begun = perf_counter_ns()
            try:
                return original(*args, **options)
            finally:
                took = perf_counter_ns() - begun
                self._times[part] += took - self._inner.pop()
                self._calls[part] += counts
                if self._inner:
                    self._inner[-1] += took

        return timed


def _modules_with(function: Callable[..., Any]) -> list[Any]:
    """Return the modules that have imported this function under its own name."""
    name = function.__name__
    return [each for each in sys.modules.values() if getattr(each, name, None) is function]
