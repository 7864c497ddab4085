"""gevent's handler of a connection, with what a chat needs: no delay, whole frames, and a bound."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import gevent
from geventwebsocket import handler
from geventwebsocket.exceptions import ProtocolError, WebSocketError
from geventwebsocket.websocket import Header, WebSocket

from final_app.wire import LARGEST_PACKET

TOO_LARGE = 1009  # RFC 6455, section 7.4.1


class Handler(handler.WebSocketHandler):  # type: ignore[misc]
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
        if self.application.extensions["hosts"].foreign_name(self.environ) is not None:
            return None  # no handshake: the application refuses this request as it does any other
        result = super().upgrade_websocket()
        if hasattr(self, "websocket"):
            self.websocket.raw_write = _in_turn(self.websocket.raw_write)
        return result


class _BoundedWebSocket(WebSocket):  # type: ignore[misc]
    """Reads no payload of a message whose frames announce more than LARGEST_PACKET bytes in all.

    The library asks for the limit after it has read and unmasked the whole frame.
    """

    announced = 0  # bytes of the message so far

    def read_frame(self) -> tuple[Any, bytes]:
        header = Header.decode_header(self.stream)  # refuses a control frame of more than 125 bytes
        if header.flags:
            raise ProtocolError
        if header.opcode < self.OPCODE_CLOSE:  # a control frame is no part of the message
            continued = header.opcode == self.OPCODE_CONTINUATION
            self.announced = header.length + (self.announced if continued else 0)
        if self.announced > LARGEST_PACKET:
            self.send_frame(TOO_LARGE.to_bytes(2), self.OPCODE_CLOSE)  # `close` would lose the code
            self.closed = True
            raise WebSocketError("The message is too large")
        payload = self.stream.read(header.length)
        if len(payload) != header.length:
            raise WebSocketError("The connection ended inside a frame")
        return header, header.unmask_payload(payload) if header.mask else payload


handler.WebSocket = _BoundedWebSocket  # the handler has no other place to name the class

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
