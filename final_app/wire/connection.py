"""One Engine.IO session. The protocol is at https://socket.io/docs/v4/engine-io-protocol/."""

import base64
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
from engineio.packet import PING, Packet
from gevent.event import Event
from websockets.frames import CloseCode

from final_app.lib import counts
from final_app.wire.turns import Turn
from final_app.wire.websocket import MOST_UNSENT, WebSocket

if TYPE_CHECKING:
    from final_app.wire.engine import EngineServer

CONNECT_PATIENCE = 10.0  # seconds within which a Socket.IO client must send CONNECT
BEFORE_CONNECT = 4_096  # bytes that a client can send before CONNECT is accepted
STRANGERS_PACKETS = 3  # Socket.IO packets that a client can send before CONNECT is accepted
UPGRADE_PATIENCE = 10.0  # seconds for the packets of an upgrade
MOST_PACKETS = 1_000  # packets in one request
SHOWN = 60  # characters of a packet in a log line
SEPARATOR = "\x1e"  # between the packets of a request or response
MESSAGE = "4"  # the first character of an Engine.IO packet that contains a Socket.IO packet
CLOSE, PONG, UPGRADE, NOOP, PROBE, PROBED = "1", "3", "5", "6", "2probe", "3probe"

Environ = dict[str, Any]


class Malformed(ValueError):
    """A packet violates the protocol. The text of the error describes what was expected."""

    status = HTTPStatus.BAD_REQUEST


class TooLarge(Malformed):
    """A request is larger than the server allows."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Connection:
    """One Engine.IO session. It uses polling, or a WebSocket, which can replace polling later.

    The other side is a stranger until `accept` reports that a Socket.IO client has connected.
    """

    def __init__(self, server: "EngineServer", sid: str, environ: Environ) -> None:
        self.server, self.sid = server, sid
        self.session: dict[str, Any] = {}  # part of Engine.IO's API
        self.address = environ.get("REMOTE_ADDR", "")
        self.credential = server.credential(environ)
        self.websocket: WebSocket | None = None
        self._candidate: WebSocket | None = None  # the WebSocket that the client is testing
        self.closed = self.upgrading = self.accepted = False
        self._is_handled = False  # true while one of its packets is handled, which can take a while
        self._stranger_since = self._heard = monotonic()
        self._pinged = False
        self._budget, self._packets = BEFORE_CONNECT, STRANGERS_PACKETS
        self._posts = False
        self._waiting: list[str] = []  # for the next poll
        self._waiting_size = 0
        self._poll: Event | None = None  # set when there is something for the waiting poll

    @property
    def upgraded(self) -> bool:
        """Whether the client has a WebSocket, or is testing one."""
        return self.websocket is not None or self._candidate is not None

    @property
    def unsent(self) -> int:
        """The number of bytes that wait for the client."""
        return self._waiting_size if self.websocket is None else self.websocket.unsent

    def accept(self, accepted: bool) -> None:
        """Record whether a Socket.IO client is connected.

        If not, the other side is a stranger, for whom time, bytes and packets are limited.
        """
        self.accepted, self._stranger_since = accepted, monotonic()
        self._budget = BEFORE_CONNECT
        if self.websocket is not None:
            self.websocket.budget = None if accepted else BEFORE_CONNECT

    def send(self, packet: Packet) -> None:
        """Send a packet over the WebSocket, or keep it for the next poll."""
        if self.websocket is not None:
            self.websocket.send(packet.data if packet.binary else packet.encode())
        elif not self.closed:
            self._keep(_as_text(packet))
            if self._waiting_size > MOST_UNSENT:
                counts.dropped += 1
                self.close(reason=self.server.reason.TRANSPORT_ERROR)

    def close(
        self,
        wait: bool = True,
        abort: bool = False,
        reason: str | None = None,
        code: int = CloseCode.NORMAL_CLOSURE,
        why: str = "",
    ) -> None:
        """End the connection without waiting. `code` and `why` are sent in the close frame."""
        if self.closed:
            return
        self.server.forget(self)
        if self.websocket is None:
            self._keep(NOOP if abort else CLOSE)
        self.closed = True
        for websocket in (self.websocket, self._candidate):
            if websocket is not None:
                websocket.close(code, why)
        self.server._trigger_event(
            "disconnect", self.sid, reason or self.server.reason.SERVER_DISCONNECT
        )

    def check(self, now: float) -> None:
        """Send a ping if it is due. Close the connection if a pong or CONNECT is overdue."""
        server, silence = self.server, now - self._heard
        if silence >= server.ping_interval + server.ping_timeout:
            self.close(reason=server.reason.PING_TIMEOUT, abort=True)
        elif self._is_late(now):
            server.refuse(self.sid, f"expected CONNECT within {CONNECT_PATIENCE:.0f} seconds")
        elif silence >= server.ping_interval and not self._pinged:
            self._pinged = True
            self.send(Packet(PING))

    def poll(self) -> str:
        """Wait for packets and return them. Raises Malformed if another poll is already waiting."""
        if self._poll is not None:
            self.close(reason=self.server.reason.TRANSPORT_ERROR)
            raise Malformed("expected one poll at a time")
        if self.upgrading:
            return NOOP
        if not self._waiting:
            self._poll = Event()
            self._poll.wait(self.server.ping_interval + self.server.ping_timeout)
            self._poll = None
        packets, self._waiting, self._waiting_size = self._waiting, [], 0
        return SEPARATOR.join(packets) or NOOP

    def receive_all(self, read: Callable[[], str]) -> None:
        """Read the body of a polling request and act on its packets. Raises Malformed."""
        if self._posts:
            raise Malformed("expected one request with packets at a time")
        self._posts = True
        try:
            self._receive_packets(read())
        finally:
            self._posts = False

    def receive(self, message: str | bytes) -> None:
        """Act on one packet. Raises Malformed."""
        if self.closed:
            return
        if isinstance(message, bytes):
            self.server._trigger_event("message", self.sid, message)
        elif message[:1] == MESSAGE:
            self._count_for_stranger()
            self._handle(message[1:])
        elif message == PONG and self._pinged:
            self._heard, self._pinged = monotonic(), False
        elif message == CLOSE:
            self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT)
        else:
            raise Malformed(f"expected an Engine.IO packet, received {message[:SHOWN]!r}")

    def serve(self, websocket: WebSocket) -> None:
        """Use this WebSocket from now on: send all packets over it, and read it until it ends."""
        self.websocket = websocket
        websocket.budget = None if self.accepted else BEFORE_CONNECT
        for text in self._waiting:
            websocket.send(_as_message(text))
        self._waiting = []
        while not self.closed and (message := websocket.receive()) is not None:
            try:
                self.receive(message)
            except Malformed as problem:
                self.server.refuse(self.sid, str(problem))
        self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)

    def moves_to(self, websocket: WebSocket) -> bool:
        """Let the client test this WebSocket. Return whether it then moves from polling to it.

        During the test, polls get no packets, so that all packets arrive in order.
        """
        self._candidate = websocket
        websocket.budget, moved = BEFORE_CONNECT, False
        with gevent.Timeout(UPGRADE_PATIENCE, False):
            if websocket.receive() == PROBE:
                self.upgrading = True
                websocket.send(PROBED)
                if self._poll is not None:
                    self._poll.set()
                moved = websocket.receive() == UPGRADE
        self._candidate, self.upgrading = None, False
        return moved and not self.closed

    def _handle(self, packet: str) -> None:
        self._is_handled = True
        try:
            self.server._trigger_event("message", self.sid, packet)
        finally:
            self._is_handled = False

    def _is_late(self, now: float) -> bool:
        """Return whether a stranger has taken too long. Time that the server needs does not count."""
        waited = now - self._stranger_since >= CONNECT_PATIENCE
        return waited and not self.accepted and not self._is_handled

    def _receive_packets(self, body: str) -> None:
        packets, turn = body.split(SEPARATOR), Turn()
        self._budget -= len(body)
        if not self.accepted and self._budget < 0:
            raise Malformed(f"expected at most {BEFORE_CONNECT:,} bytes before CONNECT")
        if len(packets) > MOST_PACKETS:
            raise Malformed(f"expected at most {MOST_PACKETS:,} packets in a request")
        for packet in packets:
            turn.take(len(packet))
            self.receive(_as_message(packet))

    def _count_for_stranger(self) -> None:
        """Count a packet from a stranger. Raises Malformed if the stranger has sent too many.

        Each CONNECT makes a handler run, so a stranger gets only a few attempts.
        """
        if not self.accepted:
            self._packets -= 1
            if self._packets < 0:
                raise Malformed(f"expected CONNECT within {STRANGERS_PACKETS} packets")

    def _keep(self, text: str) -> None:
        self._waiting.append(text)
        self._waiting_size += len(text.encode())
        if self._poll is not None and not self.upgrading:
            self._poll.set()


def _as_text(packet: Packet) -> str:
    """Return a packet in the form that polling uses."""
    if packet.binary:
        return "b" + base64.b64encode(packet.data).decode()
    return str(packet.encode())


def _as_message(text: str) -> str | bytes:
    """Return a packet from a polling request in the form that a WebSocket uses. Raises Malformed."""
    if not text.startswith("b"):
        return text
    try:
        return base64.b64decode(text[1:], validate=True)
    except ValueError:  # also for characters that are not in ASCII
        raise Malformed("expected base64 after “b”") from None
