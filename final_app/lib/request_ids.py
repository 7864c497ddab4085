"""Give each request an id, and put the id into all log lines about the request and into the response.

A person who reports an error can include the id. A proxy in front of the chat can log the same id.
"""

import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from final_app.lib import clock

HEADER = "X-Request-ID"
ID = re.compile(r"[0-9A-Za-z_-]{8,64}")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """Return the id of the request that is being handled, or "" outside of a request.

    While an event is handled, this is the id of the handshake that opened its socket.
    """
    return _current.get()


def clear() -> None:
    """Forget the id of the last request on this connection."""
    _current.set("")


class RequestIds:
    """WSGI middleware that gives each request an id.

    If `trusted` is true, it uses the id that a proxy has set. Without a proxy, an id from outside is
    ignored, because any client could choose what the log contains.
    """

    def __init__(self, wsgi: WsgiApp, *, trusted: bool) -> None:
        self._wsgi = wsgi
        self._trusted = trusted

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "") if self._trusted else ""
        request_id = given if ID.fullmatch(given) else clock.short_token()
        _current.set(request_id)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, (HEADER, request_id)], *rest)

        return self._wsgi(environ, start)
