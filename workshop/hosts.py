"""Host names: a stage answers only requests for names that certainly belong to it.

This prevents DNS rebinding. The owner of evil.example can make that name point to this machine. A
browser on this machine then allows that site's pages to read every response of a stage. However, the
browser still sends the name in the Host header, and no script can change this header.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Response

from workshop import embed

HERE = r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class OwnHosts:
    """WSGI middleware that returns 400 for a request to any host except this machine's loopback names.

    In a Codespace, it also accepts the name at which GitHub forwards the stage's port. On a hub, it
    accepts every name, because the hub's name is unknown here. This is safe, because a rebound name
    would lead a learner's browser to the learner's own machine, and not to the hub.
    """

    def __init__(self, wsgi: WsgiApp) -> None:
        self.wsgi = wsgi

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if embed.hub_prefix() or is_own(environ):
            return self.wsgi(environ, start_response)
        came = environ.get("HTTP_HOST", "")
        refusal = (
            f"This stage does not answer to the name {came!a}.\n"
            "Expected: localhost, 127.0.0.1 or [::1].\n"
            f"What to do: open http://localhost:{port_of(environ)} on the machine where it runs.\n"
        )
        return Response(refusal, 400, mimetype="text/plain")(environ, start_response)


def is_own(environ: dict[str, Any]) -> bool:
    """Return whether the Host header of a request names this machine.

    X-Forwarded-Host does not count, because a script on a rebound name can send any value.
    """
    came = environ.get("HTTP_HOST", "")
    forwarded = embed.codespace_host(port_of(environ))
    return bool(re.fullmatch(HERE, came, re.IGNORECASE)) or came.lower() == forwarded


def port_of(environ: dict[str, Any]) -> int:
    """Return the port that the server listens on. The port of a proxy can be different."""
    return int(environ["SERVER_PORT"])
