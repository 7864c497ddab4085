"""Reject requests for host names that do not belong to the chat.

This prevents DNS rebinding: the owner of evil.example can make that name resolve to this machine. A
user's browser then treats the chat as part of evil.example and lets its pages read every response. But
the Host header still says evil.example, and no script can change it.
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
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z.-]*?)\.?(?::[0-9]{1,5})?", re.IGNORECASE)
REFUSAL = """\
This chat does not answer to the name {name}.
Expected: localhost, an IP address, the name of the machine that it runs on, or a name in CHAT_HOSTS.
What to do: if this is the right name, add it to CHAT_HOSTS, without a port, and restart the chat.
"""

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_logger = logging.getLogger(__name__)


class Hosts:
    """WSGI middleware that answers 400 to every request for a host name that is not allowed.

    In addition to `names`, it allows localhost and its subdomains, all IP addresses (rebinding needs a
    name) and this machine's own name. ".example.org" includes all its subdomains, and "*" is any name.
    `hops` is the number of proxies that set X-Forwarded-Host.
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
        if not self._hops:  # Engine.IO would trust these two from anyone
            environ.pop("HTTP_X_FORWARDED_HOST", None)
            environ.pop("HTTP_X_FORWARDED_PROTO", None)
        return self._wsgi(environ, start_response)

    def foreign_name(self, environ: dict[str, Any]) -> str | None:
        """Return the host name, with its port, that is not allowed, or None if all are allowed.

        Behind a proxy, this also checks the name that ProxyFix takes from X-Forwarded-Host. It still
        checks Host, because a script that bypasses the proxy can send any X-Forwarded-Host.
        """
        if ANY in self._names:
            return None
        forwarded = parse_list_header(environ.get("HTTP_X_FORWARDED_HOST", ""))
        counts = forwarded[-self._hops] if 0 < self._hops <= len(forwarded) else None
        hosts = [environ.get("HTTP_HOST", ""), *([counts] if counts else [])]
        return next((host for host in hosts if not self._is_own(host)), None)

    def _is_own(self, host: str) -> bool:
        found = HOST.fullmatch(host)
        name = found[1].lower() if found else ""
        return _is_address(name.strip("[]")) or host_is_trusted(name, self._names)


def _own_names() -> set[str]:
    """Return this machine's names, as it and other machines on the local network know it."""
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
