"""The application factory for `flask run`: it loads a stage and wraps it for the workshop.

    python -m flask --app workshop.serve run        with WORKSHOP_APP=…/steps/05_broadcast/app.py

The code of the stage contains none of this. The wrapper has these effects:

- The stage answers only requests for names of this machine (`workshop.hosts`), except in class mode.
- Only the user who owns the files can read what the stage stores.
- With `--debug`, an error page shows the traceback, but not Werkzeug's console, which runs any code.
- Behind a proxy such as JupyterHub's, addresses keep the proxy's prefix.
- A closed WebSocket ends its connection immediately. (Werkzeug would keep the connection open, and the
  client would wait for 3 s.)
- Each response contains the stage's token, and the title and footer of each page name the stage.
- If a notebook started the stage, the stage ends together with the notebook.
"""

import contextlib
import logging
import os
import re
import socket
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from flask.cli import ScriptInfo
from flask.helpers import get_debug_flag
from markupsafe import escape
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import generate_password_hash
from werkzeug.serving import WSGIRequestHandler, is_running_from_reloader

from workshop import embed
from workshop.finished import end_with_parent
from workshop.hosts import OwnHosts, WsgiApp
from workshop.lean import WithoutAsyncio
from workshop.running import STAGE_HEADER

QUICK_HASH, SALT = "scrypt:8192:8:1", 16  # used instead of werkzeug's default; characters of a salt
OTHERS = 0o077  # the bits of a file's mode for everybody except the owner
OWNER = 0o700

SCRIPTS_AT_THE_END = re.compile(r"(?:<script\b[^>]*></script>\s*)*</body>", re.IGNORECASE)


def create_app(door: Callable[[WsgiApp], WsgiApp] = OwnHosts) -> Flask:
    """Load the application at WORKSHOP_APP, and wrap it. `door` decides which requests reach it."""
    # The reloader's first process ends together with the one that it starts. On Windows, that one would
    # never start if this process were reading the standard input that both share (cpython issue 78961).
    only_starts_another = get_debug_flag() and not is_running_from_reloader()
    if os.environ.get("WORKSHOP_TIED") == "1" and not only_starts_another:
        threading.Thread(target=end_with_parent, name="end with parent", daemon=True).start()
    os.umask(OTHERS)
    if not os.environ.get("WORKSHOP_SIGN"):  # this stage is for a check or a test
        # A check creates dozens of accounts. A hash that takes 20 ms instead of 100 is still slow enough
        # for the checks that measure the time.
        generate_password_hash.__defaults__ = (QUICK_HASH, SALT)
        sqlite3.dbapi2.connect = connect_without_sync  # type: ignore[assignment]
    sys.meta_path.insert(0, WithoutAsyncio)
    app = load()
    # Send small packets at once. Otherwise the second of two waits 40 ms for the other side.
    WSGIRequestHandler.disable_nagle_algorithm = True
    app.wsgi_app = door(wrap(app.wsgi_app))  # type: ignore[assignment, method-assign]
    app.after_request(identify)
    app.after_request(redirect_relatively)
    if os.environ.get("WORKSHOP_SIGN"):
        app.after_request(signpost)
    if os.environ.get("WORKSHOP_PAUSES"):
        from workshop.pauses import install

        install(app)
    logging.getLogger("werkzeug").addFilter(_is_news)
    return app


def connect_without_sync(*arguments: Any, **options: Any) -> sqlite3.Connection:
    """Open a database without waiting for the disk. Its data still survives if the process is killed."""
    connection: sqlite3.Connection = sqlite3.connect(*arguments, **options)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def load() -> Flask:
    """Return the application. If it fails after a reload, return one whose pages show the error."""
    try:
        app = ScriptInfo(app_import_path=os.environ["WORKSHOP_APP"]).load_app()
    except Exception as error:
        if not is_running_from_reloader():
            raise
        traceback.print_exc()
        failure, place = error, error.__traceback__

        def fail(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            # Each `raise` adds to the traceback. Without `place`, it would grow with each request.
            raise failure.with_traceback(place) from None

        app = Flask(__name__)
        app.wsgi_app = fail  # type: ignore[method-assign]
        return app
    data = Path(app.instance_path)
    if data.is_dir():  # an earlier run may have made it readable for everybody
        data.chmod(OWNER)
    return app


def wrap(wsgi: WsgiApp) -> WsgiApp:
    if embed.proxied_names():
        wsgi = ProxyFix(wsgi, x_for=1, x_proto=1, x_host=1, x_prefix=1)
    wsgi = TidyClose(wsgi)
    if get_debug_flag():
        # `evalex=False` removes the console. Its PIN could be calculated from public facts, and after
        # somebody has entered the PIN, a page's own scripts could use the console.
        wsgi = DebuggedApplication(wsgi, evalex=False, pin_security=False)
    return wsgi


class TidyClose:
    """WSGI middleware that shuts the connection down when a WebSocket has ended.

    python-engineio ends a WebSocket by raising ConnectionError. Werkzeug then assumes that the client
    has left, and keeps the connection open. As a result, a Python client waits 3 s for its end.
    """

    def __init__(self, wsgi: WsgiApp) -> None:
        self.wsgi = wsgi

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        try:
            return self.wsgi(environ, start_response)
        except OSError:  # a ConnectionError, or an OSError if it ends before it has begun
            connection = environ.get("werkzeug.socket")
            if connection is None or "HTTP_UPGRADE" not in environ:
                raise
            with contextlib.suppress(OSError):  # the other side may have closed it first
                connection.shutdown(socket.SHUT_RDWR)
            start_response("200 OK", [])
            return [b""]


def identify(response: Response) -> Response:
    response.headers[STAGE_HEADER] = os.environ.get("WORKSHOP_TOKEN", "")
    # Otherwise, a page that somebody has left can stay connected in the browser's back/forward cache.
    response.headers["Cache-Control"] = "no-store"
    return response


def redirect_relatively(response: Response) -> Response:
    """If the stage is behind a proxy with a prefix, make the address of a redirect relative.

    Jupyter's proxy adds its prefix to any path that begins with a slash, even if the path already has
    the prefix (github.com/jupyterhub/jupyter-server-proxy/issues/574).
    """
    below, up = f"{request.root_path}/", "../" * (request.path.count("/") - 1)
    if request.root_path and response.location and response.location.startswith(below):
        response.location = f"./{up}{response.location.removeprefix(below)}"
    return response


def signpost(response: Response) -> Response:
    """Show the step, the owner of the copy, and the port in the title and the footer of a page.

    The footer comes before the scripts, so that scripts that measure the page include it.
    """
    if response.mimetype != "text/html" or response.is_streamed or response.direct_passthrough:
        return response
    sign = escape(f"{os.environ['WORKSHOP_SIGN']} · port {own_port()}")
    page = response.get_data(as_text=True)
    page = re.sub(r"</title>", lambda _: f" · {sign}</title>", page, count=1, flags=re.IGNORECASE)
    footer = (
        '<footer style="padding: 0.25rem 0.75rem; font: 0.75rem/1.5 system-ui, sans-serif; '
        f'text-align: center">{sign}</footer>'
    )
    end = re.search(SCRIPTS_AT_THE_END, page)
    place = end.start() if end else len(page)
    response.set_data(page[:place] + footer + page[place:])
    return response


def own_port() -> int:
    """Return the port of this server. Behind a proxy, a request contains the proxy's port instead."""
    port: int = request.environ["werkzeug.socket"].getsockname()[1]
    return port


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a line of the log is useful to a learner. Most Socket.IO requests are not."""
    line = record.getMessage()
    return "/socket.io/?" not in line or not re.search(r'" (200|101) ', line)
