"""The official Socket.IO browser client, served by your own application.

    app.register_blueprint(socketio_browser)
    <script src="{{ url_for('socketio_browser.static', filename='socket.io.min.js') }}"></script>

If you register this blueprint, it also limits the size of the messages that a browser can send over a
WebSocket (`bounds.py`). `hatch_build.py` installs this file as the package `socketio_browser`, together
with the client.
"""

import re
from pathlib import Path

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

socketio_browser = Blueprint(
    "socketio_browser", __name__, static_folder="static", static_url_path="/socketio_browser"
)


@socketio_browser.record_once
def _bound_messages(state: BlueprintSetupState) -> None:
    from socketio_browser import bounds  # here, because the client can be served without Socket.IO

    bounds.bound_messages()


def client_version() -> str:
    """Return the version in the client's banner, for example "4.8.4"."""
    banner = (Path(__file__).parent / "static" / "socket.io.min.js").read_text("utf-8")[:200]
    found = re.search(r"Socket\.IO v(\S+)", banner)
    return found.group(1) if found else "unknown"
