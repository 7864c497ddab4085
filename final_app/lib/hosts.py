"""Reject requests for host names that do not belong to the chat.

This prevents DNS rebinding. In this attack, the owner of evil.example makes that name resolve to this
machine. A user's browser then treats the chat as a part of evil.example, and lets the pages of
evil.example read every response. The Host header, however, still contains evil.example, and no script
can change it.
"""

import logging
import re
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from werkzeug.http import parse_list_header
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Response

from final_app.lib.logs import Seldom, escaped

ANY = "*"
SHOWN = 100  # characters of a rejected name
LABEL = "[0-9a-z_-]{1,63}"
HOST = re.compile(rf"(\[[0-9a-f:.]+\]|{LABEL}(?:\.{LABEL})*)\.?(?::[0-9]{{1,5}})?", re.IGNORECASE)
REFUSAL = """\
This chat does not answer to the name {name}.
Expected: localhost, an IP address, the name of the machine that it runs on, or a name in CHAT_HOSTS.
What to do: if this is the right name, add it to CHAT_HOSTS, without a port, and restart the chat.
"""

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_logger = logging.getLogger(__name__)


class Hosts:
    """WSGI middleware that responds with 400 to every request for a host name that is not allowed.

    `names` are the allowed names: ".example.org" also allows all subdomains, and "*" allows any name. In
    addition, localhost, its subdomains and this machine's own name are allowed. So are all IP addresses,
    because DNS rebinding needs a name. `hops` is the number of proxies that set X-Forwarded-Host.
    """

    def __init__(self, wsgi: WsgiApp, names: Iterable[str], hops: int) -> None:
        self._wsgi = wsgi
        self._names = {".localhost", *_own_names(), *names}
        self._hops = hops
        self._log = Seldom(_logger)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        name = self.foreign_name(environ)
        if name is not None:
            shown = escaped(name[:SHOWN])
            self._log.error(
                f"Rejected a request for the host name '{shown}', which is not in CHAT_HOSTS."
            )
            told = REFUSAL.format(name=f"'{shown}'")
            return Response(told, 400, mimetype="text/plain")(environ, start_response)
        if not self._hops:  # Engine.IO would trust these headers from anyone
            environ.pop("HTTP_X_FORWARDED_HOST", None)
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        return self._wsgi(environ, start_response)

    def foreign_name(self, environ: dict[str, Any]) -> str | None:
        """Return the host name that is not allowed, with its port, or None if all names are allowed.

        Even if any name is allowed, it must have the form of a name. Otherwise, Flask would fail.

        If there is a proxy, this also checks the name that ProxyFix takes from X-Forwarded-Host. The
        Host header is checked all the same, because a script that bypasses the proxy can send any
        X-Forwarded-Host.
        """
        forwarded = parse_list_header(environ.get("HTTP_X_FORWARDED_HOST", ""))
        counts = forwarded[-self._hops] if 0 < self._hops <= len(forwarded) else None
        hosts = [environ.get("HTTP_HOST", ""), *([counts] if counts else [])]
        return next((host for host in hosts if not self._is_own(host)), None)

    def _is_own(self, host: str) -> bool:
        found = HOST.fullmatch(host)
        if ANY in self._names:
            return found is not None or not host
        name = found[1].lower() if found else ""
        return _is_address(name.strip("[]")) or host_is_trusted(name, self._names)


def _own_names() -> set[str]:
    """Return the names by which this machine is known to itself and on the local network."""
    name = socket.gethostname().lower()
    if not re.fullmatch(r"[0-9a-z-]{1,63}(\.[0-9a-z-]{1,63})*", name):
        return set()
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"}


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False
