"""Engine.IO's server under gevent, with strict parsing and limits.

The library's own server accepts malformed packets, and keeps silent connections forever. For each
connection, it also uses one greenlet to write and another one to ping.
"""

import io
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl

import engineio
import gevent
from engineio.packet import OPEN, Packet
from gevent.hub import Hub
from gevent.lock import BoundedSemaphore
from websockets.frames import CloseCode

from final_app.lib.addresses import network
from final_app.lib.logs import Seldom, escaped
from final_app.wire.connection import Connection, Environ, Malformed
from final_app.wire.requests import Refused, read_body

STRANGERS_PER_ADDRESS = 1_000  # connections from one address before a Socket.IO client connects
STRANGERS_SHARE = 4  # they can be at most a quarter of all connections that the server allows
MOST_CONNECTIONS = 20_000  # of all clients together
MILLISECONDS = 1_000  # in a second
TICK = 1.0  # seconds between two checks of all connections, or a tenth of a short ping interval

_logger = logging.getLogger(__name__)


class EngineServer(engineio.Server):  # type: ignore[misc]
    """An Engine.IO server with the library's API. It handles requests with `Connection`.

    `credential` returns what identifies the sender of a request, such as a cookie. Every request of a
    connection must have the same credential as the first one, so that a stolen sid is useless.
    """

    def __init__(
        self,
        credential: Callable[[Environ], str] = lambda _: "",
        most_connections: int = MOST_CONNECTIONS,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.credential = credential
        self._most = most_connections
        self._most_strangers = min(STRANGERS_PER_ADDRESS, most_connections // STRANGERS_SHARE)
        self._strangers: Counter[str] = Counter()  # connections by `network`
        self._log = Seldom(_logger)
        self._clock_runs = False
        self._door = BoundedSemaphore()
        self.hub: Hub | None = None  # the event loop of all connections; set by the first one

    def handle_request(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Respond to a request from a client. This is a WSGI application."""
        status, kind = HTTPStatus.OK, "text/plain; charset=UTF-8"
        try:
            query = self._checked_query(environ)
            if environ["REQUEST_METHOD"] == "OPTIONS":  # a preflight from an allowed origin
                text = ""
            elif query["transport"] == "websocket":
                return self._serve_websocket(environ, query.get("sid"))
            else:
                text = self._serve_polling(environ, query.get("sid"))
        except Refused as refused:
            status, kind, text = refused.status, "application/json", refused.body
        body = text.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers + self._cors_headers(environ))
        return [body]

    def refuse(self, sid: str, why: str) -> None:
        """Close a connection that breaks a rule. `why` describes what was expected."""
        connection = self.sockets.get(sid)
        if connection is not None:
            self._log.error(f"Closed a connection from {connection.address}: {escaped(why)}")
            code, reason = CloseCode.PROTOCOL_ERROR, self.reason.TRANSPORT_ERROR
            connection.close(reason=reason, code=code, why=escaped(why))

    def accept(self, sid: str, accepted: bool) -> None:
        """Record whether a Socket.IO client is connected.

        If not, a client has to connect within CONNECT_PATIENCE.
        """
        connection = self.sockets.get(sid)
        if connection is not None and connection.accepted is not accepted:
            self._count_stranger(network(connection.address), 1 if connection.accepted else -1)
            connection.accept(accepted)

    def shut_down(self) -> None:
        """Accept no new clients, and tell all others that the server restarts. They reconnect later."""
        self._most = 0
        self.close_all()

    def close_all(self) -> None:
        """Close all connections, as if the server were restarting. The clients then reconnect."""
        for connection in list(self.sockets.values()):
            connection.close(code=CloseCode.SERVICE_RESTART, why="The server restarts")

    def unsent(self) -> int:
        """Return how many bytes are waiting for clients in all connections together."""
        return sum(connection.unsent for connection in self.sockets.values())

    def forget(self, connection: Connection) -> None:
        """Remove a connection that is being closed."""
        self.accept(connection.sid, True)
        self.sockets.pop(connection.sid, None)

    def _count_stranger(self, address: str, change: int) -> None:
        self._strangers[address] += change
        if not self._strangers[address]:
            del self._strangers[address]

    def _checked_query(self, environ: Environ) -> dict[str, str]:
        if self._is_foreign(environ):
            raise Refused(HTTPStatus.FORBIDDEN, 4, "Pages of another origin cannot connect")
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        if query.get("transport") not in self.transports:
            raise Refused(HTTPStatus.BAD_REQUEST, 0, "Transport unknown")
        if "sid" not in query and query.get("EIO") != "4":
            raise Refused(HTTPStatus.BAD_REQUEST, 5, "Unsupported protocol version: expected EIO=4")
        if environ["REQUEST_METHOD"] not in ("GET", "OPTIONS", "POST" if "sid" in query else "GET"):
            raise Refused(HTTPStatus.BAD_REQUEST, 2, "Bad handshake method")
        return query

    def _cors_allowed_origins(self, environ: Environ) -> list[str] | None:
        """Return the allowed origins, as the library does, but ignore all X-Forwarded headers.

        Anybody can send these headers. ProxyFix handles those of real proxies.
        """
        about = {name: value for name, value in environ.items() if "FORWARDED" not in name}
        allowed: list[str] | None = super()._cors_allowed_origins(about)
        return allowed

    def _is_foreign(self, environ: Environ) -> bool:
        """Return whether the page that sent the request comes from an origin that is not allowed."""
        origin, allowed = environ.get("HTTP_ORIGIN"), self._cors_allowed_origins(environ)
        if not origin or allowed is None or self.cors_allowed_origins == []:
            return False
        return origin not in allowed

    def _serve_polling(self, environ: Environ, sid: str | None) -> str:
        if sid is None:
            return self._open_packet(self._open(environ), ["websocket"] * self.allow_upgrades)
        connection = self._known(environ, sid)
        if connection.websocket is not None:
            raise Refused(HTTPStatus.BAD_REQUEST, 3, "The connection has moved to a WebSocket")
        try:
            if environ["REQUEST_METHOD"] == "GET":
                return connection.poll()
            connection.receive_all(lambda: read_body(environ, self.max_http_buffer_size))
            return "ok"
        except Malformed as problem:
            self.refuse(sid, str(problem))
            raise Refused(problem.status, 3, str(problem)) from None

    def _serve_websocket(self, environ: Environ, sid: str | None) -> list[bytes]:
        """Handle a WebSocket until it ends. Without a sid, it opens a new connection."""
        if "wire.upgrade" not in environ:
            raise Refused(HTTPStatus.BAD_REQUEST, 3, "Expected the handshake of a WebSocket")
        connection = self._open(environ) if sid is None else self._known(environ, sid)
        websocket = environ["wire.upgrade"](self.max_http_buffer_size)
        if websocket is None:  # the handshake broke the rules
            if sid is None:
                connection.close()
            return []
        if sid is None:
            websocket.send(self._open_packet(connection, []))
            connection.serve(websocket)
        elif connection.upgraded:
            websocket.close(CloseCode.POLICY_VIOLATION, "The connection has a WebSocket")
        elif connection.moves_to(websocket):
            connection.serve(websocket)
        else:
            websocket.close(CloseCode.PROTOCOL_ERROR, "Expected an upgrade")
        websocket.finish()
        return []

    def _open(self, environ: Environ) -> Connection:
        """Open a connection. Raises Refused if there are too many, or if the application refuses it.

        A whole team may connect at the same time. Before each new connection, all other greenlets get
        a turn, so that nobody else has to wait for the whole team.
        """
        with self._door:
            gevent.sleep(0)
        address = network(environ.get("REMOTE_ADDR", ""))
        if len(self.sockets) >= self._most or self._strangers[address] >= self._most_strangers:
            self._log.error(f"Refused a connection from {address}: there are too many")
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, 3, "Too many connections: try again later"
            )
        connection = Connection(self, self.generate_id(), environ)
        self.sockets[connection.sid] = connection
        self._count_stranger(address, 1)
        if not self._clock_runs:
            self._clock_runs = True
            self.hub = gevent.get_hub()
            self.start_background_task(self._run_clock)
        # This is kept as long as the connection, so remove what belongs only to this request.
        kept = environ | {"wsgi.input": io.BytesIO()}
        kept.pop("wire.upgrade", None)
        if self._trigger_event("connect", connection.sid, kept) not in (None, True):
            connection.close()
            raise Refused(HTTPStatus.UNAUTHORIZED, 4, "The application refused the connection")
        return connection

    def _open_packet(self, connection: Connection, upgrades: list[str]) -> str:
        data = {
            "sid": connection.sid,
            "upgrades": upgrades,
            "pingTimeout": int(self.ping_timeout * MILLISECONDS),
            "pingInterval": int(self.ping_interval * MILLISECONDS),
            "maxPayload": self.max_http_buffer_size,
        }
        return str(Packet(OPEN, data).encode())

    def _known(self, environ: Environ, sid: str) -> Connection:
        connection: Connection | None = self.sockets.get(sid)
        if connection is not None:
            connection.check(monotonic())  # something may be overdue since the last tick
        if connection is None or connection.closed:
            raise Refused(HTTPStatus.BAD_REQUEST, 1, "Session ID unknown")
        if connection.credential != self.credential(environ):
            raise Refused(HTTPStatus.FORBIDDEN, 4, "The connection belongs to somebody else")
        return connection

    def _run_clock(self) -> None:
        """Check all connections once per tick. End when there are none."""
        while self.sockets:
            self.sleep(min(TICK, self.ping_interval / 10))
            now = monotonic()
            for connection in list(self.sockets.values()):
                try:
                    connection.check(now)
                except Exception:  # an error with one client must not stop the pings of all others
                    _logger.exception("A connection could not be checked, so it is closed")
                    connection.close(abort=True)
        self._clock_runs = False
