"""The Socket.IO server. Only this module uses it directly."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from final_app import auth, hardening
from final_app.config import LARGEST_PACKET, Settings
from final_app.lib import counts
from final_app.lib.hosts import Hosts, WsgiApp
from final_app.lib.request_ids import RequestIds
from final_app.lib.thread_pool import gevent_is_used
from final_app.wire.server import SocketIO, caller

PING_EVERY, PING_PATIENCE = 25, 20  # seconds
REST = 6.0  # times the writing: with PostgreSQL, messages also come from other processes
SHARE_OF_SOCKETS = 75  # percent of the connections and files that the process can open

F = TypeVar("F", bound=Callable[..., Any])

socketio = SocketIO()


def attach(app: Flask, settings: Settings) -> None:
    """Add Socket.IO to the application. It uses gevent if gevent has patched sockets, or else threads.

    With `async_handlers=False`, the events of one client are handled in order.
    """
    socketio.init_app(
        app,
        async_mode="gevent" if gevent_is_used() else "threading",
        async_handlers=False,
        request_context=False,
        max_http_buffer_size=LARGEST_PACKET,
        ping_interval=PING_EVERY,
        ping_timeout=PING_PATIENCE,
        manage_session=False,
        credential=auth.credential,
        rest=REST if settings.database_url.startswith("postgresql") else 0.0,
        most_connections=hardening.descriptors() * SHARE_OF_SOCKETS // 100,
    )
    counts.queued_bytes = _queued_bytes
    # These wrap everything, because Socket.IO handles its requests before Flask sees them.
    hops = settings.proxy_hops
    wsgi: WsgiApp = app.wsgi_app
    if hops:
        wsgi = ProxyFix(wsgi, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)
    with_headers = _with_headers(Hosts(wsgi, settings.hosts.split(), hops))
    outermost = RequestIds(with_headers, trusted=hops > 0)
    app.wsgi_app = outermost  # type: ignore[method-assign]


def on(event: str) -> Callable[[F], F]:
    """Decorate the handler of an event."""
    return cast(Callable[[F], F], socketio.on(event))


def sid() -> str:
    """Return the id of the connection whose event is being handled."""
    return caller().sid


def handshake() -> dict[str, Any]:
    """Return the WSGI environment of the handshake of that connection."""
    return caller().environ


def is_open() -> bool:
    """Return whether that connection is still open."""
    return _server().get_environ(sid()) is not None


def emit(event: str, data: object, *, to: str, skip: str | list[str] | None = None) -> None:
    """Send an event to a Socket.IO room or to one sid, except to the sids in `skip`."""
    socketio.emit(event, data, to=to, skip_sid=skip)


def enter(sid: str, room: str) -> None:
    """Add a connection to a Socket.IO room, unless the connection has been closed."""
    with contextlib.suppress(KeyError, ValueError):
        _server().enter_room(sid, room, namespace="/")


def leave(sid: str, room: str) -> None:
    _server().leave_room(sid, room, namespace="/")


def disconnect(sid: str) -> None:
    """Send DISCONNECT. After that, the client in the browser does not reconnect by itself."""
    _server().disconnect(sid, namespace="/")


def in_background(work: Callable[..., None], *args: object) -> None:
    """Start work that nobody waits for, in a greenlet if gevent is used, or else in a thread."""
    socketio.start_background_task(work, *args)


def say_goodbye() -> None:
    """Tell all clients that the server restarts. They connect again by themselves."""
    _server().eio.shut_down()


def close_all() -> None:
    """Close all connections, because they may have missed events. Their clients reconnect and sync."""
    _server().eio.close_all()


def open_sids() -> list[str]:
    """Return the ids of all connections of this process."""
    return [sid for sid, _ in _server().manager.get_participants("/", None)]


def _with_headers(wsgi: WsgiApp) -> WsgiApp:
    """Add the headers that every response needs, unless it has them. `web.headers` adds some others."""
    more = [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ]

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            sent = {name.lower() for name, _ in headers}
            more_headers = [each for each in more if each[0].lower() not in sent]
            return start_response(status, headers + more_headers, *rest)

        return wsgi(environ, start)

    return answer


def _queued_bytes() -> int:
    """Return how many bytes are waiting for clients, or 0 with `flask run`, where this is unknown."""
    engine = _server().eio
    return int(engine.unsent()) if hasattr(engine, "unsent") else 0


def _server() -> Any:
    return socketio.server
