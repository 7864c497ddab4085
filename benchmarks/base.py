"""The steps' base, with the event handlers that the official Socket.IO test suite expects.

    python -m benchmarks.base --ping 1         then run the suite against http://127.0.0.1:3000

`docs/base.md` says where the suite is and what it found.
"""

import argparse
from typing import Any

from flask import Flask
from flask_socketio import SocketIO, emit
from socketio_browser import socketio_browser

PORT = 3000  # the suite's own


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the suite's echo on the steps' base.")
    parser.add_argument("--ping", type=int, default=1, help="ping interval and timeout, in seconds")
    ping = parser.parse_args().ping
    app = Flask(__name__)
    app.register_blueprint(socketio_browser)
    socketio = SocketIO(app, async_mode="threading", ping_interval=ping, ping_timeout=ping)
    for namespace in ("/", "/custom"):
        add_handlers(socketio, namespace)
    socketio.run(app, port=PORT, allow_unsafe_werkzeug=True)


def add_handlers(socketio: SocketIO, namespace: str) -> None:
    @socketio.on("connect", namespace=namespace)
    def connect(auth: Any = None) -> None:
        emit("auth", auth or {})

    @socketio.on("message", namespace=namespace)
    def message(*data: Any) -> None:
        emit("message-back", data)

    @socketio.on("message-with-ack", namespace=namespace)
    def message_with_ack(*data: Any) -> tuple[Any, ...]:
        return data


if __name__ == "__main__":
    main()
