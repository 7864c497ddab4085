"""Socket.IO's server with strict parsing, and Flask-SocketIO with this server."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import engineio
import flask_socketio
import socketio
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from flask import Flask, g
from socketio import packet as kinds
from socketio.packet import Packet

from final_app.wire import libraries
from final_app.wire.connection import SHOWN, Environ, Malformed
from final_app.wire.engine import EngineServer
from final_app.wire.fanout import Manager
from final_app.wire.packets import LazyPacket, StrictJson
from final_app.wire.threads import ThreadedEngineServer
from final_app.wire.writer import Writer

# If a client could send an event with one of these names, it would call the server's own handlers.
OWN_EVENTS = {"connect", "connect_error", "disconnect", "disconnecting", "*"}
MOST_LEVELS = 100  # of nested lists and objects; the library fails at about 300
OPTIONS = ("attachments", "credential", "most_connections")  # of `Server`
BINARY = {kinds.BINARY_EVENT: kinds.EVENT, kinds.BINARY_ACK: kinds.ACK}
EVENTS = (kinds.EVENT, kinds.BINARY_EVENT)
# The type, attachments, namespace and number. In Python, \d would also match digits of other scripts.
HEAD = re.compile(r"([0-4]|[56][0-9]+-)(/[^,]*(,|\Z))?[0-9]*(?=\s*[\[{]|\Z)")


class Server(socketio.Server):  # type: ignore[misc]
    """Closes a connection after its first malformed packet, and never sends an event before CONNECT.

    `attachments` is the largest number of binary attachments that an event can have.
    """

    manager_class: type[socketio.Manager] = Manager

    def __init__(self, attachments: int = 0, **options: Any) -> None:
        options.setdefault("client_manager", self.manager_class())
        super().__init__(serializer=LazyPacket, **options)
        self._attachments = attachments
        self.held: dict[str, list[EnginePacket]] = {}  # packets to send after CONNECT, by eio_sid

    def disconnect(
        self, sid: str, namespace: str | None = None, ignore_queue: bool = False
    ) -> None:
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace or "/")
        super().disconnect(sid, namespace, ignore_queue)
        self._note_clients(eio_sid)

    def _engineio_server_class(self) -> type[engineio.Server]:
        return EngineServer

    def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        try:
            packet = self._complete(eio_sid, data)
        except Exception as problem:  # the library's parser raises many kinds
            why = str(problem) if isinstance(problem, Malformed) else "expected a Socket.IO packet"
            self.eio.refuse(eio_sid, f"{why}, received {data[:SHOWN]!r}")
        else:
            if packet is not None:
                self._act(eio_sid, packet)

    def _complete(self, eio_sid: str, data: str | bytes) -> Packet | None:
        """Return the packet, or None while some of its attachments are missing."""
        if isinstance(data, bytes):
            packet = self._binary_packet.get(eio_sid)
            if packet is None:
                raise Malformed("expected text")
            if not packet.add_attachment(data):
                return None
            del self._binary_packet[eio_sid]
            return packet
        if eio_sid in self._binary_packet:
            raise Malformed("expected an attachment")
        if not HEAD.match(data):
            raise Malformed("expected a Socket.IO packet")
        packet = self.packet_class(encoded_packet=data)
        if data.count("[") + data.count("{") > MOST_LEVELS and _is_deeper(packet.data, MOST_LEVELS):
            raise Malformed(f"expected at most {MOST_LEVELS} levels")
        least, most = (1, self._attachments) if packet.packet_type in BINARY else (0, 0)
        if not least <= packet.attachment_count <= most:
            raise Malformed(f"expected at most {self._attachments} attachments")
        self._check(eio_sid, packet)
        if not packet.attachment_count:
            return packet
        self._binary_packet[eio_sid] = packet
        return None

    def _check(self, eio_sid: str, packet: Packet) -> None:
        """Raise Malformed if the protocol or the state of the connection does not allow this packet."""
        kind, data = BINARY.get(packet.packet_type, packet.packet_type), packet.data
        if kind == kinds.CONNECT:
            is_right = data is None or isinstance(data, dict)
        elif kind == kinds.DISCONNECT:
            is_right = data is None
        elif kind == kinds.EVENT:
            is_right = isinstance(data, list) and bool(data) and isinstance(data[0], str)
            is_right = is_right and data[0] not in OWN_EVENTS
        else:
            is_right = kind == kinds.ACK and packet.id is not None and isinstance(data, list)
        if not is_right:
            raise Malformed("expected a Socket.IO packet")
        client = self.manager.sid_from_eio_sid(eio_sid, packet.namespace or "/")
        if client is None and kind in (kinds.EVENT, kinds.ACK):
            raise Malformed("expected CONNECT first")
        if kind == kinds.CONNECT and (client is not None or eio_sid in self.held):
            raise Malformed("expected CONNECT only once")

    def _act(self, eio_sid: str, packet: Packet) -> None:
        kind, namespace, data = packet.packet_type, packet.namespace, packet.data
        if kind == kinds.CONNECT:
            self._handle_connect(eio_sid, namespace, data)
        elif kind == kinds.DISCONNECT:
            self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
        elif kind in EVENTS:
            self._handle_event(eio_sid, namespace, packet.id, data)
        else:
            self._handle_ack(eio_sid, namespace, packet.id, data)

    def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        """Handle CONNECT, but hold back the handler's own events until CONNECT has been answered."""
        namespace = namespace or "/"
        known = self.namespaces == "*" or namespace in self.namespaces
        if not (known or namespace in self.handlers or namespace in self.namespace_handlers):
            self._refuse(eio_sid, namespace, "Invalid namespace")
            return
        self.held[eio_sid] = []
        try:
            super()._handle_connect(eio_sid, namespace, data)
        except Exception:  # the handler failed, and the library would keep its client forever
            self.manager.disconnect(self.manager.sid_from_eio_sid(eio_sid, namespace), namespace)
            self._refuse(eio_sid, namespace, "Something went wrong")
            raise
        finally:
            held = self.held.pop(eio_sid)
        self._note_clients(eio_sid)
        if eio_sid not in self.environ:  # it closed meanwhile
            self._handle_disconnect(eio_sid, namespace, self.reason.TRANSPORT_CLOSE)
        elif self.manager.sid_from_eio_sid(eio_sid, namespace) is not None:
            for each in held:
                self.eio.send_packet(eio_sid, each)

    def _refuse(self, eio_sid: str, namespace: str, why: str) -> None:
        self._send_packet(eio_sid, Packet(kinds.CONNECT_ERROR, {"message": why}, namespace))

    def _handle_disconnect(
        self, eio_sid: str, namespace: str | None, reason: str | None = None
    ) -> None:
        super()._handle_disconnect(eio_sid, namespace, reason)
        self._note_clients(eio_sid)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        super()._handle_eio_disconnect(eio_sid, reason)
        self._binary_packet.pop(eio_sid, None)

    def _send_eio_packet(self, eio_sid: str, eio_pkt: EnginePacket) -> None:
        if eio_sid in self.held:
            self.held[eio_sid].append(eio_pkt)
        else:
            super()._send_eio_packet(eio_sid, eio_pkt)

    def _send_packet(self, eio_sid: str, pkt: Packet) -> None:
        if pkt.packet_type not in EVENTS or eio_sid not in self.held:
            super()._send_packet(eio_sid, pkt)
            return
        encoded = pkt.encode()
        for each in encoded if isinstance(encoded, list) else [encoded]:
            self.held[eio_sid].append(EnginePacket(MESSAGE, each))

    def _note_clients(self, eio_sid: str | None) -> None:
        """Tell the Engine.IO server whether the connection still belongs to a Socket.IO client."""
        namespaces = list(self.manager.get_namespaces())
        clients = [self.manager.sid_from_eio_sid(eio_sid, each) for each in namespaces]
        self.eio.accept(eio_sid, any(clients))


class ThreadedServer(Server):
    """The same server with the library's own transports, for `flask run`."""

    manager_class = socketio.Manager

    def _engineio_server_class(self) -> type[engineio.Server]:
        return ThreadedEngineServer


def _is_deeper(data: Any, levels: int) -> bool:
    values = [data]
    while values and levels >= 0:
        levels -= 1
        containers = [each for each in values if isinstance(each, (list, dict))]
        values = [
            inner
            for each in containers
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(values)


class Caller(NamedTuple):
    """The connection that sent the current event, and the WSGI environment of its handshake."""

    sid: str
    environ: Environ


def caller() -> Caller:
    """Return the sender of the event that is being handled. This needs `request_context=False`."""
    found: Caller = g.caller
    return found


class SocketIO(flask_socketio.SocketIO):  # type: ignore[misc]
    """Flask-SocketIO with `Server`. It also accepts the options of `Server`, which OPTIONS names.

    Usually, Flask-SocketIO opens a request context for each event. For this, Flask matches the URL of
    the handshake again and opens its session, which takes longer than many handlers. If `init_app` is
    called with `request_context=False`, handlers run in an application context, and use `caller` instead
    of `request`. Flask's error handlers are then not used. `rest` is that of `writer.Writer`.
    """

    server: Any
    request_context = True

    def init_app(
        self, app: Flask, *, request_context: bool = True, rest: float = 0.0, **options: Any
    ) -> None:
        self.request_context = request_context
        Writer.rest = rest
        own = {name: options.pop(name) for name in OPTIONS if name in options}
        options.setdefault("json", StrictJson)
        super().init_app(app, **options)
        stock = self.server
        libraries.check(stock)
        kind = Server if stock.async_mode == "gevent" else ThreadedServer
        self.server = kind(**self.server_options, **own)
        self.server.handlers = stock.handlers
        self.server.namespace_handlers = stock.namespace_handlers
        self.sockio_mw.engineio_app = self.server

    def _handle_event(
        self, handler: Callable[..., Any], message: str, namespace: str, sid: str, *args: Any
    ) -> Any:
        if self.request_context:
            return super()._handle_event(handler, message, namespace, sid, *args)
        environ = self.server.get_environ(sid, namespace)
        if environ is None:  # the connection has gone
            return None
        if message == "connect":
            args = args[1:]  # without the environment
        with environ["flask.app"].app_context():
            g.caller = Caller(sid, environ)
            return handler(*args)
