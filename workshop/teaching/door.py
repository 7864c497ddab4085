"""The door of a stage in class mode. It decides who can enter from the local network, and how often.

The door is WSGI middleware around the whole stage. The code of the stage does not depend on it.

- A request must contain a host name or address of this machine. This prevents DNS rebinding.
- A browser needs the join code once. It then gets a cookie, which is valid until class mode ends.
- The door counts the requests and the codes from each client's address. If there are too many, it
  returns status 429.
- On the machine that runs class mode, you need no code if you use a loopback name, such as localhost.
"""

import ipaddress
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from markupsafe import escape
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from workshop.hosts import WsgiApp, is_own, port_of

CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # no two of them look alike
CODE_LENGTH = 6
COOKIE = "class_mode"  # and the port, because a browser sends a cookie to every port of a host
REQUESTS_A_SECOND, REQUESTS_AT_ONCE = 20.0, 100.0  # from one address
CODES_A_SECOND, CODES_AT_ONCE = 10 / 60, 10.0  # attempts from one address
ADDRESSES = 1000  # addresses that are remembered
LONGEST_FORM = 1000  # bytes

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Join the chat</title>
<style>
  :root {{ color-scheme: light dark; background: Canvas; font: 1.125rem/1.5 system-ui, sans-serif }}
  body {{ max-width: 22rem; margin: 2rem auto; padding: 0 1rem }}
  h1 {{ font-size: 1.5rem; margin: 0 }}
  label {{ display: block; font-weight: 600 }}
  input, button {{ box-sizing: border-box; width: 100%; padding: .5rem; font: inherit }}
  input {{ margin: .25rem 0; font-family: ui-monospace, monospace; letter-spacing: .15em }}
  button {{ border: 0; border-radius: .25rem; background: #0b5cad; color: white; margin: 1rem 0 }}
  [role=alert]:not(:empty) {{ border-left: .25rem solid #d1242f; padding-left: .5rem; margin: .25rem 0 }}
</style>
<main>
<h1>Join the chat</h1>
<p id="where">The join code has six letters and digits. The person who started the chat has it on
  their screen.</p>
<form method="post" action="/join">
  <label for="code">Join code</label>
  <input id="code" name="code" required autofocus aria-describedby="problem where"
    autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false">
  <p id="problem" role="alert">{problem}</p>
  <button>Join</button>
</form>
</main>
</html>
"""


def new_code() -> str:
    """Return a join code such as "k7wmx3", which is easy to read aloud and hard to guess."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))


class Allowance:
    """Allows each address `at_once` requests in a row, and then `a_second` requests per second."""

    def __init__(self, a_second: float, at_once: float) -> None:
        self._a_second, self._at_once = a_second, at_once
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address → (left, when)

    def take(self, address: str) -> float:
        """Use one request of the allowance. Return 0, or the seconds to wait if no request is left."""
        now = time.monotonic()
        left, then = self._left.pop(address, (self._at_once, now))
        left = min(self._at_once, left + (now - then) * self._a_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._a_second
        self._left[address] = (left if wait else left - 1, now)
        while len(self._left) > ADDRESSES:
            self._left.popitem(last=False)
        return wait


class ClassDoor:
    """WSGI middleware that lets people with the join code in.

    `hosts` are the names and addresses, without a port, at which others reach this machine.
    """

    def __init__(self, wsgi: WsgiApp, code: str, hosts: Iterable[str]) -> None:
        self._wsgi, self._code = wsgi, code
        self._hosts = {host.lower() for host in hosts}
        self._pass = secrets.token_urlsafe()  # what the cookie contains
        self._requests = Allowance(REQUESTS_A_SECOND, REQUESTS_AT_ONCE)
        self._codes = Allowance(CODES_A_SECOND, CODES_AT_ONCE)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if is_loopback(environ) and is_own(environ):
            return self._wsgi(environ, start_response)
        return self._answer(environ)(environ, start_response)

    def _answer(self, environ: dict[str, Any]) -> WsgiApp:
        """Return the stage if the browser has joined. Otherwise, return the join page or a refusal."""
        address = str(environ.get("REMOTE_ADDR", ""))
        if wait := self._requests.take(address):
            return _too_many(wait)
        if host_of(environ) not in self._hosts:
            expected = ", ".join(sorted(self._hosts))
            return plain(400, f"This server does not answer to that name. Expected: {expected}.")
        request = Request(environ)
        request.max_content_length = LONGEST_FORM
        shown = request.cookies.get(cookie_of(environ), "")
        is_scan = request.path == "/join" and "code" in request.args  # again, after a break
        if secrets.compare_digest(shown.encode(), self._pass.encode()) and not is_scan:
            return self._wsgi
        if request.path == "/join":
            return self._join(request, address)
        if request.path == "/" and request.method == "GET" and "HTTP_UPGRADE" not in environ:
            return _page(200, "")
        if "text/html" in request.headers.get("Accept", ""):
            return _page(403, "")  # somebody has opened or reloaded another page
        return plain(403, "Join first: open / in this browser, and type the join code.")

    def _join(self, request: Request, address: str) -> WsgiApp:
        """Check the code from the form, or from the address in the QR code."""
        try:
            form = request.form if request.method == "POST" else request.args
        except HTTPException as refusal:  # the form is too large, for example
            return refusal
        code = form.get("code", "").strip().lower()
        if wait := self._codes.take(address):
            return _page(429, f"Too many codes came from your address. {_try_again(wait)}")
        if not secrets.compare_digest(code.encode(), self._code.encode()):
            return _page(403, "This is not the join code.")
        answer = Response(status=303, headers={"Location": "/"})
        answer.set_cookie(cookie_of(request.environ), self._pass, httponly=True, samesite="Lax")
        return answer


def cookie_of(environ: dict[str, Any]) -> str:
    return f"{COOKIE}_{port_of(environ)}"


def host_of(environ: dict[str, Any]) -> str:
    """Return the name in the Host header without its port, or "" if there is none."""
    try:
        return urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname or ""
    except ValueError:  # a bracket that is never closed, for example
        return ""


def is_loopback(environ: dict[str, Any]) -> bool:
    """Return whether a request comes from this machine itself."""
    try:
        return ipaddress.ip_address(environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _page(status: int, problem: str) -> Response:
    answer = Response(PAGE.format(problem=escape(problem)), status, mimetype="text/html")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def plain(status: int, sentence: str) -> Response:
    return Response(f"{sentence}\n", status, mimetype="text/plain")


def _too_many(wait: float) -> Response:
    answer = plain(429, f"Too many requests came from your address. {_try_again(wait)}")
    answer.headers["Retry-After"] = str(math.ceil(wait))
    return answer


def _try_again(wait: float) -> str:
    return f"Wait {math.ceil(wait)} s, and try again."
