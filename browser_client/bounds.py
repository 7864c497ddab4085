"""The limit `max_http_buffer_size` for WebSockets on threads, applied while a message arrives.

Engine.IO checks this limit only after the whole message is in memory, so somebody who is not even
logged in could fill the memory. simple-websocket can refuse a message while it arrives, but
Engine.IO does not use this option.
"""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import simple_websocket
from engineio.async_drivers import threading as threads
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI

LINGER = 1.0  # seconds to read on after a refusal
PIECE = 65_536  # bytes that are read at once


def bound_messages() -> None:
    """Limit the messages of every Socket.IO server in this process that uses threads."""
    threads._async["websocket"] = BoundedWebSocket


class BoundedWebSocket(SimpleWebSocketWSGI):  # type: ignore[misc]
    """A WebSocket that is closed with code 1009 if a message is longer than the server allows.

    The sizes of a message's fragments are added up.
    """

    def __init__(self, handler: Callable[[Any], Any], server: Any, **options: Any) -> None:
        bound = {"max_message_size": server.max_http_buffer_size}
        super().__init__(handler, server, **(bound | options))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.ws = _Server(environ, **self.server_args)
        answer = self.app(self)
        if self.ws.refused:
            self.ws.thread.join()  # else the rest of the message would be read as the next request
        if self.ws.mode == "gunicorn":
            raise StopIteration
        if self.ws.mode == "werkzeug":
            raise ConnectionError
        return answer


class _Server(simple_websocket.Server):  # type: ignore[misc]
    """Refuses a message without leaving a thread behind.

    The library wakes its reader before it records that the connection has ended. A quick reader
    then waits forever, together with its thread.
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
        """Read remaining data for a moment: closing a connection with unread bytes resets it.

        The client would then see code 1006, which does not give the reason.
        """
        end = time.monotonic() + LINGER
        with contextlib.suppress(OSError):
            self.sock.settimeout(LINGER)
            while time.monotonic() < end and self.sock.recv(PIECE):
                pass
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
