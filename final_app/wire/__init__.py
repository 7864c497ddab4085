"""The seam to Socket.IO: the one place that makes the server and that reaches into its sockets."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from flask import Flask, request
from flask_socketio import SocketIO

from final_app.config import Settings
from final_app.wire.hosts import Hosts, WsgiApp

LARGEST_PACKET = 100_000  # bytes; the longest message needs less than 30,000
PING_EVERY, PING_PATIENCE = 25, 20  # seconds

F = TypeVar("F", bound=Callable[..., Any])

socketio = SocketIO()


def attach(app: Flask, settings: Settings) -> None:
    """Serve Socket.IO beside the application: with gevent if it has patched sockets, else threads.

    `async_handlers=False` keeps the events of one client in order.
    """
    socketio.init_app(
        app,
        async_mode="gevent" if _patched() else "threading",
        async_handlers=False,
        message_queue=settings.message_queue or None,
        max_http_buffer_size=LARGEST_PACKET,
        ping_interval=PING_EVERY,
        ping_timeout=PING_PATIENCE,
        manage_session=False,
    )
    _hear_only_events(_server())
    # Around everything: Socket.IO answers before Flask is asked.
    hosts = Hosts(app.wsgi_app, settings.hosts.split(), settings.proxy_hops)
    app.extensions["hosts"] = hosts
    app.wsgi_app = _with_headers(hosts)  # type: ignore[assignment]


def on(event: str) -> Callable[[F], F]:
    """Register the handler of an event."""
    return cast(Callable[[F], F], socketio.on(event))


def sid() -> str:
    """Return the connection whose event is being handled."""
    return str(request.sid)  # type: ignore[attr-defined]


def emit(event: str, data: object, to: str, *, skip: str | list[str] | None = None) -> None:
    """Send an event to a room of sockets, but not to the sockets `skip`."""
    socketio.emit(event, data, to=to, skip_sid=skip)


def enter(sid: str, room: str) -> None:
    """Let a connection hear a room; nothing happens when it has gone meanwhile."""
    with contextlib.suppress(KeyError, ValueError):
        _server().enter_room(sid, room, namespace="/")


def leave(sid: str, room: str) -> None:
    _server().leave_room(sid, room, namespace="/")


def end(sid: str) -> None:
    """Send DISCONNECT: the browser's client does not come back by itself after that."""
    _server().disconnect(sid, namespace="/")


def open_sids() -> list[str]:
    """Return the connections of this process."""
    return [sid for sid, _ in _server().manager.get_participants("/", None)]


def _with_headers(wsgi: WsgiApp) -> WsgiApp:
    """Send with Socket.IO's own answers what `gate.protect` sends with all others."""
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
    """Keep the library's own words out of clients' mouths.

    A client could send an *event* called "disconnect": its row of `connections` would go, the socket
    would stay, and nobody could take it out of a room any more.
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
