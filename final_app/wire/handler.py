"""gevent's connection handler with what a chat needs: no delays and a limit on message sizes."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
from geventwebsocket import handler
from geventwebsocket.exceptions import ProtocolError, WebSocketError
from geventwebsocket.websocket import Header, WebSocket

LARGEST_PACKET = 100_000  # bytes; the longest message needs less than 30,000
TOO_LARGE = 1009  # RFC 6455, section 7.4.1
LINGER = 1.0  # seconds to read on after a close frame
PIECE = 65_536  # bytes that are read at once
PAUSE = 0.002  # seconds after each piece


class Handler(handler.WebSocketHandler):  # type: ignore[misc]
    """Serves HTTP requests and WebSockets."""

    def handle(self) -> None:
        # Otherwise, the kernel delays a small packet until the previous one is acknowledged: 40 ms.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["wsgi.input"] = _InTurns(environ["wsgi.input"])
        return environ

    def upgrade_websocket(self) -> Any:
        if self.application.extensions["hosts"].foreign_name(self.environ) is not None:
            return None  # no handshake: the application then answers with an error
        result = super().upgrade_websocket()
        if hasattr(self, "websocket"):
            self.websocket.raw_write = _in_turn(self.websocket.raw_write)
        return result


class _BoundedWebSocket(WebSocket):  # type: ignore[misc]
    """Rejects a message before reading it if its frames announce more than LARGEST_PACKET bytes.

    The library checks its limit only after it has read and unmasked the whole frame.
    """

    announced = 0  # bytes of the current message so far

    def read_frame(self) -> tuple[Any, bytes]:
        header = Header.decode_header(self.stream)  # rejects control frames of more than 125 bytes
        if header.flags:
            raise ProtocolError
        if header.opcode < self.OPCODE_CLOSE:  # a control frame is not part of the message
            continued = header.opcode == self.OPCODE_CONTINUATION
            self.announced = header.length + (self.announced if continued else 0)
        if self.announced > LARGEST_PACKET:
            self.send_frame(TOO_LARGE.to_bytes(2), self.OPCODE_CLOSE)  # `close` omits the code
            self.closed = True
            self._discard_rest()
            raise WebSocketError("The message is too large")
        payload = self.stream.read(header.length)
        if len(payload) != header.length:
            raise WebSocketError("The connection ended inside a frame")
        return header, header.unmask_payload(payload) if header.mask else payload

    def _discard_rest(self) -> None:
        """Read what still comes, for a moment, so that the client gets to read the close frame.

        A connection that is closed with unread bytes is reset. The client then sees code 1006, which
        does not say why.
        """
        with suppress(OSError), gevent.Timeout(LINGER, False):
            while self.handler.socket.recv(PIECE):
                gevent.sleep(PAUSE)


handler.WebSocket = _BoundedWebSocket  # the handler offers no other way to set the class


class _InTurns:
    """The body of a request. After each piece, other greenlets get a turn.

    If more data is already there, gevent keeps reading without switching: a large upload on a fast
    connection would block everything until its end. The lock lets only one of many uploads read a piece
    per round of the event loop, because handling a message takes several rounds.
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
    """Serialize writes, so that a pong cannot land inside a long frame to a slow client."""
    turn = threading.Lock()

    def write_whole(frame: bytes) -> None:
        with turn:
            write(frame)

    return write_whole
