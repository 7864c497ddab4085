"""Each request has an id. The lines that it causes in the log carry it, and so does its answer.

Somebody who reports an error can name the id, and a proxy in front of the chat can log the same one.
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
    """Return the id of the request that is being answered, or of the handshake of the socket, or ""."""
    return _current.get()


def clear() -> None:
    """Forget the id of the last request of this connection."""
    _current.set("")


class RequestIds:
    """WSGI middleware that gives each request an id.

    With `trusted`, it takes the id that a proxy has set. Otherwise, anybody could choose what is in the
    log.
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
