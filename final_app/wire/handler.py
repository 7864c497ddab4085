"""gevent's handler of a connection, with what a chat needs: at once, and one frame after another."""

import socket
import threading
from collections.abc import Callable
from typing import Any

from geventwebsocket.handler import WebSocketHandler


class Handler(WebSocketHandler):  # type: ignore[misc]
    """Serves HTTP requests, and a WebSocket where one asks for it."""

    def handle(self) -> None:
        # Else the kernel keeps a small packet back until the one before was confirmed: 40 ms.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def upgrade_websocket(self) -> Any:
        result = super().upgrade_websocket()
        if hasattr(self, "websocket"):
            self.websocket.raw_write = _in_turn(self.websocket.raw_write)
        return result


def _in_turn(write: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Let the answer to a WebSocket ping wait while a long frame goes out to a slow reader."""
    turn = threading.Lock()

    def write_whole(frame: bytes) -> None:
        with turn:
            write(frame)

    return write_whole
