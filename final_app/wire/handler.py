"""gevent's HTTP handler with deadlines, fair reading of bodies, and WebSockets.

If a request asks for a WebSocket, `environ["wire.upgrade"]` contains a function. To accept the
WebSocket, the application calls this function with the largest size of a message in bytes. The function
returns a WebSocket, or None if the handshake was wrong. In that case, the client has already received an
error.
"""

import logging
import re
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from socket import IPPROTO_TCP, SHUT_WR, SO_SNDBUF, SOL_SOCKET, TCP_NODELAY
from typing import Any, ClassVar

import gevent
from gevent.pywsgi import WSGIHandler
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from final_app.lib import request_ids
from final_app.lib.addresses import network
from final_app.lib.logs import Seldom, escaped, request_line
from final_app.wire.body import Body
from final_app.wire.turns import Turn
from final_app.wire.websocket import PAUSE, PIECE, WebSocket

PER_ADDRESS = 2_000  # connections from one address, without WebSockets
IDLE = 30.0  # seconds that a connection can stay open without a request
HEADERS = 10.0  # seconds for the headers of a request
LARGEST_HEADERS = 16_384  # bytes of all headers together
MOST_DIGITS = 15  # of a Content-Length
HANDSHAKE = ("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
ANSWER = 30.0  # seconds that a client may leave a response without reading a byte of it
KERNEL_BUFFER = 131_072  # bytes that the kernel keeps for a client that does not read
MOMENT = 0.02  # seconds between two checks whether all requests are finished
LINGER = 2.0  # seconds that a client has to finish a body after the response was sent

# Werkzeug's patterns for Cookie and Accept need seconds for 16,000 blanks, and block everything.
BLANKS = re.compile(rb"[ \t]{2,}")
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_logger = logging.getLogger(__name__)
_refusals, _crowds = Seldom(_logger), Seldom(_logger)
_quiet = logging.getLogger(f"{__name__}.protocol")
_quiet.setLevel(logging.CRITICAL)


class Handler(WSGIHandler):  # type: ignore[misc]
    """Serves HTTP requests and WebSockets.

    `most_per_address` is how many connections each address can have, or 0 if a proxy opens all of them.
    WebSockets don't count, because `EngineServer` limits those that may be strangers'.
    """

    most_per_address: ClassVar[int] = PER_ADDRESS
    _counts: ClassVar["Counter[str]"] = Counter()  # connections by `network`
    _counted = ""  # the network that this connection counts for
    in_progress: ClassVar["set[Handler]"] = set()  # handlers that are handling a request now
    upgraded = False
    wsgi_input: Any
    requestline: str | None
    close_connection: bool
    # It is not an error of the server if a client does not read its response.
    ignored_socket_errors = (*WSGIHandler.ignored_socket_errors, "timed out")

    @classmethod
    def finish(cls, patience: float) -> None:
        """Wait until all requests in progress are finished, but not longer than `patience` seconds."""
        with gevent.Timeout(patience, False):
            while cls.in_progress:
                gevent.sleep(MOMENT)

    def __init__(self, line: Any, address: tuple[Any, ...], server: Any) -> None:
        # A socket that listens at :: gives IPv4 addresses this prefix.
        address = (address[0].removeprefix("::ffff:"), *address[1:])
        super().__init__(line, address, server)
        self._turn = Turn()

    def handle(self) -> None:
        # Otherwise, the kernel delays a small packet until the previous one is acknowledged: 40 ms.
        self.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.socket.settimeout(ANSWER)
        address = network(self.client_address[0])
        if self._counts[address] >= self.most_per_address > 0:
            most = f"expected at most {self.most_per_address:,} connections from one address"
            _crowds.error(f"Refused a connection from {address}: {most}")
            self.socket.close()
            return
        self._count(address)
        try:
            with suppress(OSError):  # the client has gone
                super().handle()
        finally:
            self._count("")

    def read_requestline(self) -> str:
        request_ids.clear()  # errors from here on do not belong to the last request
        self._turn.take()
        self._turn.reads()
        with gevent.Timeout(IDLE, False):
            line = str(super().read_requestline())
            self._turn.has_read()
            return line
        return ""

    def read_request(self, raw_requestline: str) -> bool:
        """Read the first line and the headers of a request.

        Raises ValueError, to which pywsgi responds with 400, or OSError if the connection has ended.
        """
        try:
            with gevent.Timeout(HEADERS, ValueError("The headers took too long")):
                return bool(super().read_request(raw_requestline))
        except (OSError, ValueError):
            raise
        except Exception as problem:  # the standard library's parser raises many kinds
            raise ValueError(f"Expected an HTTP request: {type(problem).__name__}") from None

    def MessageClass(self, file: Any, *_: object) -> Any:  # noqa: N802 (it is pywsgi's name)
        """Return the headers. Raises ValueError if they are too large or describe the body wrongly."""
        lines: list[bytes] = []
        left = LARGEST_HEADERS
        while not lines or lines[-1] not in (b"\r\n", b"\n", b""):
            lines.append(file.readline(left + 1))
            left -= len(lines[-1])
            if left < 0:
                raise ValueError(f"Expected at most {LARGEST_HEADERS:,} bytes of headers")
        headers = super().MessageClass(BytesIO(BLANKS.sub(b" ", b"".join(lines))))
        lengths = headers.get_all("Content-Length", [])
        codings = headers.get_all("Transfer-Encoding", [])
        if len(lengths) + len(codings) > 1 or any(each.lower() != "chunked" for each in codings):
            raise ValueError("Expected one Content-Length, or “Transfer-Encoding: chunked”")
        if any(not (it.isascii() and it.isdigit() and len(it) <= MOST_DIGITS) for it in lengths):
            raise ValueError("Expected a number as Content-Length")
        return headers

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        self.wsgi_input = environ["wsgi.input"] = Body(self.wsgi_input)
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket" and self._can_upgrade():
            environ["wire.upgrade"] = self._upgrade
        return environ

    def handle_one_response(self) -> None:
        self.in_progress.add(self)
        try:
            super().handle_one_response()
        finally:
            self.in_progress.remove(self)
        self.close_connection |= self.upgraded
        if self.wsgi_input.rest_is_large():
            self.close_connection = True
            self._linger()

    def finalize_headers(self) -> None:
        super().finalize_headers()
        self.close_connection |= self.wsgi_input.rest_is_large()
        if self.close_connection:  # otherwise, the client may send its next request
            self.response_headers.append((b"Connection", b"close"))

    def process_result(self) -> None:
        if not self.upgraded:
            super().process_result()

    def log_request(self) -> None:
        self.requestline = request_line(self.requestline or "")
        _logger.info("%s", self.format_request())

    def _count(self, address: str) -> None:
        """Count this connection for an address, or stop counting it if `address` is empty."""
        if self._counted:
            self._counts[self._counted] -= 1
            if not self._counts[self._counted]:
                del self._counts[self._counted]
        if address:
            self._counts[address] += 1
        self._counted = address

    def _linger(self) -> None:
        """Read and ignore the rest of the body, but not for longer than `LINGER`.

        If a connection is closed while bytes are still arriving, the kernel resets it, and the client
        loses the response. A proxy would then send status 502 instead of the chat's response.
        """
        with suppress(OSError), gevent.Timeout(LINGER, False):
            self.socket.shutdown(SHUT_WR)
            while self.socket.recv(PIECE):
                gevent.sleep(PAUSE)

    def _can_upgrade(self) -> bool:
        has_body = self.content_length or self.wsgi_input.chunked_input
        return self.command == "GET" and self.request_version == "HTTP/1.1" and not has_body

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes] | None:
        """Respond with 400, and log at most one line per minute.

        After an OSError, nobody can receive a response.
        """
        if isinstance(ex, OSError):
            return None
        _refusals.error(f"Refused a request from {self.client_address[0]}: {escaped(str(ex))}")
        return "400", BAD_REQUEST

    def _upgrade(self, largest: int) -> WebSocket | None:
        """Respond to the handshake of a WebSocket whose messages can have at most `largest` bytes."""
        self.upgraded = True
        self.code, self.status, answer = self._handshake()
        try:
            if self.code != HTTPStatus.SWITCHING_PROTOCOLS:
                self.socket.sendall(answer)
                return None
            self.socket.setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER)
        except OSError:  # the client has gone
            return None
        self._count("")
        received = self._buffered()
        self.socket.settimeout(None)  # the WebSocket has its own deadlines
        # Without compression: a small compressed frame can expand to a very large one.
        protocol = ServerProtocol(state=OPEN, max_size=largest, logger=_quiet)
        websocket = WebSocket(self.socket, protocol, received)
        websocket.send_frame(answer)  # so that one write sends the response and the first packet
        return websocket

    def _handshake(self) -> tuple[int, str, bytes]:
        """Return the status code, the status text and the bytes of the response to a handshake."""
        headers = Headers((name, self.headers[name]) for name in HANDSHAKE if name in self.headers)
        try:
            answer = ServerProtocol(logger=_quiet).accept(Request("/", headers))
            data = answer.serialize()
        except Exception:  # a header is not valid
            return 400, "400 Bad Request", BAD_REQUEST
        return answer.status_code, f"{answer.status_code} {answer.reason_phrase}", data

    def _buffered(self) -> bytes:
        """Return the bytes after the request, which pywsgi has already read."""
        self.socket.settimeout(0.0)
        return bytes(self.rfile.read1())
