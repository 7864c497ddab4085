"""The Socket.IO server. Only this module uses it directly."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from flask import Flask, request
from flask_socketio import SocketIO

from final_app.config import Settings
from final_app.realtime import bounds
from final_app.wire.handler import LARGEST_PACKET
from final_app.wire.hosts import Hosts, WsgiApp

PING_EVERY, PING_PATIENCE = 25, 20  # seconds

F = TypeVar("F", bound=Callable[..., Any])

socketio = SocketIO()


def attach(app: Flask, settings: Settings) -> None:
    """Add Socket.IO to the application, with gevent if it has patched sockets, or else with threads.

    `async_handlers=False` keeps the events of one client in order.
    """
    socketio.init_app(
        app,
        async_mode="gevent" if _patched() else "threading",
        async_handlers=False,
        max_http_buffer_size=LARGEST_PACKET,
        ping_interval=PING_EVERY,
        ping_timeout=PING_PATIENCE,
        manage_session=False,
    )
    _hear_only_events(_server())
    bounds.add_to(_server())
    # This wraps everything, because Socket.IO handles its requests before Flask sees them.
    hosts = Hosts(app.wsgi_app, settings.hosts.split(), settings.proxy_hops)
    app.extensions["hosts"] = hosts
    app.wsgi_app = _with_headers(hosts)  # type: ignore[assignment]


def on(event: str) -> Callable[[F], F]:
    """Decorate the handler of an event."""
    return cast(Callable[[F], F], socketio.on(event))


def sid() -> str:
    """Return the id of the connection whose event is being handled."""
    return str(request.sid)  # type: ignore[attr-defined]


def emit(event: str, data: object, *, to: str, skip: str | list[str] | None = None) -> None:
    """Send an event to a Socket.IO room or to one sid, except to the sids in `skip`."""
    socketio.emit(event, data, to=to, skip_sid=skip)


def enter(sid: str, room: str) -> None:
    """Add a connection to a Socket.IO room, unless it has closed meanwhile."""
    with contextlib.suppress(KeyError, ValueError):
        _server().enter_room(sid, room, namespace="/")


def leave(sid: str, room: str) -> None:
    _server().leave_room(sid, room, namespace="/")


def disconnect(sid: str) -> None:
    """Send DISCONNECT, after which the browser's client does not reconnect by itself."""
    _server().disconnect(sid, namespace="/")


def in_background(work: Callable[..., None], *args: object) -> None:
    """Start work that nobody waits for: in a greenlet under gevent, else in a thread."""
    socketio.start_background_task(work, *args)


def open_sids() -> list[str]:
    """Return the ids of all connections of this process."""
    return [sid for sid, _ in _server().manager.get_participants("/", None)]


def _with_headers(wsgi: WsgiApp) -> WsgiApp:
    """Add security headers to Socket.IO's own responses, as `web.headers` does to all others."""
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


def _hear_only_events(server: Any) -> None:
    """Do not let clients send events that have the names of the library's own events.

    A client could send an *event* called "disconnect". That would delete its row in `connections`, but
    the socket would stay open, and nothing could remove it from a room any more.
    """
    accept, own_words = server._handle_event, {*server.reserved_events, "*"}

    def handle(eio_sid: str, namespace: str, number: int | None, data: Any) -> None:
        name, *payload = data if isinstance(data, list) and data else [None]
        if not isinstance(name, str) or name in own_words:
            name = f"{name!r} (not an event)"
        accept(eio_sid, namespace, number, [name, *payload])

    server._handle_event = handle


def _server() -> Any:
    return socketio.server


def _patched() -> bool:
    from gevent import monkey

    return bool(monkey.is_module_patched("socket"))
