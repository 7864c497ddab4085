"""Apply the limit `max_http_buffer_size` to a WebSocket message while the message arrives.

This is for servers that use threads. Engine.IO checks the limit only after the whole message is in
memory, so somebody who is not even logged in could fill the memory. simple-websocket can refuse a
message while it arrives, but Engine.IO does not use this option.
"""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import simple_websocket
from engineio.async_drivers import threading as threads
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI

LINGER = 1.0  # seconds to continue reading after a refusal
PIECE = 65_536  # bytes that are read at once


def bound_messages() -> None:
    """Limit the messages of every Socket.IO server in this process that uses threads."""
    threads._async["websocket"] = BoundedWebSocket


class BoundedWebSocket(SimpleWebSocketWSGI):  # type: ignore[misc]
    """A WebSocket that is closed with code 1009 if a message is longer than the server allows.

    If a message arrives in fragments, their total size counts.
    """

    def __init__(self, handler: Callable[[Any], Any], server: Any, **options: Any) -> None:
        bound = {"max_message_size": server.max_http_buffer_size}
        super().__init__(handler, server, **(bound | options))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.ws = _Server(environ, **self.server_args)
        answer = self.app(self)
        if self.ws.refused:
            self.ws.thread.join()  # otherwise, the rest would be read as the next request
        if self.ws.mode == "gunicorn":
            raise StopIteration
        if self.ws.mode == "werkzeug":
            raise ConnectionError
        return answer


class _Server(simple_websocket.Server):  # type: ignore[misc]
    """A server-side WebSocket that leaves no thread running after it has refused a message.

    simple-websocket wakes the thread that reads messages before it records that the connection has
    ended. If this thread is quick, it waits forever.
    """

    refused = False

    def _handle_events(self) -> bool:
        goes_on: bool = super()._handle_events()
        if not goes_on:
            self.refused = self.connected  # otherwise, the client closed the connection
            self.connected = False
            self.event.set()
        if self.refused:
            self._discard_rest()
        return goes_on

    def _discard_rest(self) -> None:
        """Read the remaining data for a moment, and then shut the connection down.

        If a connection with unread bytes is closed, the system resets it. The client would then get the
        code 1006, which does not show the reason.
        """
        end = time.monotonic() + LINGER
        with contextlib.suppress(OSError):
            self.sock.settimeout(LINGER)
            while time.monotonic() < end and self.sock.recv(PIECE):
                pass
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
