"""The private methods of libraries that this package uses, and the versions that it was tested with.

Most methods that this package replaces are documented. Those below are not, so any release of a library
could rename them. The library would then no longer call our replacement, and without `check`, nobody
would notice. See `docs/decisions/0006-our-own-transports.md`.
"""

import logging
from importlib.metadata import version

import flask_socketio
import socketio
from gevent import pywsgi

TESTED = {
    "python-engineio": ("4.15",),
    "python-socketio": ("5.18",),
    "flask-socketio": ("5.7",),
    "gevent": ("25.5", "26.9"),
}
PRIVATE = {
    "python-engineio": (
        "_cors_allowed_origins", "_cors_headers", "_log_error_once", "_trigger_event",
    ),
    "python-socketio": (
        "_binary_packet", "_engineio_server_class", "_handle_ack", "_handle_connect",
        "_handle_disconnect", "_handle_eio_disconnect", "_handle_eio_message", "_handle_event",
        "_send_eio_packet", "_send_packet",
    ),
    "flask-socketio": ("_handle_event",),
    "gevent": ("_handle_client_error",),
}  # fmt: skip
FIX = "Install the versions that the chat was tested with: pip install -r requirements-chat.lock"

_log = logging.getLogger(__name__)


class UnknownLibrary(RuntimeError):
    """A library does not have a method that this package replaces or calls."""


def check(server: socketio.Server) -> None:
    """Check that the libraries have all methods that this package needs.

    Raises UnknownLibrary if a method is missing. If a version was not tested, this only logs a warning.
    """
    owners = {
        "python-engineio": server.eio,
        "python-socketio": server,
        "flask-socketio": flask_socketio.SocketIO,
        "gevent": pywsgi.WSGIHandler,
    }
    for library, names in PRIVATE.items():
        missing = [name for name in names if not hasattr(owners[library], name)]
        if missing:
            raise UnknownLibrary(
                f"Expected {library} {' or '.join(TESTED[library])}, which has "
                f"{', '.join(missing)}. Version {version(library)} does not. {FIX}"
            )
    for library, tested in TESTED.items():
        if not version(library).startswith(tuple(f"{each}." for each in tested)):
            _log.warning(
                "The chat was tested with %s %s, but version %s is installed. %s",
                library, " and ".join(tested), version(library), FIX,
            )  # fmt: skip
