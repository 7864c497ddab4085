"""gevent's handler of a connection, with what a chat needs: at once, and one frame after another."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import gevent
from geventwebsocket.handler import WebSocketHandler


class Handler(WebSocketHandler):  # type: ignore[misc]
    """Serves HTTP requests, and a WebSocket where one asks for it."""

    def handle(self) -> None:
        # Else the kernel keeps a small packet back until the one before was confirmed: 40 ms.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["wsgi.input"] = _InTurns(environ["wsgi.input"])
        return environ

    def upgrade_websocket(self) -> Any:
        result = super().upgrade_websocket()
        if hasattr(self, "websocket"):
            self.websocket.raw_write = _in_turn(self.websocket.raw_write)
        return result


PAUSE = 0.002  # seconds


class _InTurns:
    """The body of a request, read so that everybody else has a turn after each piece.

    Where more of it is there already, gevent's own reading never lets go: a large upload on a quick
    line would hold everybody up until its end. And of many such uploads one has a piece per round of
    the loop: a message takes several rounds.
    """

    turn = threading.Lock()

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, *size: int) -> bytes:
        piece: bytes = self._body.read(*size)
        with self.turn:
            gevent.sleep(PAUSE)
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _in_turn(write: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Let the answer to a WebSocket ping wait while a long frame goes out to a slow reader."""
    turn = threading.Lock()

    def write_whole(frame: bytes) -> None:
        with turn:
            write(frame)

    return write_whole
